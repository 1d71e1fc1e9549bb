use std::path::Path;
use std::time::Duration;

use arrow_schema::{DataType, Field, Schema};
use fanout_contract::Score;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const EVERY_FORM: &str = include_str!("../../../tests/plans/valid/every_form.yaml");

fn trainers() -> Vec<TrainerDescription> {
    serde_json::from_str(include_str!("../../../tests/plans/trainers.json")).unwrap()
}

fn parse(text: &str, options: &[Override]) -> Draft {
    Draft::parse(
        Path::new("plans/some.yaml"),
        text,
        options,
        Path::new("/here"),
    )
}

fn options(arguments: &[&str]) -> Vec<Override> {
    arguments
        .iter()
        .map(|argument| Override::set(argument).unwrap())
        .collect()
}

/// The plan of a text in which there is no mistake.
#[track_caller]
fn plan(text: &str, options: &[Override]) -> Plan {
    let draft = parse(text, options);
    if let Some(error) = draft.error() {
        panic!("{error}");
    }
    draft.sections.plan.unwrap()
}

/// Every row of the table that a plan can reach, with its section's path.
fn rows() -> Vec<(&'static str, &'static form::Field)> {
    form::Form::fields(&PLAN)
}

#[test]
fn every_default_is_a_value_of_its_field() {
    let rows = rows();
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut defaults = 0;
    for (path, field) in rows {
        let Some(node) = field.default() else {
            let has_default = matches!(field.presence, form::Presence::Default(_));
            assert!(
                !has_default,
                "`{}` of `{path}` has a default that is not YAML",
                field.name
            );
            continue;
        };
        let mut cx = Context::new(Path::new("plans/some.yaml"), Path::new("/here"), &PLAN);
        let read = field
            .form
            .read(form::Given::item(field.name, &node), &mut cx);
        assert!(
            read.is_some(),
            "`{}` of `{path}`: {:?}",
            field.name,
            cx.found
        );
        defaults += 1;
    }
    assert!(defaults > 20, "{defaults} defaults");
}

#[test]
fn every_field_is_described_and_known_by_one_name() {
    for (path, field) in rows() {
        let about = field.about.trim_start();
        assert!(
            about.ends_with('.'),
            "`{}` of `{path}`: {about}",
            field.name
        );
        assert!(
            !about.contains("  "),
            "`{}` of `{path}`: {about}",
            field.name
        );
        assert!(
            !field.aka.contains(&field.name),
            "`{}` of `{path}`",
            field.name
        );
    }
}

#[test]
fn a_field_of_several_sections_is_shown_with_all_of_them() {
    let error = parse(&format!("{LEAST}retry: 2m\nbudget: 1\n"), &[])
        .error()
        .unwrap();
    let error = error.to_string();
    let homes = "`retry` is a field of `pool` and of `store`";
    assert!(error.contains(homes), "{error}");
}

#[test]
fn fields_of_an_unknown_variant_are_read_by_the_most_lenient() {
    let text = format!("{LEAST}pool: {{kind: nat, workers: 2000, retry: 30}}\n");
    let error = parse(&text, &[]).error().unwrap().to_string();
    assert!(error.contains("has 2 mistakes"), "{error}");
    assert!(error.contains("did you mean `nats`?"), "{error}");
    assert!(error.contains("write `30s` for seconds"), "{error}");
}

const LEAST: &str = "dataset: {source: a.csv, target: y}\ntrainer: {name: random_forest}\n";

