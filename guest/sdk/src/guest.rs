//! [`Guest`]: the trainers of one component.
//!
//! [`Offer`] is the object-safe form of [`Trainer`]: prepared data is `dyn Any`,
//! and a model is bytes.

use std::any::Any;
use std::marker::PhantomData;

use postcard::ser_flavors::Size;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::{CONTRACT, Description, MemoryUse};
use crate::trainer::PredictionBuf;
use crate::{Fault, Job, Matrix, Scorer, Table, Trainer, TrainerDescription};
use crate::{behind, dummy, steps};

/// A component: its name and its trainers. Implemented by
/// [`export!`](crate::export).
pub trait Guest: 'static {
    /// The name and the version of the guest, to be shown.
    const NAME: &'static str;
    /// The trainers. Two of one name have no kind of target in common. The SDK adds
    /// [`dummy`](crate::dummy).
    const TRAINERS: &'static [&'static dyn Offer];
}

/// The description of a guest.
pub fn describe<G: Guest>() -> Description {
    let offers = offers::<G>().into_iter();
    Description {
        contract: CONTRACT,
        guest: G::NAME.to_owned(),
        trainers: offers.map(describe_offer).collect(),
        steps: steps::descriptions(),
    }
}

/// The description of a trainer, with what the SDK holds for it.
fn describe_offer(offer: &dyn Offer) -> TrainerDescription {
    let description = offer.description();
    let memory = description.memory.unwrap_or_default();
    description.memory(MemoryUse {
        steps: behind::MEMORY,
        ..memory
    })
}

/// The trainers of a guest, in the order of its description: its own, and the
/// baselines of the SDK unless it has its own of that name.
pub(crate) fn offers<G: Guest>() -> Vec<&'static dyn Offer> {
    let mut offers = G::TRAINERS.to_vec();
    if !offers
        .iter()
        .any(|own| own.description().name == dummy::NAME)
    {
        offers.extend(dummy::OFFERS);
    }
    offers
}

/// The fault of prepared data that can't be serialised.
pub(crate) fn cannot_share(error: postcard::Error) -> Fault {
    Fault::Failed(format!("the dataset can't be shared: {error}"))
}

/// The fault of shared bytes that can't be deserialised.
pub(crate) fn cannot_adopt(error: postcard::Error) -> Fault {
    Fault::InvalidDataset(format!(
        "the bytes are not a dataset that this guest shared: {error}"
    ))
}

/// A [`Trainer`] behind an object-safe interface.
pub trait Offer {
    /// See [`Trainer::description`].
    fn description(&self) -> TrainerDescription;
    /// See [`Trainer::prepare`].
    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::prepare_matrix`].
    fn prepare_matrix(&self, matrix: &Matrix) -> Result<Box<dyn Any>, Fault>;
    /// Appends the result of [`Offer::prepare`] to `out`, in postcard's format.
    ///
    /// # Errors
    /// If it can't be serialised.
    fn share(&self, data: &dyn Any, out: Vec<u8>) -> Result<Vec<u8>, Fault>;
    /// Reads what [`Offer::share`] wrote.
    ///
    /// # Errors
    /// If it can't be deserialised.
    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::evaluate`]; `data` is the result of [`Offer::prepare`].
    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault>;
    /// See [`Trainer::fit`]. Returns the model in postcard's format.
    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Vec<u8>, Fault>;
    /// See [`Trainer::merge`]; `parts` are results of [`Offer::fit`], as is what is
    /// returned.
    fn merge(&self, parts: &[Vec<u8>]) -> Result<Vec<u8>, Fault>;
    /// See [`Trainer::predict`]; `model` is the result of [`Offer::fit`].
    fn predict(&self, model: &[u8], table: &Table) -> Result<PredictionBuf, Fault>;
    /// See [`Trainer::predict_matrix`].
    fn predict_matrix(&self, model: &[u8], matrix: &Matrix) -> Result<PredictionBuf, Fault>;
}

