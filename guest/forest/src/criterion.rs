//! [`Criterion`]: how good a split is. Both measures are scikit-learn's
//! (User guide, 1.10.7.1 Classification criteria), written as what a split
//! must maximise over its two sides.

use std::sync::LazyLock;

/// A measure of the impurity of a node with class weights `w_k` that sum to
/// `w`. A node's *purity* is `w` times (a constant less its impurity), so
/// that the best split has the greatest sum of its sides' purities.
pub(crate) trait Criterion: Copy + 'static {
    /// The same in whole numbers.
    type Whole: Whole;

    /// The same in whole numbers, for nodes of fewer than [`SMALL`] draws.
    fn whole() -> Self::Whole;
    /// The purity of two classes.
    fn binary(a: f64, b: f64) -> f64;
    /// The purity of any number of classes, from their sum and each.
    fn many(sum: f64, weights: impl Iterator<Item = f64>) -> f64;
    /// The impurity of a node, from its weight and purity.
    fn impurity(weight: f64, purity: f64) -> f64;
    /// How much purity a split into two parts is expected to gain by chance
    /// alone, for a class of share `share` against all others, where every
    /// row weighs 1.
    fn chance(share: f64) -> f64;
}

/// A criterion for small whole weights: sums of whole numbers, one a class,
/// that are the same in whatever order they are added up.
pub(crate) trait Whole: Copy {
    /// What splits are compared by.
    type Score: Copy + PartialOrd;

    /// What a class adds to its side's sum.
    fn term(&self, weight: u32) -> i64;
    /// How much more it adds with `more` of it.
    #[inline]
    fn step(&self, weight: u32, more: u32) -> i64 {
        self.term(weight + more) - self.term(weight)
    }
    /// The greater, the better the split, from both sides' sums and weights.
    fn score(&self, terms: [i64; 2], weights: [u32; 2]) -> Self::Score;
}

/// `1 - sum (w_k / w)^2`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gini;

impl Criterion for Gini {
    type Whole = Self;

    #[inline]
    fn whole() -> Self {
        Self
    }

    #[inline]
    fn binary(a: f64, b: f64) -> f64 {
        (a * a + b * b) / (a + b)
    }

    #[inline]
    fn many(sum: f64, weights: impl Iterator<Item = f64>) -> f64 {
        weights.map(|weight| weight * weight).sum::<f64>() / sum
    }

    fn impurity(weight: f64, purity: f64) -> f64 {
        1.0 - purity / weight
    }

    fn chance(share: f64) -> f64 {
        2.0 * share * (1.0 - share)
    }
}

impl Whole for Gini {
    type Score = f64;

    #[inline]
    fn term(&self, weight: u32) -> i64 {
        i64::from(weight) * i64::from(weight)
    }

    #[inline]
    fn step(&self, weight: u32, more: u32) -> i64 {
        i64::from(more) * i64::from(2 * weight + more)
    }

    #[inline]
    fn score(&self, terms: [i64; 2], weights: [u32; 2]) -> f64 {
        terms[0] as f64 / f64::from(weights[0]) + terms[1] as f64 / f64::from(weights[1])
    }
}

/// `-sum (w_k / w) log2 (w_k / w)`; scikit-learn's `log_loss` is the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entropy;

/// `w log2 w`, and its limit 0 at 0.
#[inline]
fn w_log_w(weight: f64) -> f64 {
    let whole = weight as usize;
    if whole < SMALL && whole as f64 == weight {
        // Unless classes have weights, all but the largest nodes are here.
        return W_LOG_W[whole];
    }
    w_log_w_of_any(weight)
}

/// The logarithm is one written in Rust, so that a guest and a native build
/// agree in every bit.
fn w_log_w_of_any(weight: f64) -> f64 {
    if weight > 0.0 {
        weight * libm::log2(weight)
    } else {
        0.0
    }
}

/// Whole weights below this have their terms in tables.
pub(crate) const SMALL: usize = 4096;

/// [`w_log_w_of_any`] of small whole numbers.
static W_LOG_W: LazyLock<[f64; SMALL]> =
    LazyLock::new(|| std::array::from_fn(|whole| w_log_w_of_any(whole as f64)));

