//! [`Counter`]: the histograms of a node's features, counted or handed down
//! from its parent, in buffers that outlive the node. It judges nothing.

use crate::bins::Bins;
use crate::histogram::{Layout, Word, clear, fill, fill_few, subtract};
use crate::rows::Entry;
use crate::split::Present;

/// The most features that are counted in one pass over the rows.
pub(crate) const BATCH: usize = 4;

/// The most codes of a feature.
const CODES: usize = 256;

/// The most nodes whose histograms are kept to be subtracted from: a tree of
/// any shape may not fill the memory with them. Beyond, a child is counted.
const MOST_SLOTS: usize = 64;

/// Histograms: transient ones of a batch of features, which are empty between
/// batches, and *slots*, each with those of all features of one node.
#[derive(Debug)]
pub(crate) struct Counter<W> {
    stride: usize,
    batch: Vec<W>,
    /// For each place of a batch, its codes.
    present: [Present; BATCH],
    /// Whether they are known: where few rows were counted.
    noted: [bool; BATCH],
    /// Where each feature's histogram starts in a slot; last, a slot's length.
    offsets: Vec<usize>,
    slots: Vec<W>,
    made: usize,
    free: Vec<u32>,
}

impl<W: Word> Counter<W> {
    /// A counter into tallies of `stride` words.
    pub(crate) fn new(bins: &Bins, stride: usize) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for column in bins.columns() {
            end += (column.coding.values() + 1) * stride;
            offsets.push(end);
        }
        Self {
            stride,
            batch: vec![W::default(); BATCH * CODES * stride],
            present: [const { Present::NONE }; BATCH],
            noted: [false; BATCH],
            offsets,
            slots: Vec::new(),
            made: 0,
            free: Vec::new(),
        }
    }

    /// Takes back all slots.
    pub(crate) fn clear(&mut self) {
        self.made = 0;
        self.free.clear();
    }

    fn slot_length(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// Whether a node of so many rows is better off with a slot: to subtract
    /// takes a pass over all codes.
    pub(crate) fn is_worth(&self, rows: usize) -> bool {
        rows * (self.offsets.len() - 1) * self.stride >= self.slot_length()
    }

    /// Counts a batch of features, unless they stand in a slot.
    pub(crate) fn count<L: Layout<Word = W>>(
        &mut self,
        layout: &L,
        bins: &Bins,
        entries: &[Entry],
        features: &[u32],
        slot: Option<u32>,
    ) {
        if slot.is_some() {
            return;
        }
        let few =
            |feature: u32| entries.len() * 2 < bins.columns()[feature as usize].coding.values();
        let size = CODES * self.stride;
        if !features.iter().any(|&feature| few(feature)) {
            let starts = [0, size, 2 * size, 3 * size];
            fill_batch(layout, bins, entries, features, starts, &mut self.batch);
            return;
        }
        for (place, &feature) in features.iter().enumerate() {
            let start = place * size;
            if few(feature) {
                let histogram = &mut self.batch[start..start + size];
                let set = fill_few(layout, entries, bins.codes(feature as usize), histogram);
                let missing = bins.columns()[feature as usize].coding.missing();
                self.present[place].note_set(set, missing);
                self.noted[place] = true;
            } else {
                fill_batch(
                    layout,
                    bins,
                    entries,
                    &[feature],
                    [start, 0, 0, 0],
                    &mut self.batch,
                );
            }
        }
    }

    /// The histogram of a feature that was counted at `place` of the batch, or
    /// stands in a slot, and its codes.
    pub(crate) fn view(
        &mut self,
        bins: &Bins,
        place: usize,
        feature: usize,
        slot: Option<u32>,
    ) -> (&[W], &Present) {
        let codes = bins.columns()[feature].coding.values() + 1;
        let histogram = match slot {
            Some(slot) => {
                let start = slot as usize * self.slot_length() + self.offsets[feature];
                &self.slots[start..start + codes * self.stride]
            }
            None => {
                let start = place * CODES * self.stride;
                &self.batch[start..start + codes * self.stride]
            }
        };
        let present = &mut self.present[place];
        if !std::mem::take(&mut self.noted[place]) {
            present.note_histogram(histogram, codes);
        }
        (histogram, present)
    }

    /// Empties the histogram at `place` of the batch, after it was viewed.
    pub(crate) fn forget(&mut self, place: usize, missing: u8, slot: Option<u32>) {
        if slot.is_some() {
            return;
        }
        let start = place * CODES * self.stride;
        let present = &self.present[place];
        for &code in present
            .codes()
            .iter()
            .chain(present.has_missing.then_some(&missing))
        {
            clear(&mut self.batch[start + usize::from(code) * self.stride..][..self.stride]);
        }
    }

    /// Counts all features of a node into a new slot, if there is one left.
    pub(crate) fn count_slot<L: Layout<Word = W>>(
        &mut self,
        layout: &L,
        bins: &Bins,
        entries: &[Entry],
    ) -> Option<u32> {
        let length = self.slot_length();
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.made < MOST_SLOTS => {
                self.made += 1;
                // The last histogram is followed by room for codes that it has
                // not, so that a count needs to know of no one's length.
                self.slots.resize(
                    self.slots
                        .len()
                        .max(self.made * length + CODES * self.stride),
                    W::default(),
                );
                (self.made - 1) as u32
            }
            None => return None,
        };
        let base = slot as usize * length;
        self.slots[base..base + length].fill(W::default());
        let features: Vec<u32> = (0..bins.columns().len() as u32).collect();
        for batch in features.chunks(BATCH) {
            let mut starts = [0; BATCH];
            for (start, &feature) in starts.iter_mut().zip(batch) {
                *start = base + self.offsets[feature as usize];
            }
            fill_batch(layout, bins, entries, batch, starts, &mut self.slots);
        }
        Some(slot)
    }

    /// Takes the counts of slot `other` off those of `slot`.
    pub(crate) fn subtract(&mut self, slot: u32, other: u32) {
        let length = self.slot_length();
        let (a, b) = (slot as usize * length, other as usize * length);
        let (low, high) = self.slots.split_at_mut(a.max(b));
        if a < b {
            subtract(&mut low[a..a + length], &high[..length]);
        } else {
            subtract(&mut high[..length], &low[b..b + length]);
        }
    }

    /// Gives a slot back.
    pub(crate) fn release(&mut self, slot: Option<u32>) {
        self.free.extend(slot);
    }
}

/// Counts up to [`BATCH`] features in one pass.
fn fill_batch<L: Layout>(
    layout: &L,
    bins: &Bins,
    entries: &[Entry],
    features: &[u32],
    starts: [usize; BATCH],
    histograms: &mut [L::Word],
) {
    let column = |place: usize| bins.codes(features[place] as usize);
    let [a, b, c, d] = starts;
    match features.len() {
        0 => {}
        1 => fill(layout, entries, [column(0)], [a], histograms),
        2 => fill(layout, entries, [column(0), column(1)], [a, b], histograms),
        3 => fill(
            layout,
            entries,
            [column(0), column(1), column(2)],
            [a, b, c],
            histograms,
        ),
        _ => fill(
            layout,
            entries,
            [column(0), column(1), column(2), column(3)],
            [a, b, c, d],
            histograms,
        ),
    }
}
