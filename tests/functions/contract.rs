//! The contract over HTTP, request by request: what the servers answer is
//! what the local pool says, what `docs/openapi.yaml` tells, and what the
//! examples of `docs/contract.md` show.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanout::digest::Digest;
use fanout::plan;
use fanout::sandbox::{Cache, Instance, Sandbox, THREAD_STACK};
use fanout::task::{Cancel, TaskLimits};
use fanout_contract::{
    Abilities, Answer, CONTRACT, Columns, Cost, Description, Effort, Fault, Learning, MemoryUse,
    Output, Param, ParamKind, Params, Part, Permute, Scores, Split, StepDescription, Takes,
    TargetShuffle, Task, TaskStep, Train, TreesMemory, WideColumns,
};
use fanout_guest_build::{Compiler, Targets};
use serde_json::{Value, json};

use crate::functions::curl::{Reply, curl};
use crate::functions::results::exported;
use crate::functions::server::{Kind, Server};
use crate::plans::schema::violations_in;
use crate::program::{Fanout, example, text};

/// A folder with the files of a task.
struct FunctionFixture {
    fanout: Fanout,
    dataset: String,
    splits: String,
}

impl FunctionFixture {
    /// The dataset and the splits of the first example, as a run writes them.
    fn new() -> Self {
        let fanout = Fanout::new();
        let plan = example("quickstart.yaml");
        fanout.json(&[&plan, "--store", "store", "--set", "refit=false"]);
        let only = |folder: &str, name: &str| {
            let found = files(&fanout.path("store").join(folder));
            assert_eq!(found.len(), 1, "{found:?}");
            std::fs::copy(&found[0], fanout.path(name)).unwrap();
            Digest::of(&std::fs::read(&found[0]).unwrap()).to_string()
        };
        let dataset = only("datasets", "dataset.parquet");
        let splits = only("splits", "splits.parquet");
        let fixture = Self {
            fanout,
            dataset,
            splits,
        };
        fixture.write("task.json", &task());
        fixture
    }

