//! [`MemberValues`]: what a member predicts, as far as it is combined.

use std::ops::Range;

use fanout_sdk::{Fault, PredictionValues, Target, votes};

use super::super::rows::PredictedRows;
use crate::model::Votes;

/// What a member predicts of rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MemberValues {
    /// Numbers; or probabilities, of class 1 of two, or of shape (rows, classes).
    Table(Vec<f64>),
    /// Classes.
    Codes(Vec<u32>),
}

impl MemberValues {
    /// What rows are predicted to be, as far as it is combined.
    ///
    /// # Errors
    /// If there are no probabilities to average.
    pub(super) fn of(rows: &PredictedRows, how: Votes) -> Result<Self, Fault> {
        let classes = rows.target.classes().len();
        if how == Votes::Majority && matches!(rows.target, Target::Classes { .. }) {
            return Ok(Self::Codes(rows.prediction().classes(classes).to_vec()));
        }
        let table = match &rows.predicted.values {
            PredictionValues::Numbers(table)
            | PredictionValues::Binary(table)
            | PredictionValues::Multiclass(table)
            | PredictionValues::Decisions {
                probabilities: Some(table),
                ..
            } => table,
            _ => {
                let message = "a candidate predicts no probabilities to average";
                return Err(Fault::Failed(message.to_owned()));
            }
        };
        Ok(Self::Table(table.clone()))
    }

    /// Takes the values of some rows from `other`.
    pub(super) fn copy(&mut self, other: &Self, rows: Range<usize>, classes: usize) {
        match (self, other) {
            (Self::Table(own), Self::Table(other)) => {
                let width = width(classes);
                let places = rows.start * width..rows.end * width;
                own[places.clone()].copy_from_slice(&other[places]);
            }
            (Self::Codes(own), Self::Codes(other)) => {
                own[rows.clone()].copy_from_slice(&other[rows]);
            }
            _ => {}
        }
    }

    /// The same as predictions.
    pub(super) fn into_predictions(self, classes: usize) -> PredictionValues {
        match self {
            Self::Codes(codes) => PredictionValues::Classes(codes),
            Self::Table(table) => predictions(table, classes),
        }
    }
}

/// A table as predictions of so many classes; none for numbers.
pub(super) fn predictions(table: Vec<f64>, classes: usize) -> PredictionValues {
    match classes {
        0 => PredictionValues::Numbers(table),
        2 => PredictionValues::Binary(table),
        _ => PredictionValues::Multiclass(table),
    }
}

/// The values of a row.
pub(super) fn width(classes: usize) -> usize {
    match classes {
        0 | 2 => 1,
        classes => classes,
    }
}

/// What members of these weights predict together. There is one at least, and all predict
/// the same rows.
pub(super) fn combined(members: &[(&MemberValues, f64)], classes: usize) -> MemberValues {
    let tables = members.iter().filter_map(|(values, weight)| match values {
        MemberValues::Table(table) => Some((table.as_slice(), *weight)),
        MemberValues::Codes(_) => None,
    });
    let codes = members.iter().filter_map(|(values, weight)| match values {
        MemberValues::Codes(codes) => Some((codes.as_slice(), *weight)),
        MemberValues::Table(_) => None,
    });
    match members[0].0 {
        MemberValues::Table(_) => MemberValues::Table(votes::mean(&tables.collect::<Vec<_>>())),
        MemberValues::Codes(_) => {
            let codes: Vec<(&[u32], f64)> = codes.collect();
            MemberValues::Codes(votes::majority(&codes, classes))
        }
    }
}

/// Adds tables times their weights, one after the other.
pub(super) fn add(members: &[(&MemberValues, f64)], sums: &mut [f64]) {
    for (values, weight) in members {
        if let MemberValues::Table(table) = values {
            votes::add(table, *weight, sums);
        }
    }
}