#[test]
fn a_plan_has_the_defaults_of_scikit_learn() {
    assert_eq!(
        plan(LEAST, &[]),
        Plan {
            kind: Kind::default(),
            name: "some".to_owned(),
            dataset: DatasetPlan {
                source: "plans/a.csv".to_owned(),
                format: None,
                csv: CsvOptions {
                    delimiter: ',',
                    header: true,
                    names: None,
                    null_values: [
                        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan",
                        "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a",
                        "nan", "null",
                    ]
                    .map(str::to_owned)
                    .to_vec(),
                    decimal: None,
                    thousands: None,
                    dayfirst: None,
                },
                features: None,
                drop: Vec::new(),
                categorical: Vec::new(),
                target: "y".to_owned(),
                learn: None,
                weight: None,
                positive: None,
                columns: Default::default(),
                groups: None,
                targets: Vec::new(),
                chain: Vec::new(),
                stratify: Stratify::Each,
                missing_target: MissingTarget::Error,
            },
            holdout: None,
            trainer: Some(TrainerPlan {
                name: "random_forest".to_owned(),
                python: None,
                guest: None,
                params: Default::default(),
                bagging: false,
            }),
            trainers: Vec::new(),
            steps: Vec::new(),
            search: Search::List {
                candidates: vec![Default::default()]
            },
            cv: Cv::StratifiedKFold {
                n_splits: 5,
                shuffle: false,
                random_state: 0
            },
            scoring: vec!["accuracy".into()],
            refit: Some("accuracy".to_owned().into()),
            threshold: None,
            return_train_score: false,
            predictions: false,
            ensemble: None,
            explain: None,
            error_score: ErrorScore::Nan,
            families: true,
            pool: PoolPlan::Local { workers: None },
            store: "file:///here/.fanout".into(),
            limits: Limits {
                memory: 1 << 30,
                timeout: Duration::from_secs(300)
            },
            output: None,
        }
    );
}

#[test]
fn every_form_is_read() {
    let plan = plan(EVERY_FORM, &[]);
    let column = |name: &str| FeaturePlan::Column(name.to_owned());
    let concat = |name: &str, of: &[&str], separator: &str| FeaturePlan::Concat {
        name: name.to_owned(),
        concat: of.iter().map(|&part| part.to_owned()).collect(),
        separator: separator.to_owned(),
    };
    let list = |values: serde_json::Value| Values::List(values.as_array().unwrap().clone());
    assert_eq!(plan.name, "2013");
    assert_eq!(plan.dataset.source, "plans/../data/flights.csv");
    assert_eq!(plan.dataset.format, Some(SourceFormat::Csv));
    assert_eq!(plan.dataset.csv.null_values, ["", "NA"]);
    assert_eq!(
        plan.dataset.features,
        Some(vec![
            column("month"),
            column("day"),
            concat("route", &["origin", "dest"], "-"),
            concat("way", &["origin", "carrier", "dest"], "_"),
            column("distance"),
        ])
    );
    assert_eq!(plan.dataset.positive.as_deref(), Some("1"));
    assert_eq!(
        plan.holdout,
        Some(Holdout {
            fraction: 0.3,
            stratify: true,
            random_state: 100
        })
    );
    assert_eq!(
        json!(plan.trainer.unwrap().params),
        json!({"random_state": 10, "class_weight": {"0": 1, "1": 5.5}})
    );
    let Search::Grid { params } = &plan.search else {
        panic!("{:?}", plan.search)
    };
    assert_eq!(params[0]["n_estimators"], list(json!([2, 4, 6, 8, 10])));
    assert_eq!(params[0]["max_depth"], list(json!([2, 4, null])));
    assert_eq!(
        params[0]["max_features"],
        list(json!([0.2, 0.4, 0.6, 0.8, 1.0]))
    );
    assert_eq!(
        params[1]["min_impurity_decrease"],
        list(json!([0.0001, 0.001, 0.01, 0.1]))
    );
    assert_eq!(params[1]["criterion"], list(json!(["entropy"])));
    assert_eq!(
        plan.cv,
        Cv::StratifiedKFold {
            n_splits: 3,
            shuffle: true,
            random_state: 7
        }
    );
    assert_eq!(
        plan.scoring,
        ["roc_auc", "average_precision", "accuracy"].map(Score::from)
    );
    assert_eq!(plan.refit, Some("roc_auc".to_owned().into()));
    assert!(plan.return_train_score);
    assert_eq!(plan.pool, PoolPlan::Local { workers: Some(2) });
    assert_eq!(
        plan.limits,
        Limits {
            memory: 1 << 30,
            timeout: Duration::from_secs(5400)
        }
    );
    assert_eq!(plan.output.as_deref(), Some(Path::new("results/flights")));
}

#[test]
fn what_a_score_of_a_failed_fit_may_be() {
    for (text, score) in [
        (".nan", ErrorScore::Nan),
        ("nan", ErrorScore::Nan),
        ("NaN", ErrorScore::Nan),
        ("raise", ErrorScore::Raise),
        ("0", ErrorScore::Value(0.0)),
        ("-1.5", ErrorScore::Value(-1.5)),
    ] {
        assert_eq!(
            plan(&format!("{LEAST}error_score: {text}\n"), &[]).error_score,
            score,
            "{text}"
        );
    }
}

