//! [`ClassLabel`]: a class label that has the same position in every hash map.
//!
//! linfa counts labels in the standard library's `HashMap`, whose order of
//! iteration decides ties and the order of float sums. The hash keys differ from
//! map to map, even in WebAssembly, so that a tree would depend on what its
//! instance fitted before. A fit must depend on its task only.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};

use linfa::Label;
use serde::{Deserialize, Serialize};

/// The index of a class, among a known number of classes.
///
/// The last bits of its hash do not depend on the keys of the hasher: zeros are
/// written to the hasher until these bits come out. A map places an entry by these
/// bits, so that equal insertions give the same order of iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClassLabel {
    class: u32,
    /// The number of hash bits that decide the position in a map of all classes.
    bits: u8,
}

impl ClassLabel {
    /// Class `class` of `classes`.
    pub fn new(class: u32, classes: usize) -> Self {
        // A map has at least 4 positions; of more, an eighth stay free.
        let places = (classes * 8 / 7 + 1).next_power_of_two().max(4);
        Self {
            class,
            bits: places.ilog2() as u8,
        }
    }

    /// The index.
    pub fn class(self) -> u32 {
        self.class
    }
}

impl Label for ClassLabel {}

impl Hash for ClassLabel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The hash of no bytes identifies the keys of the hasher.
        let keys = state.finish();
        MEMORY.with_borrow_mut(|memory| {
            let page = &mut memory[keys as usize % PAGES];
            if page.keys != Some(keys) {
                page.keys = Some(keys);
                page.zeros.clear();
            }
            let class = self.class as usize;
            if page.zeros.len() <= class {
                page.zeros.resize(class + 1, None);
            }
            match page.zeros[class] {
                Some(count) => state.write(&ZEROS[..count]),
                None => page.zeros[class] = Some(self.search(state)),
            }
        });
    }
}

impl ClassLabel {
    /// Writes zeros until the last bits of the hash are those of the class.
    /// Returns the number of zeros.
    fn search<H: Hasher>(self, state: &mut H) -> usize {
        let mask = (1u64 << self.bits) - 1;
        let mut count = 0;
        // Bounded for hashers without keys, which are the same in every map.
        while state.finish() & mask != u64::from(self.class) & mask && count < ZEROS.len() {
            state.write(&ZEROS[..1]);
            count += 1;
        }
        count
    }
}

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// The number of hashers whose zeros are kept. A node of a tree uses two maps at
/// a time.
const PAGES: usize = 64;

/// The number of zeros for one hasher, by class.
#[derive(Clone, Default)]
struct Page {
    keys: Option<u64>,
    zeros: Vec<Option<usize>>,
}

thread_local! {
    static MEMORY: RefCell<Vec<Page>> = RefCell::new(vec![Page::default(); PAGES]);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn maps_have_the_same_order_of_iteration() {
        for classes in [2usize, 3, 4, 7, 8, 50, 300] {
            let order = |_| {
                let labels = (0..classes).map(|class| (class * 7 + 3) % classes.max(8));
                let labels = labels.map(|class| (ClassLabel::new(class as u32, classes), 0.0));
                let map: HashMap<ClassLabel, f32> = labels.collect();
                let order: Vec<u32> = map.keys().map(|label| label.class()).collect();
                // A clone has the same keys.
                assert!(
                    map.clone()
                        .into_keys()
                        .map(ClassLabel::class)
                        .eq(order.clone())
                );
                order
            };
            let first = order(0);
            assert!((1..100).map(order).all(|other| other == first), "{classes}");
        }
    }

    #[test]
    fn equal_labels_have_equal_hashes() {
        let hasher = std::hash::RandomState::new();
        let hash = || std::hash::BuildHasher::hash_one(&hasher, ClassLabel::new(1, 3));
        let searched = hash();
        assert_eq!(searched, hash());
        assert_eq!(searched & 3, 1);
    }
}
