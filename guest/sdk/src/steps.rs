//! The steps of a pipeline: scikit-learn's transformers, fitted on the training
//! rows of a [`Matrix`]. Names, parameters, defaults and definitions are
//! scikit-learn's; `docs/steps.md` lists the differences.
//!
//! A step is a type that implements `Step`. [`FittedStep`] is any of them, after
//! its fit; it is part of a model. [`crate::Pipeline`] selects the columns and
//! runs steps in order.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::own::{FittedOwn, OwnFit};
use crate::contract::{Param, ParamKind, StepDescription, Takes};
use crate::matrix::Block;
use crate::onnx::{Columns, Graph};
use crate::{Fault, Matrix, Params, Target};

mod bins;
mod categories;
mod components;
mod folds;
mod imputer;
mod information;
mod normalizer;
mod one_hot;
mod order;
mod ordinal;
pub mod own;
mod polynomial;
mod power;
mod quantile;
mod scalers;
mod selection;
mod target;
#[cfg(test)]
mod tests;

/// What a fit of a step reads.
pub(crate) struct Fit<'a> {
    /// The selected columns.
    pub(crate) matrix: &'a Matrix,
    /// The parameters.
    pub(crate) params: &'a StepParams,
    /// The target of all rows.
    pub(crate) target: &'a Target,
    /// The training rows, ascending; at least one.
    pub(crate) train: &'a [u32],
    /// The weights of all rows.
    pub(crate) weights: Option<&'a [f64]>,
}

impl Fit<'_> {
    /// The weights of the training rows.
    fn train_weights(&self) -> Option<Vec<f64>> {
        let weights = self.weights?;
        Some(
            self.train
                .iter()
                .map(|&row| weights[row as usize])
                .collect(),
        )
    }
}

/// A kind of step; its value is a fitted one. It is serialised in postcard's format
/// (see [`crate::Trainer::Model`]).
pub(crate) trait Step: Serialize + DeserializeOwned + Clone {
    /// The step's name, that of scikit-learn's class in snake case.
    const NAME: &'static str;

    /// The step's parameters and what it takes.
    fn description() -> StepDescription;

    /// Whether the step is meant for a column of categories, or one of numbers:
    /// those that are selected if a plan names none.
    fn suits(_: &StepParams, is_category: bool) -> bool {
        !is_category
    }

    /// Fits the step on the training rows. It reads no other row.
    ///
    /// # Errors
    /// If the parameters do not go together, or a column can't be fitted.
    fn fit(fit: &Fit<'_>) -> Result<Self, Fault>;

    /// Transforms the columns that the step was fitted on. What the result has in
    /// rows that are not in `rows` is not defined.
    ///
    /// # Errors
    /// If one of `rows` has a value that the step can't transform.
    fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault>;

    /// The operators of ONNX that transform columns as [`Step::transform`] does.
    ///
    /// # Errors
    /// If ONNX can't say it.
    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault>;

    /// Fits the step, and transforms the columns for the fit of what follows. It
    /// differs from [`Step::transform`] in the training rows only, for a step
    /// whose values there are cross-fitted.
    ///
    /// # Errors
    /// As [`Step::fit`] and [`Step::transform`].
    fn fit_transform(fit: &Fit<'_>, rows: &[u32]) -> Result<(Self, Matrix), Fault> {
        let fitted = Self::fit(fit)?;
        let out = fitted.transform(fit.matrix, rows)?;
        Ok((fitted, out))
    }

    /// For a step with nested parameters: those values of them whose fit contains
    /// that of each of `all`. `all` has at least one entry, and other parameters
    /// are the same in all.
    fn widest(all: &[StepParams]) -> StepParams {
        all[0].clone()
    }

    /// For a step with nested parameters: the fit with `params`, which this fit
    /// contains, bit for bit, and the columns of this fit's output that make up
    /// its own. `None` if this fit does not contain it.
    fn narrowed(&self, _: &StepParams) -> Option<(Self, Vec<usize>)> {
        None
    }
}

/// The parameters of a step, each of which has a value that its description
/// allows.
#[derive(Clone, Debug, PartialEq)]
pub struct StepParams(Params);

impl StepParams {
    /// The given parameters, and the defaults of the others.
    ///
    /// # Errors
    /// [`Fault::InvalidParams`] if there is no such parameter, or its value is not
    /// allowed.
    pub fn new(step: &StepDescription, given: &Params) -> Result<Self, Fault> {
        let defaults = step.params.iter();
        let mut params: Params = defaults
            .map(|param| (param.name.clone(), param.default.clone()))
            .collect();
        for (name, value) in given {
            let param = step.param(name).ok_or_else(|| {
                let names: Vec<&str> = step.params.iter().map(|p| p.name.as_str()).collect();
                Fault::InvalidParams(format!(
                    "step `{}` has no parameter `{name}`; its parameters are `{}`",
                    step.name,
                    names.join("`, `")
                ))
            })?;
            param.check(value).map_err(Fault::InvalidParams)?;
            params.insert(name.clone(), value.clone());
        }
        Ok(Self(params))
    }