#[test]
fn paths_are_taken_from_the_plan_and_from_here() {
    let source = |source: &str| {
        plan(
            &format!("dataset: {{source: '{source}', target: y}}\ntrainer: {{name: t}}\n"),
            &[],
        )
        .dataset
        .source
    };
    assert_eq!(source("a.csv"), "plans/a.csv");
    assert_eq!(source("/data/a.csv"), "/data/a.csv");
    assert_eq!(source("s3://bucket/a.csv"), "s3://bucket/a.csv");
    assert_eq!(
        plan(LEAST, &options(&["dataset.source=a.csv"]))
            .dataset
            .source,
        "a.csv"
    );
    let store = |store: &str| plan(LEAST, &[Override::store(store)]).store.url;
    assert_eq!(store("results"), "file:///here/results");
    assert_eq!(store("./results"), "file:///here/results");
    assert_eq!(store("/results"), "file:///results");
    assert_eq!(store("file://results"), "file:///here/results");
    assert_eq!(store("file:///results"), "file:///results");
    assert_eq!(store("memory://"), "memory://");
}

#[test]
fn options_stand_over_the_plan() {
    let set = |arguments: &[&str]| plan(EVERY_FORM, &options(arguments));
    assert_eq!(
        set(&["cv.n_splits=4"]).cv,
        Cv::StratifiedKFold {
            n_splits: 4,
            shuffle: true,
            random_state: 7
        }
    );
    assert_eq!(
        set(&["cv={method: k_fold}"]).cv,
        Cv::KFold {
            n_splits: 5,
            shuffle: false,
            random_state: 0
        }
    );
    assert_eq!(set(&["holdout=null"]).holdout, None);
    assert_eq!(set(&["holdout="]).holdout, None);
    assert_eq!(
        set(&["holdout=null", "holdout.fraction=0.1"])
            .holdout
            .map(|holdout| holdout.fraction),
        Some(0.1)
    );
    assert_eq!(
        set(&["scoring.2=f1"]).scoring,
        ["roc_auc", "average_precision", "f1"].map(Score::from)
    );
    assert_eq!(
        json!(
            set(&["trainer.params.max_depth=null"])
                .trainer
                .unwrap()
                .params
        )["max_depth"],
        json!(null)
    );
    assert_eq!(set(&["name=a=b"]).name, "a=b");
    assert_eq!(
        plan(
            LEAST,
            &options(&["search.params.max_depth={range: [1, 3]}"])
        )
        .search,
        Search::Grid {
            params: vec![
                [(
                    "max_depth".to_owned(),
                    Values::List(vec![1.into(), 2.into(), 3.into()])
                )]
                .into()
            ],
        }
    );
    let plan = plan(
        LEAST,
        &[Override::output("2024: a"), Override::workers("3")],
    );
    assert_eq!(plan.output.as_deref(), Some(Path::new("2024: a")));
    assert_eq!(plan.pool, PoolPlan::Local { workers: Some(3) });
}

#[test]
fn a_mistake_in_an_option_names_the_option() {
    let error = |options: &[Override]| parse(LEAST, options).error().unwrap().to_string();
    assert_eq!(
        error(&options(&["cv.n_splits=x"])),
        "the plan `plans/some.yaml` has a mistake\n\n\
         --set cv.n_splits=x: `n_splits` takes a whole number from 2 to 10000, not the text `x`\n \
         |\n | --set cv.n_splits=x\n |                   ^"
    );
    assert_eq!(
        error(&options(&["cv.n_split=3"])),
        "the plan `plans/some.yaml` has a mistake\n\n\
         --set cv.n_split=3: unknown field `n_split` in `cv`\n \
         |\n | --set cv.n_split=3\n |          ^^^^^^^\n = did you mean `n_splits`?"
    );
    assert_eq!(
        error(&[Override::workers("all")]),
        "the plan `plans/some.yaml` has a mistake\n\n\
         --workers all: `workers` takes a whole number from 1 to 1024, not the text `all`\n \
         |\n | --workers all\n |           ^^^"
    );
    assert_eq!(
        error(&options(&[
            "search.params.max_depth={range: [1, 3], stp: 2}"
        ])),
        "the plan `plans/some.yaml` has a mistake\n\n\
         --set search.params.max_depth={range: [1, 3], stp: 2}: unknown field `stp` beside `range`\n \
         |\n | --set search.params.max_depth={range: [1, 3], stp: 2}\n \
         |                                               ^^^\n = did you mean `step`?"
    );
    assert_eq!(
        error(&options(&["scoring.0.x=f1"])),
        "the plan `plans/some.yaml` has 2 mistakes\n\n\
         --set scoring.0.x=f1: `scoring` lacks the field `metric`\n \
         |\n | --set scoring.0.x=f1\n |       ^^^^^^^\n \
         = `metric` is the metric's name. `fanout metrics` lists them\n\n\
         --set scoring.0.x=f1: unknown field `0` in `scoring`\n \
         |\n | --set scoring.0.x=f1\n |               ^\n \
         = the fields of `scoring` are `metric`, `name` and `params`"
    );
    assert!(
        error(&options(&["trainer.name.x=f1"]))
            .contains("`x` can't be set in the text `random_forest`")
    );
    assert!(error(&options(&["scoring=[f1"])).contains("--set scoring=[f1: not YAML: "));
    assert!(Override::set("cv.n_splits").is_err());
    assert!(Override::set("cv..n_splits=3").is_err());
    assert!(Override::set("=3").is_err());
}

