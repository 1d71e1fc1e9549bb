//! [`FindingsTable`]: what a run found beside its `cv_results`, as tables for files and
//! for JSON.
//!
//! `learning_curve`, a row for each size and estimator:
//!
//! | column | what |
//! | --- | --- |
//! | `train_size` | how many training rows, scikit-learn's `train_sizes_abs` |
//! | `trainer` | the estimator, where there are several |
//! | `mean_fit_time`, `std_fit_time` | seconds, over the splits |
//! | `split<i>_test_<metric>`, `mean_test_<metric>`, `std_test_<metric>` | for each metric; the same of `train` |
//!
//! `nested_cross_validation`, a row for each outer split:
//!
//! | column | what |
//! | --- | --- |
//! | `split` | the split of `cv` |
//! | `best_index`, `param_<name>` | its best candidate, scikit-learn's `best_index_` |
//! | `inner_<metric>` | the mean of that over the inner splits, `best_score_` for the metric of `refit` |
//! | `test_<metric>`, `train_<metric>` | its scores, fitted on all training rows of the split |
//!
//! `inner_results`, a row for each candidate in each outer split: `split`, and the columns
//! of `cv_results`.
//!
//! `permutation_test`, a row for each estimator:
//!
//! | column | what |
//! | --- | --- |
//! | `trainer` | the estimator, where there are several |
//! | `score_<metric>` | scikit-learn's `score`: the mean over the splits |
//! | `mean_permutation_<metric>`, `std_permutation_<metric>` | of the scores of the permutations |
//! | `pvalue_<metric>` | scikit-learn's `pvalue`; nothing where a score is not defined |
//!
//! `permutation_scores`, a row for each permutation and estimator:
//!
//! | column | what |
//! | --- | --- |
//! | `permutation` | its number, from 0 |
//! | `trainer` | the estimator, where there are several |
//! | `score_<metric>` | scikit-learn's `permutation_scores`: the mean over the splits |

use fanout_contract::Params;

use super::columns::{Column, Columns, Values};
use crate::expand::Candidates;
use crate::reduce::{
    Findings, MetricResults, OuterSplit, PermutationTest, PermutedScores, ScoreTable, SearchResults,
};

/// A table of values that belong together.
#[derive(Clone, Debug)]
pub struct FindingsTable {
    /// The name of its files.
    pub name: &'static str,
    /// The values that are no scores, by row.
    keys: Candidates,
    columns: Vec<(String, Content)>,
}

#[derive(Clone, Debug)]
enum Content {
    /// That key of the rows.
    Key,
    Floats(Vec<f64>),
}

/// A row of scores: what it is of, the results, and the candidate in these.
type Row<'r> = (Params, &'r SearchResults, usize);

impl FindingsTable {
    /// The tables of findings, the main one first.
    pub fn all(
        findings: &Findings,
        candidates: &Candidates,
        metrics: &[MetricResults],
    ) -> Vec<Self> {
        match findings {
            Findings::LearningCurve(points) => {
                let rows = points.iter().flat_map(|point| {
                    (0..point.results.candidates).map(|candidate| {
                        let mut key = candidates.get(candidate);
                        key.insert("train_size".to_owned(), point.train_size.into());
                        (key, &point.results, candidate)
                    })
                });
                let keys = ["train_size"].into_iter().map(str::to_owned);
                let keys = keys.chain(candidates.names().to_vec());
                vec![Self::of_scores("learning_curve", keys, rows.collect())]
            }
            Findings::Nested(outer) => vec![
                Self::of_outer(outer, candidates),
                Self::of_inner(outer, candidates),
            ],
            Findings::PermutationTest(tests) => vec![
                Self::of_tests(tests, candidates, metrics),
                Self::of_permutations(tests, candidates, metrics),
            ],
        }
    }

