//! The two ways to search, and ties.

use fanout_sdk::matrix::Block;

use super::*;
use fanout_sdk::random::Random;

/// Rows of whole numbers, many of them equal.
fn matrix(rows: usize, columns: usize, levels: usize) -> Matrix {
    let mut random = Random::new(5);
    let column = |at: usize| {
        let mut values: Vec<f64> = (0..rows).map(|row| (row % levels) as f64).collect();
        random.shuffle(&mut values);
        Block::number(format!("x{at}"), values)
    };
    Matrix::new(rows, (0..columns).map(column).collect())
}

/// The nearest points by sorting all of them.
fn sorted(matrix: &Matrix, train: &[u32], row: u32, metric: Metric, count: usize) -> Vec<Neighbor> {
    let value = |column: usize, row: u32| matrix.column(column, &[row])[0];
    let sum = |&other: &u32| -> f64 {
        let columns = 0..matrix.columns();
        columns
            .map(|column| metric.term(value(column, other) - value(column, row)))
            .sum()
    };
    let mut all: Vec<Neighbor> = (0..)
        .zip(train)
        .map(|(point, other)| Neighbor {
            sum: sum(other),
            point,
        })
        .collect();
    all.sort_by(Neighbor::order);
    all.truncate(count);
    all
}

#[test]
fn a_tree_and_all_distances_find_the_first_of_equal_neighbors() {
    for (rows, columns, levels) in [(900, 2, 9), (900, 4, 400), (700, 3, 1), (60, 3, 5)] {
        let matrix = matrix(rows, columns, levels);
        let (test, train): (Vec<u32>, Vec<u32>) =
            matrix.all_rows().iter().partition(|row| *row % 13 == 0);
        assert_eq!(tree::is_worth_it(&matrix, train.len()), rows > 600);
        for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Minkowski(3.0)] {
            for count in [1, 7, 50] {
                let found = Index::new(&matrix, &train, metric).nearest(&matrix, &test, count);
                for (&row, found) in test.iter().zip(found.chunks_exact(count)) {
                    assert_eq!(found, sorted(&matrix, &train, row, metric, count));
                }
            }
        }
    }
}

#[test]
fn more_columns_than_a_tree_takes_are_searched_by_all_distances() {
    let matrix = matrix(700, 16, 30);
    let (test, train): (Vec<u32>, Vec<u32>) =
        matrix.all_rows().iter().partition(|row| *row % 50 == 0);
    assert!(!tree::is_worth_it(&matrix, train.len()));
    let index = Index::new(&matrix, &train, Metric::Euclidean);
    let found = index.nearest(&matrix, &test, 9);
    for (&row, found) in test.iter().zip(found.chunks_exact(9)) {
        assert_eq!(found, sorted(&matrix, &train, row, Metric::Euclidean, 9));
    }
}

#[test]
fn what_single_precision_drops_is_not_among_the_nearest() {
    const ROWS: usize = 600;
    let numbers = |number: &dyn Fn(f64, usize) -> f64| {
        let mut random = Random::new(11);
        let columns = (0..17).map(|at| {
            let mut shares: Vec<usize> = (0..ROWS).collect();
            random.shuffle(&mut shares);
            let shares = shares.into_iter().enumerate();
            let values = shares.map(|(row, share)| number(share as f64 / ROWS as f64, row));
            Block::number(format!("x{at}"), values.collect())
        });
        Matrix::new(ROWS, columns.collect())
    };
    let matrices = [
        ("far from 0", numbers(&|u, _| 1e9 + u)),
        ("tiny", numbers(&|u, _| 1e-200 * u)),
        ("huge", numbers(&|u, _| 1e160 * u)),
        ("clusters", numbers(&|u, row| 1e6 * (row % 3) as f64 + u)),
        (
            "an outlier",
            numbers(&|u, row| if row == 7 { 1e12 } else { u }),
        ),
        (
            "a far query",
            numbers(&|u, row| if row == 13 { 1e30 } else { u }),
        ),
        ("near ties", numbers(&|u, _| (4.0 * u).floor() + 1e-9 * u)),
        ("one place", numbers(&|_, _| 0.1)),
    ];
    for (what, matrix) in matrices {
        let (test, train): (Vec<u32>, Vec<u32>) =
            matrix.all_rows().iter().partition(|row| *row % 13 == 0);
        let index = Index::new(&matrix, &train, Metric::Euclidean);
        let found = index.nearest(&matrix, &test, 4);
        for (&row, found) in test.iter().zip(found.chunks_exact(4)) {
            let expected = sorted(&matrix, &train, row, Metric::Euclidean, 4);
            assert_eq!(found, expected, "{what}, row {row}");
        }
    }
}
