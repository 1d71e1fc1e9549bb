//! Models in ONNX, run by ONNX Runtime, beside `fanout predict`: on flights with missing
//! cells and categories that the training data does not have.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::program::{Fanout, example, text};

/// The greatest difference of a probability, and of a number relative to its size.
const TOLERANCE: f64 = 1e-6;

/// The Python that has ONNX Runtime.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx");
    let installed = Command::new(script("setup.sh")).arg(&folder).status();
    assert!(
        installed.unwrap().success(),
        "ONNX Runtime can't be installed"
    );
    folder.join("bin/python")
});

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/onnx")
        .join(name)
}

/// A folder with both tables of flights.
struct Flights(Fanout);

/// A model of the flights.
struct Case<'a> {
    target: &'a str,
    trainer: &'a str,
    params: Value,
    steps: Value,
}

const FEATURES: &str = "month,sched_dep_time,distance,dep_delay,carrier,dest,how_far,origin";

impl Flights {
    fn new() -> Self {
        let fanout = Fanout::new();
        let made = Command::new(&*PYTHON)
            .arg(script("flights.py"))
            .arg(example("data/flights.parquet"))
            .arg(fanout.here.path())
            .status();
        assert!(made.unwrap().success(), "the tables can't be made");
        Self(fanout)
    }

    /// Fits a case, and predicts the rows.
    fn fit(&self, case: &Case<'_>) {
        let mut features: Vec<&str> = FEATURES.split(',').collect();
        features.retain(|feature| *feature != case.target);
        let mut features = json!(features);
        let route = json!({"name": "flight", "concat": ["carrier", "dest"], "separator": "-"});
        if case.trainer.contains("forest") {
            features.as_array_mut().unwrap().push(route);
        }
        let mut plan = json!({
            "name": "onnx",
            "dataset": {
                "source": "train.csv",
                "target": case.target,
                "features": features,
                "columns": {"how_far": {"ordered": ["near", "middle", "far"]}},
                "missing_target": "drop",
            },
            "trainer": {"name": case.trainer, "params": case.params},
            "steps": case.steps,
            "search": {"params": {}},
            "cv": {"method": "k_fold", "n_splits": 2},
        });
        if ["late", "distance"].contains(&case.target) {
            plan["dataset"]["learn"] = json!("regression");
        }
        self.fit_plan(&plan);
    }

    /// Fits a plan, and predicts the rows.
    fn fit_plan(&self, plan: &Value) {
        let plan = self.0.write("plan.yaml", &plan.to_string());
        self.0.json(&[&plan, "--output", "out", "--without-guest"]);
        let mut all = vec![
            "predict",
            "out/model.fanout",
            "rows.csv",
            "-o",
            "predicted.csv",
        ];
        all.extend(["--keep", FEATURES]);
        let with = [all.clone(), vec!["--probabilities"]].concat();
        if !self.0.run(&with).status.success() {
            self.0.text(&all);
        }
    }

    fn export(&self, opset: &str) -> std::process::Output {
        let arguments = [
            "model",
            "export",
            "out/model.fanout",
            "--onnx",
            "model.onnx",
        ];
        self.0.run(&[&arguments[..], &["--opset", opset]].concat())
    }

    /// What `compare.py` prints.
    fn compare(&self, opset: &str) -> Value {
        self.compare_targets(opset, "")
    }

    /// The same of several targets, with commas between their names.
    fn compare_targets(&self, opset: &str, targets: &str) -> Value {
        let exported = self.export(opset);
        assert!(exported.status.success(), "{}", text(&exported.stderr));
        let compared = Command::new(&*PYTHON)
            .arg(script("compare.py"))
            .args([
                "model.onnx",
                "predicted.csv",
                "--concat",
                "flight=carrier,dest",
                "--targets",
                targets,
            ])
            .current_dir(self.0.here.path())
            .output()
            .unwrap();
        assert!(compared.status.success(), "{}", text(&compared.stderr));
        serde_json::from_slice(&compared.stdout).unwrap()
    }

