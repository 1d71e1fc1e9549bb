//! [`Candidates`]: the settings of the hyper-parameters that a search tries,
//! kept as indices into the few distinct values.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use fanout_contract::Params;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

use crate::plan::{Search, Values};

/// A hyper-parameter that a candidate does not name.
const ABSENT: u32 = u32::MAX;

/// The candidates of a search, in the order of `cv_results_`. One takes four
/// bytes a hyper-parameter.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The hyper-parameters that any candidate names, sorted.
    names: Vec<String>,
    /// By hyper-parameter: its distinct values.
    values: Vec<Vec<Value>>,
    /// Row-major, one row a candidate, one column a hyper-parameter: an index
    /// into `values`, or [`ABSENT`].
    cells: Vec<u32>,
    len: usize,
}

impl Candidates {
    /// The candidates of a search.
    pub fn of(search: &Search) -> Self {
        match search {
            Search::Grid { params } => Self::collect(params.iter().flat_map(|grid| {
                let lists: Vec<_> = grid
                    .iter()
                    .map(|(name, values)| (name, list(values)))
                    .collect();
                let size = lists.iter().map(|(_, values)| values.len()).product();
                (0..size).map(move |index| point(&lists, index))
            })),
            Search::Random {
                params,
                n_iter,
                random_state,
            } => {
                let mut random = ChaCha8Rng::seed_from_u64(*random_state);
                let n_iter = *n_iter as usize;
                let lists = params.iter().map(|(name, values)| match values {
                    Values::List(list) => Some((name, list.as_slice())),
                    _ => None,
                });
                match lists.collect::<Option<Vec<_>>>() {
                    Some(lists) => {
                        let size = lists.iter().map(|(_, values)| values.len()).product();
                        let chosen = sample(size, n_iter, &mut random);
                        Self::collect(chosen.into_iter().map(|index| point(&lists, index)))
                    }
                    None => Self::collect((0..n_iter).map(|_| {
                        let draw = params
                            .iter()
                            .map(|(name, values)| (name.clone(), draw(values, &mut random)));
                        draw.collect()
                    })),
                }
            }
            Search::List { candidates } => Self::collect(candidates.iter().cloned()),
        }
    }

    fn collect(candidates: impl Iterator<Item = Params>) -> Self {
        let mut table = Self::default();
        let mut known: Vec<HashMap<String, u32>> = Vec::new();
        let mut rows: Vec<Vec<(usize, u32)>> = Vec::new();
        for candidate in candidates {
            let mut row = Vec::with_capacity(candidate.len());
            for (name, value) in candidate {
                let column = table.names.iter().position(|known| *known == name);
                let column = column.unwrap_or_else(|| {
                    table.names.push(name);
                    table.values.push(Vec::new());
                    known.push(HashMap::new());
                    table.names.len() - 1
                });
                // Text, because `1` and `1.0` are different values.
                let cell = match known[column].entry(value.to_string()) {
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(entry) => {
                        let index = u32::try_from(table.values[column].len());
                        table.values[column].push(value);
                        *entry.insert(index.expect("values fit in 32 bits"))
                    }
                };
                row.push((column, cell));
            }
            rows.push(row);
        }
        table.len = rows.len();
        table.cells = vec![ABSENT; table.len * table.names.len()];
        let mut order: Vec<usize> = (0..table.names.len()).collect();
        order.sort_unstable_by(|&a, &b| table.names[a].cmp(&table.names[b]));
        let mut place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        for (index, row) in rows.into_iter().enumerate() {
            for (column, cell) in row {
                table.cells[index * order.len() + place[column]] = cell;
            }
        }
        table.names = order.iter().map(|&old| table.names[old].clone()).collect();
        table.values = order
            .iter()
            .map(|&old| std::mem::take(&mut table.values[old]))
            .collect();
        table
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hyper-parameters that any candidate names, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Candidate `index`.
    pub fn get(&self, index: usize) -> Params {
        let named =
            self.names.iter().enumerate().filter_map(|(column, name)| {
                Some((name.clone(), self.cell(index, column)?.clone()))
            });
        named.collect()
    }

    /// The value that candidate `index` gives to `name`, where it names it.
    pub fn value(&self, index: usize, name: &str) -> Option<&Value> {
        let column = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name))
            .ok()?;
        self.cell(index, column)
    }

    /// What candidate `index` says of the hyper-parameters that `of` picks:
    /// equal keys, equal values.
    pub(super) fn key(&self, index: usize, of: impl Fn(&str) -> bool) -> Vec<u32> {
        let row = &self.cells[index * self.names.len()..][..self.names.len()];
        let picked = self.names.iter().zip(row).filter(|(name, _)| of(name));
        picked.map(|(_, &cell)| cell).collect()
    }

    fn cell(&self, index: usize, column: usize) -> Option<&Value> {
        let cell = self.cells[index * self.names.len() + column];
        (cell != ABSENT).then(|| &self.values[column][cell as usize])
    }
}

/// The values of a grid, which a checked plan has as lists.
fn list(values: &Values) -> &[Value] {
    match values {
        Values::List(list) => list,
        _ => &[],
    }
}

/// Point `index` of a grid: the last hyper-parameter varies fastest, as in
/// scikit-learn's `ParameterGrid`.
fn point(lists: &[(&String, &[Value])], mut index: usize) -> Params {
    let mut params = Params::new();
    for (name, values) in lists.iter().rev() {
        params.insert((*name).clone(), values[index % values.len()].clone());
        index /= values.len();
    }
    params
}

/// `n` distinct numbers below `size`, or all of them, in the order drawn.
fn sample(size: usize, n: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    // Floyd's method would need as many draws but not keep them in order.
    let mut seen = HashSet::new();
    let mut chosen = Vec::new();
    if n >= size / 2 {
        let mut all: Vec<usize> = (0..size).collect();
        for at in 0..n.min(size) {
            let other = at + below(size - at, random);
            all.swap(at, other);
        }
        all.truncate(n);
        return all;
    }
    while chosen.len() < n {
        let number = below(size, random);
        if seen.insert(number) {
            chosen.push(number);
        }
    }
    chosen
}

/// A number below `bound`, each as likely (Lemire 2019, with rejection).
fn below(bound: usize, random: &mut ChaCha8Rng) -> usize {
    let bound = bound as u64;
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let wide = u128::from(random.next_u64()) * u128::from(bound);
        if wide as u64 >= threshold {
            return (wide >> 64) as usize;
        }
    }
}

/// A number in `[0, 1)` with 53 random bits.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

fn draw(values: &Values, random: &mut ChaCha8Rng) -> Value {
    match values {
        Values::List(list) => list[below(list.len(), random)].clone(),
        Values::Uniform { low, high } => (low + unit(random) * (high - low)).into(),
        Values::LogUniform { low, high } => {
            let (low, high) = (low.ln(), high.ln());
            (low + unit(random) * (high - low)).exp().into()
        }
        Values::IntUniform { low, high } => {
            let count = high.wrapping_sub(*low) as usize + 1;
            low.wrapping_add(below(count, random) as i64).into()
        }
    }
}