    fn of_tests(
        tests: &[PermutationTest],
        candidates: &Candidates,
        metrics: &[MetricResults],
    ) -> Self {
        let names = candidates.names().iter().cloned();
        let mut columns: Vec<(String, Content)> = names.map(|name| (name, Content::Key)).collect();
        for (index, metric) in metrics.iter().enumerate() {
            let mut add = |what: &str, of: &dyn Fn(&PermutedScores) -> f64| {
                let values = tests.iter().map(|test| of(&test.metrics[index]));
                let name = format!("{what}_{}", metric.name);
                columns.push((name, Content::Floats(values.collect())));
            };
            add("score", &|scores| scores.score);
            add("mean_permutation", &|scores| scores.mean_and_std().0);
            add("std_permutation", &|scores| scores.mean_and_std().1);
            add("pvalue", &PermutedScores::pvalue);
        }
        Self {
            name: "permutation_test",
            keys: candidates.clone(),
            columns,
        }
    }

    fn of_permutations(
        tests: &[PermutationTest],
        candidates: &Candidates,
        metrics: &[MetricResults],
    ) -> Self {
        let of = |test: &PermutationTest| {
            let first = test.metrics.first();
            first.map_or(0, |first| first.permutation_scores.len())
        };
        let count = tests.first().map_or(0, of);
        let rows = (0..count).flat_map(|permutation| {
            (0..tests.len()).map(move |candidate| (permutation, candidate))
        });
        let rows: Vec<(usize, usize)> = rows.collect();
        let keys = rows.iter().map(|&(permutation, candidate)| {
            let mut key = candidates.get(candidate);
            key.insert("permutation".to_owned(), permutation.into());
            key
        });
        let names = std::iter::once("permutation".to_owned());
        let names = names.chain(candidates.names().to_vec());
        let mut columns: Vec<(String, Content)> = names.map(|name| (name, Content::Key)).collect();
        for (index, metric) in metrics.iter().enumerate() {
            let scores = rows.iter().map(|&(permutation, candidate)| {
                tests[candidate].metrics[index].permutation_scores[permutation]
            });
            let name = format!("score_{}", metric.name);
            columns.push((name, Content::Floats(scores.collect())));
        }
        Self {
            name: "permutation_scores",
            keys: keys.collect(),
            columns,
        }
    }

