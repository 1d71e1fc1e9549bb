//! [`Notes`]: what was seen of a text file's values while they were parsed.

use std::collections::BTreeMap;

use fanout_contract::number::Loss;

/// A text of which a number did not keep all.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dataset) struct LostText {
    /// The index of its file.
    pub(super) file: usize,
    /// Its line, from 1.
    pub(in crate::dataset) line: u64,
    pub(in crate::dataset) text: String,
    pub(in crate::dataset) loss: Loss,
}

/// What was seen of the values. It does not depend on the order of chunks.
#[derive(Debug, Default)]
pub(in crate::dataset) struct Notes {
    /// By column, the first such text.
    lost: BTreeMap<usize, LostText>,
}

impl Notes {
    /// Notes a text of which something was lost.
    pub(super) fn lose(&mut self, column: usize, text: impl FnOnce() -> LostText) {
        let text = text();
        let first = self.lost.get(&column);
        if first.is_none_or(|first| (text.file, text.line) < (first.file, first.line)) {
            self.lost.insert(column, text);
        }
    }

    /// The first text of a column of which something was lost.
    pub(in crate::dataset) fn lost(&self, column: usize) -> Option<&LostText> {
        self.lost.get(&column)
    }
}
