//! [`Tree`]: the tests of a decision tree in a flat array, parents before
//! children. It holds no predictions.

/// A set of codes, one bit per code.
pub(crate) type CodeSet = [u64; 4];

/// Whether `code` is in `set`.
#[inline]
pub(crate) fn contains(set: &CodeSet, code: u8) -> bool {
    (set[usize::from(code >> 6)] >> (code & 63)) & 1 == 1
}

/// Adds `code` to `set`.
#[inline]
pub(crate) fn insert(set: &mut CodeSet, code: u8) {
    set[usize::from(code >> 6)] |= 1 << (code & 63);
}

/// The value of [`Test::Threshold`]'s `also_left` for no code.
pub(crate) const NO_CODE: u32 = u32::MAX;

/// Which codes of a feature go to the left child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Codes up to and including `last_left`, and `also_left`.
    Threshold {
        /// The greatest code that goes left.
        last_left: u32,
        /// The code of missing values where these go left, else [`NO_CODE`].
        also_left: u32,
    },
    /// The codes in set `set` of the tree; of a feature with one byte per code.
    Subset {
        /// The index into [`Tree::sets`].
        set: u32,
    },
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The index of the left child; the right child follows it. 0 for a leaf:
    /// the root is not a child.
    pub(crate) left: u32,
    /// The index of the tested feature; 0 for a leaf.
    pub(crate) feature: u32,
    /// The test; meaningless for a leaf.
    pub(crate) test: Test,
}

impl Node {
    /// A leaf.
    pub(crate) const LEAF: Self = Self {
        left: 0,
        feature: 0,
        test: Test::Threshold {
            last_left: 0,
            also_left: NO_CODE,
        },
    };

    /// Whether the node has no children.
    #[inline]
    pub(crate) fn is_leaf(self) -> bool {
        self.left == 0
    }
}

/// A decision tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The root is node 0; a child's index is greater than its parent's.
    pub(crate) nodes: Vec<Node>,
    /// The sets of [`Test::Subset`].
    pub(crate) sets: Vec<CodeSet>,
}

/// Whether a code fails [`Test::Threshold`] and goes right.
#[inline]
pub(crate) fn is_right(code: usize, last_left: u32, also_left: u32) -> bool {
    (code > last_left as usize) & (code != also_left as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_the_inserted_codes() {
        let mut set = CodeSet::default();
        insert(&mut set, 0);
        insert(&mut set, 200);
        let members: Vec<u8> = (0..=255).filter(|&code| contains(&set, code)).collect();
        assert_eq!(members, [0, 200]);
    }
}
