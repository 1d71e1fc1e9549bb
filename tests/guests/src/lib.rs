//! What hostile guests share: the doors, and a well-made answer to spoil.
//!
//! They speak the WIT directly and read no Parquet: what a host is to survive
//! is not the sdk's doing, and a small component builds quickly.

#![cfg(target_family = "wasm")]

use std::collections::BTreeMap;

use fanout_contract::{
    Answer, CONTRACT, Description, Instances, Learning, Output, Param, ParamKind, Scores, Task,
    TrainerDescription,
};

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../guest/sdk/wit",
        world: "guest",
        pub_export_macro: true,
        export_macro_name: "export_trainer",
        default_bindings_module: "hostile_guests::bindings",
    });
}

pub mod function;
pub mod stream;

pub use bindings::export_trainer;
pub use bindings::exports::fanout::trainer::trainer as door;
pub use door::Fault;
pub use {fanout_contract as contract, wasip2};

/// What a hostile guest does. What is left out is done well.
pub trait Guest: 'static {
    /// Its description, as JSON.
    fn describe() -> String {
        description(&["honest"])
    }

    /// Opens a dataset, whose bytes nobody reads.
    fn open() -> Result<(), Fault> {
        Ok(())
    }

    /// Shares a dataset, which is nothing.
    fn share() -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }

    /// Adopts one that was shared.
    fn adopt(_shared: Vec<u8>) -> Result<(), Fault> {
        Ok(())
    }

    /// Evaluates a task.
    fn evaluate(task: &Task) -> Result<String, Fault> {
        Ok(answer(task))
    }

    /// What comes beside an answer: the models that the task asks for.
    fn artifacts(task: &Task) -> Vec<door::Artifact> {
        if !task.outputs.contains(&Output::Model) {
            return Vec::new();
        }
        let candidates = 0..task.candidates.len() as u32;
        let model = |candidate| door::Artifact {
            output: Output::Model.name().to_owned(),
            candidate,
            bytes: Self::model(task),
        };
        candidates.map(model).collect()
    }

    /// A model: the task's trainer is all that it holds.
    fn model(task: &Task) -> Vec<u8> {
        task.trainer.clone().into_bytes()
    }

    /// Predicts what is no Parquet file.
    fn predict(_model: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(b"no Parquet".to_vec())
    }
}

/// The resource `dataset` of a guest.
pub struct Opened<G>(std::marker::PhantomData<fn() -> G>);

impl<G: Guest> door::Guest for G {
    type Dataset = Opened<G>;
    type Model = OpenedModel<G>;

    fn describe() -> String {
        <G as Guest>::describe()
    }
}

impl<G: Guest> door::GuestDataset for Opened<G> {
    fn open(_table: Vec<u8>, _splits: Vec<u8>) -> Result<door::Dataset, Fault> {
        G::open()?;
        Ok(door::Dataset::new(Self(std::marker::PhantomData)))
    }

    fn share(&self, _trainer: String) -> Result<Vec<u8>, Fault> {
        G::share()
    }

    fn adopt(shared: Vec<u8>) -> Result<door::Dataset, Fault> {
        G::adopt(shared)?;
        Ok(door::Dataset::new(Self(std::marker::PhantomData)))
    }

    fn evaluate(&self, task: String) -> Result<door::Evaluation, Fault> {
        let task = read(&task)?;
        Ok(door::Evaluation {
            answer: G::evaluate(&task)?,
            artifacts: G::artifacts(&task),
        })
    }

    fn assemble(&self, _task: String, _parts: Vec<Vec<u8>>) -> Result<door::Evaluation, Fault> {
        Err(Fault::InvalidTask("there are no parts".to_owned()))
    }
}

/// The resource `model` of a guest.
pub struct OpenedModel<G> {
    bytes: Vec<u8>,
    guest: std::marker::PhantomData<fn() -> G>,
}