/// The same as whole multiples of 2^-44: the greatest is below 2^60.
static WHOLE_W_LOG_W: LazyLock<[i64; SMALL]> =
    LazyLock::new(|| W_LOG_W.map(|term| (term * (1_u64 << 44) as f64).round_ties_even() as i64));

/// [`Entropy`] in whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeEntropy(&'static [i64; SMALL]);

impl Whole for WholeEntropy {
    type Score = i64;

    #[inline]
    fn term(&self, weight: u32) -> i64 {
        // The mask spares a check of bounds that callers keep anyway.
        self.0[weight as usize % SMALL]
    }

    #[inline]
    fn score(&self, terms: [i64; 2], weights: [u32; 2]) -> i64 {
        terms[0] - self.term(weights[0]) + terms[1] - self.term(weights[1])
    }
}

impl Criterion for Entropy {
    type Whole = WholeEntropy;

    #[inline]
    fn whole() -> WholeEntropy {
        WholeEntropy(&WHOLE_W_LOG_W)
    }

    #[inline]
    fn binary(a: f64, b: f64) -> f64 {
        w_log_w(a) + w_log_w(b) - w_log_w(a + b)
    }

    #[inline]
    fn many(sum: f64, weights: impl Iterator<Item = f64>) -> f64 {
        weights.map(w_log_w).sum::<f64>() - w_log_w(sum)
    }

    fn impurity(weight: f64, purity: f64) -> f64 {
        -purity / weight
    }

    /// Twice the gain in nats has a chi-square distribution with one degree
    /// of freedom, whose mean is 1 (Wilks, 1938).
    fn chance(_share: f64) -> f64 {
        0.5 * std::f64::consts::LOG2_E
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn impurities_are_those_of_the_formulas() {
        let (a, b) = (3.0_f64, 5.0_f64);
        let gini = 1.0 - (9.0 + 25.0) / 64.0;
        assert!(close(Gini::impurity(8.0, Gini::binary(a, b)), gini));
        assert!(close(
            Gini::impurity(8.0, Gini::many(8.0, [a, b].into_iter())),
            gini
        ));
        let entropy = -(3.0 / 8.0 * (3.0_f64 / 8.0).log2() + 5.0 / 8.0 * (5.0_f64 / 8.0).log2());
        assert!(close(
            Entropy::impurity(8.0, Entropy::binary(a, b)),
            entropy
        ));
        assert!(close(
            Entropy::impurity(8.0, Entropy::many(8.0, [a, b].into_iter())),
            entropy
        ));
    }

    #[test]
    fn whole_scores_are_purities() {
        let (left, right) = ([3_u32, 0, 900], [17_u32, 41, 1]);
        let sum = |side: [u32; 3]| side.iter().sum::<u32>();
        fn terms<C: Criterion>(side: [u32; 3]) -> i64 {
            side.iter().map(|&weight| C::whole().term(weight)).sum()
        }
        fn many<C: Criterion>(side: [u32; 3]) -> f64 {
            let sum: u32 = side.iter().sum();
            C::many(f64::from(sum), side.into_iter().map(f64::from))
        }
        let gini = Gini.score(
            [terms::<Gini>(left), terms::<Gini>(right)],
            [sum(left), sum(right)],
        );
        assert_eq!(gini, many::<Gini>(left) + many::<Gini>(right));
        let entropy = Entropy::whole().score(
            [terms::<Entropy>(left), terms::<Entropy>(right)],
            [sum(left), sum(right)],
        );
        let entropy = entropy as f64 / (1_u64 << 44) as f64;
        assert!((entropy - many::<Entropy>(left) - many::<Entropy>(right)).abs() < 1e-9);
    }

    #[test]
    fn a_pure_node_has_no_impurity() {
        assert_eq!(Gini::impurity(7.0, Gini::binary(7.0, 0.0)), 0.0);
        assert_eq!(Entropy::impurity(7.0, Entropy::binary(0.0, 7.0)), 0.0);
    }
}
