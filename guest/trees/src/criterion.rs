//! [`Criterion`]: impurity measures of classes, those of scikit-learn
//! (<https://scikit-learn.org/1.9/modules/tree.html#classification-criteria>),
//! written as what a split maximises over its two sides.

use std::sync::LazyLock;

/// The tolerance of comparisons of impurities, as in scikit-learn.
pub(crate) const EPSILON: f64 = f64::EPSILON;

/// An impurity measure of a node with class weights `w_k` of sum `w`. A
/// node's *purity* is `w (c - impurity)` with a constant `c`, so that the best
/// split maximises the sum of its sides' purities.
pub(crate) trait Criterion: Copy + 'static {
    /// The same criterion in integers.
    type Integer: IntegerCriterion;

    /// The number of draws from which on a node is too large for
    /// [`Self::integer`], at least [`INTEGER_DRAWS`].
    const INTEGER_LIMIT: u32;

    /// The same criterion in integers, for smaller nodes.
    fn integer() -> Self::Integer;
    /// The purity of a node of two classes of weights `a` and `b`.
    fn binary(a: f64, b: f64) -> f64;
    /// The purity of a node, from the sum of the class weights and each.
    fn multiclass(sum: f64, weights: impl Iterator<Item = f64>) -> f64;
    /// The same where every class has weight 1: `counts` are its draws.
    fn unweighted(sum: u32, counts: impl Iterator<Item = u32>) -> f64;
    /// The purity of a node of a single class, of weight `weight`: no nodes of
    /// that weight together have a greater one.
    fn pure(weight: f64) -> f64;
    /// The impurity of a node, from its weight and purity.
    fn impurity(weight: f64, purity: f64) -> f64;
    /// The purity that a split into two random parts is expected to gain, for
    /// a class of share `share` against all others, if every row weighs 1.
    fn noise_gain(share: f64) -> f64;
}

/// A criterion for small integer weights. Its sums over the classes are
/// integers, which do not depend on the order of summation.
pub(crate) trait IntegerCriterion: Copy {
    /// What splits are compared by.
    type Score: Copy + PartialOrd;

    /// What a class of weight `weight` adds to the sum of its side.
    fn term(&self, weight: u32) -> i64;
    /// `term(weight + more) - term(weight)`.
    #[inline]
    fn step(&self, weight: u32, more: u32) -> i64 {
        self.term(weight + more) - self.term(weight)
    }
    /// The score of a split, from both sides' sums of terms and weights. A
    /// greater score is a better split.
    fn score(&self, terms: [i64; 2], weights: [u32; 2]) -> Self::Score;
}

/// Gini impurity, `1 - sum (w_k / w)^2`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gini;

impl Criterion for Gini {
    type Integer = Self;

    /// The sums of squares fit into 63 bits.
    const INTEGER_LIMIT: u32 = 1 << 30;

    #[inline]
    fn integer() -> Self {
        Self
    }

    #[inline]
    fn binary(a: f64, b: f64) -> f64 {
        (a * a + b * b) / (a + b)
    }

    #[inline]
    fn multiclass(sum: f64, weights: impl Iterator<Item = f64>) -> f64 {
        weights.map(|weight| weight * weight).sum::<f64>() / sum
    }

    /// In integers, which equal the sums of whole numbers in floating point.
    #[inline]
    fn unweighted(sum: u32, counts: impl Iterator<Item = u32>) -> f64 {
        let squares = counts.map(|count| u64::from(count) * u64::from(count));
        squares.sum::<u64>() as f64 / f64::from(sum)
    }

    fn pure(weight: f64) -> f64 {
        weight
    }

    fn impurity(weight: f64, purity: f64) -> f64 {
        1.0 - purity / weight
    }

    fn noise_gain(share: f64) -> f64 {
        2.0 * share * (1.0 - share)
    }
}

impl IntegerCriterion for Gini {
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

/// Shannon entropy, `-sum (w_k / w) log2 (w_k / w)`; scikit-learn's `log_loss`
/// is the same measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entropy;

/// `w log2 w`, and 0 for 0.
#[inline]
fn w_log_w(weight: f64) -> f64 {
    let whole = weight as usize;
    if whole < INTEGER_DRAWS && whole as f64 == weight {
        // All but the largest nodes, unless classes have weights.
        return W_LOG_W[whole];
    }
    compute_w_log_w(weight)
}

/// Uses a logarithm written in Rust, so that WebAssembly and native builds
/// agree in every bit.
fn compute_w_log_w(weight: f64) -> f64 {
    if weight > 0.0 {
        weight * libm::log2(weight)
    } else {
        0.0
    }
}

/// The length of the tables of `w log2 w`; nodes of fewer draws have integer
/// criteria.
pub(crate) const INTEGER_DRAWS: usize = 4096;

/// `w log2 w` of small integers.
static W_LOG_W: LazyLock<[f64; INTEGER_DRAWS]> =
    LazyLock::new(|| std::array::from_fn(|whole| compute_w_log_w(whole as f64)));

/// The same, rounded to multiples of 2^-44: the greatest is below 2^60.
static INTEGER_W_LOG_W: LazyLock<[i64; INTEGER_DRAWS]> =
    LazyLock::new(|| W_LOG_W.map(|term| (term * (1_u64 << 44) as f64).round_ties_even() as i64));

/// [`Entropy`] in integers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntegerEntropy(&'static [i64; INTEGER_DRAWS]);

impl IntegerCriterion for IntegerEntropy {
    type Score = i64;

