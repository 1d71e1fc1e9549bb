use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use arrow_schema::{DataType, Field, Schema};
use fanout_contract::{Cost, Learning, Param, ParamKind, Train};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::plan::{CheckedPlan, Draft};

mod order;

fn trainer() -> TrainerDescription {
    let param = |name: &str, nested, default: Value| Param {
        name: name.to_owned(),
        kinds: vec![
            ParamKind::Null,
            ParamKind::Int {
                min: Some(0),
                max: None,
            },
            ParamKind::Float {
                min: None,
                max: None,
                above_min: false,
            },
            ParamKind::Choice {
                of: vec!["gini".to_owned(), "entropy".to_owned()],
            },
        ],
        default,
        meaning: String::new(),
        nested,
        separate: false,
        cost: if nested { Cost::Linear } else { Cost::None },
    };
    TrainerDescription::new(
        "forest",
        "",
        vec![Learning::Binary],
        vec![
            param("n_estimators", true, json!(100)),
            param("max_depth", true, json!(null)),
            param("criterion", false, json!("gini")),
            param("max_features", false, json!(1.0)),
            param("random_state", false, json!(0)),
        ],
    )
}

/// Another trainer, with hyper-parameters of its own.
fn linear() -> TrainerDescription {
    let float = ParamKind::Float {
        min: None,
        max: None,
        above_min: false,
    };
    let param = |name: &str| Param::new(name, vec![float.clone()], json!(1.0), "");
    let params = vec![
        param("C").nested_separately(),
        param("k").nested(),
        param("max_features"),
    ];
    let mut linear = TrainerDescription::new("linear", "", vec![Learning::Binary], params);
    linear.abilities.bagging = true;
    linear
}

/// A checked plan with these lines beside the usual ones.
fn plan(more: &str) -> CheckedPlan {
    whole_plan(&format!(
        "trainer: {{name: forest, params: {{random_state: 7}}}}\n{more}"
    ))
}

/// A checked plan of these lines and a dataset.
fn whole_plan(more: &str) -> CheckedPlan {
    let text = format!("dataset: {{source: a.csv, target: y}}\n{more}\n");
    let mut draft = Draft::parse(Path::new("plan.yaml"), &text, &[], Path::new("/here"));
    draft.check_trainers(&[trainer(), linear()], &[], &[None]);
    let column = |name: &str| Field::new(name, DataType::Float64, true);
    draft.check_columns(&Schema::new(vec![column("x"), column("y")]));
    draft.finish().unwrap_or_else(|error| panic!("{error}"))
}

fn data() -> Data {
    Data {
        dataset: Digest::of(b"dataset"),
        splits: Digest::of(b"splits"),
    }
}

fn splits(count: i32) -> Vec<Split> {
    (0..count)
        .map(|test| Split {
            column: "fold".to_owned(),
            test: Some(test),
            train: Train::Rest,
            shuffle: None,
        })
        .collect()
}

fn expand(more: &str, folds: i32, workers: usize) -> Expansion {
    expand_arms(&plan(more), vec![estimator(trainer())], folds, workers)
}

fn estimator(trainer: TrainerDescription) -> Estimator {
    Estimator {
        guest: Digest::of(trainer.name.as_bytes()),
        steps: Vec::new(),
        trainer,
    }
}

fn expand_arms(plan: &Plan, arms: Vec<Estimator>, folds: i32, workers: usize) -> Expansion {
    let inputs = Inputs {
        arms,
        baseline: None,
        learning: Learning::Binary,
        data: data(),
        splits: splits(folds),
        parts: Vec::new(),
    };
    Expansion::new(plan, &inputs, workers)
}

fn listed(expansion: &Expansion) -> Vec<Value> {
    expansion
        .candidates
        .iter()
        .map(|params| json!(params))
        .collect()
}

