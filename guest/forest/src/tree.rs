//! [`Tree`]: tests on codes, in a flat array, parents before children. It
//! neither grows nor holds what its leaves predict.

/// A set of codes.
pub(crate) type CodeSet = [u64; 4];

/// Whether a code is in a set.
#[inline]
pub(crate) fn contains(set: &CodeSet, code: u8) -> bool {
    (set[usize::from(code >> 6)] >> (code & 63)) & 1 == 1
}

/// Puts a code into a set.
#[inline]
pub(crate) fn insert(set: &mut CodeSet, code: u8) {
    set[usize::from(code >> 6)] |= 1 << (code & 63);
}

/// [`Test::UpTo`]'s `also` where there is none.
pub(crate) const NO_CODE: u16 = 256;

/// Which codes of a feature go left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Codes up to and with `cut`, and also `also`, the code of missing
    /// values, where these go left.
    UpTo {
        /// The last code that goes left.
        cut: u8,
        /// One code more, or [`NO_CODE`].
        also: u16,
    },
    /// The codes in set `set` of the tree.
    In {
        /// The set's index.
        set: u32,
    },
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The index of the left child; the right one follows it. 0 in a leaf,
    /// since the root is nobody's child.
    pub(crate) left: u32,
    /// The feature that is tested.
    pub(crate) feature: u32,
    /// What is tested.
    pub(crate) test: Test,
}

impl Node {
    /// A node that tests nothing.
    pub(crate) const LEAF: Self = Self {
        left: 0,
        feature: 0,
        test: Test::UpTo {
            cut: 0,
            also: NO_CODE,
        },
    };

    /// Whether this node tests nothing.
    #[inline]
    pub(crate) fn is_leaf(self) -> bool {
        self.left == 0
    }
}

/// A decision tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The root is the first; a child's index is greater than its parent's.
    pub(crate) nodes: Vec<Node>,
    /// The sets of [`Test::In`].
    pub(crate) sets: Vec<CodeSet>,
}

/// Whether a code is neither up to `cut` nor `also`.
#[inline]
pub(crate) fn beyond(code: u8, cut: u8, also: u16) -> bool {
    (code > cut) & (u16::from(code) != also)
}
