//! Trainers of Python in a plan, over a guest that offers classes by their paths as the
//! guest of Python does: `guest` beside `python` names it.

use serde_json::{Value, json};

use crate::guests::built::components;
use crate::program::{Fanout, made, scores, text};

/// A folder with a table and the guest.
fn folder() -> Fanout {
    let fanout = Fanout::new();
    let guest = &components()["dotted_names"];
    std::fs::write(fanout.path("dotted.wasm"), guest).unwrap();
    let table: String = (0..20).map(|row| format!("{row},{}\n", row % 2)).collect();
    fanout.write("table.csv", &format!("x,y\n{table}"));
    fanout
}

fn plan(fanout: &Fanout, trainer: &Value, more: &Value) -> String {
    let mut plan = json!({
        "name": "python",
        "dataset": {"source": "table.csv", "target": "y"},
        "trainer": trainer,
        "cv": {"method": "k_fold", "n_splits": 2},
    });
    let more = more.as_object().unwrap().clone();
    plan.as_object_mut().unwrap().extend(more);
    fanout.write("plan.yaml", &plan.to_string())
}

/// The errors of a command that must end with `code`.
fn errors(fanout: &Fanout, arguments: &[&str], code: i32) -> String {
    let output = fanout.run(arguments);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    errors
}

#[test]
fn a_class_is_the_trainer_of_its_path() {
    let fanout = folder();
    let search = json!({"search": {"params": {"number": [1, 2]}}});
    let trainer = json!({"python": "sklearn.svm.NuSVC", "guest": "dotted.wasm"});
    let report = fanout.json(&[&plan(&fanout, &trainer, &search)]);
    assert_eq!(report["best"]["trainer"], "sklearn.svm.NuSVC");
    assert_eq!(made(&report), 4);
    // It is sugar: the trainer of this name is the same run.
    let named = json!({"name": "sklearn.svm.NuSVC", "guest": "dotted.wasm"});
    let again = fanout.json(&[&plan(&fanout, &named, &search)]);
    assert_eq!(made(&again), 0);
    assert_eq!(again["digests"], report["digests"]);
}

#[test]
fn several_classes_and_trainers_of_the_program_share_a_search() {
    let fanout = folder();
    let plan = json!({
        "name": "several",
        "dataset": {"source": "table.csv", "target": "y"},
        "trainers": [
            {"trainer": {"python": "sklearn.svm.SVC", "guest": "dotted.wasm"},
             "steps": [{"step": "sklearn.decomposition.KernelPCA"}]},
            {"trainer": {"name": "gaussian_nb"}},
        ],
        "cv": {"method": "k_fold", "n_splits": 2},
    });
    let report = fanout.json(&[&fanout.write("plan.yaml", &plan.to_string())]);
    let trainers = &report["cv_results"]["param_trainer"];
    assert_eq!(trainers, &json!(["sklearn.svm.SVC", "gaussian_nb"]));
    assert_eq!(report["digests"]["guests"].as_array().unwrap().len(), 2);
}

#[test]
fn classes_and_parameters_that_are_not_there_are_told_by_check() {
    let fanout = folder();
    let trainer = json!({"python": "sklearn.svm.NuSVV", "guest": "dotted.wasm"});
    plan(&fanout, &trainer, &json!({}));
    let errors_of = |fanout: &Fanout| errors(fanout, &["check", "plan.yaml"], 3);
    let told = errors_of(&fanout);
    let message = "the guest of Python has no estimator `sklearn.svm.NuSVV`";
    assert!(told.contains(message), "{told}");
    assert!(told.contains("did you mean `sklearn.svm.NuSVC`?"), "{told}");

    let trainer = json!({
        "python": "sklearn.svm.NuSVC", "guest": "dotted.wasm", "params": {"numbr": 1},
    });
    plan(
        &fanout,
        &trainer,
        &json!({"search": {"params": {"number": [1, "a"]}}}),
    );
    let told = errors_of(&fanout);
    assert!(told.contains("did you mean `number`?"), "{told}");
    assert!(told.contains("not the text `a`"), "{told}");
}

