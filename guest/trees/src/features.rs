//! [`encode_feature`]: the features of a table as a fitted forest reads them.

use fanout_sdk::{Fault, Table, Values};

use crate::bins::Column;
use crate::model::{Encode, FeatureValues, PredictError};

/// Errors of predicting a table.
pub(crate) enum TableError {
    Predict(PredictError),
    Table(Fault),
}

impl TableError {
    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::Predict(error) => Fault::InvalidDataset(error.to_string()),
            Self::Table(fault) => fault,
        }
    }
}

/// Encodes the feature of a table that `column` is of.
pub(crate) fn encode_feature(
    table: &Table,
    column: &Column,
    encode: &mut Encode<'_>,
) -> Result<(), TableError> {
    let features = table.features();
    let index = features
        .iter()
        .position(|feature| feature.name == column.name);
    let index = index.ok_or_else(|| PredictError::NoFeature(column.name.clone()))?;
    let values = table.values(index).map_err(TableError::Table)?;
    let labels = features[index].labels.as_deref().unwrap_or_default();
    Ok(encode(match &values {
        Values::Number(values) => FeatureValues::Number(values),
        Values::Category(values) => FeatureValues::Category { labels, values },
    })?)
}

impl From<PredictError> for TableError {
    fn from(error: PredictError) -> Self {
        Self::Predict(error)
    }
}
