//! [`divide`]: moves the rows of a node to its children by their codes of one byte, eight
//! rows at a time.

use crate::lanes::Lanes;
use crate::tree::{CodeSet, contains};

/// Rows that are moved at a time.
pub(crate) const GROUP: usize = 8;

/// Which codes go left.
pub(crate) trait ByteTest: Copy {
    /// Whether `code` does.
    fn is_left(self, code: u8) -> bool;
    /// By lane: 255 if the code does, else 0.
    fn are_left(self, codes: Lanes) -> Lanes;
}

/// Codes up to this one.
#[derive(Clone, Copy)]
pub(crate) struct UpTo(pub(crate) u8);

impl ByteTest for UpTo {
    #[inline(always)]
    fn is_left(self, code: u8) -> bool {
        code <= self.0
    }

    #[inline(always)]
    fn are_left(self, codes: Lanes) -> Lanes {
        codes.up_to(Lanes::all(self.0))
    }
}

/// Codes up to the first, and the second.
#[derive(Clone, Copy)]
pub(crate) struct UpToOr(pub(crate) u8, pub(crate) u8);

impl ByteTest for UpToOr {
    #[inline(always)]
    fn is_left(self, code: u8) -> bool {
        (code <= self.0) | (code == self.1)
    }

    #[inline(always)]
    fn are_left(self, codes: Lanes) -> Lanes {
        let up_to = codes.up_to(Lanes::all(self.0));
        up_to.or(codes.equal(Lanes::all(self.1)))
    }
}

/// The codes of a set.
#[derive(Clone, Copy)]
pub(crate) struct In<'a> {
    set: &'a CodeSet,
    /// The bits of the codes below 128, and of the others.
    halves: [Lanes; 2],
}

impl<'a> In<'a> {
    pub(crate) fn new(set: &'a CodeSet) -> Self {
        let half = |[low, high]: [u64; 2]| {
            Lanes::new((u128::from(low) | u128::from(high) << 64).to_le_bytes())
        };
        let [a, b, c, d] = *set;
        Self {
            set,
            halves: [half([a, b]), half([c, d])],
        }
    }
}

impl ByteTest for In<'_> {
    #[inline(always)]
    fn is_left(self, code: u8) -> bool {
        contains(self.set, code)
    }

    #[inline(always)]
    fn are_left(self, codes: Lanes) -> Lanes {
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];
        let [low, high] = self.halves;
        let place = codes.eighth();
        let byte = low.take(place).or(high.take(place.less(16)));
        let bit = Lanes::new(BITS).take(codes.and(Lanes::all(7)));
        byte.and(bit).equal(bit)
    }
}

/// By eight bits, of which each is set if an item goes left: the places of the bytes of
/// eight items of two bytes, those that go left first, in order.
static MOVES: [[u8; 16]; 256] = {
    let mut moves = [[0; 16]; 256];
    let mut lefts = 0;
    while lefts < 256 {
        let (mut item, mut low, mut high) = (0, 0, (lefts as u8).count_ones() as usize);
        while item < GROUP {
            let place = if lefts >> item & 1 == 1 {
                low += 1;
                low - 1
            } else {
                high += 1;
                high - 1
            };
            moves[lefts][2 * place] = 2 * item as u8;
            moves[lefts][2 * place + 1] = 2 * item as u8 + 1;
            item += 1;
        }
        lefts += 1;
    }
    moves
};