    /// Fits a case, and holds its forms in ONNX against its predictions.
    fn check(&self, case: &Case<'_>) {
        self.fit(case);
        for opset in ["21", "16"] {
            let found = self.compare(opset);
            let of = format!(
                "{} of {} {}: {found}",
                case.trainer, case.target, case.steps
            );
            assert_eq!(found["rows"], 1200, "{of}");
            assert_eq!(found["others"], 0, "{of}");
            let greatest = found["greatest"].as_f64();
            assert!(
                greatest.is_some_and(|greatest| greatest <= TOLERANCE),
                "{of}"
            );
        }
    }
}

impl Flights {
    /// Fits a plan of these fields, and holds its forms in ONNX against its predictions.
    fn check_together(&self, dataset: Value, more: Value, targets: &str) {
        let mut plan = json!({
            "name": "together",
            "dataset": {
                "source": "train.csv",
                "features": FEATURES_OF_TARGETS,
                "columns": {"how_far": {"ordered": ["near", "middle", "far"]}},
            },
            "trainers": [
                {"trainer": {"name": "random_forest", "params": {"n_estimators": 8}}},
                {"trainer": {"name": "k_neighbors"}, "steps": numbers()},
            ],
            "cv": {"method": "k_fold", "n_splits": 2},
        });
        for (key, value) in dataset.as_object().unwrap() {
            plan["dataset"][key] = value.clone();
        }
        for (key, value) in more.as_object().unwrap() {
            plan[key] = value.clone();
        }
        self.fit_plan(&plan);
        for opset in ["21", "16"] {
            let found = self.compare_targets(opset, targets);
            let of = format!("{dataset} {more} {opset}: {found}");
            assert_eq!(found["rows"], 1200, "{of}");
            assert_eq!(found["others"], 0, "{of}");
            let greatest = found["greatest"].as_f64();
            let is_close = greatest.is_some_and(|greatest| greatest <= TOLERANCE);
            assert!(is_close, "{of}");
        }
    }
}

const FEATURES_OF_TARGETS: [&str; 7] = [
    "month",
    "sched_dep_time",
    "distance",
    "dep_delay",
    "carrier",
    "dest",
    "how_far",
];

/// Several targets and ensembles are one graph.
#[test]
fn models_of_several_members_predict_the_same() {
    let flights = Flights::new();
    let all = json!({"targets": [
        {"column": "cancelled", "positive": 1},
        "origin",
        {"column": "late", "learn": "regression"},
    ]});
    let names = "cancelled,origin,late";
    let one = |target: &str| json!({"target": target});
    flights.check_together(all.clone(), json!({}), names);
    let voting = json!({"method": "voting", "voting": "soft", "weights": [1, 2]});
    flights.check_together(all.clone(), json!({"ensemble": voting}), names);
    let classes = json!({"targets": ["cancelled", "origin"]});
    let tuned = json!({"threshold": "f1", "scoring": "roc_auc"});
    let binary = json!({"targets": [
        {"column": "cancelled", "positive": 1},
        {"column": "late", "above": 15},
    ]});
    flights.check_together(binary, tuned, "cancelled,late_above_15");
    let chain = json!({"targets": classes["targets"], "chain": ["origin", "cancelled"]});
    flights.check_together(chain, json!({}), "cancelled,origin");
    let chain = json!({"targets": all["targets"], "chain": ["cancelled", "origin", "late"]});
    flights.check_together(chain, json!({}), names);
    for target in ["cancelled", "origin"] {
        let hard = json!({"ensemble": {"method": "voting", "weights": [1, 1.5]}});
        flights.check_together(one(target), hard, "");
        for (last, passthrough) in [("logistic_regression", false), ("random_forest", true)] {
            let stacking = json!({
                "method": "stacking",
                "final_estimator": {"name": last},
                "passthrough": passthrough,
            });
            flights.check_together(one(target), json!({"ensemble": stacking}), "");
        }
    }
    let stacking = json!({"method": "stacking", "final_estimator": {"name": "ridge"}});
    let number = json!({"target": "late", "learn": "regression", "missing_target": "drop"});
    flights.check_together(number, json!({"ensemble": stacking}), "");
}