#[test]
fn a_grid_has_the_order_of_scikit_learn() {
    // list(ParameterGrid({"n_estimators": [1, 2], "criterion": ["gini",
    // "entropy"], "max_depth": [None]}))
    let expansion = expand(
        "search: {params: {n_estimators: [1, 2], criterion: [gini, entropy], max_depth: null}}",
        2,
        1,
    );
    assert_eq!(
        listed(&expansion),
        [
            json!({"criterion": "gini", "max_depth": null, "n_estimators": 1}),
            json!({"criterion": "gini", "max_depth": null, "n_estimators": 2}),
            json!({"criterion": "entropy", "max_depth": null, "n_estimators": 1}),
            json!({"criterion": "entropy", "max_depth": null, "n_estimators": 2}),
        ]
    );
    // list(ParameterGrid([{"n_estimators": [1]}, {"max_depth": [2, 1]}]))
    let expansion = expand(
        "search: {params: [{n_estimators: [1]}, {max_depth: [2, 1]}]}",
        2,
        1,
    );
    assert_eq!(
        listed(&expansion),
        [
            json!({"n_estimators": 1}),
            json!({"max_depth": 2}),
            json!({"max_depth": 1})
        ]
    );
}

#[test]
fn a_plan_without_a_search_has_one_candidate() {
    let expansion = expand("", 3, 8);
    assert_eq!(listed(&expansion), [json!({})]);
    assert_eq!(expansion.tasks.len(), 3);
    assert_eq!(
        expansion.task(0).params,
        Params::from([("random_state".to_owned(), json!(7))])
    );
    assert_eq!(expansion.task(0).candidates, [Params::new()]);
}

#[test]
fn a_family_differs_in_nested_hyper_parameters_alone() {
    let search =
        "search: {params: {n_estimators: [1, 2], criterion: [gini, entropy], max_depth: [3, 4]}}";
    let expansion = expand(search, 1, 1);
    assert_eq!(expansion.tasks.len(), 2);
    let task = expansion.task(0);
    assert_eq!(
        json!(task.params),
        json!({"criterion": "gini", "random_state": 7})
    );
    assert_eq!(
        json!(task.candidates),
        json!([
            {"max_depth": 3, "n_estimators": 1}, {"max_depth": 3, "n_estimators": 2},
            {"max_depth": 4, "n_estimators": 1}, {"max_depth": 4, "n_estimators": 2},
        ])
    );
    assert_eq!(task.split, splits(1)[0]);
    assert_eq!(
        expand(&format!("{search}\nfamilies: off"), 1, 1)
            .tasks
            .len(),
        8
    );
}

#[test]
fn the_costliest_tasks_start_first() {
    let search = "search: {method: list, candidates: [
        {n_estimators: 5, max_depth: 2}, {n_estimators: 50, max_depth: 4}, {n_estimators: 10}, {max_depth: 9}]}";
    let expansion = expand(&format!("{search}\nfamilies: off"), 1, 1);
    // 10, 200, 10 × no bound (64), 100 × 9.
    let order: Vec<u32> = expansion
        .tasks
        .iter()
        .map(|task| task.candidates[0])
        .collect();
    assert_eq!(order, [3, 2, 1, 0]);
}

#[test]
fn families_are_split_until_the_workers_are_busy() {
    let search = "search: {params: {n_estimators: {range: [1, 6]}, criterion: [gini, entropy]}}";
    let sizes = |workers| {
        let expansion = expand(search, 2, workers);
        let mut sizes: Vec<usize> = expansion
            .tasks
            .iter()
            .filter(|task| task.split == 0)
            .map(|task| task.candidates.len())
            .collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(1), [6, 6]);
    assert_eq!(sizes(4), [6, 6]);
    assert_eq!(sizes(5), [3, 3, 6]);
    assert_eq!(sizes(8), [3, 3, 3, 3]);
    assert_eq!(sizes(1000), [1; 12]);
}

