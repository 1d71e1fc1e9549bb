//! [`Contributions`]: what each feature adds to the predictions of rows.

use crate::Fault;

/// What each feature adds to each output of a model, by row. The sum over the features
/// and the expected value is the output: a number, a probability, or what a link turns
/// into probabilities, as the trainer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// The outputs: labels of classes, only the second of two; one without a name for
    /// numbers.
    pub outputs: Vec<String>,
    /// The features that the trainer was fitted on, in order.
    pub features: Vec<String>,
    /// By output: its value if no feature is known.
    pub expected: Vec<f64>,
    /// By output and feature, `output * features + feature`: one number per row.
    pub values: Vec<Vec<f64>>,
}

impl Contributions {
    /// For each output a column `expected_value_<output>`, and columns
    /// `contribution_<output>_<feature>`; without `<output>_` for the output of no name.
    ///
    /// # Errors
    /// If there is not one number per row and feature.
    pub(crate) fn into_columns(self, rows: usize) -> Result<Vec<(String, Vec<f64>)>, Fault> {
        let (outputs, features) = (self.outputs.len(), self.features.len());
        if self.expected.len() != outputs
            || self.values.len() != outputs * features
            || self.values.iter().any(|column| column.len() != rows)
        {
            return Err(Fault::Failed(format!(
                "the trainer did not give one contribution per feature for each of {rows} rows"
            )));
        }
        let mut values = self.values.into_iter();
        let mut columns = Vec::with_capacity(outputs * (features + 1));
        for (output, expected) in self.outputs.iter().zip(self.expected) {
            let named = |what: &str| match output.as_str() {
                "" => what.to_owned(),
                output => format!("{what}_{output}"),
            };
            columns.push((named("expected_value"), vec![expected; rows]));
            let contribution = named("contribution");
            let names = self.features.iter();
            let names = names.map(|feature| format!("{contribution}_{feature}"));
            columns.extend(names.zip(values.by_ref()));
        }
        Ok(columns)
    }
}