/// Steps that leave numbers without missing ones.
fn numbers() -> Value {
    json!([
        {"name": "impute", "step": "simple_imputer", "params": {"strategy": "median"}},
        {"name": "fill", "step": "simple_imputer", "params": {"strategy": "most_frequent"},
            "columns": "categorical"},
        {"name": "onehot", "step": "one_hot_encoder", "params": {"handle_unknown": "ignore"}},
        {"name": "scale", "step": "standard_scaler"},
    ])
}

/// [`numbers`] and one more.
fn behind(step: &str, params: &Value) -> Value {
    let mut steps = numbers();
    let more = json!({"name": "more", "step": step, "params": params});
    steps.as_array_mut().unwrap().push(more);
    steps
}

#[test]
fn trees_predict_the_same_of_missing_numbers_and_unknown_categories() {
    let flights = Flights::new();
    let trainers = [
        ("random_forest", json!({"n_estimators": 12})),
        ("extra_trees", json!({"n_estimators": 100, "max_depth": 8})),
        ("decision_tree", json!({})),
        ("hist_gradient_boosting", json!({"max_iter": 20})),
    ];
    for target in ["cancelled", "origin", "late"] {
        for (trainer, params) in &trainers {
            flights.check(&Case {
                target,
                trainer,
                params: params.clone(),
                steps: json!([]),
            });
        }
    }
    for (loss, target) in [("gamma", "distance"), ("poisson", "distance")] {
        flights.check(&Case {
            target,
            trainer: "hist_gradient_boosting",
            params: json!({"loss": loss, "max_iter": 10}),
            steps: json!([]),
        });
    }
}

#[test]
fn other_estimators_predict_the_same() {
    let flights = Flights::new();
    let distance = json!({"weights": "distance", "p": 1, "n_neighbors": 7});
    let of_classes = [
        ("logistic_regression", json!({})),
        ("ridge_classifier", json!({})),
        ("linear_svc", json!({})),
        ("gaussian_nb", json!({})),
        ("k_neighbors", json!({})),
        ("k_neighbors", distance.clone()),
        ("svc", json!({})),
        ("svc", json!({"kernel": "poly", "break_ties": true})),
        ("linfa_decision_tree", json!({})),
    ];
    for target in ["cancelled", "origin"] {
        for (trainer, params) in &of_classes {
            flights.check(&Case {
                target,
                trainer,
                params: params.clone(),
                steps: numbers(),
            });
        }
        flights.check(&Case {
            target,
            trainer: "multinomial_nb",
            params: json!({}),
            steps: behind("min_max_scaler", &json!({"clip": true})),
        });
    }
    let of_numbers = [
        ("linear_regression", json!({})),
        ("ridge", json!({})),
        ("lasso", json!({})),
        ("elastic_net", json!({})),
        ("pls_regression", json!({})),
        ("k_neighbors", distance),
        ("svr", json!({"kernel": "sigmoid"})),
    ];
    for (trainer, params) in of_numbers {
        flights.check(&Case {
            target: "late",
            trainer,
            params,
            steps: numbers(),
        });
    }
}