/// The id as `docs/store.md` defines it, from the hyper-parameters of a candidate.
fn documented_id(expansion: &Expansion, candidate: usize, split: &Split, families: bool) -> Digest {
    let mut params: Params = trainer()
        .params
        .into_iter()
        .map(|param| (param.name, param.default))
        .collect();
    params.extend(expansion.params(candidate));
    params.retain(|name, _| !families || !matches!(name.as_str(), "n_estimators" | "max_depth"));
    let template = &expansion.arms[0].template;
    let mut scoring = template.scoring.clone();
    scoring.sort_by(|a, b| a.name.cmp(&b.name));
    Digest::of_json(&json!({
        "data": data(),
        "guest": Digest::of(b"forest"),
        "task": {
            "contract": CONTRACT,
            "learning": template.learning,
            "trainer": template.trainer,
            "params": params,
            "split": split,
            "steps": [],
            "target": template.target,
            "positive": template.positive,
            "scoring": scoring,
            "train_score": template.train_score,
            "weight": template.weight,
        },
    }))
}

#[test]
fn an_id_is_the_digest_of_what_a_family_shares() {
    for more in [
        "",
        "search: {params: {n_estimators: [1, 2], criterion: [gini, entropy], max_features: [0.5, null]}}",
        "search: {method: list, candidates: [{max_depth: 1}, {}, {criterion: entropy, n_estimators: 3}]}",
        "search: {method: random, n_iter: 7, params: {n_estimators: {int_uniform: [1, 9]}, max_features: {uniform: [0, 1]}}}",
        "scoring: [roc_auc, accuracy]\nreturn_train_score: true",
    ] {
        for families in [true, false] {
            let expansion = expand(&format!("{more}\nfamilies: {families}"), 3, 5);
            for task in &expansion.tasks {
                let split = &expansion.splits[task.split as usize];
                for &candidate in &task.candidates {
                    let id = documented_id(&expansion, candidate as usize, split, families);
                    assert_eq!(task.id, id, "{more}");
                    assert_eq!(task.id, expansion.id(candidate as usize, split), "{more}");
                }
            }
        }
    }
}

/// The names of all fits: task and key.
fn names(more: &str) -> BTreeSet<(Digest, String)> {
    let expansion = expand(more, 2, 3);
    let of = |task: &TaskSpec| {
        let candidates = task.candidates.iter();
        let key = |&candidate: &u32| (task.id, expansion.key(candidate as usize));
        candidates.map(key).collect::<Vec<_>>()
    };
    expansion.tasks.iter().flat_map(of).collect()
}

#[test]
fn a_fit_has_one_name_wherever_it_stands() {
    let grid = names("search: {params: {n_estimators: [4, 8], criterion: [gini]}}");
    assert_eq!(grid.len(), 4);
    for same in [
        "search: {params: {criterion: gini, n_estimators: {range: [4, 8], step: 4}}}",
        "search: {params: [{criterion: gini, n_estimators: 4}, {n_estimators: 8, criterion: gini}]}",
        "search: {method: list, candidates: [{criterion: gini, n_estimators: 4}, {n_estimators: 8, criterion: gini}]}",
        // What is left to its default is the default.
        "search: {params: {n_estimators: [4, 8]}}",
        "search: {params: {n_estimators: [4, 8], max_depth: null, max_features: 1.0}}",
    ] {
        assert_eq!(grid, names(same), "{same}");
    }
    for greater in [
        "search: {params: {n_estimators: [2, 4, 8], criterion: [gini, entropy]}}",
        "search: {params: {n_estimators: [2, 4, 8], max_depth: [null, 3]}}",
    ] {
        assert!(grid.is_subset(&names(greater)), "{greater}");
    }
    // Its own fits alone, then the shared one, and back to what it names.
    let fixed = names("search: {params: {criterion: [gini]}}\nfamilies: off");
    let searched =
        names("search: {params: {n_estimators: [100], criterion: [gini, entropy]}}\nfamilies: off");
    assert!(fixed.is_subset(&searched));
    for other in [
        "search: {params: {n_estimators: [5, 9]}}",
        "search: {params: {n_estimators: [4, 8], criterion: entropy}}",
        "search: {params: {n_estimators: [4, 8], max_features: 1}}",
        "search: {params: {n_estimators: [4, 8]}}\nscoring: roc_auc",
    ] {
        assert!(grid.is_disjoint(&names(other)), "{other}");
    }
}