/// Copies the rows of `source` to `target`: those whose code in `column` goes left to its
/// start, the others to its end, in any order. Returns how many go left. The first eight
/// items of either are not of them: those of `source` are any rows, those of `target` are
/// lost. With `ALL` the others of `source` are all rows, ascending.
///
/// Not inlined: in WebAssembly, a loop in a large function shares its registers with
/// everything that the function keeps.
///
/// # Safety
/// Every row is less than `column.len()`, and `source` and `target` have one length, of at
/// least eight. With `ALL` each row is its place.
#[expect(unsafe_code, reason = "the innermost loop of predictions")]
#[inline(never)]
pub(crate) unsafe fn divide<const ALL: bool>(
    source: &[u16],
    target: &mut [u16],
    column: &[u8],
    test: impl ByteTest,
) -> usize {
    debug_assert!(source.len() == target.len() && source.len() >= GROUP);
    debug_assert!(
        source[GROUP..]
            .iter()
            .all(|&row| usize::from(row) < column.len())
    );
    let number = source.len() - GROUP;
    let (rest, column) = (number % GROUP, column.as_ptr());
    // SAFETY: all places are in the lists, as is shown below. The caller vouches for the
    // column.
    unsafe {
        let first = source.as_ptr();
        let start = target.as_mut_ptr().add(GROUP);
        // The rows that are still to be written have as many free places, from `low` on.
        let mut low = start;
        if rest > 0 {
            // The last rows of a group of which the others are before the first row. Those
            // go left, to places before the free ones: a group has its place at either end
            // of the free ones, since what of it is not before them is no more than they.
            let (group, others) = (first.add(rest), GROUP - rest);
            let codes = codes(group, column);
            let lefts = test.are_left(codes).high_bits() as u8 | ((1 << others) - 1);
            let moved = moved(group, lefts);
            low.sub(others).cast::<[u8; 16]>().write_unaligned(moved);
            let last = start.add(number).sub(GROUP);
            last.cast::<[u8; 16]>().write_unaligned(moved);
            low = low.add(lefts.count_ones() as usize - others);
        }
        let mut waiting = number - rest;
        let mut group = first.add(GROUP + rest);
        let mut contiguous = column.add(rest);
        while waiting > 0 {
            waiting -= GROUP;
            // The group is written to the first and to the last free places, which do not
            // overlap or are the same. What is wrong there is overwritten by later groups.
            let codes = if ALL {
                Lanes::twice(contiguous.cast::<u64>().read_unaligned().to_le())
            } else {
                codes(group, column)
            };
            let lefts = test.are_left(codes).high_bits() as u8;
            let moved = moved(group, lefts);
            low.cast::<[u8; 16]>().write_unaligned(moved);
            let last = low.add(waiting).cast::<[u8; 16]>();
            last.write_unaligned(moved);
            low = low.add(lefts.count_ones() as usize);
            group = group.add(GROUP);
            contiguous = contiguous.wrapping_add(GROUP);
        }
        low.offset_from_unsigned(start)
    }
}

/// The bytes of eight rows, those that go left first: the bits of `lefts`.
///
/// # Safety
/// They start at `rows`.
#[inline(always)]
#[expect(unsafe_code, reason = "the condition is the caller's to prove")]
unsafe fn moved(rows: *const u16, lefts: u8) -> [u8; 16] {
    // SAFETY: the caller's.
    let rows = unsafe { rows.cast::<[u8; 16]>().read_unaligned() };
    let order = Lanes::new(MOVES[usize::from(lefts)]);
    Lanes::new(rows).take(order).bytes()
}

/// The codes of eight rows, in the first lanes.
///
/// # Safety
/// They start at `rows`, and all are in the column that starts at `column`.
#[inline(always)]
#[expect(unsafe_code, reason = "the condition is the caller's to prove")]
unsafe fn codes(rows: *const u16, column: *const u8) -> Lanes {
    // SAFETY: the caller's.
    unsafe {
        let code = |at: usize| column.add(usize::from(rows.add(at).read_volatile()));
        let codes = Lanes::all(0).load::<0>(code(0)).load::<1>(code(1));
        let codes = codes.load::<2>(code(2)).load::<3>(code(3));
        let codes = codes.load::<4>(code(4)).load::<5>(code(5));
        codes.load::<6>(code(6)).load::<7>(code(7))
    }
}
