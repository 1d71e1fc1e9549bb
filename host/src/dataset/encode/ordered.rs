//! [`OrderedEncoder`]: the places of categories in an order.

use super::super::category::{Labels, MISSING};
use super::super::labels::{find_label, one_of};
use super::EncodeError;

/// Encodes categories as their places in an order: 0, 1, ...
#[derive(Clone, Debug)]
pub(super) struct OrderedEncoder {
    source_name: String,
    name: String,
    labels: Vec<String>,
    /// The place of each category, by its code.
    places: Vec<u32>,
}

impl OrderedEncoder {
    /// An encoder of the column `name` of a source, whose categories are `labels`,
    /// the least first.
    pub(super) fn new(source_name: &str, name: &str, labels: Vec<String>) -> Self {
        Self {
            source_name: source_name.to_owned(),
            name: name.to_owned(),
            labels,
            places: Vec::new(),
        }
    }

    /// The labels in their order.
    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The places of a batch's categories, given their codes and the labels of
    /// these.
    pub(super) fn encode(
        &mut self,
        codes: &[u32],
        categories: &Labels,
    ) -> Result<Vec<u32>, EncodeError> {
        for label in categories.iter().skip(self.places.len()) {
            let Some(place) = find_label(&self.labels, label) else {
                return Err(EncodeError::NotInOrder {
                    source_name: self.source_name.clone(),
                    name: self.name.clone(),
                    label: label.to_string(),
                    labels: one_of(&self.labels),
                });
            };
            self.places.push(place as u32);
        }
        let place = |code: &u32| match *code {
            MISSING => MISSING,
            code => self.places[code as usize],
        };
        Ok(codes.iter().map(place).collect())
    }
}