#[test]
fn a_step_that_only_another_guest_offers_is_told_by_check() {
    let fanout = folder();
    let plan = json!({
        "dataset": {"source": "table.csv", "target": "y"},
        "steps": [{"step": "sklearn.decomposition.KernelPCA"}],
        "trainers": [
            {"trainer": {"python": "sklearn.svm.SVC", "guest": "dotted.wasm"}},
            {"trainer": {"name": "gaussian_nb"}},
        ],
    });
    fanout.write("plan.yaml", &plan.to_string());
    let told = errors(&fanout, &["check", "plan.yaml"], 3);
    let message = "the guest of `gaussian_nb` offers no step `sklearn.decomposition.KernelPCA`";
    assert!(told.contains(message), "{told}");
}

#[test]
fn what_only_the_fit_finds_is_told_by_the_last_lines_of_the_traceback() {
    let fanout = folder();
    let trainer = json!({
        "python": "sklearn.svm.NuSVC", "guest": "dotted.wasm", "params": {"fail": true},
    });
    let told = errors(&fanout, &["run", &plan(&fanout, &trainer, &json!({}))], 6);
    assert!(told.contains("ValueError: nu is infeasible"), "{told}");
    assert!(told.contains("_base.py"), "{told}");
}

#[test]
fn a_component_that_was_not_made_is_told_with_the_command() {
    let fanout = folder();
    let made = tempfile::tempdir().unwrap();
    for trainer in [
        json!({"python": "sklearn.svm.NuSVC"}),
        json!({"python": "mine.py", "name": "MyEstimator"}),
    ] {
        fanout.write("mine.py", "class MyEstimator: pass\n");
        plan(&fanout, &trainer, &json!({}));
        let mut command = fanout.command();
        command.env("FANOUT_CACHE", made.path());
        let output = command.args(["check", "plan.yaml"]).output().unwrap();
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{errors}");
        assert!(errors.contains("`fanout guest python"), "{errors}");
    }
}

/// Classes by their nearest mean.
const MINE: &str = "\
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

import powers


class Nearest(ClassifierMixin, BaseEstimator):
    def __init__(self, power=2.0):
        self.power = power

    def fit(self, X, y):
        if self.power <= 0:
            raise ValueError(f'power must be positive, got {self.power}')
        self.classes_ = np.unique(y)
        self.means_ = [X[y == label].mean(axis=0) for label in self.classes_]
        return self

    def predict(self, X):
        away = [powers.away(X, mean, self.power) for mean in self.means_]
        return self.classes_[np.argmin(away, axis=0)]


