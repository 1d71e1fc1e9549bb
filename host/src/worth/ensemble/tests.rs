//! Against scikit-learn, and an implementation of greedy selection in Python: `vectors.py`
//! writes the expected values.

use std::sync::LazyLock;

use fanout_contract::Score;
use fanout_sdk::{PredictionBuf, PredictionValues, Target};
use serde::Deserialize;

use super::super::assessment::Scoring;
use super::super::rows::PredictedRows;
use super::combine::predictions;
use super::{Library, Member, Members, vote};
use crate::model::Votes;
use crate::numpy;
use crate::task::Cancel;

#[derive(Deserialize)]
struct Vectors {
    votes: Vec<VoteCase>,
    selections: Vec<SelectionCase>,
}

#[derive(Deserialize)]
struct VoteCase {
    classes: usize,
    weights: Vec<f64>,
    members: Vec<Vec<f64>>,
    probabilities: Vec<f64>,
    #[serde(default)]
    soft: Vec<u32>,
    #[serde(default)]
    hard: Vec<u32>,
}

#[derive(Deserialize)]
struct SelectionCase {
    metric: String,
    classes: usize,
    truth: Vec<u32>,
    rows: Vec<u32>,
    ends: Vec<usize>,
    library: Vec<Vec<f64>>,
    selected: Vec<Selected>,
}

#[derive(Deserialize)]
struct Selected {
    size: u32,
    score: f64,
    counts: Vec<u32>,
}

static VECTORS: LazyLock<Vectors> =
    LazyLock::new(|| serde_json::from_str(include_str!("vectors.json")).unwrap());

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Rows of classes, or of numbers, as a member predicts them.
fn rows_of(truth: &Target, rows: Vec<u32>, splits: Vec<u32>, table: &[f64]) -> PredictedRows {
    let classes = truth.classes();
    PredictedRows {
        rows,
        splits,
        target: truth.clone(),
        weights: None,
        predicted: PredictionBuf {
            classes: classes.to_vec(),
            values: predictions(table.to_vec(), classes.len()),
        },
    }
}

fn close(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-12)
}

#[test]
fn votes_are_those_of_scikit_learn() {
    for case in &VECTORS.votes {
        let count = case.members[0].len() / super::combine::width(case.classes);
        let truth = match case.classes {
            0 => Target::Numbers(vec![0.0; count]),
            classes => Target::Classes {
                classes: names(classes),
                codes: vec![0; count],
            },
        };
        let rows: Vec<u32> = (0..count as u32).collect();
        let members = case
            .members
            .iter()
            .zip(&case.weights)
            .map(|(table, weight)| {
                let rows = rows_of(&truth, rows.clone(), vec![0; count], table);
                (rows, *weight)
            });
        let members: Vec<(PredictedRows, f64)> = members.collect();
        let mean = vote(&members, Votes::Mean).unwrap().unwrap();
        match &mean.predicted.values {
            PredictionValues::Numbers(own)
            | PredictionValues::Binary(own)
            | PredictionValues::Multiclass(own) => assert!(close(own, &case.probabilities)),
            other => panic!("{other:?}"),
        }
        let classes = |rows: &PredictedRows| rows.prediction().classes(case.classes).to_vec();
        assert_eq!(classes(&mean), case.soft);
        let most = vote(&members, Votes::Majority).unwrap().unwrap();
        match case.classes {
            // Numbers have no majority.
            0 => assert_eq!(classes(&most), [0; 0]),
            _ => assert_eq!(classes(&most), case.hard),
        }
    }
}

fn library(case: &SelectionCase) -> Library {
    let truth = Target::Classes {
        classes: names(case.classes),
        codes: case.truth.clone(),
    };
    let split = |place: usize| case.ends.iter().filter(|end| **end <= place).count() as u32;
    let splits: Vec<u32> = (0..case.rows.len()).map(split).collect();
    let rows = |table: &Vec<f64>| rows_of(&truth, case.rows.clone(), splits.clone(), table);
    let mut library = Library::new(0, 0, rows(&case.library[0]), Votes::Mean).unwrap();
    for (index, table) in case.library.iter().enumerate().skip(1) {
        library.add(index, index, &rows(table)).unwrap();
    }
    library
}

#[test]
fn greedy_selection_takes_the_members_of_another_implementation() {
    for case in &VECTORS.selections {
        let library = library(case);
        let scores: Vec<Score> = vec![case.metric.as_str().into()];
        let scoring = Scoring {
            scores: &scores,
            positive: None,
        };
        for selected in &case.selected {
            let members = Members::Greedy {
                size: selected.size,
            };
            let cancel = Cancel::default();
            let found = library.ensemble("greedy", &members, &case.metric, scoring, &cancel);
            let found = found.unwrap().unwrap();
            let counts = selected
                .counts
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0);
            let expected: Vec<Member> = counts
                .map(|(candidate, count)| Member {
                    candidate,
                    weight: f64::from(*count),
                })
                .collect();
            assert_eq!(found.members, expected, "{} {}", case.metric, selected.size);
            let own = &found.scores[&case.metric];
            assert!((own.mean.unwrap() - selected.score).abs() < 1e-12);
            let gain = found.gain.score.unwrap();
            assert!(gain >= 0.0, "it is never worse where it was selected");
            let interval = (found.gain.low.unwrap(), found.gain.high.unwrap());
            assert!(interval.0 <= gain && gain <= interval.1, "{interval:?}");
            if selected.size == 1 {
                assert_eq!((gain, interval), (0.0, (0.0, 0.0)));
            }
        }
    }
}

