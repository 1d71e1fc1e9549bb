use std::time::Duration;

use fanout_contract::{Answer, CONTRACT, Scores};
use serde_json::json;

use super::super::example::{self, params};
use super::*;
use crate::digest::Digest;
use crate::expand::TaskSpec;
use crate::plan::ErrorScore;
use crate::reduce::Scoreboard;
use crate::task::Outcome;

#[test]
fn a_report_reads_like_this() {
    let example = example::report();
    let text = render(&example, Style::default());
    assert_eq!(
        text,
        "\
flights: random_forest, 6 candidates x 2 splits = 12 fits

rank  criterion         max_depth  max_samples          roc_auc         accuracy
   1  gini                      4            -  0.7750 ± 0.0250              nan
   2  gini                   null            -  0.7600 ± 0.0400  0.9700 ± 0.0000
   3  entropy, or \"lo…          2            -  0.7000 ± 0.0000  0.9600 ± 0.0000
   4  gini                      2            -  0.6625 ± 0.0375  0.9700 ± 0.0000
   5  entropy, or \"lo…          4            -              nan              nan
   5  -                         8          0.1              nan              nan

Best by roc_auc: 0.7750 ± 0.0250, with
  criterion     gini
  max_depth     4
  random_state  10  (fixed)
Baseline (dummy): roc_auc 0.5000, accuracy nan
On the hold-out rows: roc_auc 0.7571, accuracy nan

warning: the column `dep_delay` alone tells the target on 99.8 % of the rows;
  drop it if it is not known beforehand
warning: accuracy is not defined on the test rows of 1 fit

Failed: 2 fits of 12
  out of memory, 2 fits; from candidate 4 on split 1: the guest needed more than
    its 1 GiB of memory

Took 1.25 s, 2.40 s CPU, 118 MB peak memory
10 fits served by 4 made (2.5 each)
Results: results/flights
"
    );
}

/// The article's 25 candidates, two hyper-parameters, three metrics.
fn flights() -> Report {
    let mut example = example::report();
    let scoring = ["average_precision", "roc_auc", "accuracy"].map(str::to_owned);
    example.candidates = (0..25)
        .map(|i| params(json!({"max_depth": i / 5 * 2 + 2, "n_estimators": i % 5 * 2 + 2})))
        .collect();
    let mut board = Scoreboard::new(25, 3, &scoring, false, ErrorScore::Nan);
    for split in 0..3 {
        let scores = (0..25).map(|i| {
            let score = Some(0.6 + f64::from(i) / 200.0 + f64::from(split) / 1000.0);
            let test = scoring.iter().map(|name| (name.clone(), score)).collect();
            Scores {
                test,
                ..Scores::default()
            }
        });
        let answer = Answer {
            contract: CONTRACT,
            fits: 1,
            scores: scores.collect(),
        };
        let id = Digest::of(&[split as u8]);
        let task = TaskSpec {
            id,
            split,
            candidates: (0..25).collect(),
        };
        let wall = Duration::from_millis(700);
        board.record(
            &task,
            &Outcome {
                result: Ok(answer),
                wall,
                reused: split == 0,
            },
        );
    }
    example.results = board.finish();
    example.warnings.clear();
    example.plan.output = None;
    example
}

#[test]
fn the_ranking_metric_stands_first_and_others_give_way() {
    let example = flights();
    let report = Report {
        baseline: None,
        holdout: None,
        ..example
    };
    let text = render(&report, Style::default());
    assert_eq!(
        text,
        "\
flights: random_forest, 25 candidates x 3 splits = 75 fits

rank  max_depth  n_estimators          roc_auc  average_precision  accuracy
   1         10            10  0.7210 ± 0.0008             0.7210    0.7210
   2         10             8  0.7160 ± 0.0008             0.7160    0.7160
   3         10             6  0.7110 ± 0.0008             0.7110    0.7110
   4         10             4  0.7060 ± 0.0008             0.7060    0.7060
   5         10             2  0.7010 ± 0.0008             0.7010    0.7010
   6          8            10  0.6960 ± 0.0008             0.6960    0.6960
   7          8             8  0.6910 ± 0.0008             0.6910    0.6910
   8          8             6  0.6860 ± 0.0008             0.6860    0.6860
   9          8             4  0.6810 ± 0.0008             0.6810    0.6810
  10          8             2  0.6760 ± 0.0008             0.6760    0.6760
not shown: 15 other candidates

Best by roc_auc: 0.7210 ± 0.0008, with
  max_depth     10
  n_estimators  10
  random_state  10  (fixed)

Took 1.25 s, 2.40 s CPU, 118 MB peak memory
75 fits served by 3 made (25.0 each), 25 of them in an earlier run
--output DIR keeps the results of every candidate
"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for example in [example::report(), flights()] {
        for width in 40..120 {
            let text = render(
                &example,
                Style {
                    width,
                    color: false,
                },
            );
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            let header = text.lines().find(|line| line.starts_with("rank")).unwrap();
            assert!(header.contains("roc_auc"), "{width}: {header}");
            for name in ["average_precision", "accuracy"] {
                let metric = example.results.metric(name).is_some();
                assert!(
                    !metric || text.contains(name),
                    "{width}: {name} is not told of"
                );
            }
        }
    }
}

#[test]
fn colours_change_nothing_else() {
    let example = example::report();
    let plain = render(
        &example,
        Style {
            width: 80,
            color: false,
        },
    );
    let painted = render(
        &example,
        Style {
            width: 80,
            color: true,
        },
    );
    assert!(!plain.contains('\x1b'));
    assert!(painted.contains("\x1b[1;32m   1  gini "));
    let mut text = String::new();
    for part in painted.split('\x1b') {
        text.push_str(match part.strip_prefix('[') {
            Some(part) => part.split_once('m').unwrap().1,
            None => part,
        });
    }
    assert_eq!(text, plain);
}

#[test]
fn a_search_with_no_score_says_so() {
    let mut example = example::report();
    let scoring = example.plan.scoring.iter().map(|score| score.name.clone());
    let scoring: Vec<String> = scoring.collect();
    example.results = Scoreboard::new(6, 2, &scoring, false, ErrorScore::Nan).finish();
    let report = Report {
        holdout: None,
        warnings: Vec::new(),
        failure: None,
        ..example
    };
    let text = render(&report, Style::default());
    assert_eq!(
        text,
        "\
flights: random_forest, 6 candidates x 2 splits = 12 fits

rank  criterion         max_depth  max_samples  roc_auc  accuracy
   1  gini                      2            -      nan       nan
   1  gini                      4            -      nan       nan
   1  gini                   null            -      nan       nan
   1  entropy, or \"lo…          2            -      nan       nan
   1  entropy, or \"lo…          4            -      nan       nan
   1  -                         8          0.1      nan       nan

No candidate has a score by roc_auc on every split.

Took 1.25 s, 2.40 s CPU, 118 MB peak memory
Results: results/flights
"
    );
}

#[test]
fn a_value_is_clipped_by_its_width() {
    assert_eq!(clip("abcdef", 6), "abcdef");
    assert_eq!(clip("abcdefg", 6), "abcde…");
    assert_eq!(clip("日本語日本語", 6), "日本…");
}