    /// The columns.
    pub fn columns(&self) -> Columns<'_> {
        let columns = self.columns.iter().map(|(name, content)| Column {
            name: name.clone(),
            values: match content {
                Content::Key => Values::Param(name.clone(), &self.keys),
                Content::Floats(values) => Values::Floats(values),
            },
        });
        Columns::of(&self.keys, columns.collect())
    }

    fn of_outer(outer: &[OuterSplit], candidates: &Candidates) -> Self {
        let keys = outer.iter().enumerate().map(|(number, split)| {
            let mut key = split
                .best
                .map_or_else(Params::new, |best| named(candidates, best));
            key.insert("split".to_owned(), number.into());
            key.extend(
                split
                    .best
                    .map(|best| ("best_index".to_owned(), best.into())),
            );
            key
        });
        let names = candidates
            .names()
            .iter()
            .map(|name| format!("param_{name}"));
        let names = ["split", "best_index"]
            .into_iter()
            .map(str::to_owned)
            .chain(names);
        let mut columns: Vec<(String, Content)> = names.map(|name| (name, Content::Key)).collect();
        let metrics = outer.first().map_or(&[][..], |split| &split.inner.metrics);
        for (index, metric) in metrics.iter().enumerate() {
            let mut add = |what: &str, of: &dyn Fn(&OuterSplit) -> f64| {
                let values = outer.iter().map(of).collect();
                columns.push((format!("{what}_{}", metric.name), Content::Floats(values)));
            };
            let inner = |split: &OuterSplit| match split.best {
                Some(best) => split.inner.metrics[index].test.mean[best],
                None => f64::NAN,
            };
            add("inner", &inner);
            add("test", &|split| split.scores[index].test);
            if metric.train.is_some() {
                add("train", &|split| {
                    split.scores[index].train.unwrap_or(f64::NAN)
                });
            }
        }
        Self {
            name: "nested_cross_validation",
            keys: keys.collect(),
            columns,
        }
    }

    fn of_inner(outer: &[OuterSplit], candidates: &Candidates) -> Self {
        let rows = outer.iter().enumerate().flat_map(|(number, split)| {
            (0..split.inner.candidates).map(move |candidate| {
                let mut key = named(candidates, candidate);
                key.insert("split".to_owned(), number.into());
                for metric in &split.inner.metrics {
                    let rank = metric.rank[candidate];
                    key.insert(format!("rank_test_{}", metric.name), rank.into());
                }
                (key, &split.inner, candidate)
            })
        });
        let names = candidates
            .names()
            .iter()
            .map(|name| format!("param_{name}"));
        let ranks = outer.first().map_or(&[][..], |split| &split.inner.metrics);
        let ranks = ranks
            .iter()
            .map(|metric| format!("rank_test_{}", metric.name));
        let keys = std::iter::once("split".to_owned())
            .chain(names)
            .chain(ranks);
        Self::of_scores("inner_results", keys, rows.collect())
    }

    /// A table with the scores of each row on every split. Rows may have fewer splits than
    /// others.
    fn of_scores(
        name: &'static str,
        keys: impl Iterator<Item = String>,
        rows: Vec<Row<'_>>,
    ) -> Self {
        let mut columns: Vec<(String, Content)> = keys.map(|key| (key, Content::Key)).collect();
        let mut add = |name: String, of: &dyn Fn(&Row<'_>) -> f64| {
            let values = rows.iter().map(of).collect();
            columns.push((name, Content::Floats(values)));
        };
        add("mean_fit_time".to_owned(), &|(_, results, candidate)| {
            results.fit_time.mean[*candidate]
        });
        add("std_fit_time".to_owned(), &|(_, results, candidate)| {
            results.fit_time.std[*candidate]
        });
        let splits = rows.iter().map(|(_, results, _)| results.splits).max();
        let metrics = rows
            .first()
            .map_or(&[][..], |(_, results, _)| &results.metrics);
        for (index, metric) in metrics.iter().enumerate() {
            for what in ["test", "train"] {
                if what == "train" && metric.train.is_none() {
                    continue;
                }
                let mut add = |of: String, value: &dyn Fn(&ScoreTable, usize) -> f64| {
                    let value = |row: &Row<'_>| match scores(row, index, what) {
                        Some(table) => value(table, row.2),
                        None => f64::NAN,
                    };
                    let values = rows.iter().map(value).collect();
                    let name = format!("{of}_{what}_{}", metric.name);
                    columns.push((name, Content::Floats(values)));
                };
                for split in 0..splits.unwrap_or_default() {
                    add(format!("split{split}"), &|table, candidate| {
                        table.of(candidate).get(split).copied().unwrap_or(f64::NAN)
                    });
                }
                add("mean".to_owned(), &|table, candidate| table.mean[candidate]);
                add("std".to_owned(), &|table, candidate| table.std[candidate]);
            }
        }
        Self {
            name,
            keys: rows.into_iter().map(|(key, ..)| key).collect(),
            columns,
        }
    }
}

/// The scores of a row by a metric on its `test` or `train` rows.
fn scores<'r>(row: &Row<'r>, metric: usize, of: &str) -> Option<&'r ScoreTable> {
    let metric = &row.1.metrics[metric];
    match of {
        "test" => Some(&metric.test),
        _ => metric.train.as_ref(),
    }
}

/// A candidate, by the columns of `cv_results`.
fn named(candidates: &Candidates, candidate: usize) -> Params {
    let params = candidates.get(candidate).into_iter();
    params
        .map(|(name, value)| (format!("param_{name}"), value))
        .collect()
}
