//! Tasks of a bagged trainer. What holds of every trainer is in `tests/bagging`.

use serde_json::{Value, json};

use crate::fixture::{EchoGuest, files};
use crate::{Dataset, Evaluation, Model};

fn task(changes: Value) -> String {
    let mut task = json!({
        "contract": 2,
        "trainer": "echo",
        "bagging": true,
        "params": {"bagging__n_estimators": 4},
        "candidates": [{}],
        "split": {"column": "fold", "test": 1},
        "target": "y",
        "learning": "binary",
        "scoring": ["accuracy", "roc_auc"],
    });
    for (key, value) in changes.as_object().unwrap() {
        task[key] = value.clone();
    }
    task.to_string()
}

fn open() -> Dataset {
    let (table, splits) = files();
    Dataset::open::<EchoGuest>(table, splits).unwrap()
}

fn evaluate(changes: Value) -> Evaluation {
    open().evaluate(&task(changes)).unwrap()
}

fn refusal(changes: Value) -> String {
    open().evaluate(&task(changes)).unwrap_err().to_string()
}

/// The members predict alike, so that the bag does as each.
#[test]
fn a_bag_is_scored_as_its_members() {
    let answer = |changes| -> Value { serde_json::from_str(&evaluate(changes).answer).unwrap() };
    let plain = answer(json!({"bagging": false, "params": {"bias": 0.15}}));
    let bagged = answer(json!({"params": {"bias": 0.15}, "train_score": false}));
    assert_eq!(bagged["scores"], plain["scores"]);
    assert_eq!(bagged["fits"], 1);
    let family = json!([{"bagging__n_estimators": 2}, {"bagging__n_estimators": 3}]);
    let family = answer(json!({"params": {"bias": 0.15}, "candidates": family}));
    assert_eq!(family["fits"], 1);
    assert_eq!(family["scores"][1], plain["scores"][0]);
    let permute = json!({"feature": "x", "n_repeats": 2, "random_state": 0});
    let permuted = |bagging: bool| {
        answer(json!({"bagging": bagging, "params": {"bias": 0.15}, "permute": permute}))
    };
    assert_eq!(permuted(true)["scores"], permuted(false)["scores"]);
}

#[test]
fn models_come_whole_and_in_parts() {
    let steps = json!([{"name": "scale", "step": "max_abs_scaler"}]);
    for steps in [json!([]), steps] {
        let whole = json!({"steps": steps, "outputs": ["predictions", "model"]});
        let whole_task = task(whole.clone());
        let whole = evaluate(whole);
        let parts = [(0, 3), (3, 4)].map(|(start, end)| {
            let part = json!({"start": start, "end": end});
            let part = json!({"steps": steps, "outputs": ["model"], "part": part, "scoring": []});
            let [model] = <[_; 1]>::try_from(evaluate(part).artifacts).unwrap();
            model.bytes
        });
        assert_eq!(open().assemble(&whole_task, parts.to_vec()).unwrap(), whole);
        let model = &whole.artifacts[1].bytes;
        let model = Model::open::<EchoGuest>(model).unwrap();
        assert!(model.predict(files().0).is_ok());
        let form = model.export(r#"{"form": "onnx"}"#).unwrap_err();
        assert_eq!(
            form.to_string(),
            "invalid task: trainer `echo`, bagged, has no form in ONNX: a file would hold a \
             graph for each of its members"
        );
    }
    // A model of the trainer alone is no part of a bag.
    let plain = json!({"bagging": false, "params": {}, "outputs": ["model"]});
    let plain = evaluate(plain).artifacts.remove(0).bytes;
    let whole_task = task(json!({"outputs": ["model"]}));
    let refused = open().assemble(&whole_task, vec![plain]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "invalid task: the parts are not of the task's trainer"
    );
}

#[test]
fn a_dataset_is_shared_for_a_bag() {
    let given = task(json!({"train_score": true}));
    let shared = open().share(&given).unwrap();
    let adopted = Dataset::adopt::<EchoGuest>(&shared).unwrap();
    assert_eq!(adopted.evaluate(&given), open().evaluate(&given));
    let plain = task(json!({"bagging": false, "params": {}}));
    assert_eq!(
        adopted.evaluate(&plain).unwrap_err().to_string(),
        "invalid dataset: the dataset was adopted for one trainer and has no table"
    );
}

#[test]
fn invalid_tasks_of_bags_are_errors() {
    let unknown = refusal(json!({"params": {"bagging__members": 3}}));
    assert!(
        unknown.starts_with(
            "invalid hyper-parameters: trainer `echo` has no hyper-parameter `bagging__members`; "
        ),
        "{unknown}"
    );
    let plain = json!({"bagging": false});
    assert!(refusal(plain).contains("no hyper-parameter `bagging__n_estimators`"));
    assert_eq!(
        refusal(json!({"params": {"bagging__max_samples": 1.5}})),
        "invalid hyper-parameters: `bagging__max_samples` takes `null`, a whole number of at \
         least 1 or a number above 0.0 and at most 1.0, not the number `1.5`"
    );
    let oob = json!({"bagging__oob_score": true, "bagging__bootstrap": false});
    assert_eq!(
        refusal(json!({"params": oob, "outputs": ["model"]})),
        "invalid hyper-parameters: `bagging__oob_score` needs `bagging__bootstrap`"
    );
    let steps = json!([{"name": "bagging", "step": "max_abs_scaler"}]);
    assert_eq!(
        refusal(json!({"steps": steps})),
        "invalid task: a step of a bagged trainer can't be called `bagging`"
    );
    let part = json!({"start": 3, "end": 5});
    assert_eq!(
        refusal(json!({"part": part, "outputs": ["model"]})),
        "invalid task: members 3 to 5 are no part of 4"
    );
    assert_eq!(
        refusal(json!({"params": {"forget": true}})),
        "the fit failed: `echo` did not predict for each candidate once"
    );
}
