//! How much the best split of a category gains by chance: [`subset_multiple`] and
//! [`order_multiple`].

#[cfg(doc)]
use crate::tally::TallyLayout;

/// The multiple of [`TallyLayout::noise_gain`] that is subtracted from the
/// purity of the best split of `categories` categories: the gain that it is
/// expected to have on a target without relation to the feature, beyond that
/// of two categories, plus one standard deviation. Without this penalty,
/// categories of few rows each would be preferred to more informative
/// features and to splits by the order of the labels, and the forest would
/// overfit.
///
/// The halves of `n` standard normal deviates that are sorted and split at
/// zero have their means at `sqrt(2 / pi)` from zero. So the split explains
/// `2 n / pi` of the variance, with a standard deviation of
/// `2 sqrt(2 / pi) sqrt(1 - 2 / pi) sqrt(n)`.
pub(crate) fn subset_multiple(categories: usize) -> f64 {
    const MEAN: f64 = std::f64::consts::FRAC_2_PI;
    let beyond_two = categories.saturating_sub(2) as f64;
    let deviation = 2.0 * (MEAN * (1.0 - MEAN) * beyond_two).sqrt();
    MEAN * beyond_two + deviation
}

/// The same for the best split of `categories` categories by the order of their
/// labels: the gain that the best of its `categories - 1` cuts is expected to
/// have on a target without relation to the feature, plus one standard deviation.
///
/// The gain of the cut at the fraction `t` of `n` equally frequent labels is
/// `B(t)^2 / (t (1 - t))`, where `B` is a Brownian bridge. The mean of its maximum
/// grows as `2 ln ln n` (Darling and Erdős: A limit theorem for the maximum of
/// normalized sums of independent random variables, 1956). From 8 to 254 labels,
/// `2.55 + 3 ln ln n` is within 0.1 of the mean plus the standard deviation of
/// 40,000 simulated maxima.
///
/// Fewer than [`FREE_ORDERS`] labels have no penalty, as numbers have none.
pub(crate) fn order_multiple(categories: usize) -> f64 {
    if categories < FREE_ORDERS {
        return 0.0;
    }
    2.55 + 3.0 * libm::log(libm::log(categories as f64))
}

/// The number of categories from which on a split by the order of the labels has a
/// penalty. The cuts of fewer vary less by chance than those of most numbers, which
/// compete without a penalty. The number is chosen by experiment: with a penalty
/// from 6 labels on, forests ranked the rows of the résumés of `bench/tables.py`
/// worse (ROC AUC by 0.011), and those of four other tables no better.
const FREE_ORDERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    /// Of simulated maxima, the mean plus the standard deviation.
    fn noise_of_order(labels: usize) -> f64 {
        const REPEATS: usize = 4_000;
        let mut rng = Key::new(1).rng();
        let mut maxima = Vec::new();
        for _ in 0..REPEATS {
            // A sum of 12 uniform deviates is close to a normal deviate.
            let mut deviate = || (0..12).map(|_| rng.next_f64()).sum::<f64>() - 6.0;
            let of_labels: Vec<f64> = (0..labels).map(|_| deviate()).collect();
            let mean = of_labels.iter().sum::<f64>() / labels as f64;
            let (mut sum, mut most) = (0.0, 0.0_f64);
            for (index, label) in of_labels[..labels - 1].iter().enumerate() {
                sum += label - mean;
                let left = (index + 1) as f64;
                let right = labels as f64 - left;
                most = most.max(sum * sum * (1.0 / left + 1.0 / right));
            }
            maxima.push(most);
        }
        let mean = maxima.iter().sum::<f64>() / REPEATS as f64;
        let squares: f64 = maxima.iter().map(|most| (most - mean).powi(2)).sum();
        mean + (squares / REPEATS as f64).sqrt()
    }

    #[test]
    fn the_penalty_of_an_order_is_the_noise_of_its_best_cut() {
        for labels in [8, 24, 105, 254] {
            let (penalty, noise) = (order_multiple(labels), noise_of_order(labels));
            assert!(
                (penalty - noise).abs() < 0.2,
                "{labels}: {penalty}, {noise}"
            );
        }
        assert_eq!(order_multiple(7), 0.0);
    }
}
