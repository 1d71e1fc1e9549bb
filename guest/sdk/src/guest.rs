//! [`Guest`]: the trainers of one component, by name, behind one face.
//!
//! Types end here: past this module a trainer is an [`Offer`], its prepared
//! data is `dyn Any`, and its model is bytes.

use std::any::Any;
use std::marker::PhantomData;

use postcard::ser_flavors::Size;

use crate::contract::{CONTRACT, Description};
use crate::trainer::PredictionBuf;
use crate::{Fault, Job, Scorer, Table, Trainer, TrainerDescription};

/// What a component offers. [`export!`](crate::export) implements it.
pub trait Guest: 'static {
    /// The guest's name and version, for people.
    const NAME: &'static str;
    /// The trainers, each offered once.
    const TRAINERS: &'static [&'static dyn Offer];
}

/// What a guest answers when asked what it offers.
pub fn describe<G: Guest>() -> Description {
    Description {
        contract: CONTRACT,
        guest: G::NAME.to_owned(),
        trainers: G::TRAINERS
            .iter()
            .map(|offer| offer.description())
            .collect(),
    }
}

pub(crate) fn cannot_share(error: postcard::Error) -> Fault {
    Fault::Failed(format!("the dataset can't be shared: {error}"))
}

pub(crate) fn cannot_adopt(error: postcard::Error) -> Fault {
    Fault::InvalidDataset(format!(
        "the dataset is not one that this guest shared: {error}"
    ))
}

/// A [`Trainer`] whose types are hidden.
pub trait Offer {
    /// See [`Trainer::description`].
    fn description(&self) -> TrainerDescription;
    /// See [`Trainer::prepare`].
    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault>;
    /// Appends what [`Offer::prepare`] made to `out`, in postcard's format.
    fn share(&self, data: &dyn Any, out: Vec<u8>) -> Result<Vec<u8>, Fault>;
    /// What [`Offer::share`] wrote.
    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::evaluate`]; `data` is what [`Offer::prepare`] made.
    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault>;
    /// See [`Trainer::fit`]; the model in postcard's format.
    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Vec<u8>, Fault>;
    /// See [`Trainer::predict`]; `model` is what [`Offer::fit`] returned.
    fn predict(&self, model: &[u8], table: &Table) -> Result<PredictionBuf, Fault>;
}

/// The [`Offer`] of trainer `T`.
#[derive(Debug)]
pub struct Offered<T>(PhantomData<fn() -> T>);

impl<T: Trainer> Offered<T> {
    /// The only value.
    pub const OFFER: Self = Self(PhantomData);

    fn prepared(data: &dyn Any) -> &T::Prepared {
        data.downcast_ref()
            .expect("a trainer is given only what it prepared itself")
    }
}

impl<T: Trainer> Offer for Offered<T> {
    fn description(&self) -> TrainerDescription {
        T::description()
    }

    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(T::prepare(table)?))
    }

    fn share(&self, data: &dyn Any, mut out: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let data = Self::prepared(data);
        // In one piece: a vector that grows takes three times as much.
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
        let model = T::fit(Self::prepared(data), job)?;
        postcard::to_allocvec(&model)
            .map_err(|error| Fault::Failed(format!("the model can't be written: {error}")))
    }

    fn predict(&self, model: &[u8], table: &Table) -> Result<PredictionBuf, Fault> {
        let model = postcard::from_bytes(model)
            .map_err(|error| Fault::InvalidTask(format!("the model can't be read: {error}")))?;
        T::predict(&model, table)
    }
}

/// Makes a component of a crate: exports the contract's two doors for a list
/// of trainers. Called once, at the root of a `cdylib`.
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
        /// What this component offers.
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
