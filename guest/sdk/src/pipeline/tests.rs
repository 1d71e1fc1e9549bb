//! Selection and order of columns, faults, what a fit sees, and what the cache and
//! nested parameters may not change. The values of steps are compared in
//! `steps/tests.rs`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::matrix::{CategoryColumn, Shared};

fn steps(json: Value) -> Vec<TaskStep> {
    serde_json::from_value(json).unwrap()
}

fn category(name: &str, labels: &[&str], codes: &[u32]) -> Block {
    Block::Category(CategoryColumn {
        name: name.to_owned(),
        labels: Shared::new(labels.iter().map(ToString::to_string).collect()),
        codes: codes.to_vec().into(),
    })
}

/// Six rows, of which the last is neither a training nor a test row.
fn flights() -> Matrix {
    Matrix::new(
        6,
        vec![
            Block::number("delay", vec![1.0, 2.0, f64::NAN, 4.0, 5.0, 1e9]),
            category(
                "port",
                &["a", "b", "zzz"],
                &[0, 1, 0, 1, CategoryColumn::MISSING, 2],
            ),
            Block::number("hour", vec![3.0, 1.0, 3.0, 1.0, 2.0, 0.0]),
            category("day", &["1", "2"], &[0, 1, 1, 1, 0, 0]),
        ],
    )
}

static TARGET: Target = Target::Numbers(Vec::new());

fn flight_rows() -> FitRows<'static> {
    FitRows {
        key: "delay",
        target: &TARGET,
        train: &[0, 1, 2, 3],
        test: &[4],
        weights: None,
    }
}

fn fit(json: Value) -> Result<(Pipeline, Matrix), Fault> {
    Pipeline::fit(
        &steps(json),
        &flights(),
        &flight_rows(),
        &mut StepCache::new(1 << 20),
    )
}

fn names(json: Value) -> Vec<String> {
    let (_, out) = fit(json).unwrap();
    out.names().map(str::to_owned).collect()
}

fn fault(json: Value) -> String {
    fit(json).unwrap_err().to_string()
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap()
}

#[test]
fn transformed_columns_come_first() {
    let scale =
        |columns: Value| json!([{"name": "s", "step": "standard_scaler", "columns": columns}]);
    assert_eq!(
        names(scale(json!({"names": ["hour"]}))),
        ["hour", "delay", "port", "day"]
    );
    let both = scale(json!({"names": ["hour", "delay"]}));
    assert_eq!(names(both), ["hour", "delay", "port", "day"]);
    assert_eq!(
        names(scale(json!("numeric"))),
        ["delay", "hour", "port", "day"]
    );
    let impute = json!([{
        "name": "fill",
        "step": "simple_imputer",
        "columns": {"pattern": "?a*"},
        "params": {"strategy": "constant"},
    }]);
    assert_eq!(names(impute), ["day", "delay", "port", "hour"]);
}

#[test]
fn without_a_selection_a_step_takes_the_columns_that_suit_it() {
    let step = |step: &str, params: Value| json!([{"name": "x", "step": step, "params": params}]);
    let ignore = json!({"handle_unknown": "ignore"});
    assert_eq!(
        names(step("one_hot_encoder", ignore)),
        ["port_a", "port_b", "day_1", "day_2", "delay", "hour"]
    );
    assert_eq!(
        names(step("min_max_scaler", json!({}))),
        ["delay", "hour", "port", "day"]
    );
    for (params, expected) in [
        (json!({}), ["delay", "hour", "port", "day"]),
        (
            json!({"strategy": "most_frequent"}),
            ["delay", "port", "hour", "day"],
        ),
        (
            json!({"strategy": "constant", "fill_value": "none"}),
            ["port", "day", "delay", "hour"],
        ),
    ] {
        assert_eq!(names(step("simple_imputer", params)), expected);
    }
}

#[test]
fn a_step_without_columns_changes_nothing() {
    let json = json!([
        {"name": "a", "step": "target_encoder", "columns": {"names": []}},
        {"name": "b", "step": "standard_scaler", "columns": {"names": []}},
    ]);
    let (pipeline, out) = fit(json).unwrap();
    assert_eq!(bytes(&out), bytes(&flights()));
    let table = Table::of_matrix(flights()).unwrap();
    assert_eq!(bytes(&pipeline.apply(&table).unwrap()), bytes(&flights()));
}

