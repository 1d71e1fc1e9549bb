//! Every operation against a naive dense one, on random matrices.

use proptest::prelude::*;

use super::*;

/// The levels of a coded block.
const LEVELS: u32 = 5;

/// A matrix with columns of numbers and scaled coded blocks, some of whose levels
/// have no column or share one.
fn matrices() -> impl Strategy<Value = Matrix> {
    let number = |rows| {
        prop::collection::vec(-10.0..10.0, rows).prop_map(|values| Block::number("n", values))
    };
    let coded = |rows| {
        let column_of = prop::collection::vec(prop_oneof![Just(CodedBlock::NONE), 0u32..3], 5);
        let codes = prop::collection::vec(0..LEVELS, rows);
        let scales = prop::collection::vec((-2.0..2.0, -2.0..2.0), 3);
        (codes, column_of, scales).prop_map(|(codes, column_of, scales)| {
            let columns = scales.into_iter().map(|(offset, scale)| CodedColumn {
                name: "c".to_owned(),
                offset,
                scale,
            });
            let codes = Codes::new(LEVELS as usize, codes.into_iter());
            Block::Coded(CodedBlock::new(codes, column_of, columns.collect()))
        })
    };
    (1..600usize).prop_flat_map(move |rows| {
        let block = prop_oneof![number(rows), coded(rows)];
        prop::collection::vec(block, 1..9).prop_map(move |blocks| Matrix::new(rows, blocks))
    })
}

/// A matrix, some of its rows, a weight and a target for each.
fn cases() -> impl Strategy<Value = (Matrix, Vec<u32>, Vec<f64>, Vec<f64>)> {
    matrices().prop_flat_map(|matrix| {
        let all = matrix.all_rows();
        let last = matrix.rows() as u32;
        let some = prop::collection::vec(0..last, 1..700);
        let rows = prop_oneof![Just(all), some];
        (Just(matrix), rows).prop_flat_map(|(matrix, rows)| {
            let weights = prop::collection::vec(0.0..3.0, rows.len());
            let target = prop::collection::vec(-1.0..1.0, rows.len());
            (Just(matrix), Just(rows), weights, target)
        })
    })
}