impl<G: Guest> door::GuestModel for OpenedModel<G> {
    fn open(bytes: Vec<u8>) -> Result<door::Model, Fault> {
        Ok(door::Model::new(Self {
            bytes,
            guest: std::marker::PhantomData,
        }))
    }

    fn predict(&self, _table: Vec<u8>) -> Result<Vec<u8>, Fault> {
        G::predict(&self.bytes)
    }

    fn export(&self, _form: String) -> Result<Vec<u8>, Fault> {
        Err(Fault::InvalidTask("there is no other form".to_owned()))
    }

    fn explain(&self, _table: Vec<u8>) -> Result<Vec<u8>, Fault> {
        G::predict(&self.bytes)
    }

    fn importances(&self) -> Result<String, Fault> {
        Ok("{}".to_owned())
    }
}

fn read(task: &str) -> Result<Task, Fault> {
    serde_json::from_str(task).map_err(|error| Fault::InvalidTask(error.to_string()))
}

/// Exports both doors.
#[macro_export]
macro_rules! export {
    ($guest:ident) => {
        const _: () = {
            use $crate::wasip2;

    $crate::export_trainer!($guest with_types_in $crate::bindings);

            impl wasip2::exports::http::incoming_handler::Guest for $guest {
                fn handle(
                    request: wasip2::http::types::IncomingRequest,
                    outparam: wasip2::http::types::ResponseOutparam,
                ) {
                    $crate::function::handle::<$guest>(request, outparam);
                }
            }

    wasip2::http::proxy::export!($guest with_types_in wasip2);
        };
    };
}

/// A good description of some trainers. Each takes `number`, which tells
/// candidates apart, and `fail`.
pub fn description(trainers: &[&str]) -> String {
    let param = |name: &str, kind, default: serde_json::Value| {
        Param::new(name, vec![kind], default, &format!("{name}."))
    };
    let tasks = vec![Learning::Binary, Learning::Multiclass, Learning::Regression];
    let trainer = |name: &&str| {
        let params = vec![
            param(
                "number",
                ParamKind::Int {
                    min: None,
                    max: None,
                },
                0.into(),
            ),
            param("fail", ParamKind::Bool, false.into()),
        ];
        TrainerDescription::new(name, "Breaks the contract.", tasks.clone(), params)
    };
    let description = Description {
        contract: CONTRACT,
        guest: "hostile".to_owned(),
        trainers: trainers.iter().map(trainer).collect(),
        steps: Vec::new(),
        instances: Instances::default(),
    };
    serde_json::to_string(&description).unwrap()
}

/// A good answer: every score is a half.
pub fn answer(task: &Task) -> String {
    serde_json::to_string(&scored(task, 0.5)).unwrap()
}

/// A good answer: every score is `score`.
pub fn scored(task: &Task, score: f64) -> Answer {
    let scores = || -> BTreeMap<String, Option<f64>> {
        let wanted = task.scoring.iter();
        wanted.map(|one| (one.name.clone(), Some(score))).collect()
    };
    let one = Scores {
        test: scores(),
        train: if task.train_score {
            scores()
        } else {
            BTreeMap::new()
        },
        ..Scores::default()
    };
    Answer {
        contract: CONTRACT,
        fits: 1,
        scores: vec![one; task.candidates.len()],
    }
}

/// A step that does nothing.
pub fn step(name: &str) -> contract::StepDescription {
    contract::StepDescription {
        name: name.to_owned(),
        summary: "Does nothing.".to_owned(),
        takes: contract::Takes::Any,
        missing: true,
        uses_target: false,
        params: Vec::new(),
    }
}

/// A good description of the trainer `honest`, changed.
pub fn changed_description(change: impl FnOnce(&mut Description)) -> String {
    let mut honest = serde_json::from_str(&description(&["honest"])).unwrap();
    change(&mut honest);
    serde_json::to_string(&honest).unwrap()
}

/// Counts on without end, in a way that no compiler takes out.
pub fn spin() -> ! {
    let mut count = 0u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}

/// Allocates and touches memory until there is none.
pub fn exhaust_memory() -> ! {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        blocks.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}