class Halves(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X / 2.0
";

const POWERS: &str = "\
import numpy as np


def away(X, mean, power):
    return (np.abs(X - mean) ** power).sum(axis=1)
";

/// A folder with a table of two classes and a module, and the guest of Python in the cache.
fn with_python() -> Fanout {
    let fanout = Fanout::new();
    fanout.text(&["guest", "python"]);
    let row = |at: u32| {
        let (a, b, shift) = (at * 37 % 101, at * 53 % 89, 40 * (at % 2));
        format!(
            "{},{},{}\n",
            a + shift,
            b + shift,
            ["no", "yes"][at as usize % 2]
        )
    };
    let rows: String = (0..120).map(row).collect();
    fanout.write("table.csv", &format!("a,b,y\n{rows}"));
    fanout.write("mine.py", MINE);
    fanout.write("powers.py", POWERS);
    fanout
}

#[test]
#[ignore = "make test-python-guest"]
fn classes_of_scikit_learn_and_of_files_are_searched_and_predict() {
    let fanout = with_python();
    let files = json!(["mine.py", "powers.py"]);
    let plan = json!({
        "dataset": {"source": "table.csv", "target": "y"},
        "trainers": [
            {"trainer": {"python": files, "name": "sklearn.svm.NuSVC", "params": {"kernel": "rbf"}},
             "steps": [{"name": "halves", "step": "mine.Halves"},
                       {"name": "scale", "step": "standard_scaler"},
                       {"name": "pca", "step": "sklearn.decomposition.KernelPCA"}],
             "search": {"params": {"nu": [0.1, 0.2], "pca__n_components": [null, 2]}}},
            {"trainer": {"python": files, "name": "mine.Nearest"},
             "search": {"params": {"power": [1.0, 2.0]}}},
            {"trainer": {"python": "sklearn.neural_network.MLPClassifier",
                         "params": {"max_iter": 20, "random_state": 0}},
             "search": {"params": {"hidden_layer_sizes": [[3], [4, 2]]}}},
            {"trainer": {"python": "sklearn.ensemble.AdaBoostClassifier", "params": {
                "estimator": {"python": "sklearn.tree.DecisionTreeClassifier",
                              "params": {"max_depth": 2}},
                "n_estimators": 3, "random_state": 0}}},
            {"trainer": {"name": "gaussian_nb"}},
        ],
        "cv": {"method": "k_fold", "n_splits": 2},
        "limits": {"memory": "2GiB"},
        "output": "results",
    });
    let plan = fanout.write("plan.yaml", &plan.to_string());
    let report = fanout.json(&[&plan, "--without-guest"]);
    assert_eq!(report["candidates"], 10);
    assert_eq!(report["fits"]["failed"], 0, "{}", report["failures"]);
    assert_eq!(report["digests"]["guests"].as_array().unwrap().len(), 3);
    // The same bits again, in another store.
    let again = fanout.json(&[&plan, "--without-guest", "--store", "memory://"]);
    assert_eq!(scores(&again), scores(&report));
    // A model finds the guest in the cache.
    let only = json!({
        "kind": "fit", "dataset": {"source": "table.csv", "target": "y"},
        "trainer": {"python": files, "name": "mine.Nearest"}, "output": "nearest",
    });
    fanout.json(&[
        &fanout.write("fit.yaml", &only.to_string()),
        "--without-guest",
    ]);
    let model = fanout.path("nearest/model.fanout");
    assert!(std::fs::metadata(&model).unwrap().len() < 1 << 20);
    let told = fanout.text(&[
        "predict",
        "nearest/model.fanout",
        "table.csv",
        "--format",
        "csv",
    ]);
    assert_eq!(told.lines().count(), 121, "{told}");
    assert!(told.contains("yes") && told.contains("no"), "{told}");
}

#[test]
#[ignore = "make test-python-guest"]
fn mistakes_about_classes_are_told_by_check_and_those_of_fits_by_their_faults() {
    let fanout = with_python();
    let plan_of = |trainer: Value| {
        plan(&fanout, &trainer, &json!({}));
    };
    plan_of(json!({"python": "sklearn.svm.NuSVV"}));
    let told = errors(&fanout, &["check", "plan.yaml"], 3);
    assert!(told.contains("did you mean `sklearn.svm.NuSVC`?"), "{told}");
    plan_of(json!({"python": "sklearn.svm.NuSVC", "params": {"nuu": 0.1, "nu": 2.0}}));
    let told = errors(&fanout, &["check", "plan.yaml"], 3);
    assert!(told.contains("did you mean `nu`?"), "{told}");
    assert!(told.contains("not the number `2.0`"), "{told}");
    plan_of(json!({"python": ["mine.py", "powers.py"], "name": "mine.Nearst"}));
    let told = errors(&fanout, &["check", "plan.yaml"], 3);
    assert!(told.contains("did you mean `mine.Nearest`?"), "{told}");
    // A file whose module is not beside it.
    plan_of(json!({"python": "mine.py", "name": "Nearest"}));
    let output = fanout.run(&["check", "plan.yaml"]);
    let told = text(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("powers"), "{told}");
    plan_of(json!({
        "python": ["mine.py", "powers.py"], "name": "mine.Nearest", "params": {"power": -1.0},
    }));
    let told = errors(&fanout, &["run", "plan.yaml"], 6);
    assert!(
        told.contains("ValueError: power must be positive, got -1.0"),
        "{told}"
    );
}