    /// The same parameters, one of which has another value.
    pub(crate) fn with(&self, name: &str, value: Value) -> Self {
        let mut params = self.0.clone();
        params.insert(name.to_owned(), value);
        Self(params)
    }

    /// The value of a parameter of the description.
    pub(crate) fn get(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// A truth value.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.get(name) == &Value::Bool(true)
    }

    /// A number, if the value is one.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.get(name).as_f64()
    }

    /// A whole number, if the value is one.
    pub(crate) fn whole(&self, name: &str) -> Option<usize> {
        self.get(name).as_u64().map(|whole| whole as usize)
    }

    /// A text; empty if the value is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// A pair of numbers.
    pub(crate) fn pair(&self, name: &str) -> (f64, f64) {
        let number = |place: usize| self.get(name)[place].as_f64();
        number(0)
            .zip(number(1))
            .expect("the value is a pair of numbers")
    }
}

/// Defines [`FittedStep`] and what chooses one of the kinds of step.
macro_rules! steps {
    ($($kind:ident = $step:ty),+ $(,)?) => {
        /// Any step, fitted.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[expect(private_interfaces, reason = "a fitted step is used by its functions only")]
        pub enum FittedStep {
            $(
                #[doc = concat!("`", stringify!($kind), "`.")]
                $kind($step),
            )+
            /// A step of the guest.
            Own(FittedOwn),
        }

        /// The steps that there are, in the order in which they are shown: those of this
        /// SDK, and those of the guest.
        pub fn descriptions() -> Vec<StepDescription> {
            let mut all = vec![$(<$step>::description()),+];
            all.extend(own::own().into_iter().flat_map(|own| own.descriptions()));
            all
        }

        impl FittedStep {
            /// Fits the step `name`, and transforms the columns for what follows.
            pub(crate) fn fit_transform(
                name: &str,
                fit: &Fit<'_>,
                rows: &[u32],
            ) -> Result<(Self, Matrix), Fault> {
                match name {
                    $(<$step>::NAME => {
                        let (fitted, out) = <$step>::fit_transform(fit, rows)?;
                        Ok((Self::$kind(fitted), out))
                    })+
                    _ => {
                        let own = own::own().ok_or_else(|| unknown(name))?;
                        let fit = OwnFit {
                            matrix: fit.matrix,
                            params: &fit.params.0,
                            target: fit.target,
                            train: fit.train,
                        };
                        let (fitted, out) = FittedOwn::fit_transform(own, name, &fit, rows)?;
                        Ok((Self::Own(fitted), out))
                    }
                }
            }

            /// See [`Step::transform`].
            pub(crate) fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault> {
                match self {
                    $(Self::$kind(fitted) => fitted.transform(matrix, rows),)+
                    Self::Own(fitted) => fitted.transform(matrix, rows),
                }
            }

            /// See [`Step::onnx`].
            pub(crate) fn onnx(
                &self,
                graph: &mut Graph,
                columns: &Columns,
            ) -> Result<Columns, Fault> {
                match self {
                    $(Self::$kind(fitted) => fitted.onnx(graph, columns),)+
                    Self::Own(_) => Err(crate::onnx::refused("it", "it is a step of the guest")),
                }
            }

            /// See [`Step::narrowed`].
            pub(crate) fn narrowed(&self, params: &StepParams) -> Option<(Self, Vec<usize>)> {
                match self {
                    $(Self::$kind(fitted) => {
                        let (fitted, columns) = fitted.narrowed(params)?;
                        Some((Self::$kind(fitted), columns))
                    })+
                    Self::Own(_) => None,
                }
            }
        }

        /// The description of the step `name`.
        ///
        /// # Errors
        /// [`Fault::InvalidTask`] if there is no such step.
        pub fn description(name: &str) -> Result<StepDescription, Fault> {
            match name {
                $(<$step>::NAME => Ok(<$step>::description()),)+
                _ => {
                    let own = own::own().and_then(|own| own.description(name));
                    own.ok_or_else(|| unknown(name))
                }
            }
        }

        /// See [`Step::suits`].
        pub(crate) fn suits(name: &str, params: &StepParams, is_category: bool) -> bool {
            match name {
                $(<$step>::NAME => <$step>::suits(params, is_category),)+
                _ => own::own().is_some_and(|own| own.suits(name, is_category)),
            }
        }

        /// See [`Step::widest`].
        pub(crate) fn widest(name: &str, all: &[StepParams]) -> StepParams {
            match name {
                $(<$step>::NAME => <$step>::widest(all),)+
                _ => all[0].clone(),
            }
        }
    };
}

