//! [`all`]: the estimators of the interpreter, each an [`Offer`].

use std::any::Any;
use std::sync::OnceLock;

use fanout_sdk::contract::Importances;
use fanout_sdk::contract::metric::Compares;
use fanout_sdk::equal::EqualParts;
use fanout_sdk::explanation::Contributions;
use fanout_sdk::offer::{
    self, ModelBytes, Offer, Parts, cannot_adopt, cannot_share, made, written,
};
use fanout_sdk::{
    Fault, Job, Learning, Matrix, Params, PredictionBuf, Schema, Scorer, Table, TrainerDescription,
    onnx,
};
use serde::{Deserialize, Serialize};

use crate::described::{described, other_than_default};
use crate::features::{Columns, Features};
use crate::interpreter::call;
use crate::message::{Answer, Request};
use crate::prediction::{Predicted, read};

/// The estimators of the interpreter, in its order.
pub(crate) fn all() -> Vec<&'static dyn Offer> {
    static ALL: OnceLock<Vec<PythonOffer>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let trainers = described().trainers.iter();
        trainers
            .map(|description| PythonOffer { description })
            .collect()
    });
    all.iter().map(|offer| offer as &dyn Offer).collect()
}

/// The head of a request.
#[derive(Default, Serialize)]
struct Head<'a> {
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<Of<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<FitHead>,
    /// The number of rows that are predicted.
    test: usize,
    /// The bytes of the model by which rows are predicted.
    model: usize,
}

/// What all but `describe` name.
#[derive(Serialize)]
struct Of<'a> {
    trainer: &'a str,
    learning: Learning,
    /// The labels of the classes, sorted; none for numbers.
    classes: &'a [String],
    columns: Columns<'a>,
}

/// What is fitted.
#[derive(Serialize)]
struct FitHead {
    /// By candidate: the hyper-parameters that are not the default.
    candidates: Vec<Params>,
    /// The number of training rows.
    train: usize,
    weights: bool,
    /// Whether training rows are predicted as well.
    train_score: bool,
    /// Which predictions of classes are wanted.
    wants: Wants,
}

/// Which predictions of classes are wanted; others take time alone.
#[derive(Serialize)]
struct Wants {
    classes: bool,
    decisions: bool,
    probabilities: bool,
}

impl Wants {
    const ALL: Self = Self {
        classes: true,
        decisions: true,
        probabilities: true,
    };

    fn of(scorer: &dyn Scorer) -> Self {
        Self {
            classes: scorer.wants(Compares::Classes),
            decisions: scorer.wants(Compares::Decisions),
            probabilities: scorer.wants(Compares::Probabilities),
        }
    }
}

impl Head<'_> {
    fn of(op: &'static str) -> Self {
        Self {
            op,
            ..Self::default()
        }
    }
}

/// A fitted estimator.
#[derive(Serialize, Deserialize)]
struct Model {
    schema: Schema,
    learning: Learning,
    classes: Vec<String>,
    /// The estimator in Python's own format, which only the interpreter opens.
    #[serde(with = "serde_bytes")]
    pickle: Vec<u8>,
}

/// What [`Offer::fit`] gives.
struct Fitted {
    model: Model,
    oob_score: Option<f64>,
}

/// An estimator of the interpreter.
struct PythonOffer {
    description: &'static TrainerDescription,
}

