//! [`fill`]: the loop that counts rows into histograms.

use crate::chunks;
use crate::entries::{BoundedSlice, Entry, RowItem as _};
use crate::tally::TallyLayout;
use crate::tree::CodeSet;

/// Adds `entries` to the histograms of `FEATURES` features in one pass: the
/// sums of different features do not wait for each other. The histogram of
/// `columns[f]` has room for 256 tallies and starts at `counts[starts[f]]`.
///
/// Not inlined: in WebAssembly, a loop in a large function shares its
/// registers with everything that the function keeps.
///
/// # Panics
/// If a column is not one of the entries' dataset, the layout has fewer
/// classes than the entries, or a histogram is not within `counts`.
#[inline(never)]
#[expect(
    unsafe_code,
    reason = "the innermost loop: bounds checks cost a third of it"
)]
pub(crate) fn fill<L: TallyLayout, const FEATURES: usize>(
    layout: &L,
    entries: BoundedSlice<'_, Entry<L>>,
    columns: [&[u8]; FEATURES],
    starts: [usize; FEATURES],
    counts: &mut [L::Count],
) {
    let stride = layout.stride();
    let bounds = entries.bounds();
    assert!(
        bounds.classes <= layout.classes(),
        "a layout of fewer classes"
    );
    for column in columns {
        assert!(bounds.rows <= column.len(), "a column of another dataset");
    }
    for start in starts {
        assert!(
            256 * stride <= counts.len() && start <= counts.len() - 256 * stride,
            "a histogram out of its buffer"
        );
    }
    debug_assert!(entries.iter().all(|entry| entry.is_within(bounds)));
    chunks::for_each(&entries, |entry| {
        let row = L::unpack(entry.payload());
        for feature in 0..FEATURES {
            // SAFETY: the entry's row is within the bounds, which every column
            // covers. A code is at most 255, so that its tally is within
            // `counts`. The entry's class is within the layout's.
            unsafe {
                let code = *columns[feature].get_unchecked(entry.index());
                let at = starts[feature] + usize::from(code) * stride;
                layout.add_unchecked(counts, at, row);
            }
        }
    });
}

/// [`fill`] for a few entries and one feature. Returns the codes that occur.
pub(crate) fn fill_few<L: TallyLayout>(
    layout: &L,
    entries: &[Entry<L>],
    column: &[u8],
    counts: &mut [L::Count],
) -> CodeSet {
    let stride = layout.stride();
    let mut present = CodeSet::default();
    for entry in entries {
        let code = usize::from(column[entry.index()]);
        let tally = &mut counts[code * stride..][..stride];
        layout.add(tally, L::unpack(entry.payload()));
        present[code >> 6] |= 1 << (code & 63);
    }
    present
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bins::Bins;
    use crate::criterion::Gini;
    use crate::multiclass::MulticlassLayout;
    use crate::sample::{ClassRows, ClassSample, RowSource as _};

    /// Adds four rows of three classes to the histogram of one column.
    fn counts(classes: usize, column: &[u8], room: usize) -> Vec<u32> {
        let layout = MulticlassLayout::<Gini>::new(classes, false);
        let sample = ClassSample::new(&Bins::new(4), &[0, 1, 2, 2], 3, &[0, 1, 2, 3]).unwrap();
        let rows = ClassRows {
            sample: &sample,
            class_weights: vec![1.0; 3],
            balance_drawn: false,
        };
        let mut entries = rows.new_entries();
        rows.take(None, &mut MulticlassLayout::new(3, false), &mut entries);
        let mut counts = vec![0; room];
        fill(&layout, entries.slice(0..4), [column], [0], &mut counts);
        counts
    }

    #[test]
    fn rows_are_counted_by_code_and_class() {
        let counts = counts(3, &[1, 0, 1, 1], 256 * 3);
        assert_eq!(counts[..6], [0, 1, 0, 1, 0, 2]);
        assert!(counts[6..].iter().all(|&count| count == 0));
    }

    #[test]
    #[should_panic(expected = "a column of another dataset")]
    fn a_short_column_is_refused() {
        counts(3, &[0; 3], 256 * 3);
    }

    #[test]
    #[should_panic(expected = "a layout of fewer classes")]
    fn a_layout_of_fewer_classes_is_refused() {
        counts(2, &[0; 4], 256 * 3);
    }

    #[test]
    #[should_panic(expected = "a histogram out of its buffer")]
    fn a_short_buffer_is_refused() {
        counts(3, &[0; 4], 256 * 3 - 1);
    }
}