    #[inline]
    fn term(&self, weight: u32) -> i64 {
        // The modulus removes the bounds check; callers have smaller weights.
        self.0[weight as usize % INTEGER_DRAWS]
    }

    #[inline]
    fn score(&self, terms: [i64; 2], weights: [u32; 2]) -> i64 {
        terms[0] - self.term(weights[0]) + terms[1] - self.term(weights[1])
    }
}

impl Criterion for Entropy {
    type Integer = IntegerEntropy;

    const INTEGER_LIMIT: u32 = INTEGER_DRAWS as u32;

    #[inline]
    fn integer() -> IntegerEntropy {
        IntegerEntropy(&INTEGER_W_LOG_W)
    }

    #[inline]
    fn binary(a: f64, b: f64) -> f64 {
        w_log_w(a) + w_log_w(b) - w_log_w(a + b)
    }

    #[inline]
    fn multiclass(sum: f64, weights: impl Iterator<Item = f64>) -> f64 {
        weights.map(w_log_w).sum::<f64>() - w_log_w(sum)
    }

    #[inline]
    fn unweighted(sum: u32, counts: impl Iterator<Item = u32>) -> f64 {
        Self::multiclass(f64::from(sum), counts.map(f64::from))
    }

    fn pure(_weight: f64) -> f64 {
        0.0
    }

    fn impurity(weight: f64, purity: f64) -> f64 {
        -purity / weight
    }

    /// Twice the gain in nats is chi-square distributed with one degree of
    /// freedom, whose mean is 1 (Wilks, 1938).
    fn noise_gain(_share: f64) -> f64 {
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
    fn impurities_equal_the_formulas() {
        let (a, b) = (3.0_f64, 5.0_f64);
        let gini = 1.0 - (9.0 + 25.0) / 64.0;
        assert!(close(Gini::impurity(8.0, Gini::binary(a, b)), gini));
        assert!(close(
            Gini::impurity(8.0, Gini::multiclass(8.0, [a, b].into_iter())),
            gini
        ));
        let entropy = -(3.0 / 8.0 * (3.0_f64 / 8.0).log2() + 5.0 / 8.0 * (5.0_f64 / 8.0).log2());
        assert!(close(
            Entropy::impurity(8.0, Entropy::binary(a, b)),
            entropy
        ));
        assert!(close(
            Entropy::impurity(8.0, Entropy::multiclass(8.0, [a, b].into_iter())),
            entropy
        ));
    }

    #[test]
    fn unweighted_purities_are_those_of_weights_of_1() {
        let counts = [3_u32, 0, 90_001, 7];
        let sum: u32 = counts.iter().sum();
        fn both<C: Criterion>(sum: u32, counts: [u32; 4]) -> [f64; 2] {
            let weights = counts.into_iter().map(f64::from);
            [
                C::unweighted(sum, counts.into_iter()),
                C::multiclass(f64::from(sum), weights),
            ]
        }
        let [a, b] = both::<Gini>(sum, counts);
        assert_eq!(a, b);
        let [a, b] = both::<Entropy>(sum, counts);
        assert_eq!(a, b);
    }

    #[test]
    fn integer_scores_equal_purities() {
        let (left, right) = ([3_u32, 0, 900], [17_u32, 41, 1]);
        let sum = |side: [u32; 3]| side.iter().sum::<u32>();
        fn terms<C: Criterion>(side: [u32; 3]) -> i64 {
            side.iter().map(|&weight| C::integer().term(weight)).sum()
        }
        fn purity<C: Criterion>(side: [u32; 3]) -> f64 {
            let sum: u32 = side.iter().sum();
            C::multiclass(f64::from(sum), side.into_iter().map(f64::from))
        }
        let gini = Gini.score(
            [terms::<Gini>(left), terms::<Gini>(right)],
            [sum(left), sum(right)],
        );
        assert_eq!(gini, purity::<Gini>(left) + purity::<Gini>(right));
        let entropy = Entropy::integer().score(
            [terms::<Entropy>(left), terms::<Entropy>(right)],
            [sum(left), sum(right)],
        );
        let entropy = entropy as f64 / (1_u64 << 44) as f64;
        assert!((entropy - purity::<Entropy>(left) - purity::<Entropy>(right)).abs() < 1e-9);
    }

    #[test]
    fn a_pure_node_has_no_impurity() {
        assert_eq!(Gini::impurity(7.0, Gini::binary(7.0, 0.0)), 0.0);
        assert_eq!(Entropy::impurity(7.0, Entropy::binary(0.0, 7.0)), 0.0);
        assert_eq!(Gini::impurity(7.0, Gini::pure(7.0)), 0.0);
        assert_eq!(Entropy::impurity(7.0, Entropy::pure(7.0)), 0.0);
    }
}
