//! Offers trainers and a step by paths, as the guest of Python does, and fails as
//! Python does.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, answer, contract::Task, description, export, step};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        let names = ["sklearn.svm.NuSVC", "sklearn.svm.SVC", "mine.MyEstimator"];
        let text = description(&names);
        let mut described: hostile_guests::contract::Description =
            serde_json::from_str(&text).unwrap();
        described.steps = vec![step("sklearn.decomposition.KernelPCA")];
        serde_json::to_string(&described).unwrap()
    }

    fn evaluate(task: &Task) -> Result<String, Fault> {
        let fails = |params: &hostile_guests::contract::Params| {
            params.get("fail").is_some_and(|value| *value == true)
        };
        if fails(&task.params) || task.candidates.iter().any(fails) {
            let last =
                "  File \"sklearn/svm/_base.py\", line 9, in fit\nValueError: nu is infeasible";
            return Err(Fault::Failed(last.to_owned()));
        }
        Ok(answer(task))
    }
}

export!(Component);
