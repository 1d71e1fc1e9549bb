//! Times a forest on data like those of the flights plan: two thirds of 336,776
//! rows, eleven features, one row in forty positive.
//!
//! `speed [TREES [DEPTH [ROUNDS]]]` prints the median and the minimum over the
//! rounds.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::time::Instant;

use fanout_sdk::{Fault, Prediction, Scorer};
use fanout_trees::forest::{self, TrainingSet};
use fanout_trees::{Bins, ForestParams};
use linfa::ParamGuard;

const ROWS: usize = 336_776;

struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Sums the predictions, so that none is optimised away.
#[derive(Default)]
struct Sum(f64);

impl Scorer for Sum {
    fn test(&mut self, _candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        if let Prediction::Binary(values) = prediction {
            self.0 += values.iter().sum::<f64>();
        }
        Ok(())
    }

    fn wants_train(&self) -> bool {
        false
    }

    fn train(&mut self, _candidate: usize, _prediction: Prediction<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

struct Flights {
    numbers: Vec<(&'static str, Vec<f64>)>,
    categories: Vec<(&'static str, Vec<String>, Vec<u32>)>,
    cancelled: Vec<u32>,
}

fn flights() -> Flights {
    let mut draws = Draws(1);
    let mut columns = vec![Vec::new(); 7];
    let mut codes = vec![Vec::new(); 4];
    let mut cancelled = Vec::with_capacity(ROWS);
    for row in 0..ROWS as u64 {
        let day = row * 365 / ROWS as u64;
        let departure = 500 + draws.below(1000) + draws.below(800);
        let carrier = draws.below(4) * draws.below(5);
        let (origin, destination) = (draws.below(3), draws.below(11) * draws.below(11));
        let distance = 80 + destination * 25 + origin * 7;
        let risk =
            8 + departure / 100 + (carrier % 5) * 6 + u64::from(day.is_multiple_of(61)) * 300;
        let values = [
            day / 31,
            day % 31,
            day % 7,
            departure,
            departure + distance / 8,
            draws.below(4000),
            distance,
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value as f64);
        }
        let values = [
            carrier,
            origin,
            destination,
            (origin * 110 + destination) % 224,
        ];
        for (column, value) in codes.iter_mut().zip(values) {
            column.push(value as u32);
        }
        cancelled.push(u32::from(draws.below(1000) < risk));
    }
    let names = [
        "month",
        "day",
        "dayofweek",
        "sched_dep",
        "sched_arr",
        "flight",
        "distance",
    ];
    let categories = [
        ("carrier", 16),
        ("origin", 3),
        ("dest", 105),
        ("route", 224),
    ];
    Flights {
        numbers: names.into_iter().zip(columns).collect(),
        categories: categories
            .into_iter()
            .zip(codes)
            .map(|((name, labels), codes)| {
                (
                    name,
                    (0..labels).map(|label| label.to_string()).collect(),
                    codes,
                )
            })
            .collect(),
        cancelled,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u32>());
    let trees = arguments.next().transpose()?.unwrap_or(10);
    let depth = arguments.next().transpose()?.unwrap_or(10);
    let rounds = arguments.next().transpose()?.unwrap_or(9);
    let flights = flights();

    let start = Instant::now();
    let mut bins = Bins::new(ROWS);
    for (name, values) in &flights.numbers {
        bins.push_numbers(name, values)?;
    }
    for (name, labels, codes) in &flights.categories {
        bins.push_categories(name, labels, codes)?;
    }
    println!("bins       {:7.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let (test, train): (Vec<u32>, Vec<u32>) = (0..ROWS as u32).partition(|row| row % 3 == 0);
    let labels = ["0".to_owned(), "1".to_owned()];
    let training = TrainingSet::classes(&labels, &flights.cancelled, &train);
    let depth = (depth > 0).then_some(depth);
    let params = ForestParams::random_forest()
        .n_estimators(trees)
        .max_depth(depth);
    let one = params.clone().check()?;
    let mut grid = Vec::new();
    for depth in [2, 4, 6, 8, 10] {
        for trees in [2, 4, 6, 8, 10] {
            grid.push(
                params
                    .clone()
                    .n_estimators(trees)
                    .max_depth(Some(depth))
                    .check()?,
            );
        }
    }
    let median = |name: &str, run: &mut dyn FnMut() -> Result<f64, forest::ForestError>| {
        let mut times = Vec::new();
        let mut sum = 0.0;
        for _ in 0..rounds {
            let start = Instant::now();
            sum = run()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{name} {:7.1} ms (least {:.1}) sum {sum:?}",
            times[times.len() / 2],
            times[0]
        );
        Ok::<_, forest::ForestError>(())
    };
    median("fit       ", &mut || {
        Ok(forest::fit(&bins, training, &one)?.trees() as f64)
    })?;
    median("one       ", &mut || {
        let mut sum = Sum::default();
        forest::evaluate(&bins, training, &test, std::slice::from_ref(&one), &mut sum)?;
        Ok(sum.0)
    })?;
    median("25 at once", &mut || {
        let mut sum = Sum::default();
        forest::evaluate(&bins, training, &test, &grid, &mut sum)?;
        Ok(sum.0)
    })?;
    Ok(())
}