#[test]
fn reversed_with_jitter_the_tasks_are_the_same() {
    let search = "search: {params: {n_estimators: [1, 2], max_features: [0.1, 0.2, 0.3, 0.4]}}";
    let whole = expand(search, 3, 1);
    let mut reversed = whole.clone();
    reversed.reverse_with_jitter();
    let all = |expansion: &Expansion| -> HashSet<(Digest, Vec<u32>)> {
        let tasks = expansion.tasks.iter();
        tasks
            .map(|task| (task.id, task.candidates.clone()))
            .collect()
    };
    assert_eq!(all(&whole), all(&reversed));
    assert_eq!(whole.tasks.len(), reversed.tasks.len());
}

/// YAML of a grid in flow style, its keys in the order that is given.
fn grid(axes: &[(&str, Vec<u32>)]) -> String {
    let axes: Vec<String> = axes
        .iter()
        .map(|(name, values)| format!("{name}: {values:?}"))
        .collect();
    format!("search: {{params: {{{}}}}}", axes.join(", "))
}

fn axes() -> impl Strategy<Value = Vec<(&'static str, Vec<u32>)>> {
    let names = prop::sample::subsequence(
        vec!["n_estimators", "max_depth", "criterion", "max_features"],
        1..=4,
    );
    names.prop_flat_map(|names| {
        let values: Vec<_> = names
            .iter()
            .map(|_| prop::collection::vec(0u32..6, 1..5))
            .collect();
        values
            .prop_map(move |values| names.iter().copied().zip(values).collect::<Vec<_>>())
            .prop_shuffle()
    })
}

proptest! {
    #[test]
    fn every_fit_is_in_exactly_one_task(
        axes in axes(),
        folds in 1i32..5,
        workers in 1usize..200,
        families in any::<bool>(),
    ) {
        let more = format!("{}\nfamilies: {families}", grid(&axes));
        let expansion = expand(&more, folds, workers);
        let mut fits = HashSet::new();
        for (index, task) in expansion.tasks.iter().enumerate() {
            prop_assert!(task.candidates.is_sorted());
            let document = expansion.task(index);
            prop_assert_eq!(&document.split, &expansion.splits[task.split as usize]);
            prop_assert_eq!(document.candidates.len(), task.candidates.len());
            for (own, &candidate) in document.candidates.iter().zip(&task.candidates) {
                prop_assert!(fits.insert((candidate, task.split)));
                // The document has the hyper-parameters of the plan.
                let mut params = document.params.clone();
                params.extend(own.clone());
                prop_assert_eq!(params, expansion.params(candidate as usize));
                // A family differs in nested hyper-parameters alone.
                let nested = |name: &String| matches!(name.as_str(), "n_estimators" | "max_depth");
                prop_assert!(own.keys().all(nested));
            }
        }
        prop_assert_eq!(fits.len(), expansion.fits());
        let enough = expansion.tasks.len() >= workers.min(expansion.fits());
        prop_assert!(enough, "{} tasks for {workers} workers", expansion.tasks.len());
    }

    #[test]
    fn keys_may_stand_in_any_order(axes in axes(), workers in 1usize..40) {
        let mut sorted = axes.clone();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        let (a, b) = (expand(&grid(&axes), 2, workers), expand(&grid(&sorted), 2, workers));
        prop_assert_eq!(a.candidates, b.candidates);
        prop_assert_eq!(a.tasks, b.tasks);
    }

    #[test]
    fn names_tell_fits_apart(axes in axes(), workers in 1usize..40, families in any::<bool>()) {
        // Lists may name a value twice; equal fits have equal names, and
        // others have others.
        let more = format!("{}\nfamilies: {families}", grid(&axes));
        let expansion = expand(&more, 2, workers);
        let mut known = BTreeMap::new();
        for task in &expansion.tasks {
            for &candidate in &task.candidates {
                let mut params: Params =
                    trainer().params.into_iter().map(|param| (param.name, param.default)).collect();
                params.extend(expansion.params(candidate as usize));
                let fit = json!([task.split, params]).to_string();
                let name = (task.id, expansion.key(candidate as usize));
                prop_assert_eq!(known.entry(name).or_insert_with(|| fit.clone()), &fit);
            }
        }
        let fits: BTreeSet<&String> = known.values().collect();
        prop_assert_eq!(fits.len(), known.len());
    }
}