#[test]
fn what_is_left_out_is_scored_by_what_others_select() {
    let case = &VECTORS.selections[0];
    let scores: Vec<Score> = vec![case.metric.as_str().into()];
    let scoring = Scoring {
        scores: &scores,
        positive: None,
    };
    let cancel = Cancel::default();
    let members = Members::Greedy { size: 20 };
    let whole = library(case).ensemble("greedy", &members, &case.metric, scoring, &cancel);
    let left_out = whole.unwrap().unwrap().left_out.unwrap();
    assert_eq!(left_out.parts, 4);
    // By hand: the library without a split selects; its members are scored on that split.
    for split in 0..case.ends.len() {
        let start = if split == 0 { 0 } else { case.ends[split - 1] };
        let own = start..case.ends[split];
        let keep = |values: &[f64]| -> Vec<f64> {
            let rows = values.chunks(case.classes).enumerate();
            let kept = rows.filter(|(row, _)| !own.contains(row));
            kept.flat_map(|(_, row)| row.to_vec()).collect()
        };
        let others = |values: &[u32]| -> Vec<u32> {
            let rows = values
                .iter()
                .enumerate()
                .filter(|(row, _)| !own.contains(row));
            rows.map(|(_, value)| *value).collect()
        };
        let without = SelectionCase {
            metric: case.metric.clone(),
            classes: case.classes,
            truth: others(&case.truth),
            rows: others(&case.rows),
            ends: (case.ends.iter().enumerate())
                .filter(|(other, _)| *other != split)
                .map(|(other, end)| if other > split { end - own.len() } else { *end })
                .collect(),
            library: case.library.iter().map(|table| keep(table)).collect(),
            selected: Vec::new(),
        };
        let found = self::library(&without);
        let found = found.ensemble("greedy", &members, &case.metric, scoring, &cancel);
        let found = found.unwrap().unwrap();
        let blend = |row: usize| -> usize {
            let sum = |class: usize| -> f64 {
                let members = found.members.iter();
                let of = |member: &Member| {
                    member.weight * case.library[member.candidate][row * case.classes + class]
                };
                members.map(of).sum()
            };
            (0..case.classes).fold(
                0,
                |best, class| if sum(class) > sum(best) { class } else { best },
            )
        };
        let right = own
            .clone()
            .filter(|row| blend(*row) as u32 == case.truth[*row])
            .count();
        let expected = right as f64 / own.len() as f64;
        let scored = left_out.scores[&case.metric].splits[split].unwrap();
        assert!(
            (scored - expected).abs() < 1e-12,
            "split {split}: {scored} {expected}"
        );
    }
    let mean = |of: &super::SplitScores| {
        let splits: Vec<f64> = of.splits.iter().map(|score| score.unwrap()).collect();
        numpy::mean(&splits)
    };
    let gain = mean(&left_out.scores[&case.metric]) - mean(&left_out.best_candidate[&case.metric]);
    assert!((left_out.gain.score.unwrap() - gain).abs() < 1e-12);
}

#[test]
fn a_vote_has_the_best_of_each_trainer_or_the_best_of_all() {
    let case = &VECTORS.selections[1];
    let scores: Vec<Score> = vec![case.metric.as_str().into(), "accuracy".into()];
    let scoring = Scoring {
        scores: &scores,
        positive: None,
    };
    let cancel = Cancel::default();
    let library = library(case);
    let of = |members: &Members| {
        let found = library.ensemble("voting", members, &case.metric, scoring, &cancel);
        found.unwrap().unwrap()
    };
    // The library has a trainer of each candidate.
    let all = of(&Members::BestPerTrainer { weights: vec![] });
    let candidates: Vec<usize> = all.members.iter().map(|member| member.candidate).collect();
    assert_eq!(candidates, (0..case.library.len()).collect::<Vec<_>>());
    assert_eq!(
        all.scores.keys().collect::<Vec<_>>(),
        ["accuracy", "neg_log_loss"]
    );
    let best = of(&Members::Best {
        count: 2,
        weights: vec![3.0, 1.0],
    });
    assert_eq!(best.members[0].candidate, best.best_candidate);
    assert_eq!(best.members[0].weight, 3.0);
    let wanted = Members::Best {
        count: 99,
        weights: vec![],
    };
    let none = library.ensemble("voting", &wanted, &case.metric, scoring, &cancel);
    assert_eq!(none.unwrap(), None);
}

#[test]
fn a_plan_names_members_whatever_their_scores() {
    let case = &VECTORS.selections[1];
    let scores: Vec<Score> = vec![case.metric.as_str().into()];
    let scoring = Scoring {
        scores: &scores,
        positive: None,
    };
    let cancel = Cancel::default();
    let library = library(case);
    let of = |candidates: Vec<usize>, weights: Vec<f64>| {
        let members = Members::Named {
            candidates,
            weights,
        };
        let found = library.ensemble("voting", &members, &case.metric, scoring, &cancel);
        found.unwrap()
    };
    let found = of(vec![2, 0], vec![1.0, 3.0]).unwrap();
    assert!(found.named);
    let expected = [(2, 1.0), (0, 3.0)].map(|(candidate, weight)| Member { candidate, weight });
    assert_eq!(found.members, expected);
    // They are the same on every split, so that what is left out scores as the whole.
    let left_out = found.left_out.unwrap();
    assert_eq!(left_out.scores, found.scores);
    assert_eq!(of(vec![0, 99], vec![]), None);
}
