//! [`CategoryEncoder`]: encodes the values of a column as categories, numbered
//! in the order in which they first appear, as by `pandas.factorize`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Int32Array, StringArray};
use arrow_buffer::NullBuffer;
use arrow_cast::display::array_value_to_string;
use arrow_schema::DataType;
use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

/// The code of a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// The labels of categories, by code.
pub(super) type Labels = IndexSet<Box<str>, FxBuildHasher>;

/// Encodes one column.
#[derive(Clone, Debug, Default)]
pub(super) struct CategoryEncoder {
    labels: Labels,
    /// The code of each value that is not a text.
    keys: FxHashMap<u64, u32>,
    /// The last dictionary of dictionary-encoded texts, and the codes of its
    /// values; [`MISSING`] for those that have not appeared.
    dictionary: Option<(ArrayRef, Vec<u32>)>,
}

impl CategoryEncoder {
    /// An encoder of a column whose first categories are these.
    pub(super) fn of_labels<'a>(labels: impl IntoIterator<Item = &'a String>) -> Self {
        let labels = labels.into_iter();
        Self {
            labels: labels.map(|label| label.as_str().into()).collect(),
            ..Self::default()
        }
    }

    /// The labels so far, by code.
    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Encodes a batch of the column. `values` is `original` in its storage
    /// type; `original` gives the labels.
    pub(super) fn encode(&mut self, values: &ArrayRef, original: &ArrayRef) -> Vec<u32> {
        match values.data_type() {
            DataType::Dictionary(..) => self.dictionary_codes(values),
            DataType::Utf8 => {
                let texts: &StringArray = values.as_string();
                texts
                    .iter()
                    .map(|text| text.map_or(MISSING, |text| self.text(text)))
                    .collect()
            }
            DataType::Boolean => {
                let values: &BooleanArray = values.as_boolean();
                let mut codes = [MISSING; 2];
                let mut code = |value: bool| {
                    if codes[usize::from(value)] == MISSING {
                        codes[usize::from(value)] = self.text(if value { "true" } else { "false" });
                    }
                    codes[usize::from(value)]
                };
                values
                    .iter()
                    .map(|value| value.map_or(MISSING, &mut code))
                    .collect()
            }
            DataType::Int32 => self.keyed::<Int32Type>(
                values,
                |value| Some(i64::from(value) as u64),
                |row, _| text_of(original, row),
            ),
            DataType::Int64 => self.keyed::<Int64Type>(
                values,
                |value| Some(value as u64),
                |row, _| text_of(original, row),
            ),
            DataType::Float32 => self.keyed::<Float32Type>(
                values,
                |value| real_key(f64::from(value)),
                |_, value| (value + 0.0).to_string(),
            ),
            DataType::Float64 => {
                self.keyed::<Float64Type>(values, real_key, |_, value| (value + 0.0).to_string())
            }
            other => unreachable!("the encoder makes no `{other}`"),
        }
    }

    fn keyed<T: ArrowPrimitiveType>(
        &mut self,
        values: &ArrayRef,
        key: impl Fn(T::Native) -> Option<u64>,
        text: impl Fn(usize, T::Native) -> String,
    ) -> Vec<u32> {
        let values = values.as_primitive::<T>();
        let mut codes = Vec::with_capacity(values.len());
        // Repeated values cost one look-up.
        let mut last = (0, MISSING);
        for (row, value) in values.values().iter().enumerate() {
            let key = if values.is_valid(row) {
                key(*value)
            } else {
                None
            };
            let Some(key) = key else {
                codes.push(MISSING);
                continue;
            };
            if last.1 == MISSING || last.0 != key {
                let code = match self.keys.get(&key) {
                    Some(code) => *code,
                    None => {
                        let code = self.text(&text(row, *value));
                        self.keys.insert(key, code);
                        code
                    }
                };
                last = (key, code);
            }
            codes.push(last.1);
        }
        codes
    }

    fn dictionary_codes(&mut self, values: &ArrayRef) -> Vec<u32> {
        let values = values.as_dictionary::<Int32Type>();
        let texts: &StringArray = values.values().as_string();
        let same = |known: &ArrayRef| known.to_data().ptr_eq(&values.values().to_data());
        // Batches of one row group share a dictionary.
        let (dictionary, mut known) = match self.dictionary.take() {
            Some((dictionary, known)) if same(&dictionary) => (dictionary, known),
            _ => (Arc::clone(values.values()), vec![MISSING; texts.len()]),
        };
        let keys = values.keys();
        let mut code = |key: i32| {
            let key = key as usize;
            if known[key] == MISSING && texts.is_valid(key) {
                known[key] = self.text(texts.value(key));
            }
            known[key]
        };
        let codes = if keys.null_count() == 0 {
            keys.values().iter().map(|key| code(*key)).collect()
        } else {
            keys.iter()
                .map(|key| key.map_or(MISSING, &mut code))
                .collect()
        };
        self.dictionary = Some((dictionary, known));
        codes
    }

    /// The code of a text.
    fn text(&mut self, text: &str) -> u32 {
        let index = match self.labels.get_index_of(text) {
            Some(index) => index,
            None => self.labels.insert_full(text.into()).0,
        };
        index as u32
    }
}

/// Zero has two representations and NaN has many.
fn real_key(value: f64) -> Option<u64> {
    (!value.is_nan()).then(|| (value + 0.0).to_bits())
}

fn text_of(array: &ArrayRef, row: usize) -> String {
    // It fails only for types that the encoder refuses.
    array_value_to_string(array, row).unwrap_or_default()
}