impl PythonOffer {
    /// A request about a job: the training rows with their target and weights, and the
    /// rows `test`.
    fn request(
        &self,
        op: &'static str,
        features: &Features,
        (job, candidates): (&Job<'_>, &[Params]),
        (test, train_score, wants): (&[u32], bool, Wants),
    ) -> Request {
        let head = Head {
            of: Some(Of {
                trainer: &self.description.name,
                learning: job.target.learning(),
                classes: job.target.classes(),
                columns: features.columns(),
            }),
            fit: Some(FitHead {
                candidates: candidates
                    .iter()
                    .map(|own| other_than_default(own, &self.description.params))
                    .collect(),
                train: job.train.len(),
                weights: job.weights.is_some(),
                train_score,
                wants,
            }),
            test: test.len(),
            ..Head::of(op)
        };
        let rows = job.train.len() + test.len();
        let room = features.bytes(rows) + 16 * job.train.len();
        let mut request = Request::new(&head, room);
        features.write(job.train, &mut request);
        request.target(job.target, job.train);
        if let Some(weights) = job.weights {
            request.numbers(job.train.iter().map(|&row| weights[row as usize]));
        }
        features.write(test, &mut request);
        request
    }

    fn has_no(&self, what: &str) -> Fault {
        let name = &self.description.name;
        Fault::InvalidTask(format!("trainer `{name}` has no {what}"))
    }
}

impl Offer for PythonOffer {
    fn description(&self) -> TrainerDescription {
        self.description.clone()
    }

    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(Features::of(table)?))
    }

    fn prepare_matrix(&self, matrix: &Matrix) -> Result<Box<dyn Any>, Fault> {
        self.prepare(&Table::of_matrix(matrix.clone())?)
    }

    fn share(&self, data: &dyn Any, out: Vec<u8>) -> Result<Vec<u8>, Fault> {
        postcard::to_extend(made::<Features>(data), out).map_err(cannot_share)
    }

    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault> {
        let features: Features = postcard::from_bytes(shared).map_err(cannot_adopt)?;
        Ok(Box::new(features))
    }

    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        /// By candidate: of the test rows, then of the training rows.
        #[derive(Deserialize)]
        struct Evaluated {
            candidates: Vec<Vec<Predicted>>,
            fits: u32,
        }
        let (features, train_score) = (made::<Features>(data), scorer.wants_train());
        let of = (job, job.candidates);
        let request = self.request(
            "evaluate",
            features,
            of,
            (job.test, train_score, Wants::of(scorer)),
        );
        let mut answer = call(request)?;
        let Evaluated { candidates, fits } = answer.head()?;
        let classes = job.target.classes().len();
        for (candidate, sets) in candidates.into_iter().enumerate() {
            for (set, of) in sets.into_iter().enumerate() {
                let rows = if set == 0 { job.test } else { job.train };
                let values = read(&mut answer, of, rows.len(), classes)?;
                match set {
                    0 => scorer.test(candidate, values.as_prediction())?,
                    _ => scorer.train(candidate, values.as_prediction())?,
                }
            }
        }
        Ok(fits)
    }

    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Box<dyn Any>, Fault> {
        #[derive(Deserialize)]
        struct Answered {
            model: usize,
            oob_score: Option<f64>,
        }
        let features = made::<Features>(data);
        let of = (job, &job.candidates[..1]);
        let mut answer = call(self.request("fit", features, of, (&[], false, Wants::ALL)))?;
        let Answered { model, oob_score } = answer.head()?;
        let model = Model {
            schema: features.schema.clone(),
            learning: job.target.learning(),
            classes: job.target.classes().to_vec(),
            pickle: answer.take(model)?.to_vec(),
        };
        Ok(Box::new(Fitted { model, oob_score }))
    }

    fn merge(&self, _: &mut Parts<'_>) -> Result<Box<dyn Any>, Fault> {
        Err(self.has_no("models in parts"))
    }

    fn score(
        &self,
        _: &dyn Any,
        _: &Job<'_>,
        _: &dyn Any,
        _: &mut dyn Scorer,
    ) -> Result<(), Fault> {
        Err(self.has_no("models in parts"))
    }

    fn write(&self, fitted: &dyn Any) -> Result<ModelBytes, Fault> {
        let Fitted { model, oob_score } = made(fitted);
        Ok(ModelBytes {
            bytes: written(model)?,
            oob_score: *oob_score,
        })
    }

    fn open_beside(&self, model: &[u8], _: &mut EqualParts) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(offer::read::<Model>(model)?))
    }

    fn predict(&self, model: &dyn Any, table: &Table) -> Result<PredictionBuf, Fault> {
        #[derive(Deserialize)]
        struct OfRows {
            predicted: Predicted,
        }
        let model = made::<Model>(model);
        let features = Features::found(&model.schema, table)?;
        let rows = features.rows();
        let head = Head {
            of: Some(Of {
                trainer: &self.description.name,
                learning: model.learning,
                classes: &model.classes,
                columns: features.columns(),
            }),
            test: rows.len(),
            model: model.pickle.len(),
            ..Head::of("predict")
        };
        let mut request = Request::new(&head, features.bytes(rows.len()) + model.pickle.len());
        request.bytes(&model.pickle);
        features.write(&rows, &mut request);
        let mut answer: Answer = call(request)?;
        let OfRows { predicted } = answer.head()?;
        Ok(PredictionBuf {
            classes: model.classes.clone(),
            values: read(&mut answer, predicted, rows.len(), model.classes.len())?,
        })
    }

    fn predict_matrix(&self, model: &dyn Any, matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        self.predict(model, &Table::of_matrix(matrix.clone())?)
    }

    fn onnx(
        &self,
        _: &dyn Any,
        _: &mut onnx::Graph,
        _: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        Err(onnx::refused(
            &format!("trainer `{}`", self.description.name),
            "it is an estimator of Python",
        ))
    }

    fn explain(&self, _: &dyn Any, _: &Table) -> Result<Contributions, Fault> {
        Err(self.has_no("contributions of features; trainers of trees have"))
    }

    fn importances(&self, _: &dyn Any) -> Result<Importances, Fault> {
        Err(self.has_no("importances of its own; permutation importance is of any trainer"))
    }
}
