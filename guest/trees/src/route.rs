//! [`Router`]: finds the leaf of every row. It moves all rows of a node to its
//! children at once, so that the kind of test is examined once per node and not
//! once per row.

use std::ops::Range;

use crate::bins::Codes;
use crate::codes::{Code, CodesRef};
use crate::divide::{GROUP, In, UpTo, UpToOr};
use crate::entries::{BoundedRows, BoundedSlice, RowItem};
use crate::tree::{NO_CODE, Test, Tree, contains, is_right};

/// Rows that are routed at a time: their codes and numbers stay in a cache of the
/// processor.
const BLOCK: usize = if cfg!(test) { 64 } else { 1 << 16 };

/// The blocks of `rows` rows.
pub(crate) fn blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows)
        .step_by(BLOCK)
        .map(move |start| start..rows.min(start + BLOCK))
}

/// Buffers that are used for one tree after the other.
#[derive(Debug)]
pub(crate) struct Router {
    /// The rows of the root: all rows of a block, ascending, after [`GROUP`] others.
    all: BoundedRows<u16>,
    /// The rows of any other node, in the first at an even depth, else in the
    /// second. Nodes are visited from left to right: what is before the rows of one is not
    /// read again.
    rows: [BoundedRows<u16>; 2],
    stack: Vec<PendingNode>,
}

/// A node whose rows are `start..end` of those of its depth's parity.
#[derive(Clone, Copy, Debug)]
struct PendingNode {
    node: u32,
    start: u32,
    end: u32,
    odd: bool,
}

impl Default for Router {
    fn default() -> Self {
        let all = BoundedRows::all_after(GROUP, 0);
        Self {
            rows: [all.clone(), all.clone()],
            all,
            stack: Vec::new(),
        }
    }
}

impl Router {
    /// Writes the index of each row's leaf into `leaves`, which has one place
    /// per row of `codes`.
    pub(crate) fn route(&mut self, tree: &Tree, codes: &Codes, leaves: &mut [u32]) {
        for block in blocks(codes.rows()) {
            let leaves = &mut leaves[block.clone()];
            self.route_block(tree, codes, block, |leaf, rows| {
                for &row in rows {
                    leaves[usize::from(row)] = leaf;
                }
            });
        }
    }

    /// Calls `reach` with each leaf that rows of a block of `codes` end at, and with these
    /// rows, counted from the first of the block.
    pub(crate) fn route_block(
        &mut self,
        tree: &Tree,
        codes: &Codes,
        block: Range<usize>,
        mut reach: impl FnMut(u32, &[u16]),
    ) {
        let end = GROUP + block.len();
        if self.all.len() != end {
            self.all = BoundedRows::all_after(GROUP, block.len());
            self.rows = [self.all.clone(), self.all.clone()];
        }
        self.stack.clear();
        self.stack.push(PendingNode {
            node: 0,
            start: GROUP as u32,
            end: end as u32,
            odd: false,
        });
        while let Some(PendingNode {
            node,
            start,
            end,
            odd,
        }) = self.stack.pop()
        {
            let range = start as usize..end as usize;
            let [even_rows, odd_rows] = &mut self.rows;
            let (source, target) = if odd {
                (odd_rows, even_rows)
            } else {
                (even_rows, odd_rows)
            };
            let is_root = node == 0;
            let source = if is_root { &self.all } else { &*source };
            let test = tree.nodes[node as usize];
            if test.is_leaf() {
                reach(node, &source.slice(range));
                continue;
            }
            let number = match codes.column(test.feature as usize) {
                CodesRef::Narrow(column) => {
                    let column = &column[block.clone()];
                    if is_root {
                        divide_rows::<true>(target, source, range, tree, test.test, column)
                    } else {
                        divide_rows::<false>(target, source, range, tree, test.test, column)
                    }
                }
                CodesRef::Wide(column) => {
                    let (at, source) = (range.start, source.slice(range));
                    move_rows(target, at, source, tree, test.test, &column[block.clone()])
                }
            };
            let middle = start + number as u32;
            for (node, start, end) in [(test.left + 1, middle, end), (test.left, start, middle)] {
                if start < end {
                    self.stack.push(PendingNode {
                        node,
                        start,
                        end,
                        odd: !odd,
                    });
                }
            }
        }
    }
}