/// A forest of two depths, and a linear model of three strengths.
const ARMS: &str = "trainers:
- trainer: {name: forest}
  search: {params: {max_depth: [1, 2], max_features: [0.5]}}
- trainer: {name: linear, params: {max_features: 0.5}}
  search: {params: {C: [1, 2.0, 4]}}
";

#[test]
fn several_trainers_are_one_list_of_candidates() {
    let arms = vec![estimator(trainer()), estimator(linear())];
    let expansion = expand_arms(&whole_plan(ARMS), arms, 2, 1);
    assert_eq!(
        expansion.candidates.names(),
        ["C", "max_depth", "max_features", "trainer"]
    );
    assert_eq!(
        listed(&expansion),
        [
            json!({"trainer": "forest", "max_depth": 1, "max_features": 0.5}),
            json!({"trainer": "forest", "max_depth": 2, "max_features": 0.5}),
            json!({"trainer": "linear", "C": 1}),
            json!({"trainer": "linear", "C": 2.0}),
            json!({"trainer": "linear", "C": 4}),
        ]
    );
    // A family a split of each.
    let tasks: Vec<(&str, &[u32])> = (expansion.tasks.iter())
        .map(|task| {
            (
                expansion.arm(task.candidates[0]).template.trainer.as_str(),
                &*task.candidates,
            )
        })
        .collect();
    let (forest, linear): (&[u32], &[u32]) = (&[0, 1], &[2, 3, 4]);
    assert_eq!(
        tasks,
        [
            ("forest", forest),
            ("forest", forest),
            ("linear", linear),
            ("linear", linear)
        ]
    );
    let task = expansion.task(2);
    assert_eq!(json!(task.params), json!({"max_features": 0.5}));
    assert_eq!(
        json!(task.candidates),
        json!([{"C": 1}, {"C": 2.0}, {"C": 4}])
    );
    assert_eq!(expansion.guest(4), Digest::of(b"linear"));
    assert_eq!(
        json!(expansion.params(0)),
        json!({"max_depth": 1, "max_features": 0.5})
    );
}

#[test]
fn a_fit_has_the_same_name_beside_other_trainers() {
    let alone = whole_plan(
        "trainer: {name: linear, params: {max_features: 0.5}}\nsearch: {params: {C: [4, 1]}}",
    );
    let alone = expand_arms(&alone, vec![estimator(linear())], 2, 1);
    let arms = vec![estimator(trainer()), estimator(linear())];
    let beside = expand_arms(&whole_plan(ARMS), arms, 2, 1);
    for split in &alone.splits {
        assert_eq!(alone.id(0, split), beside.id(4, split));
        assert_eq!(alone.id(1, split), beside.id(2, split));
    }
    assert_eq!((alone.key(0), alone.key(1)), (beside.key(4), beside.key(2)));
    assert_ne!(alone.key(0), alone.key(1));
}

fn step(name: &str, params: Vec<Param>) -> StepDescription {
    StepDescription {
        name: name.to_owned(),
        summary: String::new(),
        takes: fanout_contract::Takes::Any,
        missing: true,
        uses_target: false,
        params,
    }
}

/// An expansion of the linear model behind steps, on one split.
fn expand_steps(more: &str) -> Expansion {
    steps_expanded(more).1
}

fn steps_expanded(more: &str) -> (Estimator, Expansion) {
    let text = format!("trainer: {{name: linear}}\n{more}");
    let (mut estimators, expansion) = arms_expanded(&text, 1, 1);
    (estimators.remove(0), expansion)
}

/// An expansion of linear models and forests behind steps: `fill`, `scaler` and `pca`.
fn expand_steps_on(text: &str, folds: i32, workers: usize) -> Expansion {
    arms_expanded(text, folds, workers).1
}