#[test]
fn a_name_that_is_taken_gets_the_name_of_its_step() {
    let pca = |name: &str, column: &str| json!({"name": name, "step": "pca", "columns": {"names": [column]}});
    let fill = json!({"name": "fill", "step": "simple_imputer"});
    let all = json!([fill, pca("first", "hour"), pca("second", "delay")]);
    assert_eq!(names(all), ["second__pca0", "pca0", "port", "day"]);
}

#[test]
fn a_row_that_takes_no_part_is_no_fault() {
    // The label `zzz` occurs in the last row only, a missing one in the test row.
    let onehot = |columns: &str| json!([{"name": "o", "step": "one_hot_encoder", "columns": {"names": [columns]}}]);
    assert!(fit(onehot("day")).is_ok());
    assert_eq!(
        fault(onehot("port")),
        "the fit failed: step `o` (`one_hot_encoder`): column `port` is missing in row 4 (counted \
         from 0), which no training row has; set `handle_unknown` to `ignore` or \
         `infrequent_if_exist`"
    );
}

#[test]
fn mistakes_are_named() {
    for (json, message) in [
        (
            json!([{"name": "s", "step": "scaler"}]),
            "invalid task: step `s` (`scaler`): there is no step `scaler`; the steps are \
             `simple_imputer`, `standard_scaler`, ",
        ),
        (
            json!([{"name": "pca", "step": "pca", "params": {"components": 2}}]),
            "invalid hyper-parameters: step `pca`: step `pca` has no parameter `components`; its \
             parameters are `n_components`, `whiten`",
        ),
        (
            json!([{"name": "pca", "step": "pca", "params": {"n_components": 0}}]),
            "invalid hyper-parameters: step `pca`: `n_components` takes `null`, a whole number of \
             at least 1, a number above 0.0 and at most 1.0 or `mle`, not the number `0`",
        ),
        (
            json!([{"name": "s", "step": "normalizer"}, {"name": "s", "step": "normalizer"}]),
            "invalid task: two steps are named `s`",
        ),
        (
            json!([{"name": "s", "step": "standard_scaler", "columns": "all"}]),
            "invalid task: step `s` (`standard_scaler`): it takes numbers, but column `port` is a \
             category; select `columns: numeric`, or add the step `one_hot_encoder` before it",
        ),
        (
            json!([{"name": "s", "step": "standard_scaler", "columns": {"names": ["hours"]}}]),
            "invalid task: step `s` (`standard_scaler`): there is no column `hours` at this step; \
             the columns are `delay`, `port`, `hour`, `day`",
        ),
        (
            json!([{"name": "s", "step": "standard_scaler", "columns": {"names": ["hour", "hour"]}}]),
            "invalid task: step `s` (`standard_scaler`): column `hour` is selected twice",
        ),
        (
            json!([{"name": "s", "step": "standard_scaler", "columns": {"pattern": "x*"}}]),
            "invalid task: step `s` (`standard_scaler`): no column matches `x*` at this step; the \
             columns are `delay`, `port`, `hour`, `day`",
        ),
        (
            json!([{"name": "pca", "step": "pca"}]),
            "invalid dataset: step `pca`: it takes no missing values, but column `delay` is missing \
             in row 2 (counted from 0); add the step `simple_imputer` before it",
        ),
        (
            json!([{"name": "i", "step": "simple_imputer", "columns": "all"}]),
            "invalid hyper-parameters: step `i` (`simple_imputer`): the strategy `mean` fills \
             numbers, but column `port` is a category; select `columns: numeric`, or use the \
             strategy `most_frequent`",
        ),
    ] {
        let found = fault(json);
        assert!(found.starts_with(message), "{found}");
    }
}

#[test]
fn an_infinite_number_is_a_fault() {
    let infinite = Block::number("x", vec![1.0, f64::INFINITY]);
    let rows = FitRows {
        train: &[0, 1],
        test: &[],
        ..flight_rows()
    };
    let scale = steps(json!([{"name": "s", "step": "robust_scaler"}]));
    let matrix = Matrix::new(2, vec![infinite]);
    let fitted = Pipeline::fit(&scale, &matrix, &rows, &mut StepCache::new(0));
    assert_eq!(
        fitted.unwrap_err().to_string(),
        "invalid dataset: step `s` (`robust_scaler`): it takes no infinite numbers, but column `x` \
         is infinite in row 1 (counted from 0)"
    );
}

