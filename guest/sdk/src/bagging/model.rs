//! [`BaggedModel`]: the members of a bag, as they are written; [`OpenModel`], as they predict.

use std::any::Any;

use serde::{Deserialize, Serialize};

use super::out_of_bag::OutOfBag;
use crate::offer::{self, ModelBytes, Parts, written};
use crate::{Fault, Pipeline};

/// A model, or a part of one.
#[derive(Serialize, Deserialize)]
pub(super) struct BaggedModel {
    /// Without steps: the features, by name.
    pub(super) features: Pipeline,
    /// The members of the whole model.
    pub(super) count: u32,
    /// The index of the first of these members.
    pub(super) start: u32,
    pub(super) members: Vec<Member>,
    /// Of a part, if a score of it is wanted.
    pub(super) out_of_bag: Option<OutOfBag>,
}

/// A bag that was fitted or put together.
pub(super) struct FittedBag {
    model: BaggedModel,
    /// Of a whole model, if it is wanted.
    oob_score: Option<f64>,
}

impl FittedBag {
    /// Of a whole model, the score is left of its sums out of bag.
    pub(super) fn new(mut model: BaggedModel, is_part: bool) -> Self {
        let out_of_bag = model.out_of_bag.take_if(|_| !is_part);
        Self {
            model,
            oob_score: out_of_bag.and_then(|sums| sums.score()),
        }
    }

    pub(super) fn write(&self) -> Result<ModelBytes, Fault> {
        Ok(ModelBytes {
            bytes: written(&self.model)?,
            oob_score: self.oob_score,
        })
    }
}

impl BaggedModel {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        offer::read(bytes)
    }

    /// The whole model of its parts, in order; the fault `not_parts` if they are not these.
    pub(super) fn merge(
        parts: &mut Parts<'_>,
        not_parts: &dyn Fn() -> Fault,
    ) -> Result<Self, Fault> {
        // The bytes of each are dropped as it is read.
        let mut parts = parts.map(|part| Self::read(&part?));
        let mut whole = parts.next().ok_or_else(not_parts)??;
        for part in parts {
            let part = part?;
            let next = whole.start as usize + whole.members.len();
            if part.start as usize != next
                || part.count != whole.count
                || part.features != whole.features
            {
                return Err(not_parts());
            }
            let first = |model: &Self| model.members.first().map(|it| it.rest.clone());
            let (Some(of_whole), Some(of_part)) = (first(&whole), first(&part)) else {
                return Err(not_parts());
            };
            for member in part.members {
                let model = member.model(&of_part).ok_or_else(not_parts)?;
                whole
                    .members
                    .push(Member::new(member.columns, model, Some(&of_whole)));
            }
            whole.out_of_bag = match (whole.out_of_bag, part.out_of_bag) {
                (Some(sums), Some(more)) => Some(sums.merge(&more).ok_or_else(not_parts)?),
                (None, None) => None,
                _ => return Err(not_parts()),
            };
        }
        if whole.start > 0 || whole.members.len() != whole.count as usize {
            return Err(not_parts());
        }
        Ok(whole)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Member {
    /// The columns that it was fitted on; `None` for all.
    pub(super) columns: Option<Vec<u32>>,
    /// How many bytes of its model are those of the first of these members, such as the
    /// names of the features.
    shared: u32,
    /// The rest of it, in the format of the trainer's models.
    pub(super) rest: Vec<u8>,
}

impl Member {
    /// `first` is the model of the first member, `None` for that itself.
    pub(super) fn new(columns: Option<Vec<u32>>, model: Vec<u8>, first: Option<&[u8]>) -> Self {
        let pairs = first.unwrap_or_default().iter().zip(&model);
        let shared = pairs.take_while(|(a, b)| a == b).count();
        Self {
            columns,
            shared: shared as u32,
            rest: model[shared..].to_vec(),
        }
    }

    /// The model, by that of the first member; `None` if it is damaged.
    pub(super) fn model(&self, first: &[u8]) -> Option<Vec<u8>> {
        let shared = first.get(..self.shared as usize)?;
        Some([shared, &self.rest].concat())
    }
}

/// The columns and the model of a [`Member`].
pub(super) type OpenMember = (Option<Vec<u32>>, Box<dyn Any>);

/// A model that is open for predictions.
pub(super) struct OpenModel {
    pub(super) features: Pipeline,
    pub(super) members: Vec<OpenMember>,
}