/// As [`move_rows`], by codes of one byte, in any order, from `range` of one list to that of
/// another. With `ALL` these are all rows of the block.
fn divide_rows<const ALL: bool>(
    target: &mut BoundedRows<u16>,
    source: &BoundedRows<u16>,
    range: Range<usize>,
    tree: &Tree,
    test: Test,
    column: &[u8],
) -> usize {
    match test {
        Test::Threshold {
            last_left,
            also_left,
        } => {
            let last = u8::try_from(last_left).unwrap_or(u8::MAX);
            match u8::try_from(also_left) {
                Ok(also) => target.divide_from::<ALL>(source, range, column, UpToOr(last, also)),
                Err(_) => target.divide_from::<ALL>(source, range, column, UpTo(last)),
            }
        }
        Test::Subset { set } => {
            let set = &tree.sets[set as usize];
            target.divide_from::<ALL>(source, range, column, In::new(set))
        }
    }
}

/// Moves the rows of a node to the places of `target` from `at` on, as
/// [`BoundedRows::partition_from`].
pub(crate) fn move_rows<R: RowItem, K: Code>(
    target: &mut BoundedRows<R>,
    at: usize,
    source: BoundedSlice<'_, R>,
    tree: &Tree,
    test: Test,
    column: &[K],
) -> usize {
    match test {
        Test::Threshold {
            last_left,
            also_left: NO_CODE,
        } => target.partition_from(at, source, column, |code| {
            code.as_usize() > last_left as usize
        }),
        Test::Threshold {
            last_left,
            also_left,
        } => target.partition_from(at, source, column, |code| {
            is_right(code.as_usize(), last_left, also_left)
        }),
        Test::Subset { set } => {
            let set = &tree.sets[set as usize];
            target.partition_from(at, source, column, |code| {
                !contains(set, code.as_usize() as u8)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codes::ColumnCodes;
    use crate::tree::Node;

    /// Random trees of fewer than `splits` splits over two columns.
    fn trees(splits: usize) -> impl Strategy<Value = Tree> {
        let split = (
            any::<prop::sample::Index>(),
            0..2_u32,
            any::<u8>(),
            any::<bool>(),
            any::<[u64; 4]>(),
        );
        prop::collection::vec(split, 0..splits).prop_map(|splits| {
            let mut tree = Tree {
                nodes: vec![Node::LEAF],
                sets: Vec::new(),
            };
            for (at, feature, cut, is_set, set) in splits {
                let leaves: Vec<usize> = (0..tree.nodes.len())
                    .filter(|&node| tree.nodes[node].is_leaf())
                    .collect();
                let test = if is_set {
                    tree.sets.push(set);
                    Test::Subset {
                        set: (tree.sets.len() - 1) as u32,
                    }
                } else {
                    Test::Threshold {
                        last_left: u32::from(cut),
                        also_left: if cut % 2 == 0 { NO_CODE } else { 255 },
                    }
                };
                let left = tree.nodes.len() as u32;
                tree.nodes[leaves[at.index(leaves.len())]] = Node {
                    left,
                    feature,
                    test,
                };
                tree.nodes.extend([Node::LEAF; 2]);
            }
            tree
        })
    }

    fn walk(tree: &Tree, codes: [u8; 2]) -> u32 {
        let mut node = 0;
        loop {
            let test = tree.nodes[node as usize];
            if test.is_leaf() {
                return node;
            }
            let code = codes[test.feature as usize];
            let goes_left = match test.test {
                Test::Threshold {
                    last_left,
                    also_left,
                } => u32::from(code) <= last_left || u32::from(code) == also_left,
                Test::Subset { set } => contains(&tree.sets[set as usize], code),
            };
            node = test.left + u32::from(!goes_left);
        }
    }

    proptest! {
        #[test]
        fn rows_end_at_the_leaf_that_a_walk_reaches(
            tree in trees(20),
            rows in prop::collection::vec(any::<[u8; 2]>(), 0..200),
            is_wide in any::<bool>(),
        ) {
            // The same codes, one byte each and four bytes each.
            let narrow = |at: usize| ColumnCodes::Narrow(rows.iter().map(|row| row[at]).collect());
            let wide = |at: usize| {
                ColumnCodes::Wide(rows.iter().map(|row| u32::from(row[at])).collect())
            };
            let columns = if is_wide { vec![narrow(0), wide(1)] } else { vec![narrow(0), narrow(1)] };
            let codes = Codes::from_columns(rows.len(), columns);
            let mut leaves = vec![u32::MAX; rows.len()];
            Router::default().route(&tree, &codes, &mut leaves);
            let walked: Vec<u32> = rows.iter().map(|&row| walk(&tree, row)).collect();
            prop_assert_eq!(leaves, walked);
        }
    }
}
