//! Times the operations of a design matrix of the size of the flights: 336,776 rows,
//! 6 columns of numbers and 350 one-hot columns of 6 categories.
//!
//! ```sh
//! cargo run --release --manifest-path guest/Cargo.toml -p fanout-sdk --example matrix_speed
//! ```
#![expect(clippy::print_stdout, reason = "it prints the times")]

use std::hint::black_box;
use std::time::Instant;

use fanout_sdk::contract::TaskStep;
use fanout_sdk::eigen::symmetric_eigen;
use fanout_sdk::matrix::{Block, CategoryColumn, ColumnIndex, Shared};
use fanout_sdk::pipeline::FitRows;
use fanout_sdk::{Matrix, Pipeline, StepCache, Target};

const ROWS: usize = 336_776;
const LEVELS: [u32; 6] = [12, 7, 16, 3, 105, 207];

/// Random numbers of a fixed seed.
fn draw(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    *state >> 33
}

/// The shortest time of five, in milliseconds.
fn time<T>(name: &str, run: impl Fn() -> T) -> T {
    let mut best = f64::INFINITY;
    let mut result = None;
    for _ in 0..5 {
        let start = Instant::now();
        result = Some(black_box(run()));
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("{name:32} {best:9.2} ms");
    result.expect("it ran")
}

fn main() {
    let state = &mut 1;
    let mut blocks: Vec<Block> = (0..6)
        .map(|column| {
            let values = (0..ROWS).map(|_| match draw(state) % 50 {
                0 => f64::NAN,
                _ => draw(state) as f64 / 1e9,
            });
            Block::number(format!("n{column}"), values.collect())
        })
        .collect();
    for (column, levels) in LEVELS.into_iter().enumerate() {
        let codes = (0..ROWS).map(|_| (draw(state) % u64::from(levels)) as u32);
        blocks.push(Block::Category(CategoryColumn {
            name: format!("c{column}"),
            labels: Shared::new((0..levels).map(|level| format!("{level:03}")).collect()),
            codes: codes.collect(),
        }));
    }
    let matrix = Matrix::new(ROWS, blocks);
    let classes = vec!["no".to_owned(), "yes".to_owned()];
    let target = Target::Classes {
        classes,
        codes: (0..ROWS).map(|_| (draw(state) % 2) as u32).collect(),
    };
    let (train, test): (Vec<u32>, Vec<u32>) = (0..ROWS as u32).partition(|row| row % 3 > 0);
    let fit = |steps: &str| {
        let steps: Vec<TaskStep> = serde_json::from_str(steps).expect("the steps are JSON");
        let rows = FitRows {
            key: "",
            target: &target,
            train: &train,
            test: &test,
            weights: None,
        };
        Pipeline::fit(&steps, &matrix, &rows, &mut StepCache::new(0))
            .expect("it can be fitted")
            .1
    };
    let prepared = time("impute, one-hot, scale", || {
        fit(
            r#"[{"name": "i", "step": "simple_imputer", "params": {"strategy": "median"}},
                {"name": "o", "step": "one_hot_encoder"},
                {"name": "s", "step": "standard_scaler"}]"#,
        )
    });
    let encoded = time("impute, target encoder", || {
        fit(r#"[{"name": "i", "step": "simple_imputer"},
                {"name": "t", "step": "target_encoder"}]"#)
    });
    println!(
        "{} columns, {:.1} MB; target encoded: {} columns",
        prepared.columns(),
        prepared.bytes() as f64 / 1e6,
        encoded.columns()
    );
    let taken = time("take the training rows", || prepared.take(&train));
    let all = taken.all_rows();
    let coefficients: Vec<f64> = (0..taken.columns()).map(|c| c as f64 * 1e-3).collect();
    let vector: Vec<f64> = (0..all.len()).map(|row| (row % 7) as f64 - 3.0).collect();
    time("X b", || taken.multiply(&all, &coefficients, 0.0));
    time("X b, rows of a list", || {
        prepared.multiply(&train, &coefficients, 0.0)
    });
    time("X'r", || taken.transposed_multiply(&all, &vector));
    time("X'r, rows of a list", || {
        prepared.transposed_multiply(&train, &vector)
    });
    let moments = time("means and variances", || taken.moments(&all, None));
    let means: Vec<f64> = moments.iter().map(|moments| moments.mean).collect();
    let weights = vec![0.25; all.len()];
    time("X'WX", || {
        taken.gram(&all, Some(&weights), &[&vector], Some(&means))
    });
    time("column index", || ColumnIndex::new(&taken).len());
    let dense: Vec<Block> = (0..64)
        .map(|column| {
            let values = (0..100_000).map(|_| draw(state) as f64 / 1e9).collect();
            Block::number(format!("d{column}"), values)
        })
        .collect();
    let dense = Matrix::new(100_000, dense);
    let all = dense.all_rows();
    time("X'X, dense, 100,000 x 64", || {
        dense.gram(&all, None, &[], None)
    });
    let size = 300;
    let mut symmetric = vec![0.0; size * size];
    for a in 0..size {
        for b in 0..=a {
            let x = draw(state) as f64 / 1e9;
            (symmetric[a * size + b], symmetric[b * size + a]) = (x, x);
        }
    }
    time("eigenvectors, 300 x 300", || {
        symmetric_eigen(&symmetric, size)
    });
}
