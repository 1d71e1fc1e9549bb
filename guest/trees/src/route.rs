//! [`Router`]: finds the leaf of every row. It moves all rows of a node to its
//! children at once, so that the kind of test is examined once per node and not
//! once per row.

use crate::bins::Codes;
use crate::chunks;
use crate::codes::{Code, with_codes};
use crate::entries::{BoundedRows, BoundedSlice};
use crate::tree::{NO_CODE, Node, Test, Tree, contains, is_right};

/// Buffers that are used for one tree after the other.
#[derive(Debug)]
pub(crate) struct Router {
    /// The rows of the root: all rows, ascending.
    all: BoundedRows<u32>,
    /// The rows of any other node, in the first at an even depth, else in the
    /// second.
    rows: [BoundedRows<u32>; 2],
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
        let all = BoundedRows::all(0);
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
        let number = codes.rows();
        if self.all.len() != number {
            self.all = BoundedRows::all(number);
            self.rows = [self.all.clone(), self.all.clone()];
        }
        self.stack.clear();
        self.stack.push(PendingNode {
            node: 0,
            start: 0,
            end: number as u32,
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
            let source = if node == 0 { &self.all } else { &*source };
            let source = source.slice(range);
            let test = tree.nodes[node as usize];
            if test.is_leaf() {
                write_leaves(&source, leaves, |_| node);
                continue;
            }
            let column = codes.column(test.feature as usize);
            let (left, right) = (test.left, test.left + 1);
            let is_leaf = |node: u32| tree.nodes[node as usize].is_leaf();
            if is_leaf(left) && is_leaf(right) {
                with_codes!(column, column => write_children(&source, leaves, tree, test, column));
                continue;
            }
            let at = start as usize;
            let number = with_codes!(column, column => {
                move_rows(target, at, source, tree, test.test, column)
            });
            let middle = start + number as u32;
            if middle < end {
                self.stack.push(PendingNode {
                    node: right,
                    start: middle,
                    end,
                    odd: !odd,
                });
            }
            if start < middle {
                self.stack.push(PendingNode {
                    node: left,
                    start,
                    end: middle,
                    odd: !odd,
                });
            }
        }
    }
}

/// Moves the rows of a node to the places of `target` from `at` on, as
/// [`BoundedRows::partition_from`].
pub(crate) fn move_rows<K: Code>(
    target: &mut BoundedRows<u32>,
    at: usize,
    source: BoundedSlice<'_, u32>,
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

/// Writes the leaves of the rows of a node whose children are leaves.
fn write_children<K: Code>(
    rows: &[u32],
    leaves: &mut [u32],
    tree: &Tree,
    node: Node,
    column: &[K],
) {
    let child = |goes_right: bool| node.left + u32::from(goes_right);
    match node.test {
        Test::Threshold {
            last_left,
            also_left,
        } => write_leaves(rows, leaves, |row| {
            child(is_right(column[row].as_usize(), last_left, also_left))
        }),
        Test::Subset { set } => {
            let set = &tree.sets[set as usize];
            write_leaves(rows, leaves, |row| {
                child(!contains(set, column[row].as_usize() as u8))
            });
        }
    }
}

/// Writes the leaf of each of `rows`. Not inlined: in WebAssembly, a loop in a
/// large function shares its registers with everything that the function keeps.
#[inline(never)]
fn write_leaves(rows: &[u32], leaves: &mut [u32], leaf: impl Fn(usize) -> u32) {
    chunks::for_each(rows, |row| {
        let row = row as usize;
        leaves[row] = leaf(row);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codes::ColumnCodes;

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