fn model_bytes(model: &impl Serialize) -> Result<Vec<u8>, Fault> {
    postcard::to_allocvec(model)
        .map_err(|error| Fault::Failed(format!("the model can't be written: {error}")))
}

fn read_model<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, Fault> {
    postcard::from_bytes(bytes)
        .map_err(|error| Fault::InvalidTask(format!("the model can't be read: {error}")))
}

/// The [`Offer`] of trainer `T`.
#[derive(Debug)]
pub struct Offered<T>(PhantomData<fn() -> T>);

impl<T: Trainer> Offered<T> {
    /// The only value.
    pub const OFFER: Self = Self(PhantomData);

    fn prepared(data: &dyn Any) -> &T::Prepared {
        data.downcast_ref()
            .expect("prepared data is passed to the trainer that prepared it")
    }
}

impl<T: Trainer> Offer for Offered<T> {
    fn description(&self) -> TrainerDescription {
        T::description()
    }

    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(T::prepare(table)?))
    }

    fn prepare_matrix(&self, matrix: &Matrix) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(T::prepare_matrix(matrix)?))
    }

    fn share(&self, data: &dyn Any, mut out: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let data = Self::prepared(data);
        // Reserved at once: a vector that grows takes up to three times as much.
        let size = postcard::serialize_with_flavor(data, Size::default());
        size.and_then(|size| {
            out.reserve_exact(size);
            postcard::to_extend(data, out)
        })
        .map_err(cannot_share)
    }

    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault> {
        let data: T::Prepared = postcard::from_bytes(shared).map_err(cannot_adopt)?;
        Ok(Box::new(data))
    }

    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        T::evaluate(Self::prepared(data), job, scorer)
    }

    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Vec<u8>, Fault> {
        model_bytes(&T::fit(Self::prepared(data), job)?)
    }

    fn merge(&self, parts: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
        let parts = parts.iter().map(|part| read_model(part));
        model_bytes(&T::merge(parts.collect::<Result<_, _>>()?)?)
    }

    fn predict(&self, model: &[u8], table: &Table) -> Result<PredictionBuf, Fault> {
        T::predict(&read_model(model)?, table)
    }

    fn predict_matrix(&self, model: &[u8], matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        T::predict_matrix(&read_model(model)?, matrix)
    }
}

/// Defines the type `Component`, and, for WebAssembly, exports the two interfaces
/// of the contract for a list of trainers. Called once, in the root module of a
/// `cdylib`.
///
/// ```
/// # use fanout_sdk::{*, trainer::*, contract::TrainerDescription};
/// # struct Mean;
/// # impl Trainer for Mean {
/// #     type Prepared = (); type Model = ();
/// #     fn description() -> TrainerDescription { todo!() }
/// #     fn prepare(_: &Table) -> Result<(), Fault> { todo!() }
/// #     fn evaluate(_: &(), _: &Job<'_>, _: &mut dyn Scorer) -> Result<u32, Fault> { todo!() }
/// #     fn fit(_: &(), _: &Job<'_>) -> Result<(), Fault> { todo!() }
/// #     fn predict(_: &(), _: &Table) -> Result<PredictionBuf, Fault> { todo!() }
/// # }
/// fanout_sdk::export! {
///     guest: "mean 0.1.0",
///     trainers: [Mean],
/// }
/// ```
#[macro_export]
macro_rules! export {
    (guest: $name:expr, trainers: [$($trainer:ty),+ $(,)?] $(,)?) => {
        /// The component with its trainers.
        #[derive(Debug)]
        pub struct Component;

        impl $crate::Guest for Component {
            const NAME: &'static str = $name;
            const TRAINERS: &'static [&'static dyn $crate::guest::Offer] =
                &[$(&$crate::guest::Offered::<$trainer>::OFFER),+];
        }

        #[cfg(target_family = "wasm")]
        $crate::export_doors!(Component);
    };
}