    fn write(&self, name: &str, task: &Task) {
        self.fanout
            .write(name, &serde_json::to_string(task).unwrap());
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.fanout.path(name)).unwrap()
    }

    /// What curl gets, standing in the folder.
    fn curl(&self, url: &str, arguments: &[&str]) -> Reply {
        curl(self.fanout.here.path(), url, arguments)
    }

    fn post(&self, url: &str, parts: &[String]) -> Reply {
        let parts: Vec<&str> = parts.iter().flat_map(|part| ["-F", part]).collect();
        self.curl(url, &parts)
    }

    /// The parts of a request that brings the files.
    fn whole(&self) -> Vec<String> {
        [
            "task=@task.json",
            "dataset=@dataset.parquet",
            "splits=@splits.parquet",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// The parts of one that tells their digests.
    fn named(&self) -> Vec<String> {
        vec![
            "task=@task.json".to_owned(),
            format!("dataset_digest={}", self.dataset),
            format!("splits_digest={}", self.splits),
        ]
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Every field of a task, for two candidates.
fn task() -> Task {
    let candidate = |trees: u32, depth: Value| {
        Params::from([
            ("n_estimators".to_owned(), trees.into()),
            ("max_depth".to_owned(), depth),
        ])
    };
    Task {
        contract: CONTRACT,
        trainer: "random_forest".to_owned(),
        bagging: true,
        params: Params::from([("random_state".to_owned(), 1.into())]),
        candidates: vec![candidate(20, 2.into()), candidate(30, Value::Null)],
        split: Split {
            column: "fold".to_owned(),
            test: Some(0),
            train: Train::Before,
            shuffle: Some(TargetShuffle {
                column: "shuffle".to_owned(),
                random_state: 1,
                number: 2,
            }),
        },
        target: "diagnosis".to_owned(),
        learning: Learning::Binary,
        positive: Some("malignant".to_owned()),
        weight: Some("age".to_owned()),
        scoring: vec!["roc_auc".into(), "accuracy".into()],
        train_score: true,
        outputs: vec![Output::Predictions],
        part: Some(Part { start: 0, end: 10 }),
        permute: Some(Permute {
            feature: "age".to_owned(),
            n_repeats: 5,
            random_state: 42,
        }),
        steps: vec![TaskStep {
            name: "scale".to_owned(),
            step: "standard_scaler".to_owned(),
            columns: Columns::All,
            params: Params::from([("with_mean".to_owned(), false.into())]),
        }],
    }
}

/// Rows before fold 1 are a task; before fold 0 there are none.
fn good_task() -> Task {
    let mut task = task();
    task.split.test = Some(1);
    task.split.shuffle = None;
    Task {
        bagging: false,
        weight: None,
        outputs: Vec::new(),
        part: None,
        permute: None,
        steps: Vec::new(),
        ..task
    }
}

#[test]
fn servers_answer_what_the_local_pool_says() {
    let fixture = FunctionFixture::new();
    fixture.write("task.json", &good_task());
    let trees = exported("trees");
    let wasm = std::fs::read(&trees).unwrap();
    let cache = Cache::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    let sandbox = Sandbox::new(2, Some(cache)).unwrap();
    let guest = sandbox.load(&wasm, Digest::of(&wasm)).unwrap();
    let worker = std::thread::Builder::new().stack_size(THREAD_STACK);
    let (table, splits) = (
        fixture.read("dataset.parquet"),
        fixture.read("splits.parquet"),
    );
    let expected = worker.spawn(move || {
        let limits = TaskLimits::default();
        let mut instance = Instance::new(&guest, limits, Cancel::default()).unwrap();
        instance.open(&table, &splits).unwrap();
        (
            guest.describe().unwrap(),
            instance.evaluate(&good_task()).unwrap().answer,
        )
    });
    let (description, answer) = expected.unwrap().join().unwrap();
    for kind in [Kind::Jco, Kind::Wasmtime, Kind::WasmtimeKeeping] {
        let server = Server::start(kind, &trees);
        let described: Description =
            serde_json::from_str(&fixture.curl(&server.url, &[]).body).unwrap();
        assert_eq!(described, description, "{kind:?}");
        for round in 0..3 {
            let reply = fixture.post(&server.url, &fixture.whole());
            assert_eq!(reply.status, "200", "{reply:?}");
            assert_eq!(
                serde_json::from_str::<Answer>(&reply.body).unwrap(),
                answer,
                "{kind:?}"
            );
            let held = if round == 0 || kind == Kind::Wasmtime {
                "opened"
            } else {
                "kept"
            };
            assert_eq!(reply.header("fanout-dataset"), Some(held), "{kind:?}");
        }
        let reply = fixture.post(&server.url, &fixture.named());
        if kind == Kind::Wasmtime {
            assert_eq!(reply.status, "412");
            assert_eq!(reply.header("fanout-dataset"), Some("needed"));
        } else {
            assert_eq!(reply.header("fanout-dataset"), Some("kept"));
            assert_eq!(
                serde_json::from_str::<Answer>(&reply.body).unwrap(),
                answer,
                "{kind:?}"
            );
        }
    }
}

/// `docs/openapi.yaml`, as JSON.
fn openapi() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.yaml");
    plan::to_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Where a value breaks a schema of the components.
fn broken(document: &Value, name: &str, value: &Value) -> Vec<String> {
    violations_in(document, &document["components"]["schemas"][name], value)
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(pointer) => document
            .pointer(pointer.strip_prefix('#').unwrap())
            .unwrap(),
        None => value,
    }
}

#[test]
fn every_answer_is_one_that_openapi_tells_of() {
    let document = openapi();
    let fixture = FunctionFixture::new();
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let url = server.url.as_str();
    let mut seen = BTreeSet::new();
    let mut check = |method: &str, reply: Reply, status: &str| {
        assert_eq!(reply.status, status, "{reply:?}");
        let told = &document["paths"]["/"][method]["responses"][status];
        let told = resolved(&document, told);
        assert!(told.is_object(), "{method} {status} is not told of");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let schema = &told["content"]["application/json"]["schema"];
        let found = violations_in(&document, schema, &reply.json());
        assert!(found.is_empty(), "{method} {status}: {found:?}");
        for (name, header) in told["headers"].as_object().into_iter().flatten() {
            let header = resolved(&document, header);
            let value = reply
                .header(name)
                .unwrap_or_else(|| panic!("{status} lacks `{name}`"));
            let found = violations_in(&document, &header["schema"], &value.into());
            assert!(found.is_empty(), "{name}: {value}: {found:?}");
        }
        seen.insert(format!("{method} {status}"));
    };
    let part = |from: &str, to: &str| -> Vec<String> {
        let whole = fixture.whole().into_iter();
        whole
            .map(|part| if part == from { to.to_owned() } else { part })
            .collect()
    };
    check("get", fixture.curl(url, &[]), "200");
    check("get", fixture.curl(&format!("{url}/tasks"), &[]), "404");
    check("get", fixture.curl(url, &["-X", "DELETE"]), "405");
    check("post", fixture.post(url, &fixture.named()), "412");
    check(
        "post",
        fixture.post(&format!("{url}/tasks"), &fixture.whole()),
        "404",
    );
    check("post", fixture.curl(url, &["-X", "PATCH", "-d", ""]), "405");
    check("post", fixture.curl(url, &["-d", "{}"]), "400");
    let spoilt = format!("dataset_digest={}", "0".repeat(64));
    let mut parts = fixture.whole();
    parts.push(spoilt);
    check("post", fixture.post(url, &parts), "400");
    // Before the first fold there is nothing to train on.
    check("post", fixture.post(url, &fixture.whole()), "422");
    fixture.write("task.json", &good_task());
    check("post", fixture.post(url, &fixture.whole()), "200");
    check("post", fixture.post(url, &fixture.named()), "200");
    let nowhere = part(
        "dataset=@dataset.parquet",
        "dataset_url=http://127.0.0.1:1/dataset",
    );
    check("post", fixture.post(url, &nowhere), "502");
    fixture
        .fanout
        .write("large.json", &" ".repeat((16 << 20) + 1));
    let large = part("task=@task.json", "task=@large.json");
    check("post", fixture.post(url, &large), "413");
    // All that is told but the trap, which no task of ours brings about.
    let told = |method: &str| {
        let statuses = document["paths"]["/"][method]["responses"]
            .as_object()
            .unwrap();
        let names = statuses.keys().map(|status| format!("{method} {status}"));
        names.collect::<BTreeSet<_>>()
    };
    let told: BTreeSet<String> = told("get").into_iter().chain(told("post")).collect();
    let unseen: Vec<&String> = told.difference(&seen).collect();
    assert_eq!(unseen, ["post 500"]);
}

#[test]
fn the_schemas_of_openapi_are_the_types() {
    let document = openapi();
    let fits = |name: &str, value: Value| {
        let found = broken(&document, name, &value);
        assert!(found.is_empty(), "{name}: {found:?}: {value}");
        // All fields are told of, and none is that the type has not.
        let told = document["components"]["schemas"][name]["properties"]
            .as_object()
            .unwrap();
        let told: BTreeSet<&String> = told.keys().collect();
        assert_eq!(told, value.as_object().unwrap().keys().collect(), "{name}");
        for key in told {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(key);
            let required = document["components"]["schemas"][name]["required"].as_array();
            let required = required.unwrap().iter().any(|name| name == key.as_str());
            assert_eq!(required, !reads(name, &less), "{name} without {key}");
        }
        let mut more = value.clone();
        more["other"] = true.into();
        assert!(!broken(&document, name, &more).is_empty());
        assert!(!reads(name, &more), "{name}");
    };
    let scores = Scores {
        test: [
            ("accuracy".to_owned(), Some(0.5)),
            ("roc_auc".to_owned(), None),
        ]
        .into(),
        train: [("accuracy".to_owned(), Some(1.0))].into(),
        oob_score: Some(0.25),
        permuted: vec![[("accuracy".to_owned(), None)].into()],
    };
    let kinds = vec![
        ParamKind::Null,
        ParamKind::Bool,
        ParamKind::Int {
            min: Some(1),
            max: Some(2),
        },
        ParamKind::Float {
            min: Some(0.5),
            max: Some(1.0),
            above_min: true,
        },
        ParamKind::Choice {
            of: vec!["gini".to_owned()],
        },
        ParamKind::Text,
        ParamKind::Weights,
        ParamKind::Label,
        ParamKind::Costs,
        ParamKind::Pair {
            min: Some(0.0),
            max: None,
        },
        ParamKind::Any,
    ];
    for kind in &kinds {
        let kind = serde_json::to_value(kind).unwrap();
        assert_eq!(broken(&document, "ParamKind", &kind), Vec::<String>::new());
    }
    let param = Param {
        name: "criterion".to_owned(),
        kinds,
        default: Value::Null,
        meaning: "How a split is measured.".to_owned(),
        nested: true,
        separate: true,
        cost: Cost::Linear,
    };
    let value = |document: &dyn erased::Document| document.value();
    fits("Task", value(&task()));
    fits("Step", value(&task().steps[0]));
    let step = StepDescription {
        name: "s".to_owned(),
        summary: String::new(),
        takes: Takes::Any,
        missing: false,
        uses_target: true,
        params: Vec::new(),
    };
    fits("StepDescription", value(&step));
    fits("Split", value(&task().split));
    fits(
        "Split",
        value(&Split {
            train: Train::Column {
                name: "half".to_owned(),
                value: 1,
            },
            ..task().split
        }),
    );
    fits("Scores", value(&scores));
    fits(
        "Answer",
        value(&Answer {
            contract: CONTRACT,
            fits: 1,
            scores: vec![scores],
        }),
    );
    fits("Param", value(&param));
    let effort = Effort {
        seconds: 0.1,
        rows: 1.0,
        columns: 1.0,
        candidate: 1.0,
        numbers: 1.0,
    };
    let memory = MemoryUse {
        wide: Some(WideColumns {
            above: 254,
            bytes: 5,
            classes: 64,
        }),
        trees: Some(TreesMemory {
            deep_row: 1,
            leaf: 1,
            leaf_class: 1,
            grown_class: 1,
            whole_class: 1,
            leaves: 1,
            whole_leaves: 1,
        }),
        ..MemoryUse::default()
    };
    fits(
        "Trainer",
        json!({"name": "t", "summary": "", "tasks": ["binary", "multiclass", "regression"],
            "abilities": value(&Abilities::default()), "probabilities_if": "probability", "parts": "criterion", "params": [value(&param)],
            "effort": value(&effort), "memory": value(&memory)}),
    );
    fits(
        "Description",
        json!({"contract": CONTRACT, "instances": "one_task", "guest": "g", "trainers": [], "steps": []}),
    );
    for fault in [
        Fault::InvalidDataset(String::new()),
        Fault::InvalidTask(String::new()),
        Fault::InvalidParams(String::new()),
        Fault::Failed(String::new()),
    ] {
        assert_eq!(
            broken(&document, "Fault", &value(&fault)),
            Vec::<String>::new()
        );
    }
}

/// Documents of the contract as JSON.
mod erased {
    use serde::Serialize;
    use serde_json::Value;

    pub(super) trait Document {
        fn value(&self) -> Value;
    }

    impl<T: Serialize> Document for T {
        fn value(&self) -> Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

/// Whether the type of that name takes the document.
fn reads(name: &str, document: &Value) -> bool {
    fn is<T: serde::de::DeserializeOwned>(document: &Value) -> bool {
        T::deserialize(document).is_ok()
    }
    match name {
        "Task" => is::<Task>(document),
        "Step" => is::<TaskStep>(document),
        "StepDescription" => is::<StepDescription>(document),
        "Split" => is::<Split>(document),
        "Scores" => is::<Scores>(document),
        "Answer" => is::<Answer>(document),
        "Param" => is::<Param>(document),
        "Trainer" => is::<fanout_contract::TrainerDescription>(document),
        "Description" => is::<Description>(document),
        other => panic!("no type is called `{other}`"),
    }
}

#[test]
fn the_schema_of_a_request_takes_what_the_guest_takes() {
    let document = openapi();
    let fixture = FunctionFixture::new();
    fixture.write("task.json", &good_task());
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    // The instance has the dataset, so that digests alone are enough.
    assert_eq!(fixture.post(&server.url, &fixture.whole()).status, "200");
    let all = [
        "dataset",
        "dataset_url",
        "dataset_digest",
        "splits",
        "splits_digest",
        "other",
    ];
    for chosen in 0..1u32 << all.len() {
        let names = all
            .iter()
            .enumerate()
            .filter(|(at, _)| chosen >> at & 1 == 1);
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        let mut form = json!({"task": good_task()});
        let mut parts = vec!["task=@task.json".to_owned()];
        for name in names {
            let (shown, part) = match name {
                "dataset" => ("bytes".to_owned(), "dataset=@dataset.parquet".to_owned()),
                "splits" => ("bytes".to_owned(), "splits=@splits.parquet".to_owned()),
                "dataset_url" => (
                    "http://127.0.0.1:1/".to_owned(),
                    "dataset_url=http://127.0.0.1:1/".to_owned(),
                ),
                "dataset_digest" => (
                    fixture.dataset.clone(),
                    format!("dataset_digest={}", fixture.dataset),
                ),
                "splits_digest" => (
                    fixture.splits.clone(),
                    format!("splits_digest={}", fixture.splits),
                ),
                other => (String::new(), format!("{other}=")),
            };
            form[name] = shown.into();
            parts.push(part);
        }
        let told = broken(&document, "Request", &form).is_empty();
        let status = fixture.post(&server.url, &parts).status;
        // A URL without a digest is fetched, and this one can't be.
        assert_eq!(told, status != "400", "{parts:?}: {status}");
        if status == "502" {
            assert_eq!(fixture.post(&server.url, &fixture.whole()).status, "200");
        }
    }
}

#[test]
fn the_examples_of_the_contract_run() {
    let fixture = FunctionFixture::new();
    fixture.write("task.json", &good_task());
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contract.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, block) = page
        .split_once("drives the guest in it:\n\n```sh\n")
        .unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines().filter(|line| line.starts_with("curl"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 3);
    let said: Vec<Value> = lines
        .iter()
        .map(|line| {
            let start = "curl --fail http://127.0.0.1:8000/";
            assert!(line.starts_with(start), "{line}");
            let line = line.replace("http://127.0.0.1:8000", &server.url);
            let output = Command::new("sh")
                .current_dir(fixture.fanout.here.path())
                .args(["-c", &line.replacen("curl", "curl -sS", 1)])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    let document = openapi();
    assert!(broken(&document, "Description", &said[0]).is_empty());
    assert!(
        broken(&document, "Answer", &said[1]).is_empty(),
        "{}",
        said[1]
    );
    assert_eq!(said[1], said[2]);
}

#[test]
fn a_guest_that_panics_says_so_and_the_server_goes_on() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest");
    let built = Compiler::find()
        .unwrap()
        .build(&workspace, &["panic-guest"], Targets::Library, "hostile")
        .unwrap();
    let fixture = FunctionFixture::new();
    let file = fixture.fanout.path("panic.wasm");
    std::fs::write(&file, &built[0].wasm).unwrap();
    let mut task = good_task();
    task.trainer = "panics".to_owned();
    task.params.clear();
    task.candidates = vec![Params::new()];
    fixture.write("task.json", &task);
    for kind in [Kind::Wasmtime, Kind::WasmtimeKeeping] {
        let server = Server::start(kind, &file);
        for _ in 0..2 {
            let reply = fixture.post(&server.url, &fixture.whole());
            assert_eq!(reply.status, "500", "{kind:?}: {reply:?}");
            let fault: Fault = serde_json::from_str(&reply.body).unwrap();
            let Fault::Failed(message) = fault else {
                panic!("{fault:?}")
            };
            assert!(message.contains("rows are too many"), "{message}");
            assert!(message.contains("panic/src/lib.rs"), "{message}");
            let described = fixture.curl(&server.url, &[]);
            assert!(described.body.contains("panic 0.1.0"), "{described:?}");
        }
    }
    // To a run it is a result.
    let plan = "
dataset: {source: SOURCE, target: diagnosis}
trainer: {name: panics, guest: panic.wasm}
cv: {method: k_fold, n_splits: 3}
refit: false
";
    let plan = plan.replace("SOURCE", &example("data/breast_cancer.csv"));
    fixture.fanout.write("plan.yaml", &plan);
    let server = Server::start(Kind::WasmtimeKeeping, &file);
    let output = fixture
        .fanout
        .run(&["run", "plan.yaml", "--pool", &server.url]);
    assert_eq!(output.status.code(), Some(6));
    let said = text(&output.stderr);
    assert!(said.contains("the guest trapped: panicked at"), "{said}");
    // The guest's own word is kept.
    drop(server);
    let output = fixture
        .fanout
        .run(&["run", "plan.yaml", "--pool", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
}
