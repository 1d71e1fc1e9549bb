//! [`NumberCriterion`]: impurity measures of numeric targets that sums of targets
//! determine, those of scikit-learn
//! (<https://scikit-learn.org/1.9/modules/tree.html#regression-criteria>).
//! `friedman_mse` is `squared_error`, as in scikit-learn 1.9: both rank the splits
//! of a node alike. `absolute_error` needs medians: see `median_layout`.

/// The factor by which the gain of a random split into subsets exceeds that of
/// independent rows with a numeric target: rows of one category are often of one
/// day, place or person, too (a survey's *design effect*). Measured: with 1, forests
/// of 10 trees of depth 10 explain 0.223 of the variance of the arrival delays of
/// flights, with 3 and 10 0.226, with 30 and more 0.231, as scikit-learn's without
/// subsets do (0.230). The price is what subsets gain elsewhere: of the prices of
/// houses in Ames, 0.873 with 1, and 0.864 with 10 and more (scikit-learn: 0.865).
/// Splits by the order of the labels have the factor 1: with 30, forests explain less
/// of the prices of diamonds (0.9746 and 0.9770).
pub(crate) const DESIGN_EFFECT: f64 = 30.0;

/// An impurity measure of a node of weight `w` whose weighted targets have the
/// sum `s`. Its *purity* is `w (c - impurity)` with a constant `c` of the node's
/// rows, which no split changes, so that the best split maximises the sum of its
/// sides' purities.
pub(crate) trait NumberCriterion: Copy + 'static {
    /// The impurity is of the target's unit to this power.
    const POWER: i32;
    /// Whether targets are measured from 0 and not from their mean.
    const FROM_ZERO: bool;

    /// The purity of a node.
    fn purity(weight: f64, sum: f64) -> f64;
    /// The purity that a split into two random parts of independent rows is
    /// expected to gain, if every row weighs 1.
    fn noise_gain(mean: f64, variance: f64) -> f64;
}

/// The mean squared error, `sum w_i (y_i - mean)^2 / w`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SquaredError;

impl NumberCriterion for SquaredError {
    const POWER: i32 = 2;
    const FROM_ZERO: bool = false;

    #[inline]
    fn purity(weight: f64, sum: f64) -> f64 {
        sum * sum / weight
    }

    /// The square of a mean of `n` rows exceeds that of their expectation by
    /// `variance / n`, on average.
    fn noise_gain(_mean: f64, variance: f64) -> f64 {
        variance
    }
}

/// Half the mean Poisson deviance, `sum w_i y_i log(y_i / mean) / w`. A node whose
/// targets are all 0 predicts 0, which has no deviance: no split makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poisson;

impl NumberCriterion for Poisson {
    const POWER: i32 = 1;
    const FROM_ZERO: bool = true;

    /// Uses a logarithm written in Rust, so that WebAssembly and native builds
    /// agree in every bit.
    #[inline]
    fn purity(weight: f64, sum: f64) -> f64 {
        if sum <= 0.0 {
            return f64::NEG_INFINITY;
        }
        sum * libm::log(sum / weight)
    }

    /// Twice the gain, divided by the dispersion `variance / mean`, is chi-square
    /// distributed with one degree of freedom, whose mean is 1 (Wilks, 1938).
    fn noise_gain(mean: f64, variance: f64) -> f64 {
        0.5 * variance / mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decrease of the impurity times the weight, by the formula.
    fn decrease(impurity: impl Fn(&[f64]) -> f64, left: &[f64], right: &[f64]) -> f64 {
        let all = [left, right].concat();
        impurity(&all) - impurity(left) - impurity(right)
    }

    fn by_purity<C: NumberCriterion>(left: &[f64], right: &[f64]) -> f64 {
        let purity = |side: &[f64]| C::purity(side.len() as f64, side.iter().sum());
        purity(left) + purity(right) - purity(&[left, right].concat())
    }

    #[test]
    fn purities_gain_what_impurities_lose() {
        let (left, right) = ([1.0, 0.0, 5.5], [2.0, 9.0]);
        let mean = |side: &[f64]| side.iter().sum::<f64>() / side.len() as f64;
        let squares = |side: &[f64]| side.iter().map(|y| (y - mean(side)).powi(2)).sum::<f64>();
        let deviance = |side: &[f64]| {
            let positive = side.iter().filter(|y| **y > 0.0);
            positive.map(|y| y * (y / mean(side)).ln()).sum::<f64>()
        };
        let expected = decrease(squares, &left, &right);
        assert!((by_purity::<SquaredError>(&left, &right) - expected).abs() < 1e-12);
        let expected = decrease(deviance, &left, &right);
        assert!((by_purity::<Poisson>(&left, &right) - expected).abs() < 1e-12);
    }
}
