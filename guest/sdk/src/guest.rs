//! [`Guest`]: the trainers of one component.

use std::ops::Deref;

use crate::bagging::Bagging;
use crate::contract::{CONTRACT, Description, Instances, Learning, MemoryUse, TrainerDescription};
use crate::offer::Offer;
use crate::steps::own::{self, OwnSteps};
use crate::{Fault, behind, dummy, steps};

/// A component: its name and its trainers. Implemented by
/// [`export!`](crate::export).
pub trait Guest: 'static {
    /// The name and the version of the guest, to be shown.
    const NAME: &'static str;
    /// Steps that the guest brings itself.
    const STEPS: Option<&'static dyn OwnSteps> = None;
    /// How long an instance lives.
    const INSTANCES: Instances = Instances::Kept;
    /// The trainers, the same ones in the same order each time. Two of one name have no
    /// kind of target in common. The SDK adds [`dummy`].
    fn trainers() -> Vec<&'static dyn Offer>;
}

/// The description of a guest.
pub fn describe<G: Guest>() -> Description {
    let offers = offers::<G>().into_iter();
    Description {
        contract: CONTRACT,
        guest: G::NAME.to_owned(),
        trainers: offers.map(describe_offer).collect(),
        steps: steps::descriptions(),
        instances: G::INSTANCES,
    }
}

/// The description of a trainer, with what the SDK holds for it.
fn describe_offer(offer: &dyn Offer) -> TrainerDescription {
    let mut description = offer.description();
    description.abilities.bagging = true;
    let memory = description.memory.unwrap_or_default();
    description.memory(MemoryUse {
        steps: behind::MEMORY,
        ..memory
    })
}

/// The trainers of a guest, in the order of its description: its own, and the
/// baselines of the SDK unless it has its own of that name.
pub(crate) fn offers<G: Guest>() -> Vec<&'static dyn Offer> {
    if let Some(steps) = G::STEPS {
        own::register(steps);
    }
    let mut offers = G::trainers();
    if !offers
        .iter()
        .any(|own| own.description().name == dummy::NAME)
    {
        offers.extend(dummy::OFFERS);
    }
    offers
}

/// A trainer of a guest, as it is or bagged.
#[derive(Clone, Copy)]
pub(crate) enum Chosen {
    Plain(&'static dyn Offer),
    Bagged(Bagging),
}

impl Chosen {
    pub(crate) fn new(offer: &'static dyn Offer, bagging: bool) -> Self {
        match bagging {
            true => Self::Bagged(Bagging(offer)),
            false => Self::Plain(offer),
        }
    }
}

impl Deref for Chosen {
    type Target = dyn Offer;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Plain(offer) => *offer,
            Self::Bagged(offer) => offer,
        }
    }
}

/// Defines the type `Component`, and, for WebAssembly, exports the two interfaces
/// of the contract for a list of trainers. Called once, in the root module of a
/// `cdylib`. A guest whose trainers are known only when it runs names, as `offers`, an
/// expression that lists them each time, as `steps`, steps of its own, and as `instances`,
/// how long an instance lives.
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
        $crate::export! {
            guest: $name,
            offers: {
                const TRAINERS: &[&dyn $crate::offer::Offer] =
                    &[$(&$crate::offer::Offered::<$trainer>::OFFER),+];
                TRAINERS.to_vec()
            },
            steps: None,
            instances: $crate::contract::Instances::Kept,
        }
    };
    (
        guest: $name:expr,
        offers: $offers:expr,
        steps: $steps:expr,
        instances: $instances:expr $(,)?
    ) => {
        /// The component with its trainers.
        #[derive(Debug)]
        pub struct Component;

        impl $crate::Guest for Component {
            const NAME: &'static str = $name;
            const STEPS: Option<&'static dyn $crate::steps::own::OwnSteps> = $steps;
            const INSTANCES: $crate::contract::Instances = $instances;

            fn trainers() -> Vec<&'static dyn $crate::offer::Offer> {
                $offers
            }
        }

        #[cfg(target_family = "wasm")]
        $crate::export_doors!(Component);
    };
}
/// The place of the trainer `name` for targets of the kind `learning`.
pub(crate) fn find(
    description: &Description,
    name: &str,
    learning: Learning,
) -> Result<usize, Fault> {
    if let Some(place) = description.place(name, learning) {
        return Ok(place);
    }
    let trainers = description.trainers.iter();
    let mut names: Vec<&str> = trainers.map(|trainer| trainer.name.as_str()).collect();
    let message = match learning {
        Learning::Regression if names.contains(&name) => {
            format!("trainer `{name}` does not learn numbers")
        }
        _ if names.contains(&name) => format!("trainer `{name}` does not learn classes"),
        _ => {
            names.dedup();
            format!(
                "guest `{}` has no trainer `{name}`; its trainers are `{}`",
                description.guest,
                names.join("`, `")
            )
        }
    };
    Err(Fault::InvalidTask(message))
}
