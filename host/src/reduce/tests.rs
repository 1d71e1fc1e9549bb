use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::digest::Digest;

fn task(split: usize, candidates: &[usize]) -> TaskSpec {
    TaskSpec {
        id: Digest::of(format!("{split} {candidates:?}").as_bytes()),
        split: split as u32,
        candidates: candidates
            .iter()
            .map(|&candidate| candidate as u32)
            .collect(),
    }
}

fn names(metrics: &[&str]) -> Vec<String> {
    metrics.iter().map(|&name| name.to_owned()).collect()
}

/// An answer of one metric `m`; the score of candidate 3 is 3 and so on,
/// if no other is given.
fn answer(fits: u32, scores: &[f64]) -> Outcome {
    let by = |score: f64| BTreeMap::from([("m".to_owned(), (!score.is_nan()).then_some(score))]);
    let scores = scores
        .iter()
        .map(|&score| Scores {
            test: by(score),
            train: by(score + 1.0),
            ..Scores::default()
        })
        .collect();
    Outcome {
        result: Ok(Answer {
            contract: fanout_contract::CONTRACT,
            fits,
            scores,
        }),
        wall: Duration::from_secs(6),
        reused: false,
    }
}

fn fault(fault: TaskFault) -> Outcome {
    Outcome {
        result: Err(fault),
        wall: Duration::from_secs(1),
        reused: false,
    }
}

/// Bit for bit, but for the sign of NaN.
fn same(a: f64, b: f64) -> bool {
    a.is_nan() && b.is_nan() || a == b
}

#[test]
fn means_deviations_and_ranks_are_those_of_scikit_learn() {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let float = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 20, "{}", cases.len());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let rows = case["scores"].as_array().unwrap();
        let splits = rows[0].as_array().unwrap().len();
        let error_score = match float(&case["error_score"]) {
            score if score.is_nan() => ErrorScore::Nan,
            score => ErrorScore::Value(score),
        };
        let mut board = Scoreboard::new(rows.len(), splits, &names(&["m"]), false, error_score);
        for (candidate, row) in rows.iter().enumerate() {
            for (split, cell) in row.as_array().unwrap().iter().enumerate() {
                let outcome = if cell == "fail" {
                    fault(TaskFault::StackOverflowed)
                } else {
                    answer(1, &[float(cell)])
                };
                board.record(&task(split, &[candidate]), &outcome);
            }
        }
        let best_so_far = board.best_so_far(0);
        let results = board.finish();
        let metric = &results.metrics[0];
        for candidate in 0..rows.len() {
            let mean = float(&case["mean"][candidate]);
            let std = float(&case["std"][candidate]);
            assert!(
                same(metric.test.mean[candidate], mean),
                "{name}: mean {candidate}"
            );
            assert!(
                same(metric.test.std[candidate], std),
                "{name}: std {candidate}"
            );
            assert_eq!(
                i64::from(metric.rank[candidate]),
                case["rank"][candidate].as_i64().unwrap(),
                "{name}: rank {candidate}"
            );
        }
        let best = results.best(0);
        let theirs = case["best"].as_u64().unwrap() as usize;
        assert_eq!(best.unwrap_or(0), theirs, "{name}");
        assert_eq!(
            best_so_far,
            best.map(|best| metric.test.mean[best]),
            "{name}"
        );
    }
}

#[test]
fn failures_are_counted_by_kind_whatever_came_first() {
    let trap = |message: &str| TaskFault::Trapped {
        message: message.to_owned(),
    };
    let tasks = [
        (task(1, &[0, 1]), fault(trap("late"))),
        (task(0, &[2]), fault(trap("early"))),
        (task(0, &[0, 1]), fault(TaskFault::OutOfMemory { limit: 9 })),
        (task(1, &[2]), answer(1, &[2.0])),
    ];
    let finish = |order: &[usize]| {
        let mut board = Scoreboard::new(3, 2, &names(&["m"]), false, ErrorScore::Value(-1.0));
        for &index in order {
            board.record(&tasks[index].0, &tasks[index].1);
        }
        board.finish()
    };
    let results = finish(&[0, 1, 2, 3]);
    assert_eq!(results.failures, finish(&[3, 2, 1, 0]).failures);
    assert_eq!(
        results.fit_counts,
        FitCounts {
            served: 1,
            made: 1,
            reused: 0,
            failed: 5
        }
    );
    let [memory, trapped] = &results.failures[..] else {
        panic!("{:?}", results.failures)
    };
    assert_eq!(
        (memory.kind, memory.tasks, memory.fits),
        ("out_of_memory", 1, 2)
    );
    assert_eq!(
        (trapped.kind, trapped.tasks, trapped.fits),
        ("trapped", 2, 3)
    );
    assert_eq!(trapped.example, trap("early"));
    assert_eq!(results.metrics[0].test.of(0), [-1.0, -1.0]);
    assert_eq!(results.metrics[0].test.of(2), [-1.0, 2.0]);
}

#[test]
fn a_family_shares_its_wall_time_and_counts_its_fits() {
    let mut board = Scoreboard::new(3, 1, &names(&["m"]), true, ErrorScore::Nan);
    let outcome = answer(1, &[0.5, f64::NAN, 0.25]);
    board.record(
        &task(0, &[0, 1, 2]),
        &Outcome {
            reused: true,
            ..outcome.clone()
        },
    );
    // Delivered twice, counted once.
    board.record(&task(0, &[0, 1, 2]), &outcome);
    assert_eq!(board.recorded(), 3);
    let results = board.finish();
    assert_eq!(results.fit_time.mean, [2.0; 3]);
    assert_eq!(results.fit_time.std, [0.0; 3]);
    assert_eq!(
        results.fit_counts,
        FitCounts {
            served: 3,
            made: 1,
            reused: 3,
            failed: 0
        }
    );
    assert_eq!(results.metrics[0].undefined, 1);
    assert_eq!(results.metrics[0].rank, [1, 3, 2]);
    assert_eq!(results.metrics[0].train.as_ref().unwrap().mean[2], 1.25);
    assert_eq!(results.ranking(0), [0, 2, 1]);
}