fn arms_expanded(text: &str, folds: i32, workers: usize) -> (Vec<Estimator>, Expansion) {
    let bool_param = |name: &str| Param::new(name, vec![ParamKind::Bool], json!(true), "");
    let components = ParamKind::Int {
        min: Some(1),
        max: None,
    };
    let components = Param::new("n_components", vec![components], json!(2), "").nested();
    let fill = step("fill", vec![bool_param("indicator")]);
    let scale = step("scaler", vec![bool_param("with_mean")]);
    let pca = step("pca", vec![components]);
    let steps = [fill.clone(), scale.clone(), pca.clone()];
    let text = format!("dataset: {{source: a.csv, target: y}}\n{text}\n");
    let mut draft = Draft::parse(Path::new("plan.yaml"), &text, &[], Path::new("/here"));
    draft.check_trainers(&[trainer(), linear()], &steps, &[None]);
    let column = |name: &str| Field::new(name, DataType::Float64, true);
    draft.check_columns(&Schema::new(vec![column("x"), column("y")]));
    let plan = draft.finish().unwrap_or_else(|error| panic!("{error}"));
    let arms = plan.arms().map(|arm| {
        let offered = arm.steps.iter().map(|step| {
            let known = steps.iter().filter(|known| step.step.contains(&known.name));
            known.cloned().collect()
        });
        let trainers = [trainer(), linear()].into_iter();
        let mut trainers = trainers.filter(|trainer| trainer.name == arm.trainer.name);
        Estimator {
            steps: offered.collect(),
            ..estimator(trainers.next().unwrap())
        }
    });
    let arms: Vec<Estimator> = arms.collect();
    let expansion = expand_arms(&plan, arms.clone(), folds, workers);
    (arms, expansion)
}

#[test]
fn a_task_has_the_steps_of_its_candidates() {
    let expansion = expand_steps(
        "steps: [{step: fill}, {name: scale, step: [scaler, pca, none]}]\n\
         search: {params: {scale__n_components: [1, 2], scale__with_mean: [false], C: [1.0]}}",
    );
    assert_eq!(expansion.candidates.len(), 6);
    // The components are nested, so that they are one family of each choice.
    let tasks: Vec<Task> = (0..expansion.tasks.len())
        .map(|at| expansion.task(at))
        .collect();
    let by_choice = |wanted: Option<&str>| {
        let has = |task: &&Task| task.steps.get(1).map(|step| step.step.as_str()) == wanted;
        tasks.iter().find(has).unwrap()
    };
    let scaler = by_choice(Some("scaler"));
    assert_eq!(
        json!(scaler.params),
        json!({"C": 1.0, "scale__with_mean": false})
    );
    assert_eq!(json!(scaler.candidates), json!([{}, {}]));
    let pca = by_choice(Some("pca"));
    assert_eq!(json!(pca.params), json!({"C": 1.0}));
    assert_eq!(
        json!(pca.candidates),
        json!([{"scale__n_components": 1}, {"scale__n_components": 2}])
    );
    let none = by_choice(None);
    assert_eq!(
        (none.steps.len(), json!(none.params)),
        (1, json!({"C": 1.0}))
    );
}

#[test]
fn a_parameter_of_a_step_names_a_fit_however_it_is_written() {
    let id = |more: &str| {
        let expansion = expand_steps(more);
        (expansion.tasks[0].id, expansion.key(0))
    };
    let fixed = id("steps: [{name: scale, step: pca, params: {n_components: 3}}]");
    let searched =
        id("steps: [{name: scale, step: pca}]\nsearch: {params: {scale__n_components: [3]}}");
    let default = id("steps: [{name: scale, step: pca}]");
    let named = id("steps: [{name: scale, step: pca, params: {n_components: 2}}]");
    assert_eq!(fixed, searched);
    assert_eq!(default, named);
    // Nested, so that the key tells them apart.
    assert_eq!(default.0, fixed.0);
    assert_ne!(default.1, fixed.1);
    assert_ne!(id("steps: [{name: scale, step: scaler}]").0, default.0);
}

