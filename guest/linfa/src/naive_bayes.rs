//! [`GaussianNaiveBayes`] and [`MultinomialNaiveBayes`].

use fanout_sdk::exponential::{sigmoid, softmax};
use fanout_sdk::{Fault, ParamKind, Params, PredictionValues};
use serde_json::Value;

use crate::classes::{Classes, Occurring};

mod gaussian;
mod multinomial;

pub use gaussian::{GaussianModel, GaussianNaiveBayes};
pub use multinomial::{MultinomialModel, MultinomialNaiveBayes};

/// The kinds of given prior probabilities.
fn prior_kinds() -> Vec<ParamKind> {
    vec![ParamKind::Null, ParamKind::Weights]
}

/// The prior probabilities that the parameter `name` gives, by occurring class.
///
/// # Errors
/// If a class has none, or they do not sum to 1.
fn given_priors(
    classes: &Classes<'_>,
    params: &Params,
    name: &str,
) -> Result<Option<Vec<f64>>, Fault> {
    let Value::Object(given) = &params[name] else {
        return Ok(None);
    };
    let prior = |label: &String| {
        let prior = given.get(label).and_then(Value::as_f64);
        prior.ok_or_else(|| {
            Fault::InvalidParams(format!("`{name}` has no probability of class `{label}`"))
        })
    };
    let labels = classes.labels();
    if let Some(unknown) = given.keys().find(|label| !labels.contains(label)) {
        return Err(Fault::InvalidParams(format!(
            "`{name}` names the class `{unknown}`, which is not one of `{}`",
            labels.join("`, `")
        )));
    }
    let all = labels
        .iter()
        .map(prior)
        .collect::<Result<Vec<f64>, Fault>>()?;
    let total: f64 = all.iter().sum();
    if (total - 1.0).abs() > 1e-8 {
        return Err(Fault::InvalidParams(format!(
            "`{name}` sums to {total}, but probabilities sum to 1"
        )));
    }
    let occurring = classes.occurring.labels.iter();
    Ok(Some(occurring.map(|&label| all[label as usize]).collect()))
}

/// The indices of the training rows of each occurring class.
fn rows_by_class(classes: &Classes<'_>) -> Vec<Vec<usize>> {
    let mut by_class = vec![Vec::new(); classes.count()];
    for (row, &code) in classes.codes.iter().enumerate() {
        by_class[code as usize].push(row);
    }
    by_class
}

/// Predictions by the logarithms of the joint likelihoods of each class.
fn of_log_likelihoods(occurring: &Occurring, by_class: &[Vec<f64>]) -> PredictionValues {
    let count = by_class.len();
    let rows = by_class.first().map_or(0, Vec::len);
    if let [zero, one] = by_class {
        let mut table: Vec<f64> = zero.iter().zip(one).map(|(zero, one)| one - zero).collect();
        sigmoid(&mut table);
        return occurring.of_probabilities(table);
    }
    let mut table = vec![0.0; rows * count];
    for (at, row) in table.chunks_exact_mut(count.max(1)).enumerate() {
        for (cell, class) in row.iter_mut().zip(by_class) {
            *cell = class[at];
        }
        softmax(row);
    }
    occurring.of_probabilities(table)
}