#[test]
fn a_mistake_of_the_data_is_shown_in_the_plan() {
    let mut draft = parse(&format!("{LEAST}cv: {{n_splits: 9}}\n"), &[]);
    draft.check_trainers(&trainers(), &[], &[None]);
    let columns = ["x", "y"].map(|name| Field::new(name, DataType::Int64, true));
    draft.check_columns(&Schema::new(columns.to_vec()));
    let plan = draft.finish().unwrap();
    let shown = |path| {
        plan.mistake(path, "too many", Some("take fewer".to_owned()))
            .to_string()
    };
    let n_splits = "the plan `plans/some.yaml` has a mistake\n\n\
                    plans/some.yaml:3:16: too many\n  |\n3 | cv: {n_splits: 9}\n  |                ^\n  = take fewer";
    assert_eq!(shown("cv.n_splits"), n_splits);
    assert!(shown("cv.shuffle").contains("plans/some.yaml:3:1: too many"));
    assert!(shown("dataset").contains("plans/some.yaml:1:1: too many"));
    assert!(shown("holdout.fraction").contains("plans/some.yaml: too many"));
}

#[test]
fn mistakes_are_data_too() {
    let draft = parse(
        "dataset: {source: a.csv, target: y}\ntrainer: {nam: t}\n",
        &options(&["cv.n_splits=1"]),
    );
    let Some(PlanError::Mistakes(mistakes)) = draft.error() else {
        panic!()
    };
    assert_eq!(
        json!(mistakes),
        json!([
            {
                "file": "plans/some.yaml", "line": 2, "column": 11, "option": null,
                "message": "unknown field `nam` in `trainer`", "hint": "did you mean `name`?",
            },
            {
                "file": "plans/some.yaml", "line": null, "column": null, "option": "--set cv.n_splits=1",
                "message": "`n_splits` takes a whole number from 2 to 10000, not the number `1`", "hint": null,
            },
        ])
    );
}

/// Bagging's parameters become hyper-parameters of the trainer; a guest that does not say
/// that it bags its trainers is asked for none.
#[test]
fn bagging_is_of_trainers_whose_guest_has_it() {
    let text = |trainer: &str| {
        format!(
            "dataset: {{source: a.csv, target: y}}\n\
             trainer: {{name: {trainer}, params: {{max_depth: 3}}, bagging: {{n_estimators: 20}}}}\n"
        )
    };
    let trainer = plan(&text("decision_tree"), &[]).trainer.unwrap();
    assert!(trainer.bagging);
    assert_eq!(trainer.label(), "bagging(decision_tree)");
    let params = json!({"max_depth": 3, "bagging__n_estimators": 20});
    assert_eq!(json!(trainer.params), params);

    let checked = |trainer: &str| {
        let mut draft = parse(&text(trainer), &[]);
        draft.check_trainers(&trainers(), &[], &[None]);
        draft.error().map(|error| error.to_string())
    };
    assert_eq!(checked("decision_tree"), None);
    let refused = checked("random_forest").unwrap();
    let message = "the guest of `random_forest` can't bag its trainers";
    assert!(refused.contains(message), "{refused}");
}

