//! [`Manifest`]: all that a run's tasks are made from, without its source:
//! `plan.json` in the store. Its digest is the run's id. It is independent of
//! where and when the run is executed: no pool, no store, no limits, no paths,
//! no clock.

use std::collections::BTreeSet;

use bytes::Bytes;
use fanout_contract::{Learning, Split};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dataset::Prepared;
use crate::digest::Digest;
use crate::expand::{Data, Expansion, Inputs, TaskIdentity};
use crate::plan::{Limits, Plan, PoolPlan};
use crate::store::{Key, LAYOUT, Location};
use crate::task::TaskLimits;

/// What a run consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    layout: u32,
    /// The resolved plan, without what decides no score.
    plan: Map<String, Value>,
    /// What the tasks are made from beside the plan.
    pub inputs: Inputs,
    /// Rows of the dataset.
    pub rows: u64,
    /// Features of the dataset.
    pub features: usize,
    /// The split on which the hold-out rows are scored.
    pub holdout: Option<Split>,
}

/// The digests of all that decides a run's scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// The run's own: that of its resolved plan.
    pub run: Digest,
    /// Those of the guest components.
    pub guests: Vec<Digest>,
    /// The dataset's.
    pub dataset: Digest,
    /// The splits'.
    pub splits: Digest,
}

