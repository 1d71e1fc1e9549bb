//! Deviances of Tweedie distributions.
//!
//! Formulas: scikit-learn 1.9's `mean_tweedie_deviance` and `d2_tweedie_score`.

use super::{Weights, weighted_mean};

/// The mean deviance of a Tweedie distribution; `power` is not between 0 and 1.
/// NaN if a value is not in the distribution: predictions are above 0 unless
/// `power` is 0, true values are at least 0 from a power of 1, and above 0 from 2.
pub fn mean_tweedie_deviance(
    truth: &[f64],
    predicted: &[f64],
    weights: Weights<'_>,
    power: f64,
) -> f64 {
    let outside = |truth: f64, predicted: f64| match power {
        0.0 => false,
        _ if power < 0.0 => predicted <= 0.0,
        _ if power < 2.0 => truth < 0.0 || predicted <= 0.0,
        _ => truth <= 0.0 || predicted <= 0.0,
    };
    if truth.iter().zip(predicted).any(|(t, p)| outside(*t, *p)) {
        return f64::NAN;
    }
    let rows = truth.iter().zip(predicted);
    weighted_mean(rows.map(|(t, p)| deviance(*t, *p, power)), weights)
}

/// The fraction of the deviance of the mean of `truth` that the predictions save.
/// NaN as [`mean_tweedie_deviance`] and for fewer than two rows; not finite if
/// `truth` is constant.
pub fn d2_tweedie(truth: &[f64], predicted: &[f64], weights: Weights<'_>, power: f64) -> f64 {
    if truth.len() < 2 {
        return f64::NAN;
    }
    let mean = weighted_mean(truth.iter().copied(), weights);
    let baseline = truth.iter().map(|truth| deviance(*truth, mean, power));
    let deviance = mean_tweedie_deviance(truth, predicted, weights, power);
    1.0 - deviance / weighted_mean(baseline, weights)
}

/// The unit deviance.
fn deviance(truth: f64, predicted: f64, power: f64) -> f64 {
    if truth == predicted {
        // The terms below need not cancel to the last bit.
        return 0.0;
    }
    let (one, two) = (1.0 - power, 2.0 - power);
    match power {
        0.0 => (truth - predicted).powi(2),
        1.0 => {
            let entropy = match truth {
                0.0 => 0.0,
                _ => truth * libm::log(truth / predicted),
            };
            2.0 * (entropy - truth + predicted)
        }
        2.0 => 2.0 * (libm::log(predicted / truth) + truth / predicted - 1.0),
        _ => {
            // Below 0, negative true values are allowed and have no power.
            let base = if power < 0.0 { truth.max(0.0) } else { truth };
            2.0 * (libm::pow(base, two) / (one * two) - truth * libm::pow(predicted, one) / one
                + libm::pow(predicted, two) / two)
        }
    }
}