#[test]
fn aliases_stand_for_values() {
    let text = "dataset: {source: a.csv, target: y}\ntrainer: {name: t, params: &p {max_depth: 3}}\n\
                search: {method: list, candidates: [*p, *p]}\n";
    let Search::List { candidates } = plan(text, &[]).search else {
        panic!()
    };
    assert_eq!(
        json!(candidates),
        json!([{"max_depth": 3}, {"max_depth": 3}])
    );
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![alias; 10].join(", ")
        ));
    }
    let error = parse(&text, &[]).error().unwrap().to_string();
    assert!(
        error.contains("aliases repeat more than 1000000 values"),
        "{error}"
    );
}

#[test]
fn a_hundred_thousand_candidates_are_shown_in_part() {
    let text = format!(
        "{LEAST}search: {{method: list, candidates: [{}]}}\n",
        vec!["1"; 1000].join(", ")
    );
    let error = parse(&text, &[]).error().unwrap().to_string();
    assert!(error.starts_with("the plan `plans/some.yaml` has 1000 mistakes"));
    assert!(error.ends_with("... and 950 more"));
}

/// A change of a text: at a place, so many characters away, and these in.
fn edited(text: &str, edits: &[(usize, usize, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, away, put) in edits {
        let at = at % (chars.len() + 1);
        let end = (at + away).min(chars.len());
        chars.splice(at..end, put.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_that_is_written_brings_the_reader_down(
        edits in prop::collection::vec(
            (any::<usize>(), 0usize..12, "[\\[\\]{}:,#&*!|>'\"%@` \n\ta-z0-9.ü-]{0,6}"),
            1..6,
        ),
        option in "[a-z]{1,8}(\\.[a-z0-9]{1,8}){0,3}=[\\[\\]{}:, a-z0-9.]{0,12}",
    ) {
        let text = edited(EVERY_FORM, &edits);
        let mut draft = parse(&text, &options(&[&option]));
        draft.check_trainers(&trainers(), &[], &[None]);
        let columns = ["month", "day", "origin", "dest", "carrier", "distance", "cancelled"];
        draft.check_columns(&Schema::new(columns.map(|name| Field::new(name, DataType::Utf8, true)).to_vec()));
        match draft.finish() {
            Ok(plan) => drop(json!(plan)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn each_target_has_a_plan_of_its_own() {
    let whole = plan(
        "dataset:\n  source: a.csv\n  targets: [{column: a, positive: 1}, {column: t, learn: regression}, \
         {column: t, above: 15}]\ntrainer: {name: random_forest}\nscoring: [roc_auc, r2]\n\
         refit: roc_auc\ncv: {n_splits: 3, shuffle: true, random_state: 7}\noutput: out\n",
        &[],
    );
    assert_eq!(whole.dataset.target, "a");
    assert_eq!(whole.dataset.missing_target, MissingTarget::Keep);
    let searches = whole.searches();
    let about: Vec<_> = searches
        .iter()
        .map(|plan| {
            let scoring = plan.scoring.iter().map(|score| score.name.as_str());
            let metric = plan.refit.as_ref().map(|refit| refit.metric.as_str());
            let output = plan.output.as_ref().unwrap().to_str().unwrap();
            (
                plan.dataset.target.as_str(),
                plan.dataset.drop.join(" "),
                scoring.collect::<Vec<_>>().join(" "),
                metric.unwrap(),
                plan.cv.method(),
                output.rsplit('/').next().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("a", "t", "roc_auc", "roc_auc", "stratified_k_fold", "a"),
        ("t", "a", "r2", "r2", "k_fold", "t"),
        (
            "t_above_15",
            "a",
            "roc_auc",
            "roc_auc",
            "stratified_k_fold",
            "t_above_15",
        ),
    ];
    let expected = expected.map(|(target, drop, scoring, metric, cv, output)| {
        (
            target,
            drop.to_owned(),
            scoring.to_owned(),
            metric,
            cv,
            output,
        )
    });
    assert_eq!(about, expected);
    assert_eq!(searches[0].dataset.positive.as_deref(), Some("1"));
    // That of a target is a plan like any other: its own search is itself.
    for plan in searches {
        assert_eq!(plan.searches(), std::slice::from_ref(&plan));
    }
    let all = plan(
        "dataset: {source: a.csv, targets: [{column: t, learn: regression}, b], stratify: all}\n\
         trainer: {name: random_forest}\n",
        &[],
    );
    let methods = all.searches().into_iter().map(|plan| plan.cv.method());
    assert_eq!(methods.collect::<Vec<_>>(), ["stratified_k_fold"; 2]);
}