/// Encodes the concatenated texts of several columns.
#[derive(Clone, Debug)]
pub(super) struct ConcatEncoder {
    separator: String,
    /// A code for each pair of (code so far, code of the next column), one
    /// map a column after the first.
    pairs: Vec<FxHashMap<u64, u32>>,
    /// The category of each code of the last map. Two of them may have the same
    /// text: `a_b` + `c`, `a` + `b_c`.
    of_pairs: Vec<u32>,
    categories: CategoryEncoder,
}

impl ConcatEncoder {
    /// An encoder of `parts` columns, at least two.
    pub(super) fn new(parts: usize, separator: &str) -> Self {
        Self {
            separator: separator.to_owned(),
            pairs: vec![FxHashMap::default(); parts - 1],
            of_pairs: Vec::new(),
            categories: CategoryEncoder::default(),
        }
    }

    /// The same, whose first categories are these.
    pub(super) fn of_labels<'a>(self, labels: impl IntoIterator<Item = &'a String>) -> Self {
        Self {
            categories: CategoryEncoder::of_labels(labels),
            ..self
        }
    }

    /// What stands between the texts.
    pub(super) fn separator(&self) -> &str {
        &self.separator
    }

    /// The labels so far, by code.
    pub(super) fn labels(&self) -> &Labels {
        &self.categories.labels
    }

    /// Encodes a batch, given the codes and labels of each column. A row in
    /// which a part is missing is missing.
    pub(super) fn encode(&mut self, parts: &[(&[u32], &Labels)]) -> Vec<u32> {
        let last = parts.len() - 1;
        let mut codes = parts[0].0.to_vec();
        for (level, (next, _)) in parts.iter().enumerate().skip(1) {
            let pairs = &mut self.pairs[level - 1];
            for (row, code) in codes.iter_mut().enumerate() {
                if *code == MISSING || next[row] == MISSING {
                    *code = MISSING;
                    continue;
                }
                let fresh = pairs.len() as u32;
                let pair = u64::from(*code) << 32 | u64::from(next[row]);
                *code = *pairs.entry(pair).or_insert(fresh);
                if level == last {
                    if *code as usize == self.of_pairs.len() {
                        let texts: Vec<&str> = parts
                            .iter()
                            .map(|(codes, labels)| &*labels[codes[row] as usize])
                            .collect();
                        self.of_pairs
                            .push(self.categories.text(&texts.join(&self.separator)));
                    }
                    *code = self.of_pairs[*code as usize];
                }
            }
        }
        codes
    }
}

/// Codes as a column of the dataset.
pub(super) fn array(codes: &[u32]) -> ArrayRef {
    let values = codes.iter().map(|code| *code as i32).collect::<Vec<_>>();
    let nulls = codes.contains(&MISSING).then(|| {
        codes
            .iter()
            .map(|code| *code != MISSING)
            .collect::<NullBuffer>()
    });
    Arc::new(Int32Array::new(values.into(), nulls))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{DictionaryArray, Float64Array, Int64Array};

    fn coded(values: ArrayRef) -> (Vec<u32>, Vec<String>) {
        let mut categories = CategoryEncoder::default();
        let codes = categories.encode(&values, &values);
        (
            codes,
            categories
                .labels()
                .iter()
                .map(ToString::to_string)
                .collect(),
        )
    }

    #[test]
    fn codes_follow_first_appearance() {
        let texts = StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]);
        let expected = (vec![0, MISSING, 1, 0], vec!["b".to_owned(), "a".to_owned()]);
        assert_eq!(coded(Arc::new(texts)), expected);
        // The dictionary's own order and its unused values do not matter.
        let keys = Int32Array::from(vec![Some(2), None, Some(1), Some(2)]);
        let values = Arc::new(StringArray::from(vec!["unused", "a", "b"]));
        assert_eq!(
            coded(Arc::new(DictionaryArray::new(keys, values))),
            expected
        );
    }

    #[test]
    fn numbers_have_their_shortest_texts() {
        let (codes, labels) = coded(Arc::new(Int64Array::from(vec![7, -1, 7])));
        assert_eq!(
            (codes, labels),
            (vec![0, 1, 0], vec!["7".to_owned(), "-1".to_owned()])
        );
        let floats = Float64Array::from(vec![1.0, f64::NAN, 0.5, -0.0, 0.0]);
        let (codes, labels) = coded(Arc::new(floats));
        assert_eq!(codes, [0, MISSING, 1, 2, 2]);
        assert_eq!(labels, ["1", "0.5", "0"]);
        let (codes, labels) = coded(Arc::new(BooleanArray::from(vec![true, false, true])));
        assert_eq!(
            (codes, labels),
            (vec![0, 1, 0], vec!["true".to_owned(), "false".to_owned()])
        );
    }

    #[test]
    fn equal_concatenated_texts_are_one_category() {
        let mut first = CategoryEncoder::default();
        let mut second = CategoryEncoder::default();
        let texts = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let a = texts(vec![Some("a"), Some("a_b"), None, Some("x"), Some("a")]);
        let b = texts(vec![
            Some("b_c"),
            Some("c"),
            Some("c"),
            Some("y"),
            Some("y"),
        ]);
        let (a, b) = (first.encode(&a, &a), second.encode(&b, &b));
        let mut concat = ConcatEncoder::new(2, "_");
        let codes = concat.encode(&[(&a, first.labels()), (&b, second.labels())]);
        assert_eq!(codes, [0, 0, MISSING, 1, 2]);
        let labels: Vec<&str> = concat.labels().iter().map(|label| &**label).collect();
        assert_eq!(labels, ["a_b_c", "x_y", "a_y"]);
    }
}