/// What each fit of a task is: all hyper-parameters of the trainer, and the steps
/// with all of theirs, whether the task gives them or not.
fn fits_of(task: &Task, estimator: &Estimator) -> Vec<Value> {
    let number = |value: Value| match value.as_f64() {
        Some(number) => json!(number),
        None => value,
    };
    let fit =
        |own: &Params| {
            let mut given = task.params.clone();
            given.extend(own.clone());
            let mut params: Params = (estimator.trainer.params.iter())
                .map(|param| (param.name.clone(), param.default.clone()))
                .collect();
            let steps = task.steps.iter().map(|step| {
            let mut offered = estimator.steps.iter().flatten();
            let offered = offered.find(|known| known.name == step.step).unwrap();
            let prefix = format!("{}__", step.name);
            let value = |param: &Param| {
                let given = given.remove(&format!("{prefix}{}", param.name));
                let value = given.or(step.params.get(&param.name).cloned());
                (param.name.clone(), number(value.unwrap_or(param.default.clone())))
            };
            let params: Params = offered.params.iter().map(value).collect();
            json!({"name": step.name, "step": step.step, "columns": step.columns, "params": params})
        });
            let steps: Vec<Value> = steps.collect();
            params.extend(given);
            let params: Params = (params.into_iter())
                .map(|(name, value)| (name, number(value)))
                .collect();
            json!({"params": params, "steps": steps})
        };
    task.candidates.iter().map(fit).collect()
}

/// A task's identity is canonical JSON whose digest is the id, and with the keys it is
/// the task, without the plan.
fn identities_are_whole(expansion: &Expansion, estimator: &Estimator) {
    for (index, spec) in expansion.tasks.iter().enumerate() {
        let split = &expansion.splits[spec.split as usize];
        for &candidate in &spec.candidates {
            let text = expansion.identity(candidate as usize, split);
            assert_eq!(Digest::of(text.as_bytes()), spec.id);
        }
        let text = expansion.identity(spec.candidates[0] as usize, split);
        assert_eq!(
            canonical(&serde_json::from_str::<Value>(&text).unwrap()),
            text
        );
        let identity = TaskIdentity::read(&text).unwrap();
        assert_eq!(canonical(&identity), text);
        assert_eq!((&identity.data, identity.guest), (&data(), estimator.guest));
        let key = |&candidate: &u32| expansion.key(candidate as usize);
        let keys = spec.candidates.iter().map(key);
        let fits: Vec<Params> = keys
            .map(|key| serde_json::from_str(&key).unwrap())
            .collect();
        let (stated, task) = (identity.into_task(fits, Vec::new()), expansion.task(index));
        assert_eq!(fits_of(&stated, estimator), fits_of(&task, estimator));
        let sorted = |task: &Task| {
            let mut scoring = task.scoring.clone();
            scoring.sort_by(|a, b| a.name.cmp(&b.name));
            Task {
                params: Params::new(),
                candidates: Vec::new(),
                steps: Vec::new(),
                scoring,
                ..task.clone()
            }
        };
        assert_eq!(sorted(&stated), sorted(&task));
    }
}

#[test]
fn an_identity_and_keys_are_a_task() {
    for more in [
        "search: {params: {n_estimators: [1, 2], criterion: [gini, entropy], max_features: [1, null]}}",
        "search: {method: list, candidates: [{max_depth: 1}, {}, {criterion: entropy, n_estimators: 3}]}",
        "scoring: [roc_auc, accuracy, {metric: fbeta, params: {beta: 2}}]\nreturn_train_score: true",
    ] {
        for families in [true, false] {
            let expansion = expand(&format!("{more}\nfamilies: {families}"), 3, 5);
            identities_are_whole(&expansion, &estimator(trainer()));
        }
    }
    for more in [
        "steps: [{step: fill, params: {indicator: false}}, {name: scale, step: [scaler, pca, none], columns: numeric}]\n\
         search: {params: {scale__n_components: [1, 2], scale__with_mean: [false], C: [1, 0.5]}}",
        "steps: [{name: scale, step: pca, params: {n_components: 3}}]",
        "steps: [{name: scale, step: [pca, none]}]\n\
         search: {method: list, candidates: [{}, {scale: none}, {scale: pca, scale__n_components: 4}]}",
    ] {
        for families in [true, false] {
            let (estimator, expansion) = steps_expanded(&format!("{more}\nfamilies: {families}"));
            identities_are_whole(&expansion, &estimator);
        }
    }
}

