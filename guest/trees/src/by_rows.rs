//! Splits by criteria that need the rows of both sides, and not only their tallies
//! ([`TallyLayout::BY_ROWS`]).

use crate::codes::{Code as _, CodesRef, with_codes};
use crate::entries::{BoundedSlice, Entry};
use crate::runs::Runs;
use crate::search::{Penalties, SplitSearch};
use crate::sorted::SortedRows;
use crate::split::{Feature, SplitRule};
use crate::tally::{TallyLayout, clear};
use crate::tree::{CodeSet, contains, insert};

impl<L: TallyLayout> SplitSearch<L> {
    /// Searches all splits of a feature by the sorted rows of the node, which have
    /// more than one code.
    pub(crate) fn search_rows(
        &mut self,
        feature: Feature<'_>,
        sorted: &SortedRows<L::Payload>,
        total: &[L::Count],
    ) {
        let runs = sorted.runs(feature.missing());
        let (codes, has_missing) = sorted.codes(feature.missing());
        let is_ordered = feature.column.coding.is_ordered();
        let of_indices = |indices: &[usize]| {
            let mut set = CodeSet::default();
            for &index in indices {
                let code = codes.get(index).copied().unwrap_or(feature.missing());
                insert(&mut set, code as u8);
            }
            set
        };
        let mut order: Vec<usize> = (0..runs.len()).collect();
        let penalties = if is_ordered {
            Penalties::default()
        } else {
            self.penalties(order.len(), total)
        };
        // Missing values go right, which includes the split of them from all
        // others; then left.
        for missing_left in [false, true] {
            if missing_left {
                if !has_missing {
                    break;
                }
                order.rotate_right(1);
            }
            let first = usize::from(missing_left);
            let found = self.sweep_rows(feature, runs, &order, first, total, penalties.order);
            let Some(at) = found else { continue };
            self.best.rule = if is_ordered {
                let at = at - first;
                SplitRule::Threshold {
                    last_left: feature.last_left(codes[at], codes.get(at + 1).copied()),
                    missing_left: has_missing.then_some(missing_left),
                }
            } else {
                SplitRule::Subset {
                    left: of_indices(&order[..=at]),
                    present: of_indices(&order),
                }
            };
        }
        // Two categories are split by their order.
        if is_ordered || runs.len() < 3 {
            return;
        }
        self.sort_by_medians(runs, &mut order);
        if let Some(at) = self.sweep_rows(feature, runs, &order, 0, total, penalties.subsets) {
            self.best.rule = SplitRule::Subset {
                left: of_indices(&order[..=at]),
                present: of_indices(&order),
            };
        }
    }

    /// Sorts the indices of runs by the medians of their rows.
    fn sort_by_medians(&mut self, runs: Runs<'_, L::Payload>, order: &mut [usize]) {
        let [rows, _] = &mut self.rows;
        let mut keys = vec![0; runs.len()];
        for (index, key) in keys.iter_mut().enumerate() {
            rows.clear();
            rows.extend_from_slice(runs.run(index));
            *key = self.layout.sort_key_of_rows(rows);
        }
        order.sort_unstable_by_key(|&index| (keys[index], index));
    }

    /// Moves one run after the other to the left side, in `order`, and evaluates
    /// the split after each but the last and the `first` ones. Returns the place in
    /// `order` after which the best split lies, if one of these is better than the
    /// best so far.
    fn sweep_rows(
        &mut self,
        feature: Feature<'_>,
        runs: Runs<'_, L::Payload>,
        order: &[usize],
        first: usize,
        total: &[L::Count],
        penalty: f64,
    ) -> Option<usize> {
        let Self {
            layout,
            limits,
            best,
            left,
            purities,
            ..
        } = self;
        let runs: Vec<&[L::Payload]> = order.iter().map(|&index| runs.run(index)).collect();
        layout.split_purities(&runs, purities);
        clear(left);
        let mut found = None;
        for (at, (run, &purity)) in runs.iter().zip(purities.iter()).enumerate() {
            for &payload in *run {
                layout.add(left, L::unpack(payload));
            }
            if at < first || !(limits.is_met_by_all() || limits.is_met(layout, left, total)) {
                continue;
            }
            if best.improve(feature.index, purity, penalty, left) {
                found = Some(at);
            }
        }
        found
    }

    /// The sum of the purities of both sides of a split.
    pub(crate) fn purity_by_rows(
        &mut self,
        rule: SplitRule,
        missing: u32,
        codes: CodesRef<'_>,
        entries: BoundedSlice<'_, Entry<L>>,
    ) -> f64 {
        let [left, right] = &mut self.rows;
        left.clear();
        right.clear();
        with_codes!(codes, codes => entries.for_each_code(codes, |entry, code| {
            let code = code.as_usize() as u32;
            let is_left = match rule {
                SplitRule::Threshold { last_left, missing_left } => {
                    code <= last_left || (code == missing && missing_left == Some(true))
                }
                SplitRule::Subset { left, .. } => contains(&left, code as u8),
            };
            if is_left { &mut *left } else { &mut *right }.push(entry.payload());
        }));
        self.layout.purity_of_rows(left) + self.layout.purity_of_rows(right)
    }
}
