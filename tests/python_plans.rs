//! Trainers of Python in a plan, over a guest that offers classes by their paths as the
//! component of scikit-learn does: `guest` beside `python` names it.

use serde_json::{Value, json};

use crate::guests::built::components;
use crate::program::{Fanout, made, text};

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
    let message = "the component of scikit-learn has no estimator `sklearn.svm.NuSVV`";
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
        assert!(errors.contains("`fanout guest python`"), "{errors}");
    }
}
