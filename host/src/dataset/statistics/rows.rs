//! [`RowSample`]: some rows of a dataset. Which ones depends on their numbers
//! alone.

use super::sample::mix;

/// The values that are kept, over all columns.
const VALUES: usize = 1 << 20;

/// The rows that are kept: the standard error of a share of them is below 0.008.
const ROWS: usize = 4096;

/// A sample of the rows of a dataset.
#[derive(Debug)]
pub(in crate::dataset) struct RowSample {
    limit: usize,
    /// A row is kept if so many low bits of the hash of its number are zero.
    bits: u32,
    next: u64,
    /// The numbers of the rows.
    pub(in crate::dataset) rows: Vec<u64>,
    /// The keys of each column.
    pub(in crate::dataset) columns: Vec<Vec<u64>>,
    pub(in crate::dataset) classes: Vec<u32>,
}

impl RowSample {
    pub(in crate::dataset) fn new(columns: usize) -> Self {
        Self {
            limit: (VALUES / columns.max(1)).clamp(512, ROWS),
            bits: 0,
            next: 0,
            rows: Vec::new(),
            columns: vec![Vec::new(); columns],
            classes: Vec::new(),
        }
    }

    /// Adds the rows of a batch, given the keys of each column.
    pub(in crate::dataset) fn update(&mut self, keys: &[Vec<u64>], classes: &[u32]) {
        for (row, class) in classes.iter().enumerate() {
            let number = self.next + row as u64;
            if !keeps(number, self.bits) {
                continue;
            }
            self.rows.push(number);
            self.classes.push(*class);
            for (column, keys) in self.columns.iter_mut().zip(keys) {
                column.push(keys[row]);
            }
            if self.rows.len() > self.limit {
                self.thin();
            }
        }
        self.next += classes.len() as u64;
    }

    #[cold]
    fn thin(&mut self) {
        self.bits += 1;
        let kept: Vec<bool> = self.rows.iter().map(|row| keeps(*row, self.bits)).collect();
        for column in &mut self.columns {
            retain(column, &kept);
        }
        retain(&mut self.classes, &kept);
        retain(&mut self.rows, &kept);
    }
}

fn keeps(row: u64, bits: u32) -> bool {
    mix(row + 1) & ((1 << bits) - 1) == 0
}

fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    values.retain(|_| *kept.next().unwrap_or(&false));
}
