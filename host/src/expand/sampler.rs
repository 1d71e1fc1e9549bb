//! [`draw`]: random candidates. The generator is fixed and its numbers are made
//! here, so that a seed gives the same candidates in every version.

use std::collections::{BTreeMap, HashSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value as Json;

use super::candidates::CandidatesBuilder;
use crate::plan::{Values, rounded};
use crate::random::{below, shuffle};

/// Draws `n_iter` candidates and adds them to `builder`, which was made for the
/// names of `params`.
pub(super) fn draw(
    params: &BTreeMap<String, Values>,
    n_iter: usize,
    seed: u64,
    builder: &mut CandidatesBuilder,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let lists = params.iter().map(|(name, values)| match values {
        Values::List(values) => Some((name, values.as_slice())),
        _ => None,
    });
    let lists = lists.collect::<Option<Vec<_>>>();
    // `None` if the number of combinations overflows: then, two equal draws are
    // all but impossible.
    let size = |lists: &[(_, &[Json])]| {
        lists
            .iter()
            .try_fold(1usize, |size, (_, list)| size.checked_mul(list.len()))
    };
    if let Some(lists) = &lists
        && let Some(size) = size(lists)
    {
        let axes = builder.axes(lists.iter().copied());
        builder.add_points(
            &axes,
            distinct(size, n_iter.min(size), &mut rng).into_iter(),
        );
        return;
    }
    for _ in 0..n_iter {
        let candidate = params
            .iter()
            .map(|(name, values)| (name.clone(), draw_value(values, &mut rng)));
        builder.add(&candidate.collect());
    }
}

fn draw_value(values: &Values, rng: &mut ChaCha8Rng) -> Json {
    match *values {
        Values::List(ref values) => values[below(values.len() as u64, rng) as usize].clone(),
        Values::Uniform { low, high } => {
            let value = low + unit(rng) * (high - low);
            // Rounding may give the bound, which is excluded.
            if value < high { value } else { low }.into()
        }
        Values::LogUniform { low, high } => {
            let value = (low.ln() + unit(rng) * (high.ln() - low.ln())).exp();
            rounded(value).clamp(low, high).into()
        }
        Values::IntUniform { low, high } => {
            let span = high.wrapping_sub(low) as u64;
            let offset = if span == u64::MAX {
                rng.next_u64()
            } else {
                below(span + 1, rng)
            };
            low.wrapping_add(offset as i64).into()
        }
    }
}

/// `count` different numbers below `size`, in random order (Floyd's
/// algorithm: Bentley and Floyd, CACM 30(9), 1987).
fn distinct(size: usize, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut seen = HashSet::with_capacity(count);
    let mut drawn = Vec::with_capacity(count);
    for last in size - count..size {
        let number = below(last as u64 + 1, rng) as usize;
        let number = if seen.insert(number) { number } else { last };
        seen.insert(number);
        drawn.push(number);
    }
    // Floyd's algorithm gives a uniform set, but not a uniform order.
    shuffle(&mut drawn, rng);
    drawn
}

/// A uniform float in `[0, 1)`, a multiple of 2⁻⁵³.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expand::Candidates;
    use crate::plan::Search;

    fn search(params: &[(&str, Values)], n_iter: u32, random_state: u64) -> Candidates {
        let params = params
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.clone()))
            .collect();
        Candidates::of(&Search::Random {
            params,
            n_iter,
            random_state,
        })
    }

    fn list(values: std::ops::Range<u32>) -> Values {
        Values::List(values.map(Json::from).collect())
    }

    #[test]
    fn lists_alone_are_drawn_without_repetition_and_run_out() {
        let params = [("a", list(0..5)), ("b", list(0..7))];
        for n_iter in [1, 10, 35, 100] {
            let drawn = search(&params, n_iter, 1);
            let different: HashSet<String> = drawn
                .iter()
                .map(|params| json!(params).to_string())
                .collect();
            assert_eq!(drawn.len(), (n_iter as usize).min(35));
            assert_eq!(different.len(), drawn.len());
        }
    }

    #[test]
    fn a_seed_gives_the_same_candidates_in_every_version() {
        let params = [
            (
                "a",
                Values::Uniform {
                    low: 0.0,
                    high: 1.0,
                },
            ),
            (
                "b",
                Values::LogUniform {
                    low: 1e-3,
                    high: 1e3,
                },
            ),
            ("c", Values::IntUniform { low: -5, high: 5 }),
            ("d", Values::List(vec![json!("x"), json!(null)])),
        ];
        let drawn = search(&params, 2, 7);
        assert_eq!(drawn, search(&params, 2, 7));
        assert_ne!(drawn, search(&params, 2, 8));
        assert_eq!(
            Json::from_iter(drawn.iter().map(|params| json!(params))),
            json!([
                {"a": 0.15779609702061936, "b": 0.0101844170815, "c": 2, "d": null},
                {"a": 0.6012590152842842, "b": 0.143280211347, "c": -5, "d": null},
            ])
        );
    }

    #[test]
    fn numbers_are_uniform_within_their_bounds() {
        let drawn = search(&[("a", Values::IntUniform { low: 1, high: 6 })], 6000, 3);
        let mut counts = [0u32; 6];
        for params in drawn.iter() {
            counts[params["a"].as_u64().unwrap() as usize - 1] += 1;
        }
        // Six standard deviations: 6 × √(6000 × 1/6 × 5/6).
        assert!(
            counts.iter().all(|count| count.abs_diff(1000) < 174),
            "{counts:?}"
        );

        let drawn = search(
            &[(
                "a",
                Values::LogUniform {
                    low: 0.01,
                    high: 100.0,
                },
            )],
            1000,
            3,
        );
        let values: Vec<f64> = drawn
            .iter()
            .map(|params| params["a"].as_f64().unwrap())
            .collect();
        assert!(values.iter().all(|value| (0.01..=100.0).contains(value)));
        let small = values.iter().filter(|value| **value < 1.0).count();
        assert!(small.abs_diff(500) < 95, "{small}");
    }

    #[test]
    fn the_widest_bounds_do_not_overflow() {
        let drawn = search(
            &[(
                "a",
                Values::IntUniform {
                    low: i64::MIN,
                    high: i64::MAX,
                },
            )],
            100,
            0,
        );
        assert_eq!(drawn.len(), 100);
    }
}
