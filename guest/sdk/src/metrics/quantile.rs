//! Quantiles of numbers with weights.
//!
//! Formula: scikit-learn 1.9's `_weighted_percentile` with `average=True`: the
//! inverted cumulative distribution, averaged where it is flat (Hyndman and Fan,
//! 1996, definition 2).

/// The mean of the middle two of an even number of numbers, else the middle one;
/// NaN if there are none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    let middle = numbers.len() / 2;
    if numbers.is_empty() {
        return f64::NAN;
    }
    let even = numbers.len().is_multiple_of(2);
    let (below, upper, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if even => (lower + *upper) / 2.0,
        _ => *upper,
    }
}

/// The quantile `share`, from 0 to 1, of finite numbers with weights of at least 0.
/// NaN if all weights are 0.
pub fn weighted_quantile(rows: impl Iterator<Item = (f64, f64)>, share: f64) -> f64 {
    let mut rows: Vec<(f64, f64)> = rows.filter(|(_, weight)| *weight > 0.0).collect();
    // Equal numbers by weight, so that sums do not depend on the order of the rows.
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut sum = 0.0;
    for (_, weight) in &mut rows {
        sum += *weight;
        *weight = sum;
    }
    let Some(last) = rows.len().checked_sub(1) else {
        return f64::NAN;
    };
    // As scikit-learn does, by way of percent.
    let percent = share * 100.0;
    let target = (percent / 100.0 * sum).max(f64::from_bits(1));
    let place = rows.partition_point(|(_, below)| *below < target).min(last);
    let (number, below) = rows[place];
    match below - target > f64::EPSILON {
        true => number,
        false => (number + rows[last.min(place + 1)].0) / 2.0,
    }
}

/// The quantile `share`, from 0 to 1, of at least one number: between the two nearest
/// numbers, as NumPy's method `linear`. NaN if there are none.
pub fn linear_quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    let Some(last) = numbers.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = place as usize;
    let (_, low, above) = numbers.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    match above.iter().copied().min_by(f64::total_cmp) {
        Some(high) => low + (high - low) * (place - below as f64),
        None => low,
    }
}

/// The quantile `share`, from 0 to 1, of numbers with weights of at least 0: the least
/// number at which the weights of all numbers up to it reach their share. NaN if all
/// weights are 0.
pub fn lower_quantile(rows: impl Iterator<Item = (f64, f64)>, share: f64) -> f64 {
    let mut rows: Vec<(f64, f64)> = rows.filter(|(_, weight)| *weight > 0.0).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let all: f64 = rows.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    let reached = rows.iter().find(|(_, weight)| {
        below += weight;
        below >= share * all
    });
    // Rounding may leave the last short of all.
    reached
        .or(rows.last())
        .map_or(f64::NAN, |(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_quantile_of_a_half() {
        for numbers in [
            &[3.0][..],
            &[2.0, 1.0],
            &[5.0, 1.0, 2.0],
            &[4.0, 4.0, 1.0, 9.0],
        ] {
            let equal = weighted_quantile(numbers.iter().map(|number| (*number, 2.0)), 0.5);
            assert_eq!(median(numbers.to_vec()), equal, "{numbers:?}");
        }
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn rows_of_no_weight_do_not_count() {
        let rows = [(9.0, 0.0), (1.0, 1.0), (2.0, 0.0), (3.0, 1.0)];
        assert_eq!(weighted_quantile(rows.into_iter(), 0.5), 2.0);
        assert_eq!(weighted_quantile(rows.into_iter(), 0.0), 1.0);
        assert_eq!(weighted_quantile(rows.into_iter(), 1.0), 3.0);
        assert!(weighted_quantile([(1.0, 0.0)].into_iter(), 0.5).is_nan());
    }
}
