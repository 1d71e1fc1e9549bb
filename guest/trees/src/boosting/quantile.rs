//! [`quantile`] and [`median`] of weighted numbers.

/// The quantile of numbers with weights at `level`, in (0, 1): of equal weights by
/// linear interpolation, as NumPy's `percentile`; else the least number at which the
/// weights of all numbers up to it reach their share, as scikit-learn's weighted
/// percentile.
pub(crate) fn quantile(numbers: Vec<(f64, f64)>, level: f64) -> f64 {
    let Some(&(_, first)) = numbers.first() else {
        return 0.0;
    };
    if numbers.iter().all(|&(_, weight)| weight == first) {
        return interpolated(
            numbers.into_iter().map(|(number, _)| number).collect(),
            level,
        );
    }
    let sorted = sorted(numbers);
    let all: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    for &(number, weight) in &sorted {
        below += weight;
        if below >= level * all && weight > 0.0 {
            return number;
        }
    }
    sorted[sorted.len() - 1].0
}

/// The median of numbers with weights: of equal weights the mean of the middle two.
pub(crate) fn median(numbers: Vec<(f64, f64)>) -> f64 {
    quantile(numbers, 0.5)
}

fn sorted(mut numbers: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    numbers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    numbers
}

/// The quantile of numbers, without sorting all of them.
fn interpolated(mut numbers: Vec<f64>, level: f64) -> f64 {
    let place = level * (numbers.len() - 1) as f64;
    let below = place as usize;
    let (_, low, above) = numbers.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above
        .iter()
        .copied()
        .fold(f64::INFINITY, |least, x| if x < least { x } else { least });
    if above.is_empty() {
        low
    } else {
        low + (place - below as f64) * (high - low)
    }
}