#[test]
fn another_table_is_transformed_by_name_and_label() {
    let json = json!([
        {"name": "i", "step": "simple_imputer"},
        {"name": "o", "step": "one_hot_encoder", "params": {"handle_unknown": "ignore"}},
    ]);
    let (pipeline, _) = fit(json).unwrap();
    let other = Matrix::new(
        2,
        vec![
            category("day", &["2", "3"], &[0, 1]),
            Block::number("more", vec![0.0; 2]),
            category("port", &["b", "c"], &[1, 0]),
            Block::number("hour", vec![7.0, 8.0]),
            Block::number("delay", vec![f64::NAN, 9.0]),
        ],
    );
    let out = pipeline
        .apply(&Table::of_matrix(other.clone()).unwrap())
        .unwrap();
    let mut dense = vec![0.0; 12];
    out.gather(&[0, 1], &mut dense);
    let columns: Vec<&str> = out.names().collect();
    assert_eq!(
        columns,
        ["port_a", "port_b", "day_1", "day_2", "delay", "hour"]
    );
    let mean = 7.0 / 3.0;
    assert_eq!(
        dense,
        [0.0, 0.0, 0.0, 1.0, mean, 7.0, 0.0, 1.0, 0.0, 0.0, 9.0, 8.0]
    );

    let message = |matrix: Matrix| {
        pipeline
            .apply(&Table::of_matrix(matrix).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(other.select(&[0, 2, 3])),
        "invalid dataset: the model was fitted on a feature `delay`, which the dataset does not \
         have"
    );
    let numbers = Block::number("port", vec![0.0; 2]);
    assert_eq!(
        message(
            other
                .select(&[0, 3, 4])
                .beside(Matrix::new(2, vec![numbers]))
        ),
        "invalid dataset: feature `port` is a category in the model, but a number in the dataset"
    );
}

/// Random numbers of a fixed seed, from -1 to 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f(x - mean_a, y - mean_b))
            .sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

/// Columns of noise are chosen by their scores: on the training rows alone they say
/// nothing about the test rows. A fit on all rows would seem to.
#[test]
fn the_best_columns_of_noise_say_nothing_of_the_test_rows() {
    let (rows, columns) = (100, 400);
    let mut noise = Noise(1);
    let blocks = (0..columns).map(|column| {
        let values = (0..rows).map(|_| noise.next()).collect();
        Block::number(format!("x{column}"), values)
    });
    let matrix = Matrix::new(rows, blocks.collect());
    let target: Vec<f64> = (0..rows).map(|_| noise.next()).collect();
    let all = matrix.all_rows();
    let (train, test) = all.split_at(60);
    let steps = steps(json!([{
        "name": "best",
        "step": "select_k_best",
        "params": {"score_func": "f_regression", "k": 40},
    }]));
    let target = Target::Numbers(target);
    let Target::Numbers(numbers) = &target else {
        unreachable!()
    };
    // The mean correlation of the chosen columns and the target in the test rows,
    // with the sign that it has in the rows of the fit.
    let found = |fitted: &[u32]| {
        let rows = FitRows {
            key: "",
            target: &target,
            train: fitted,
            test,
            weights: None,
        };
        let (_, out) = Pipeline::fit(&steps, &matrix, &rows, &mut StepCache::new(0)).unwrap();
        let of =
            |rows: &[u32]| -> Vec<f64> { rows.iter().map(|&row| numbers[row as usize]).collect() };
        let correlations = (0..out.columns()).map(|column| {
            let sign = correlation(&out.column(column, fitted), &of(fitted)).signum();
            sign * correlation(&out.column(column, test), &of(test))
        });
        correlations.sum::<f64>() / out.columns() as f64
    };
    assert!(found(train).abs() < 0.08, "{}", found(train));
    assert!(found(&all) > 0.12, "{}", found(&all));
}

/// Categories of two rows each are encoded by a target of noise: the encoded training
/// rows are as unrelated to their targets as the categories are.
#[test]
fn the_target_encoder_does_not_tell_a_row_its_target() {
    let rows = 400;
    let mut noise = Noise(2);
    let labels: Vec<String> = (0..rows / 2).map(|label| label.to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let codes: Vec<u32> = (0..rows as u32).map(|row| row / 2).collect();
    let matrix = Matrix::new(rows, vec![category("c", &labels, &codes)]);
    let target: Vec<f64> = (0..rows).map(|_| noise.next()).collect();
    let all = matrix.all_rows();
    let rows = FitRows {
        key: "",
        target: &Target::Numbers(target.clone()),
        train: &all,
        test: &[],
        weights: None,
    };
    let steps = steps(json!([{"name": "t", "step": "target_encoder"}]));
    let (pipeline, out) = Pipeline::fit(&steps, &matrix, &rows, &mut StepCache::new(0)).unwrap();
    let whole = pipeline.apply(&Table::of_matrix(matrix).unwrap()).unwrap();
    let told = |matrix: &Matrix| correlation(&matrix.column(0, &all), &target);
    assert!(told(&out) < 0.1, "{}", told(&out));
    assert!(told(&whole) > 0.5, "{}", told(&whole));
}

#[test]
fn equal_prefixes_are_fitted_once() {
    let candidate = |strategy: &str, k: u32| {
        steps(json!([
            {"name": "i", "step": "simple_imputer", "columns": "numeric",
             "params": {"strategy": strategy}},
            {"name": "s", "step": "standard_scaler"},
            {"name": "b", "step": "k_bins_discretizer", "params": {"n_bins": k}},
        ]))
    };
    let mut cache = StepCache::new(1 << 20);
    let mut fit = |candidate: &[TaskStep], key: &'static str| {
        let rows = FitRows {
            key,
            ..flight_rows()
        };
        let fitted = Pipeline::fit(candidate, &flights(), &rows, &mut cache).unwrap();
        (bytes(&fitted), cache.fits())
    };
    let first = fit(&candidate("mean", 2), "one");
    assert_eq!(first.1, 3);
    assert_eq!(fit(&candidate("mean", 2), "one"), first);
    assert_eq!(fit(&candidate("mean", 3), "one").1, 4);
    assert_eq!(fit(&candidate("median", 3), "one").1, 7);
    // Other rows have another key.
    assert_eq!(fit(&candidate("mean", 2), "two").1, 10);
}

/// Steps that scale two of four columns, of 1,000 rows each: 16,000 bytes of their own,
/// and as many that are passed on.
#[test]
fn the_cache_is_bounded_by_the_bytes_of_its_columns() {
    let rows = 1000;
    let mut noise = Noise(3);
    let mut column = |name: &str| {
        let values = (0..rows).map(|_| noise.next()).collect();
        Block::number(name, values)
    };
    let matrix = Matrix::new(rows, ["x0", "x1", "y0", "y1"].map(&mut column).to_vec());
    let target = Target::Numbers(vec![1.0; rows]);
    let all = matrix.all_rows();
    let (train, test) = all.split_at(rows - 3);
    let fit_rows = FitRows {
        key: "",
        target: &target,
        train,
        test,
        weights: None,
    };
    let scaled = |low: i32| {
        steps(json!([
            {"name": "s", "step": "min_max_scaler", "columns": {"pattern": "x*"},
             "params": {"feature_range": [low, 9]}},
        ]))
    };
    let mut cache = StepCache::new(64_000);
    let mut fit = |low| {
        Pipeline::fit(&scaled(low), &matrix, &fit_rows, &mut cache).unwrap();
        (cache.fits(), cache.bytes())
    };
    assert_eq!(fit(0), (1, 32_000));
    // What is passed on is counted once.
    assert_eq!(fit(1), (2, 48_000));
    assert_eq!(fit(2), (3, 64_000));
    assert_eq!(fit(0), (3, 64_000));
    // The oldest is dropped, which is not the one of 0.
    assert_eq!(fit(3), (4, 64_000));
    assert_eq!(fit(0), (4, 64_000));
    assert_eq!(fit(2), (4, 64_000));
    assert_eq!(fit(1), (5, 64_000));
    // One step alone is kept, however large.
    let mut cache = StepCache::new(1);
    for _ in 0..2 {
        Pipeline::fit(&scaled(0), &matrix, &fit_rows, &mut cache).unwrap();
        assert_eq!((cache.fits(), cache.bytes()), (1, 32_000));
    }
    cache.grow(48_000);
    Pipeline::fit(&scaled(1), &matrix, &fit_rows, &mut cache).unwrap();
    assert_eq!((cache.fits(), cache.bytes()), (2, 48_000));
    cache.clear();
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn a_wider_fit_that_fails_fails_no_narrower_one() {
    let candidate = |n: u32| {
        steps(json!([
            {"name": "i", "step": "simple_imputer"},
            {"name": "pca", "step": "pca", "params": {"n_components": n}},
        ]))
    };
    let (one, nine) = (candidate(1), candidate(9));
    let mut cache = StepCache::new(1 << 20);
    cache.expect("delay", [one.as_slice(), &nine]).unwrap();
    let mut fit = |steps: &[TaskStep]| {
        let fitted = Pipeline::fit(steps, &flights(), &flight_rows(), &mut cache);
        fitted
            .map(|(_, out)| out.columns())
            .map_err(|fault| fault.to_string())
    };
    assert_eq!(fit(&one), Ok(3));
    assert_eq!(
        fit(&nine).unwrap_err(),
        "invalid hyper-parameters: step `pca`: `n_components` is 9, but there are 2 directions at \
         most: as many as columns, or training rows if these are fewer"
    );
}

/// The candidates of a nested parameter, with a step behind.
fn nested(step: &str, param: &str, values: &[Value]) -> Vec<Vec<TaskStep>> {
    let candidate = |value: &Value| {
        let mut params = json!({});
        params[param] = value.clone();
        if param == "k" || param == "percentile" {
            params["score_func"] = json!("f_regression");
        }
        steps(json!([
            {"name": "scale", "step": "min_max_scaler"},
            {"name": "nested", "step": step, "columns": {"pattern": "x*"}, "params": params},
            {"name": "behind", "step": "standard_scaler"},
        ]))
    };
    values.iter().map(candidate).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nested_parameters_give_the_bits_of_their_own_fits(
        seed in any::<u64>(),
        rows in 12..40usize,
        order in any::<prop::sample::Index>(),
    ) {
        let mut noise = Noise(seed);
        let mut blocks: Vec<Block> = (0..6)
            .map(|column| {
                let values = (0..rows).map(|_| noise.next()).collect();
                Block::number(format!("x{column}"), values)
            })
            .collect();
        // Equal columns have equal scores.
        let Block::Number(twin) = &blocks[2] else { unreachable!() };
        let twin = twin.values.to_vec();
        blocks[4] = Block::number("x4", twin);
        blocks.insert(1, Block::number("rest", (0..rows).map(|_| noise.next()).collect()));
        let matrix = Matrix::new(rows, blocks);
        let target = Target::Numbers((0..rows).map(|_| noise.next()).collect());
        let all = matrix.all_rows();
        let (train, test) = all.split_at(rows - 3);
        let fit_rows = FitRows { key: "", target: &target, train, test, weights: None };
        let kinds = [
            ("pca", "n_components", vec![json!(1), json!(4), json!(null), json!(0.7), json!(6)]),
            ("pca", "n_components", vec![json!(2), json!(5)]),
            ("truncated_svd", "n_components", vec![json!(3), json!(1), json!(5)]),
            ("select_k_best", "k", vec![json!(1), json!(0), json!(5), json!(2), json!(6)]),
            ("select_k_best", "k", vec![json!(3), json!("all"), json!(4)]),
            ("select_percentile", "percentile", vec![json!(10), json!(60), json!(35.5)]),
        ];
        for (step, param, mut values) in kinds {
            let middle = order.index(values.len());
            values.rotate_left(middle);
            let candidates = nested(step, param, &values);
            let mut shared = StepCache::new(1 << 20);
            shared.expect("", candidates.iter().map(Vec::as_slice)).unwrap();
            for candidate in &candidates {
                let together = Pipeline::fit(candidate, &matrix, &fit_rows, &mut shared).unwrap();
                let alone =
                    Pipeline::fit(candidate, &matrix, &fit_rows, &mut StepCache::new(0)).unwrap();
                prop_assert_eq!(bytes(&together), bytes(&alone));
            }
            // The scaler, the nested step, and the step behind for each candidate.
            prop_assert_eq!(shared.fits(), 2 + candidates.len() as u64);
        }
    }
}
