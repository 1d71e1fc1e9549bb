//! [`divide`]: moves the rows of a node to its children by their codes of one byte, eight
//! rows at a time.

use crate::lanes::Lanes;
use crate::tree::{CodeSet, contains};

/// Rows that are moved at a time.
const GROUP: usize = 8;

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

/// Copies `source` to `target`: rows whose code in `column` goes left to its start, the
/// others to its end, in any order. Returns how many go left.
///
/// Not inlined: in WebAssembly, a loop in a large function shares its registers with
/// everything that the function keeps.
///
/// # Safety
/// Every row is less than `column.len()`, and `source` and `target` have one length.
#[expect(unsafe_code, reason = "the innermost loop of predictions")]
#[inline(never)]
pub(crate) unsafe fn divide(
    source: &[u16],
    target: &mut [u16],
    column: &[u8],
    test: impl ByteTest,
) -> usize {
    debug_assert_eq!(source.len(), target.len());
    debug_assert!(source.iter().all(|&row| usize::from(row) < column.len()));
    let column = column.as_ptr();
    let start = target.as_mut_ptr();
    // The places that are free, as many as the rows that are still to be written, start at
    // `low`; those after the rest are those of whole groups.
    let (rest, groups) = source.as_rchunks::<GROUP>();
    let (mut low, mut waiting) = (start, source.len());
    for row in rest {
        waiting -= 1;
        // SAFETY: the row is written to the first and to the last free place, and
        // whichever is wrong is overwritten later. The caller vouches for the column.
        unsafe {
            low.write(*row);
            low.add(waiting).write(*row);
            low = low.add(usize::from(test.is_left(*column.add(usize::from(*row)))));
        }
    }
    for group in groups {
        waiting -= GROUP;
        // SAFETY: the group is written to the first and to the last free places, which do
        // not overlap or are the same. What is wrong there is overwritten by later groups.
        // The caller vouches for the column.
        unsafe {
            let codes = Lanes::twice(codes(group, column));
            let lefts = usize::from(test.are_left(codes).high_bits()) % MOVES.len();
            let rows = group.as_ptr().cast::<[u8; 16]>().read_unaligned();
            let moved = Lanes::new(rows).take(Lanes::new(MOVES[lefts]));
            let moved = moved.bytes();
            low.cast::<[u8; 16]>().write_unaligned(moved);
            let last = low.add(waiting).cast::<[u8; 16]>();
            last.write_unaligned(moved);
            low = low.add((lefts as u32).count_ones() as usize);
        }
    }
    // SAFETY: `low` is in `target` or at its end.
    unsafe { low.offset_from_unsigned(start) }
}

/// The codes of eight rows, the first lowest.
///
/// # Safety
/// All are in the column that starts at `column`.
#[inline(always)]
#[expect(unsafe_code, reason = "the condition is the caller's to prove")]
unsafe fn codes(rows: &[u16; GROUP], column: *const u8) -> u64 {
    let rows = rows.as_ptr();
    let code = |at: usize| {
        // SAFETY: the caller's. Each row is loaded for itself: taken out of a register of
        // all eight, it costs twice as much.
        unsafe { u64::from(*column.add(usize::from(rows.add(at).read_volatile()))) << (8 * at) }
    };
    code(0) | code(1) | code(2) | code(3) | code(4) | code(5) | code(6) | code(7)
}