steps! {
    SimpleImputer = imputer::SimpleImputer,
    StandardScaler = scalers::StandardScaler,
    MinMaxScaler = scalers::MinMaxScaler,
    RobustScaler = scalers::RobustScaler,
    MaxAbsScaler = scalers::MaxAbsScaler,
    Normalizer = normalizer::Normalizer,
    PowerTransformer = power::PowerTransformer,
    QuantileTransformer = quantile::QuantileTransformer,
    OneHotEncoder = one_hot::OneHotEncoder,
    OrdinalEncoder = ordinal::OrdinalEncoder,
    TargetEncoder = target::TargetEncoder,
    KBinsDiscretizer = bins::KBinsDiscretizer,
    PolynomialFeatures = polynomial::PolynomialFeatures,
    Pca = components::Pca,
    TruncatedSvd = components::TruncatedSvd,
    VarianceThreshold = selection::VarianceThreshold,
    SelectKBest = selection::SelectKBest,
    SelectPercentile = selection::SelectPercentile,
}

/// The fault of a step that there is not.
fn unknown(name: &str) -> Fault {
    let names: Vec<String> = descriptions().into_iter().map(|step| step.name).collect();
    Fault::InvalidTask(format!(
        "there is no step `{name}`; the steps are `{}`",
        names.join("`, `")
    ))
}

/// The description of a step that takes numbers, missing ones too, and reads no
/// target.
fn describe<S: Step>(summary: &str, params: Vec<Param>) -> StepDescription {
    StepDescription {
        name: S::NAME.to_owned(),
        summary: summary.to_owned(),
        takes: Takes::Numbers,
        missing: true,
        uses_target: false,
        params,
    }
}

/// A parameter that is true or false.
fn switch(name: &str, default: bool, meaning: &str) -> Param {
    Param::new(name, vec![ParamKind::Bool], default.into(), meaning)
}

/// A parameter that is one of some texts; the first is the default.
fn choice(name: &str, of: &[&str], meaning: &str) -> Param {
    Param::new(name, vec![choices(of)], of[0].into(), meaning)
}

/// One of some texts.
fn choices(of: &[&str]) -> ParamKind {
    ParamKind::Choice {
        of: of.iter().map(ToString::to_string).collect(),
    }
}

/// A whole number of at least `min`.
fn at_least(min: i64) -> ParamKind {
    ParamKind::Int {
        min: Some(min),
        max: None,
    }
}

/// The most bytes that the output of a step may take that makes columns of numbers
/// of coded blocks: an encoded category of many labels would take all memory.
const DENSE_LIMIT: usize = 1 << 30;

/// Checks that an output of `rows` × `columns` numbers may be made.
///
/// # Errors
/// [`Fault::Failed`] if it takes more than [`DENSE_LIMIT`] bytes.
fn check_dense(rows: usize, columns: usize) -> Result<(), Fault> {
    let bytes = rows.saturating_mul(columns).saturating_mul(8);
    if bytes > DENSE_LIMIT {
        return Err(Fault::Failed(format!(
            "its output of {rows} rows and {columns} columns takes {} MiB of memory, above the \
             limit of {} MiB; select fewer columns, or put the step before `one_hot_encoder`",
            bytes >> 20,
            DENSE_LIMIT >> 20
        )));
    }
    Ok(())
}

/// The matrix with each number of each column mapped: `by_column` gives the
/// function of a column. A coded block stays one, since its columns have two
/// values each.
fn map_values<F: Fn(f64) -> f64>(matrix: &Matrix, by_column: impl Fn(usize) -> F) -> Matrix {
    let mut first = 0;
    let blocks = matrix.blocks().iter().map(|block| {
        let mapped = match block {
            Block::Number(column) => {
                let map = by_column(first);
                Block::numbers(&column.name, column.values.map(map))
            }
            Block::Category(column) => unreachable!("`{}` is a category", column.name),
            Block::Coded(block) => Block::Coded(block.map(|column, outside, inside| {
                let map = by_column(first + column);
                (map(outside), map(inside))
            })),
        };
        first += block.columns();
        mapped
    });
    let blocks = blocks.collect();
    Matrix::new(matrix.rows(), blocks)
}