#[test]
fn steps_transform_the_same() {
    let flights = Flights::new();
    let ordinal = json!({"handle_unknown": "use_encoded_value", "unknown_value": -1});
    let indicated = json!({"strategy": "mean", "add_indicator": true});
    let quantiles = json!({"output_distribution": "normal", "n_quantiles": 100});
    let impute = json!({"name": "impute", "step": "simple_imputer", "params": indicated});
    let encoders = [
        (
            "one_hot_encoder",
            json!({"handle_unknown": "ignore", "drop": "first"}),
        ),
        (
            "one_hot_encoder",
            json!({"handle_unknown": "warn", "min_frequency": 30}),
        ),
        ("target_encoder", json!({})),
    ];
    let with_encoder = encoders
        .map(|(step, params)| json!([impute, {"name": "encode", "step": step, "params": params}]));
    let after = [
        (
            "min_max_scaler",
            json!({"feature_range": [-1, 2], "clip": true}),
        ),
        ("robust_scaler", json!({})),
        ("max_abs_scaler", json!({})),
        ("normalizer", json!({"norm": "max"})),
        ("power_transformer", json!({})),
        ("quantile_transformer", json!({"n_quantiles": 50})),
        ("quantile_transformer", quantiles),
        ("k_bins_discretizer", json!({})),
        (
            "k_bins_discretizer",
            json!({"encode": "ordinal", "strategy": "uniform"}),
        ),
        ("pca", json!({"n_components": 6, "whiten": true})),
        ("truncated_svd", json!({"n_components": 5})),
        ("variance_threshold", json!({"threshold": 0.1})),
        ("select_k_best", json!({"k": 9})),
        ("select_percentile", json!({"percentile": 20})),
    ];
    let mut all = with_encoder.to_vec();
    all.extend(after.iter().map(|(step, params)| behind(step, params)));
    let mut polynomial = behind("select_k_best", &json!({"k": 6}));
    let more = json!({"name": "powers", "step": "polynomial_features", "params": {"degree": 3}});
    polynomial.as_array_mut().unwrap().push(more);
    all.push(polynomial);
    for steps in all {
        flights.check(&Case {
            target: "cancelled",
            trainer: "logistic_regression",
            params: json!({}),
            steps,
        });
    }
    // Missing numbers pass through these, and trees take them.
    let encode = json!({"name": "encode", "step": "ordinal_encoder", "params": ordinal});
    for step in [
        "standard_scaler",
        "quantile_transformer",
        "power_transformer",
    ] {
        let scale = json!({"name": "scale", "step": step});
        flights.check(&Case {
            target: "origin",
            trainer: "extra_trees",
            params: json!({"n_estimators": 10}),
            steps: json!([encode, scale]),
        });
    }
}

/// `handle_unknown: error` fails in ONNX Runtime, too.
#[test]
fn an_unknown_category_is_an_error_where_the_step_says_so() {
    let flights = Flights::new();
    let steps = json!([
        {"name": "impute", "step": "simple_imputer"},
        {"name": "encode", "step": "ordinal_encoder", "columns": ["origin"]},
        {"name": "rest", "step": "one_hot_encoder", "params": {"handle_unknown": "ignore"}},
    ]);
    let refused = Case {
        target: "cancelled",
        trainer: "logistic_regression",
        params: json!({}),
        steps: steps.clone(),
    };
    // `fanout predict` refuses the rows; those of the training data are known.
    std::fs::copy(flights.0.path("train.csv"), flights.0.path("rows.csv")).unwrap();
    flights.fit(&refused);
    let known = flights.compare("21");
    assert_eq!(
        (&known["others"], &known["rows"]),
        (&json!(0), &json!(1200)),
        "{known}"
    );
    let predicted = flights.0.path("predicted.csv");
    let rows = std::fs::read_to_string(&predicted).unwrap();
    std::fs::write(&predicted, rows.replace(",JFK,", ",nowhere,")).unwrap();
    let error = flights.compare("21")["error"].clone();
    let error = error.as_str().unwrap_or_default();
    assert!(
        error.contains("indices element out of data bounds"),
        "{error}"
    );
}

#[test]
fn what_onnx_cannot_say_is_refused_with_the_reason() {
    let flights = Flights::new();
    flights.fit(&Case {
        target: "cancelled",
        trainer: "svc",
        params: json!({"probability": true, "max_iter": 50}),
        steps: numbers(),
    });
    let refused = flights.export("21");
    assert_eq!(refused.status.code(), Some(6), "{}", text(&refused.stderr));
    assert_eq!(
        text(&refused.stderr),
        "error: trainer `svc` with `probability: true` has no form in ONNX: the probabilities of the \
         pairs of classes are coupled by a search whose length differs from row to row; fit it \
         with `probability: false`\n\
         hint: `--component FILE` takes every model: a component that answers rows over HTTP\n"
    );
    assert!(!flights.0.here.path().join("model.onnx").exists());
    let refused = flights.export("15");
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stderr).contains("15 is not in 16..=21"),
        "{}",
        text(&refused.stderr)
    );
}