/// Why a manifest can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Its bytes are not those that its name says.
    #[error("`{key}` is damaged: its digest is `{found}`")]
    Damaged {
        /// Its name.
        key: Key,
        /// The digest of the bytes that are there.
        found: Digest,
    },
    /// It is whole, and not of a form that this version knows.
    #[error("`{key}` is not of a form that this version of fanout reads")]
    Form {
        /// Its name.
        key: Key,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// What the tasks of a run are of, but for hyper-parameters, splits and metrics:
/// what may be run because the plan names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The dataset and the splits.
    pub data: Data,
    /// See [`Inputs::share_prepared`].
    pub share_prepared: bool,
    arms: Vec<ArmScope>,
    learning: Learning,
    target: String,
    weight: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct ArmScope {
    guest: Digest,
    trainer: String,
    bagging: bool,
    /// The names of its steps.
    steps: Vec<String>,
}

impl Scope {
    /// The guests, each once.
    pub fn guests(&self) -> BTreeSet<Digest> {
        self.arms.iter().map(|arm| arm.guest).collect()
    }

    /// Whether a task is of this scope: its data, its target, and a trainer of one
    /// of its guests, behind none but the steps of that arm. So it reads nothing,
    /// and prepares nothing, that the run's own tasks do not.
    pub fn includes(&self, identity: &TaskIdentity) -> bool {
        let task = &identity.task;
        let of_arm = |arm: &ArmScope| {
            arm.guest == identity.guest
                && (&arm.trainer, arm.bagging) == (&task.trainer, task.bagging)
                && task.steps.iter().all(|step| arm.steps.contains(&step.name))
        };
        identity.data == self.data
            && task.learning == self.learning
            && task.target == self.target
            && task.weight == self.weight
            && self.arms.iter().any(of_arm)
    }
}

/// The fields of a plan that decide no score, nor what it is called.
const APART: [&str; 5] = ["pool", "store", "output", "limits", "explain"];

impl Manifest {
    /// The manifest of a plan, its dataset and its trainers.
    pub fn new(plan: &Plan, inputs: Inputs, prepared: &Prepared) -> Self {
        let mut fields = fields(plan);
        fields.retain(|name, _| !APART.contains(&name.as_str()));
        // Digests replace the paths of files.
        set_paths(&mut fields, None);
        Self {
            layout: LAYOUT,
            plan: fields,
            inputs,
            rows: prepared.rows,
            features: prepared.features(),
            holdout: prepared.holdout.clone(),
        }
    }

    /// The run's id.
    pub fn run(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// The digests of all that decides the run's scores.
    pub fn digests(&self) -> Digests {
        Digests {
            run: self.run(),
            guests: self.inputs.guests(),
            dataset: self.inputs.data.dataset,
            splits: self.inputs.data.splits,
        }
    }

    /// The bytes to store: canonical JSON.
    pub fn bytes(&self) -> Bytes {
        let value = serde_json::to_value(self).expect("a manifest is JSON");
        value.to_string().into()
    }

    /// Reads the manifest of `run`.
    pub fn read(bytes: &[u8], run: &Digest) -> Result<Self, ManifestError> {
        let key = Key::plan(run);
        let found = Digest::of(bytes);
        if found != *run {
            return Err(ManifestError::Damaged { key, found });
        }
        let manifest = serde_json::from_slice(bytes).and_then(|manifest: Self| {
            manifest.read_plan()?;
            Ok(manifest)
        });
        manifest.map_err(|source| ManifestError::Form { key, source })
    }

    /// The plan. What the manifest does not hold has its default, or nothing.
    pub fn plan(&self) -> Plan {
        self.read_plan()
            .expect("it was read before, or is a plan's")
    }

    fn read_plan(&self) -> Result<Plan, serde_json::Error> {
        plan_of(&self.plan)
    }

    /// The fields of the plan, without what decides no score and without paths.
    pub fn plan_fields(&self) -> &Map<String, Value> {
        &self.plan
    }

    /// What the run's tasks are of.
    pub fn scope(&self) -> Scope {
        let plan = self.plan();
        let arms = plan.arms().zip(&self.inputs.arms);
        let arms = arms.map(|(planned, estimator)| ArmScope {
            guest: estimator.guest,
            trainer: planned.trainer.name.clone(),
            bagging: planned.trainer.bagging,
            steps: planned
                .steps
                .iter()
                .map(|step| step.name().to_owned())
                .collect(),
        });
        let baseline = self.inputs.baseline.iter().map(|estimator| ArmScope {
            guest: estimator.guest,
            trainer: estimator.trainer.name.clone(),
            bagging: false,
            steps: Vec::new(),
        });
        Scope {
            data: self.inputs.data.clone(),
            arms: arms.chain(baseline).collect(),
            learning: self.inputs.learning,
            target: plan.dataset.target.clone(),
            weight: plan.dataset.weight.clone(),
            share_prepared: self.inputs.share_prepared(),
        }
    }

    /// The run's tasks, families split for `workers`.
    pub fn expand(&self, workers: usize) -> Expansion {
        Expansion::new(&self.plan(), &self.inputs, workers)
    }
}

/// The plan of the fields that a manifest holds ([`Manifest::plan_fields`]). What they
/// do not say has its default, or is nothing.
///
/// # Errors
/// If they are not of a form that this version knows.
pub fn plan_of(fields: &Map<String, Value>) -> Result<Plan, serde_json::Error> {
    let mut fields = fields.clone();
    let limits = TaskLimits::default();
    let apart = [
        ("pool", json(&PoolPlan::Local { workers: None })),
        ("store", json(&Location::new(""))),
        ("output", Value::Null),
        (
            "limits",
            json(&Limits {
                memory: limits.memory,
                timeout: limits.timeout,
            }),
        ),
    ];
    fields.extend(apart.map(|(name, value)| (name.to_owned(), value)));
    set_paths(&mut fields, Some((Value::from(""), Value::Null)));
    serde_json::from_value(Value::Object(fields))
}

/// Sets the path of the source and those of all guests, or removes them.
fn set_paths(plan: &mut Map<String, Value>, paths: Option<(Value, Value)>) {
    let (source, guest) = paths.unzip();
    let set = |section: &mut Value, field: &str, value: &Option<Value>| {
        if let Value::Object(section) = section {
            match value {
                Some(value) => section.insert(field.to_owned(), value.clone()),
                None => section.remove(field),
            };
        }
    };
    if let Some(dataset) = plan.get_mut("dataset") {
        set(dataset, "source", &source);
    }
    let set_trainer = |trainer: &mut Value| {
        set(trainer, "guest", &guest);
        // A trainer of Python is that of its name in the guest that was made for it.
        if guest.is_none() {
            set(trainer, "python", &None);
        }
    };
    if let Some(trainer) = plan.get_mut("trainer") {
        set_trainer(trainer);
    }
    let ensemble = plan.get_mut("ensemble");
    if let Some(last) = ensemble.and_then(|ensemble| ensemble.get_mut("final_estimator")) {
        set_trainer(last);
    }
    if let Some(Value::Array(trainers)) = plan.get_mut("trainers") {
        let trainers = trainers.iter_mut();
        let trainers = trainers.filter_map(|arm| arm.get_mut("trainer"));
        trainers.for_each(set_trainer);
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("a plan is JSON")
}

fn fields(plan: &Plan) -> Map<String, Value> {
    match json(plan) {
        Value::Object(fields) => fields,
        _ => unreachable!("a plan is an object"),
    }
}