/// By row of `rows`: the values of all columns.
fn naive(matrix: &Matrix, rows: &[u32]) -> Vec<Vec<f64>> {
    let value = |block: &Block, column: usize, row: usize| match block {
        Block::Number(number) => number.values.get(row),
        Block::Category(_) => unreachable!("no categories here"),
        Block::Coded(block) => {
            let level = block.codes().get(row) as usize;
            let CodedColumn { offset, scale, .. } = block.columns()[column];
            offset
                + if block.column_of()[level] == column as u32 {
                    scale
                } else {
                    0.0
                }
        }
    };
    let row = |&row: &u32| {
        let places = matrix.places().into_iter();
        places
            .map(|place| value(&matrix.blocks[place.block], place.column, row as usize))
            .collect()
    };
    rows.iter().map(row).collect()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{found} is not near {expected}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_are_those_of_a_dense_matrix((matrix, rows, weights, target) in cases()) {
        let dense = naive(&matrix, &rows);
        let columns = matrix.columns();
        let coefficients: Vec<f64> = (0..columns).map(|c| c as f64 * 0.3 - 1.0).collect();
        let found = matrix.multiply(&rows, &coefficients, 0.5);
        for (found, row) in found.into_iter().zip(&dense) {
            let expected: f64 = row.iter().zip(&coefficients).map(|(x, b)| x * b).sum();
            assert_near(found, expected + 0.5);
        }
        let found = matrix.transposed_multiply(&rows, &target);
        for (column, found) in found.into_iter().enumerate() {
            let expected: f64 = dense.iter().zip(&target).map(|(row, y)| row[column] * y).sum();
            assert_near(found, expected);
        }
        let other: Vec<f64> = coefficients.iter().map(|b| b * b).collect();
        let mut many = [vec![0.5; rows.len()], vec![0.25; rows.len()]];
        let [first, second] = &mut many;
        matrix.multiply_add_many(&rows, &[&coefficients, &other], &mut [first, second]);
        prop_assert_eq!(&many[0], &matrix.multiply(&rows, &coefficients, 0.5));
        prop_assert_eq!(&many[1], &matrix.multiply(&rows, &other, 0.25));
        let many = matrix.transposed_multiply_many(&rows, &[&weights, &target]);
        prop_assert_eq!(&many[0], &matrix.transposed_multiply(&rows, &weights));
        prop_assert_eq!(&many[1], &matrix.transposed_multiply(&rows, &target));
        let mut gathered = vec![0.0; rows.len() * columns];
        matrix.gather(&rows, &mut gathered);
        prop_assert_eq!(&gathered, &dense.concat());
        for (found, row) in matrix.squared_norms(&rows).into_iter().zip(&dense) {
            assert_near(found, row.iter().map(|x| x * x).sum());
        }
        for column in 0..columns {
            let expected: Vec<f64> = dense.iter().map(|row| row[column]).collect();
            prop_assert_eq!(matrix.column(column, &rows), expected);
        }
        for (column, moments) in matrix.moments(&rows, Some(&weights)).into_iter().enumerate() {
            let total: f64 = weights.iter().sum();
            let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
                dense.iter().zip(&weights).map(|(row, w)| w * f(row[column])).sum()
            };
            let mean = sum(&|x| x) / total;
            assert_near(moments.weight, total);
            if total > 1e-6 {
                assert_near(moments.mean, mean);
                assert_near(moments.variance, sum(&|x| (x - mean) * (x - mean)) / total);
            }
        }
    }

    #[test]
    fn the_gram_matrix_is_that_of_a_dense_matrix((matrix, rows, weights, target) in cases()) {
        let dense = naive(&matrix, &rows);
        let columns = matrix.columns();
        let shift: Vec<f64> = (0..columns).map(|c| c as f64 * 0.1).collect();
        let other: Vec<f64> = target.iter().map(|y| y * y).collect();
        for is_shifted in [false, true] {
            for weights in [None, Some(weights.as_slice())] {
                let gram = matrix.gram(
                    &rows,
                    weights,
                    &[&target, &other],
                    is_shifted.then_some(shift.as_slice()),
                );
                let x = |row: usize, c: usize| {
                    dense[row][c] - if is_shifted { shift[c] } else { 0.0 }
                };
                let sum = |f: &dyn Fn(usize) -> f64| -> f64 {
                    (0..rows.len()).map(|row| weights.map_or(1.0, |w| w[row]) * f(row)).sum()
                };
                assert_near(gram.weight, sum(&|_| 1.0));
                assert_near(gram.target_sums[1], sum(&|row| other[row]));
                assert_near(gram.target_squares[0], sum(&|row| other[row]));
                for a in 0..columns {
                    assert_near(gram.sums[a], sum(&|row| x(row, a)));
                    assert_near(gram.target_products[0][a], sum(&|row| x(row, a) * target[row]));
                    assert_near(gram.target_products[1][a], sum(&|row| x(row, a) * other[row]));
                    for b in 0..columns {
                        assert_near(gram.get(a, b), sum(&|row| x(row, a) * x(row, b)));
                        prop_assert_eq!(gram.get(a, b).to_bits(), gram.get(b, a).to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn the_centred_gram_matrix_is_that_about_the_means((matrix, rows, weights, target) in cases()) {
        // Far from 0, where products about it would lose most of their digits.
        let far = |block: &Block| match block {
            Block::Number(column) => {
                Block::number("n", column.values.iter().map(|x| x + 1e6).collect())
            }
            other => other.clone(),
        };
        let matrix = Matrix::new(matrix.rows(), matrix.blocks().iter().map(far).collect());
        let target: Vec<f64> = target.iter().map(|y| y - 1e5).collect();
        for weights in [None, Some(weights.as_slice())] {
            let moments = matrix.moments(&rows, weights);
            let found = matrix.centred_gram(&rows, weights, &[&target]);
            let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
            let total: f64 = (0..rows.len()).map(weight).sum();
            if total < 1e-3 {
                continue;
            }
            let sum: f64 = (0..rows.len()).map(|row| weight(row) * target[row]).sum();
            assert_near(found.target_means[0], sum / total);
            let target: Vec<f64> = target.iter().map(|y| y - sum / total).collect();
            let means: Vec<f64> = moments.iter().map(|moments| moments.mean).collect();
            let expected = matrix.gram(&rows, weights, &[&target], Some(&means));
            let near = |found: f64, expected: f64| {
                (found - expected).abs() <= 1e-7 * expected.abs().max(1.0)
            };
            for (column, mean) in means.iter().enumerate() {
                assert_near(found.means[column], *mean);
                let found_product = found.gram.target_products[0][column];
                assert!(near(found_product, expected.target_products[0][column]));
                for other in 0..matrix.columns() {
                    assert!(near(found.gram.get(column, other), expected.get(column, other)));
                }
            }
            assert!(near(found.gram.target_squares[0], expected.target_squares[0]));
        }
    }

    #[test]
    fn rows_taken_out_give_the_same_bits((matrix, rows, weights, target) in cases()) {
        let taken = matrix.take(&rows);
        let all = taken.all_rows();
        let coefficients: Vec<f64> = (0..matrix.columns()).map(|c| c as f64 - 2.0).collect();
        prop_assert_eq!(
            taken.multiply(&all, &coefficients, 1.0),
            matrix.multiply(&rows, &coefficients, 1.0)
        );
        prop_assert_eq!(
            taken.transposed_multiply(&all, &target),
            matrix.transposed_multiply(&rows, &target)
        );
        prop_assert_eq!(
            taken.gram(&all, Some(&weights), &[&target], None),
            matrix.gram(&rows, Some(&weights), &[&target], None)
        );
        prop_assert_eq!(
            taken.centred_gram(&all, None, &[&target]),
            matrix.centred_gram(&rows, None, &[&target])
        );
        prop_assert_eq!(taken.moments(&all, None), matrix.moments(&rows, None));
        let index = ColumnIndex::new(&taken);
        let sum = target.iter().sum();
        let products = matrix.transposed_multiply(&rows, &target);
        let mut added = vec![0.0; rows.len()];
        let mut constant = 0.0;
        for (column, product) in products.into_iter().enumerate() {
            assert_near(index.get(column).dot(&target, sum), product);
            constant += index.get(column).add_to(coefficients[column], &mut added);
            let gram = matrix.select(&[column]).gram(&rows, Some(&weights), &[], None);
            let squares = index.get(column).weighted_squares(&weights, weights.iter().sum());
            assert_near(squares, gram.get(0, 0));
        }
        let products = matrix.multiply(&rows, &coefficients, 0.0);
        for (added, product) in added.into_iter().zip(products) {
            assert_near(added + constant, product);
        }
    }

    #[test]
    fn selected_columns_keep_their_values((matrix, rows, _, _) in cases(), seed in any::<u64>()) {
        let dense = naive(&matrix, &rows);
        // Some columns in some order, some of them twice.
        let columns = matrix.columns() as u64;
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) % columns) as usize
        };
        let selected: Vec<usize> = (0..columns).map(|_| draw()).collect();
        let chosen = matrix.select(&selected);
        prop_assert_eq!(chosen.columns(), selected.len());
        let expected: Vec<Vec<f64>> = dense
            .iter()
            .map(|row| selected.iter().map(|&column| row[column]).collect())
            .collect();
        prop_assert_eq!(naive(&chosen, &rows), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nine blocks of five levels take three joined blocks.
    #[test]
    fn joined_products_are_those_of_the_matrix(
        (matrix, shares) in matrices().prop_flat_map(|matrix| {
            let shares = prop::collection::vec(-1.0..1.0, 2 * (matrix.columns() + matrix.rows()));
            (Just(matrix), shares)
        })
    ) {
        let rows = matrix.all_rows();
        let joined = Joined::new(&matrix);
        let (coefficients, vectors) = shares.split_at(2 * matrix.columns());
        let [a, b] = [0, 1].map(|at| &coefficients[at * matrix.columns()..][..matrix.columns()]);
        let mut out = [vec![0.5; rows.len()], vec![0.0; rows.len()]];
        let [first, second] = &mut out;
        joined.multiply_add_many(&[a, b], &mut [first, second]);
        for (found, (coefficients, intercept)) in out.iter().zip([(a, 0.5), (b, 0.0)]) {
            let expected = matrix.multiply(&rows, coefficients, intercept);
            found.iter().zip(expected).for_each(|(f, e)| assert_near(*f, e));
        }
        let vectors: Vec<&[f64]> = vectors.chunks_exact(rows.len()).collect();
        for (vector, found) in vectors.iter().zip(joined.transposed_multiply_many(&vectors)) {
            let expected = matrix.transposed_multiply(&rows, vector);
            found.iter().zip(expected).for_each(|(f, e)| assert_near(*f, e));
        }
    }
}

#[test]
fn missing_values_are_skipped_by_moments() {
    let matrix = Matrix::new(4, vec![Block::number("a", vec![1.0, f64::NAN, 3.0, 100.0])]);
    let moments = matrix.moments(&[0, 1, 2], Some(&[1.0, 5.0, 3.0]))[0];
    assert_eq!(moments.weight, 4.0);
    assert_eq!(moments.mean, 2.5);
    assert_eq!(moments.variance, 0.75);
}

#[test]
fn flights_with_350_one_hot_columns_take_tens_of_megabytes() {
    let rows = 336_776;
    let coded = |levels: u32| {
        let columns = (0..levels).map(|level| CodedColumn {
            name: level.to_string(),
            offset: 0.0,
            scale: 1.0,
        });
        let codes = Codes::new(levels as usize, (0..rows as u32).map(|row| row % levels));
        Block::Coded(CodedBlock::new(
            codes,
            (0..levels).collect(),
            columns.collect(),
        ))
    };
    let mut blocks: Vec<Block> = [12, 31, 7, 24, 16, 3, 107, 150].map(coded).into();
    blocks.extend((0..5).map(|n| Block::number(n.to_string(), vec![1.0; rows])));
    let matrix = Matrix::new(rows, blocks);
    assert_eq!(matrix.columns(), 355);
    assert_eq!(matrix.bytes(), rows * (8 + 5 * 8));
    assert!(matrix.bytes() < 17_000_000);
}

#[test]
fn a_serialised_matrix_is_the_same() {
    let matrix = Matrix::new(
        2,
        vec![
            Block::number("a", vec![0.1, f64::INFINITY]),
            Block::Category(CategoryColumn {
                name: "b".to_owned(),
                labels: Shared::new(vec!["x".to_owned()]),
                codes: vec![0, CategoryColumn::MISSING].into(),
            }),
        ],
    );
    let bytes = postcard::to_allocvec(&matrix).unwrap();
    assert_eq!(postcard::from_bytes::<Matrix>(&bytes).unwrap(), matrix);
}

#[test]
fn what_an_estimator_of_numbers_cannot_take_is_a_fault() {
    let fault = |blocks: Vec<Block>| {
        let fault = Matrix::new(2, blocks).check_numbers("ridge", &[1]);
        fault.unwrap_err().to_string()
    };
    assert_eq!(
        fault(vec![Block::number("a", vec![f64::NAN, f64::NAN])]),
        "invalid dataset: `ridge` takes no missing values, but column `a` is missing in row 1 \
         (counted from 0); add the step `simple_imputer`"
    );
    let category = CategoryColumn {
        name: "port".to_owned(),
        labels: Shared::new(vec!["x".to_owned()]),
        codes: vec![0, 0].into(),
    };
    assert_eq!(
        fault(vec![Block::Category(category)]),
        "invalid dataset: `ridge` takes numbers, but column `port` is a category; add the step \
         `one_hot_encoder` (or `ordinal_encoder`, `target_encoder`)"
    );
    assert_eq!(
        fault(vec![Block::number("a", vec![0.0, f64::INFINITY])]),
        "invalid dataset: `ridge` takes no infinite numbers, but column `a` is infinite in row 1 \
         (counted from 0)"
    );
    let other_row = Matrix::new(2, vec![Block::number("a", vec![f64::NAN, 1.0])]);
    assert_eq!(other_row.check_numbers("ridge", &[1]), Ok(()));
}
