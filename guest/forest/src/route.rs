//! [`Router`]: finds the leaf of every row. It sends all rows of a node to
//! its children at once, so that what a node tests is decided once a node and
//! not once a row.

use crate::bins::Codes;
use crate::rows::{in_chunks, partition};
use crate::tree::{NO_CODE, Test, Tree, beyond, contains};

/// Rows and buffers that outlive a tree.
#[derive(Debug, Default)]
pub(crate) struct Router {
    /// The root's rows: all of them.
    all: Vec<u32>,
    /// Any other node at an even depth has its rows in the first, else in the second.
    rows: [Vec<u32>; 2],
    stack: Vec<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    node: u32,
    start: u32,
    end: u32,
    odd: bool,
}

impl Router {
    /// Writes each row's leaf into `leaves`, which has one place a row.
    pub(crate) fn route(&mut self, tree: &Tree, codes: &Codes<'_>, leaves: &mut [u32]) {
        let number = codes.rows();
        if self.all.len() != number {
            self.all = (0..number as u32).collect();
        }
        for rows in &mut self.rows {
            rows.resize(number, 0);
        }
        self.stack.clear();
        self.stack.push(Waiting {
            node: 0,
            start: 0,
            end: number as u32,
            odd: false,
        });
        while let Some(Waiting {
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
            let source = &source[range.clone()];
            let test = tree.nodes[node as usize];
            if test.is_leaf() {
                settle(source, leaves, |_| node);
                continue;
            }
            let column = codes.column(test.feature as usize);
            let (left, right) = (test.left, test.left + 1);
            let leaf = |node: u32| tree.nodes[node as usize].is_leaf();
            if leaf(left) && leaf(right) {
                let side = |goes_right: bool| left + u32::from(goes_right);
                match test.test {
                    Test::UpTo { cut, also } => {
                        settle(source, leaves, |row| side(beyond(column[row], cut, also)))
                    }
                    Test::In { set } => {
                        let set = &tree.sets[set as usize];
                        settle(source, leaves, |row| side(!contains(set, column[row])));
                    }
                }
                continue;
            }
            let target = &mut target[range];
            let number = match test.test {
                Test::UpTo { cut, also: NO_CODE } => {
                    partition(source, target, column, |code| code > cut)
                }
                Test::UpTo { cut, also } => {
                    partition(source, target, column, |code| beyond(code, cut, also))
                }
                Test::In { set } => {
                    let set = &tree.sets[set as usize];
                    partition(source, target, column, |code| !contains(set, code))
                }
            };
            let middle = start + number as u32;
            if middle < end {
                self.stack.push(Waiting {
                    node: right,
                    start: middle,
                    end,
                    odd: !odd,
                });
            }
            if start < middle {
                self.stack.push(Waiting {
                    node: left,
                    start,
                    end: middle,
                    odd: !odd,
                });
            }
        }
    }
}

/// Writes the leaf of each of `rows`. Never a part of its caller, for the
/// reason that [`partition`] gives.
#[inline(never)]
fn settle(rows: &[u32], leaves: &mut [u32], leaf: impl Fn(usize) -> u32) {
    in_chunks(rows, |row| {
        let row = row as usize;
        leaves[row] = leaf(row);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::{CodeSet, Node, insert};

    /// A tree of up to `splits` splits over two columns, in which any leaf may
    /// be split next.
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
                    Test::In {
                        set: (tree.sets.len() - 1) as u32,
                    }
                } else {
                    Test::UpTo {
                        cut,
                        also: if cut % 2 == 0 { NO_CODE } else { 255 },
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
                Test::UpTo { cut, also } => code <= cut || u16::from(code) == also,
                Test::In { set } => contains(&tree.sets[set as usize], code),
            };
            node = test.left + u32::from(!goes_left);
        }
    }

    proptest! {
        #[test]
        fn rows_end_where_they_walk_to(
            tree in trees(20),
            rows in prop::collection::vec(any::<[u8; 2]>(), 0..200),
        ) {
            let columns = rows.iter().map(|row| row[0]).chain(rows.iter().map(|row| row[1]));
            let codes = Codes::from_columns(rows.len(), columns.collect());
            let mut leaves = vec![u32::MAX; rows.len()];
            Router::default().route(&tree, &codes, &mut leaves);
            let walked: Vec<u32> = rows.iter().map(|&row| walk(&tree, row)).collect();
            prop_assert_eq!(leaves, walked);
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set = CodeSet::default();
        insert(&mut set, 0);
        insert(&mut set, 200);
        let held: Vec<u8> = (0..=255).filter(|&code| contains(&set, code)).collect();
        assert_eq!(held, [0, 200]);
    }
}
