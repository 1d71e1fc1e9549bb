//! How many rows a split trains on and tests: [`sizes`], and [`apportion`] among
//! classes.

use super::error::SplitError;
use crate::plan::SplitSize;

/// The numbers of training rows and of test rows, out of `of`, as scikit-learn's
/// `_validate_shuffle_split` gives them: a share of test rows is rounded up, one
/// of training rows down. `what` is `rows` or `groups`.
pub(super) fn sizes(
    train: Option<SplitSize>,
    test: Option<SplitSize>,
    default_test: f64,
    of: usize,
    what: &'static str,
) -> Result<(usize, usize), SplitError> {
    let share = |share: f64| share * of as f64;
    let train = train.map(|size| match size {
        SplitSize::Fraction(fraction) => share(fraction).floor() as usize,
        SplitSize::Count(count) => count as usize,
    });
    let test_of = |size| match size {
        SplitSize::Fraction(fraction) => share(fraction).ceil() as usize,
        SplitSize::Count(count) => count as usize,
    };
    let (train, test) = match (train, test.map(test_of)) {
        (Some(train), Some(test)) => (train, test),
        (Some(train), None) => (train, of.saturating_sub(train)),
        (None, test) => {
            let test = test.unwrap_or_else(|| test_of(SplitSize::Fraction(default_test)));
            (of.saturating_sub(test), test)
        }
    };
    match train > 0 && test > 0 && train + test <= of {
        true => Ok((train, test)),
        false => Err(SplitError::Sizes {
            train,
            test,
            of,
            what,
        }),
    }
}

/// Divides `total` in proportion to `sizes`, by largest remainder. This is
/// scikit-learn's `_approximate_mode`, except that ties go to the first.
pub(super) fn apportion(sizes: &[usize], total: usize) -> Vec<usize> {
    let sum: u128 = sizes.iter().map(|size| *size as u128).sum();
    let exact = |size: usize| size as u128 * total as u128;
    let mut shares: Vec<usize> = sizes
        .iter()
        .map(|size| (exact(*size) / sum) as usize)
        .collect();
    let left = total - shares.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(exact(sizes[*class]) % sum));
    order[..left].iter().for_each(|class| shares[*class] += 1);
    shares
}
