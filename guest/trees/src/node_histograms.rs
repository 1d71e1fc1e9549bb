//! [`NodeHistograms`]: the histograms of a node's features, either counted or
//! computed from those of its parent and sibling, in buffers that are used for
//! one node after the other.

use crate::bins::Bins;
use crate::entries::{BoundedSlice, Entry};
use crate::histogram::{fill, fill_few};
use crate::split::PresentCodes;
use crate::tally::{Count, TallyLayout, clear, subtract};

/// The number of features that are counted in one pass over the rows.
pub(crate) const BATCH: usize = 4;

/// The greatest number of codes of a feature.
const CODES: usize = 256;

/// The greatest number of slots. Threat: a deep tree that keeps histograms of
/// every pending node in memory. Without a slot, a child is counted.
const MAX_SLOTS: usize = 64;

/// The histograms of a *batch* of features of the current node, which are zero
/// between batches; and *slots*, each with the histograms of all features of
/// one pending node.
#[derive(Debug)]
pub(crate) struct NodeHistograms<W> {
    stride: usize,
    batch: Vec<W>,
    /// The codes that occur, for each place of the batch.
    present: [PresentCodes; BATCH],
    /// Whether `present` is up to date, for each place of the batch.
    is_known: [bool; BATCH],
    /// Where the histogram of each feature starts in a slot; last, the length
    /// of a slot.
    offsets: Vec<usize>,
    slots: Vec<W>,
    /// The number of slots in `slots`.
    slot_count: usize,
    free: Vec<u32>,
}

impl<W: Count> NodeHistograms<W> {
    /// Histograms of tallies of `stride` counts.
    pub(crate) fn new(bins: &Bins, stride: usize) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for index in 0..bins.columns().len() {
            end += (bins.counted(index).1 + 1) * stride;
            offsets.push(end);
        }
        Self {
            stride,
            batch: vec![W::default(); BATCH * CODES * stride],
            present: [const { PresentCodes::NONE }; BATCH],
            is_known: [false; BATCH],
            offsets,
            slots: Vec::new(),
            slot_count: 0,
            free: Vec::new(),
        }
    }

    /// Frees all slots.
    pub(crate) fn clear(&mut self) {
        self.slot_count = 0;
        self.free.clear();
    }

    fn slot_length(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// Whether a slot saves time for a node of `rows` rows: a subtraction is a
    /// pass over all codes.
    pub(crate) fn is_slot_faster(&self, rows: usize) -> bool {
        rows * (self.offsets.len() - 1) * self.stride >= self.slot_length()
    }

    /// Counts a batch of features, unless the node has a slot.
    pub(crate) fn count<L: TallyLayout<Count = W>>(
        &mut self,
        layout: &L,
        bins: &Bins,
        entries: BoundedSlice<'_, Entry<L>>,
        features: &[u32],
        slot: Option<u32>,
    ) {
        if slot.is_some() {
            return;
        }
        let few = |feature: u32| entries.len() * 2 < bins.counted(feature as usize).1;
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
                let (codes, values) = bins.counted(feature as usize);
                let set = fill_few(layout, &entries, codes, histogram);
                self.present[place].set_from_code_set(set, values as u8);
                self.is_known[place] = true;
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

    /// The histogram of feature `feature`, in the slot or else at `place` of the
    /// batch, and the codes that occur.
    pub(crate) fn get(
        &mut self,
        bins: &Bins,
        place: usize,
        feature: usize,
        slot: Option<u32>,
    ) -> (&[W], &PresentCodes) {
        let codes = bins.counted(feature).1 + 1;
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
        if !std::mem::take(&mut self.is_known[place]) {
            present.set_from_histogram(histogram, codes);
        }
        (histogram, present)
    }

    /// Sets the histogram at `place` of the batch to zero, after [`Self::get`].
    pub(crate) fn clear_batch_place(&mut self, place: usize, missing: u8, slot: Option<u32>) {
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

    /// Counts all features of a node into a free slot; `None` if there is none.
    pub(crate) fn count_slot<L: TallyLayout<Count = W>>(
        &mut self,
        layout: &L,
        bins: &Bins,
        entries: BoundedSlice<'_, Entry<L>>,
    ) -> Option<u32> {
        let length = self.slot_length();
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slot_count < MAX_SLOTS => {
                self.slot_count += 1;
                // After the last histogram follows room for 256 codes, which
                // `fill` requires of every histogram.
                self.slots.resize(
                    self.slots
                        .len()
                        .max(self.slot_count * length + CODES * self.stride),
                    W::default(),
                );
                (self.slot_count - 1) as u32
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

    /// Subtracts the counts of slot `other` from those of `slot`.
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

    /// Frees a slot.
    pub(crate) fn release(&mut self, slot: Option<u32>) {
        self.free.extend(slot);
    }
}

/// [`fill`] for up to [`BATCH`] features.
fn fill_batch<L: TallyLayout>(
    layout: &L,
    bins: &Bins,
    entries: BoundedSlice<'_, Entry<L>>,
    features: &[u32],
    starts: [usize; BATCH],
    counts: &mut [L::Count],
) {
    let column = |place: usize| bins.counted(features[place] as usize).0;
    let [a, b, c, d] = starts;
    match features.len() {
        0 => {}
        1 => fill(layout, entries, [column(0)], [a], counts),
        2 => fill(layout, entries, [column(0), column(1)], [a, b], counts),
        3 => fill(
            layout,
            entries,
            [column(0), column(1), column(2)],
            [a, b, c],
            counts,
        ),
        _ => fill(
            layout,
            entries,
            [column(0), column(1), column(2), column(3)],
            [a, b, c, d],
            counts,
        ),
    }
}