#[test]
fn an_answer_that_lacks_scores_is_a_failure() {
    for (metrics, train, scores) in [
        (names(&["m"]), false, vec![0.5]),
        (names(&["m", "other"]), false, vec![0.5, 0.5]),
    ] {
        let mut board = Scoreboard::new(2, 1, &metrics, train, ErrorScore::Nan);
        board.record(&task(0, &[0, 1]), &answer(1, &scores));
        let results = board.finish();
        assert_eq!(results.failures[0].kind, "malformed_answer");
        assert_eq!(results.fit_counts.failed, 2);
        assert_eq!(results.best(0), None);
    }
}

#[test]
fn what_was_never_recorded_has_no_score() {
    let mut board = Scoreboard::new(2, 2, &names(&["m"]), false, ErrorScore::Value(0.0));
    board.record(&task(0, &[0, 1]), &answer(2, &[0.5, 0.6]));
    assert_eq!(board.best_so_far(0), None);
    board.record(&task(1, &[0]), &answer(1, &[0.5]));
    assert_eq!(board.best_so_far(0), Some(0.5));
    let results = board.finish();
    assert_eq!(results.metrics[0].test.mean[0], 0.5);
    assert!(results.metrics[0].test.mean[1].is_nan());
    assert!(results.fit_time.mean[1].is_nan());
    assert_eq!(results.metrics[0].rank, [1, 2]);
    assert_eq!(
        results.metrics[0].test.on(0).collect::<Vec<_>>(),
        [0.5, 0.6]
    );
}

#[test]
fn a_hundred_thousand_candidates_stay_small() {
    let board = Scoreboard::new(100_000, 3, &names(&["a", "b"]), false, ErrorScore::Nan);
    let floats = board.times.len() + board.metrics.iter().map(|m| m.test.len()).sum::<usize>();
    let bytes = 8 * floats + 4 * board.pending.len();
    assert!(bytes < 20 * 100_000 * 3 * 2, "{bytes}");
}

/// The splits and the candidates of tasks.
type Tasks = Vec<(usize, Vec<usize>)>;

/// A table of scores and how its fits are cut into tasks.
fn searches() -> impl Strategy<Value = (Vec<Vec<f64>>, Tasks)> {
    let score = prop_oneof![
        4 => (0..20_i32).prop_map(|tenth| f64::from(tenth) / 10.0),
        1 => -1.0..1.0,
        1 => Just(f64::NAN),
    ];
    (1..12_usize, 1..5_usize).prop_flat_map(move |(candidates, splits)| {
        let table = prop::collection::vec(prop::collection::vec(score.clone(), splits), candidates);
        let cuts = prop::collection::vec(0..3_usize, candidates * splits);
        (
            table,
            cuts.prop_flat_map(move |cuts| {
                let mut tasks = Vec::new();
                for split in 0..splits {
                    for family in 0..3 {
                        let members: Vec<usize> = (0..candidates)
                            .filter(|c| cuts[c * splits + split] == family)
                            .collect();
                        if !members.is_empty() {
                            tasks.push((split, members));
                        }
                    }
                }
                Just(tasks).prop_shuffle()
            }),
        )
    })
}

proptest! {
    #[test]
    fn any_order_and_any_families_give_the_same_results((table, tasks) in searches()) {
        let (candidates, splits) = (table.len(), table[0].len());
        let mut board = Scoreboard::new(candidates, splits, &names(&["m"]), false, ErrorScore::Nan);
        let mut seen: Vec<Vec<bool>> = vec![vec![false; splits]; candidates];
        for (split, members) in &tasks {
            let scores: Vec<f64> = members.iter().map(|&member| table[member][*split]).collect();
            board.record(&task(*split, members), &answer(1, &scores));
            members.iter().for_each(|&member| seen[member][*split] = true);
            // The best so far, by going through everything.
            let best = (0..candidates)
                .filter(|&candidate| seen[candidate].iter().all(|&seen| seen))
                .map(|candidate| table[candidate].iter().sum::<f64>() / splits as f64)
                .filter(|mean| !mean.is_nan())
                .reduce(f64::max);
            prop_assert_eq!(board.best_so_far(0), best);
        }
        let results = board.finish();
        let metric = &results.metrics[0];
        for (candidate, row) in table.iter().enumerate() {
            let mean = row.iter().sum::<f64>() / splits as f64;
            prop_assert!(same(metric.test.mean[candidate], mean));
            let square = row.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
            let std = (square / splits as f64).sqrt();
            prop_assert!(std.is_nan() || (metric.test.std[candidate] - std).abs() < 1e-15);
            // A rank is one more than how many do better.
            let all_nan = metric.test.mean.iter().all(|mean| mean.is_nan());
            let better = metric.test.mean.iter().filter(|&&other| {
                if mean.is_nan() { !other.is_nan() } else { other > mean }
            });
            let rank = if all_nan { 1 } else { 1 + better.count() };
            prop_assert_eq!(metric.rank[candidate] as usize, rank);
        }
        prop_assert_eq!(results.fit_counts.served, candidates * splits);
        prop_assert_eq!(results.fit_counts.made, tasks.len());
    }
}