/// The parameters of a bagging are hyper-parameters, of which the number of members is
/// nested, and a bagged trainer's fits have names of their own.
#[test]
fn bagging_is_in_the_names_of_bagged_fits_alone() {
    let bagged = estimator(linear().bagged());
    let expanded = |more: &str| {
        let plan = whole_plan(&format!("trainer: {{name: linear{more}"));
        expand_arms(&plan, vec![bagged.clone()], 2, 1)
    };
    let search = "search: {params: {bagging__n_estimators: [5, 10], bagging__max_samples: [0.5], k: [1, 2]}}";
    let expansion = expanded(&format!(", bagging: {{max_features: 2}}}}\n{search}"));
    identities_are_whole(&expansion, &bagged);
    // One family a split.
    assert_eq!(expansion.tasks.len(), 2);
    let task = expansion.task(0);
    assert!(task.bagging);
    let shared = json!({"bagging__max_features": 2, "bagging__max_samples": 0.5});
    assert_eq!(json!(task.params), shared);
    let split = &expansion.splits[0];
    let text = expansion.identity(0, split);
    assert!(
        text.contains(r#""task":{"bagging":true,"contract":"#),
        "{text}"
    );
    assert!(text.contains(r#""bagging__bootstrap":true"#), "{text}");
    // The same said otherwise.
    let otherwise = expanded(
        ", params: {bagging__max_features: 2, k: 1}, bagging: {max_samples: 0.5, n_estimators: 10}}",
    );
    assert_eq!(otherwise.id(0, split), expansion.id(2, split));
    assert_eq!(otherwise.key(0), expansion.key(2));

    let plain = whole_plan("trainer: {name: linear, bagging: false}");
    let plain = expand_arms(&plain, vec![estimator(linear())], 2, 1);
    assert!(!plain.identity(0, split).contains("bagging"));
}

/// A parameter of a step that a candidate does not choose names nothing.
#[test]
fn what_the_chosen_step_lacks_is_in_no_name() {
    let expansion = expand_steps(
        "steps: [{name: scale, step: [scaler, pca]}]\n\
         search: {params: {scale__n_components: [1, 2]}}",
    );
    let split = &expansion.splits[0];
    let names = |choice: &str| -> BTreeSet<(Digest, String)> {
        let all = 0..expansion.candidates.len();
        all.filter(|&at| expansion.candidates.value(at, "scale") == Some(&json!(choice)))
            .map(|at| (expansion.id(at, split), expansion.key(at)))
            .collect()
    };
    assert_eq!((names("scaler").len(), names("pca").len()), (1, 2));
}

#[test]
fn the_baseline_is_a_task_a_split_and_no_candidate() {
    let of = |plan: &Plan, arms, baseline| {
        let inputs = Inputs {
            arms,
            baseline,
            learning: Learning::Binary,
            data: data(),
            splits: splits(2),
            parts: Vec::new(),
        };
        Expansion::new(plan, &inputs, 1)
    };
    let arms = || vec![estimator(trainer()), estimator(linear())];
    let plan = whole_plan(ARMS);
    let with = of(&plan, arms(), Some(estimator(linear())));
    let without = of(&plan, arms(), None);
    assert_eq!(with.tasks, without.tasks);
    assert_eq!(with.candidates, without.candidates);
    assert!(without.baseline_tasks.is_empty());
    // Its fits are those of a plan of its trainer alone, with the defaults.
    let alone = whole_plan("trainer: {name: linear}");
    let alone = of(&alone, vec![estimator(linear())], None);
    for (split, task) in with.baseline_tasks.iter().enumerate() {
        let index = with.tasks.len() + split;
        assert_eq!((task.split, &*task.candidates), (split as u32, &[5][..]));
        assert_eq!(task.id, alone.tasks[split].id);
        assert_eq!(with.key(5), alone.key(0));
        assert_eq!(with.guest(5), alone.guest(0));
        assert_eq!(with.any_task(index), task);
        assert_eq!(with.task(index), alone.task(split));
        let identity = with.identity(5, &with.splits[split]);
        assert_eq!(Digest::of(identity.as_bytes()), task.id);
    }
}
