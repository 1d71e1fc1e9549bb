//! [`move_rows`]: moves the rows of a node to the places of its children.

use crate::codes::Code;
use crate::entries::{BoundedRows, BoundedSlice, Entry};
use crate::tally::TallyLayout;
use crate::tree::{NO_CODE, Test, Tree, contains, is_right};

/// Moves rows to the places of `target` from `start` on: all, or those of one
/// side (`only`: whether the right one). Returns how many went left, or to the
/// one side.
pub(crate) fn move_rows<L: TallyLayout, K: Code>(
    target: &mut BoundedRows<Entry<L>>,
    start: usize,
    source: BoundedSlice<'_, Entry<L>>,
    column: &[K],
    tree: &Tree,
    test: Test,
    only: Option<bool>,
) -> usize {
    match (test, only) {
        (
            Test::Threshold {
                last_left,
                also_left: NO_CODE,
            },
            None,
        ) => target.partition_from(start, source, column, |code| {
            code.as_usize() > last_left as usize
        }),
        (
            Test::Threshold {
                last_left,
                also_left,
            },
            None,
        ) => target.partition_from(start, source, column, |code| {
            is_right(code.as_usize(), last_left, also_left)
        }),
        (
            Test::Threshold {
                last_left,
                also_left,
            },
            Some(right),
        ) => target.filter_from(start, source, column, |code| {
            is_right(code.as_usize(), last_left, also_left) == right
        }),
        (Test::Subset { set }, None) => {
            let set = &tree.sets[set as usize];
            target.partition_from(start, source, column, |code| {
                !contains(set, code.as_usize() as u8)
            })
        }
        (Test::Subset { set }, Some(right)) => {
            let set = &tree.sets[set as usize];
            target.filter_from(start, source, column, |code| {
                contains(set, code.as_usize() as u8) != right
            })
        }
    }
}
