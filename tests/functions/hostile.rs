//! Hostile guests at an endpoint: each ends as the typed result that it has in
//! the local pool, as far as that can be known from outside.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use fanout::digest::Digest;
use fanout::plan::DataWay;
use fanout::pool::{HttpPool, HttpSettings, PoolContext};
use fanout::run::pool::{Pool as _, PoolEvent};
use fanout::run::record::Record;
use fanout::run::tasks::Tasks;
use fanout::sandbox::{Cache, Sandbox};
use fanout::store::Store;
use fanout::task::{Cancel, Outcome, TaskFault, TaskLimits, WantedFits};
use fanout_contract::{CONTRACT, Learning, Params, Split, Task};
use fanout_guest_build::{Compiler, Targets};

use crate::functions::server::{Kind, Server};
use crate::guests::expected::{LOCAL, OTHERWISE_OVER_HTTP};

/// One task, of two candidates.
struct One(Task);

impl Tasks for One {
    fn len(&self) -> usize {
        1
    }

    fn wanted(&self, _index: usize) -> WantedFits {
        WantedFits {
            task: Digest::of_json(&self.0),
            fits: vec!["{}".to_owned(), r#"{"fail":true}"#.to_owned()],
            outputs: Vec::new(),
        }
    }

    fn task(&self, _index: usize) -> Task {
        self.0.clone()
    }

    // Endpoints are sent the task.
    fn identity(&self, _index: usize) -> String {
        String::new()
    }

    // Endpoints run one guest.
    fn guest(&self, _index: usize) -> Digest {
        Digest::of(b"hostile")
    }
}

fn task(trainer: &str) -> One {
    One(Task {
        contract: CONTRACT,
        trainer: trainer.to_owned(),
        bagging: false,
        params: Params::new(),
        candidates: vec![
            Params::new(),
            Params::from([("fail".to_owned(), true.into())]),
        ],
        split: Split {
            column: "fold".to_owned(),
            test: Some(0),
            train: Default::default(),
            shuffle: None,
        },
        target: "y".to_owned(),
        learning: Learning::Binary,
        positive: None,
        weight: None,
        scoring: vec!["accuracy".into(), "roc_auc".into()],
        train_score: false,
        outputs: Vec::new(),
        part: None,
        permute: None,
        steps: Vec::new(),
    })
}

fn outcome(pool: &HttpPool, trainer: &str) -> Outcome {
    let mut outcomes = Vec::new();
    pool.run(&task(trainer), &mut |event| {
        match event {
            PoolEvent::Finished { finished, .. } => outcomes.push(finished.outcome),
            PoolEvent::Started { .. } => {}
            other => panic!("{trainer}: {other:?}"),
        }
        ControlFlow::Continue(())
    })
    .unwrap_or_else(|error| panic!("{trainer}: {error}"));
    assert_eq!(outcomes.len(), 1, "{trainer}");
    outcomes.remove(0)
}

#[test]
fn every_hostile_trainer_ends_as_a_typed_result_and_the_pool_goes_on() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest");
    let built = Compiler::find()
        .unwrap()
        .build(
            &workspace,
            &["hostile-guests"],
            Targets::Examples,
            "hostile",
        )
        .unwrap();
    let hostile = built
        .into_iter()
        .find(|built| built.name == "hostile")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, &hostile.wasm).unwrap();
    let server = Server::start(Kind::WasmtimeStrict, &file);

    let cache = Cache::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    let sandbox = Sandbox::new(1, Some(cache)).unwrap();
    let guest = sandbox
        .load(&hostile.wasm, Digest::of(&hostile.wasm))
        .unwrap();
    let limits = TaskLimits {
        memory: 64 << 20,
        timeout: Duration::from_secs(5),
    };
    let store = Store::open("memory://").unwrap();
    let settings = HttpSettings {
        endpoints: vec![server.url.clone()],
        concurrency: 1,
        token: None,
        insecure: false,
        data: DataWay::Body,
        retry: Duration::from_secs(60),
        ca: None,
    };
    let work = PoolContext {
        record: Record::new(store, limits, false),
        dataset: Digest::of(b"table"),
        splits: Digest::of(b"splits"),
        cancel: Cancel::default(),
    };
    let pool = HttpPool::new(settings, guest.describe().unwrap(), work, limits)
        .unwrap()
        .with_files("table".into(), "splits".into());

    let mut expected = BTreeMap::from(LOCAL);
    for (name, kind) in OTHERWISE_OVER_HTTP {
        let local = expected.insert(name, kind);
        assert!(local.is_some_and(|local| local != kind), "{name}");
    }
    for (name, kind) in expected {
        let outcome = outcome(&pool, name);
        let found = outcome.result.as_ref().err().map(TaskFault::kind);
        assert_eq!(found, kind, "{name}: {outcome:?}");
    }
    assert!(outcome(&pool, "honest").result.is_ok());
}
