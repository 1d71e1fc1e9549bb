//! [`two_sample`]: the two-sample test of Kolmogorov and Smirnov, two-sided.
//!
//! Statistic and p-value are those of `scipy.stats.ks_2samp`: exact where both sides are
//! small, else `method="asymp"`, whose p-value is that of the one-sample statistic of
//! `n₁ n₂ / (n₁ + n₂)` rows (Simard and L'Ecuyer, Journal of Statistical Software 39(11),
//! 2011).

use std::f64::consts::PI;

use serde::Serialize;

/// The most rows of a side of which the p-value is exact, as scipy's `method="auto"`.
const EXACT_ROWS: usize = 10_000;

/// Rows from which on the one-sided distribution is its limit. Threat: sums of as many
/// terms as there are rows.
const LIMIT_ROWS: f64 = 1e6;

/// What the test gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KolmogorovSmirnov {
    /// The greatest difference of the two distribution functions.
    pub statistic: f64,
    /// The probability of one as great if both sides were drawn from one continuous
    /// distribution.
    pub p_value: f64,
    /// Whether that is exact, not asymptotic.
    pub exact: bool,
}

/// Tests two sides, ascending. Of the first there are some values, the number of its rows,
/// and whether the values are those of all rows. `None` if a side is empty.
pub(super) fn two_sample(
    (first, rows, whole): (&[f64], usize, bool),
    second: &[f64],
) -> Option<KolmogorovSmirnov> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let statistic = difference(first, second);
    let exact = whole && rows.max(second.len()) <= EXACT_ROWS;
    let p_value = match exact {
        true => exact_p_value(statistic, rows as u64, second.len() as u64),
        false => {
            let (a, b) = (rows as f64, second.len() as f64);
            let rows = (a * b / (a + b)).round_ties_even();
            one_sample_p_value(statistic, rows)
        }
    };
    Some(KolmogorovSmirnov {
        statistic,
        p_value: p_value.clamp(0.0, 1.0),
        exact,
    })
}

/// The greatest difference of the distribution functions.
fn difference(first: &[f64], second: &[f64]) -> f64 {
    let (mut i, mut j, mut greatest) = (0, 0, 0.0_f64);
    while i < first.len() && j < second.len() {
        let value = first[i].min(second[j]);
        i += first[i..].iter().take_while(|next| **next <= value).count();
        j += second[j..]
            .iter()
            .take_while(|next| **next <= value)
            .count();
        let (a, b) = (
            i as f64 / first.len() as f64,
            j as f64 / second.len() as f64,
        );
        greatest = greatest.max((a - b).abs());
    }
    greatest
}

/// The share of the paths from (0, 0) to (`m`, `n`) that go as far from the diagonal as the
/// statistic (Hodges, Arkiv för Matematik 3, 1958): a path to (i, j) comes from (i - 1, j)
/// with probability i / (i + j).
fn exact_p_value(statistic: f64, m: u64, n: u64) -> f64 {
    let far = (statistic * m as f64 * n as f64).round() as u64;
    if far == 0 {
        return 1.0;
    }
    let is_far = |i: u64, j: u64| (i * n).abs_diff(j * m) >= far;
    let mut shares: Vec<f64> = vec![0.0; n as usize + 1];
    for i in 0..=m {
        let mut before = 0.0;
        for (j, share) in (0..=n).zip(&mut shares) {
            *share = if is_far(i, j) {
                1.0
            } else if i == 0 && j == 0 {
                0.0
            } else {
                let paths = (i + j) as f64;
                let from_left = if i > 0 {
                    *share * (i as f64 / paths)
                } else {
                    0.0
                };
                from_left + before * (j as f64 / paths)
            };
            before = *share;
        }
    }
    shares[n as usize]
}

/// The probability that the two-sided one-sample statistic of `n` rows is at least `d`.
pub(super) fn one_sample_p_value(d: f64, n: f64) -> f64 {
    let t = n * d;
    if d >= 1.0 {
        return 0.0;
    }
    if t <= 0.5 || n < 1.0 {
        return 1.0;
    }
    if t <= 1.0 {
        // Ruben and Gambino.
        let factors = (1..=n as u64).map(|k| (k as f64 / n * (2.0 * t - 1.0)).ln());
        return 1.0 - factors.sum::<f64>().exp();
    }
    if t >= n - 1.0 {
        return 2.0 * (1.0 - d).powf(n);
    }
    let square = t * d;
    if square >= 370.0 {
        return 0.0;
    }
    // Both one-sided events together are rarer than what is lost.
    if d >= 0.5 || square >= if n <= 140.0 { 4.0 } else { 2.2 } {
        return 2.0 * one_sided(d, n);
    }
    match n <= 140.0 || (n <= 1e5 && n * d.powf(1.5) <= 1.4) {
        true => 1.0 - by_matrix(d, n),
        false => 1.0 - by_series(d, n),
    }
}

/// The probability that the one-sided statistic is at least `d` (Birnbaum and Tingey,
/// Annals of Mathematical Statistics 22, 1951).
fn one_sided(d: f64, n: f64) -> f64 {
    if n >= LIMIT_ROWS {
        return (-(6.0 * n * d + 1.0).powi(2) / (18.0 * n)).exp();
    }
    let last = (n * (1.0 - d)).floor() as u64;
    // The logarithm of the binomial coefficient, and what its sum lost.
    let (mut binomial, mut lost) = (0.0_f64, 0.0);
    let mut sum = 0.0;
    for v in 0..=last {
        let v = v as f64;
        let (up, down) = (d + v / n, 1.0 - d - v / n);
        if down > 0.0 {
            sum += (binomial + lost + (v - 1.0) * up.ln() + (n - v) * down.ln()).exp();
        } else if n == v {
            sum += ((v - 1.0) * up.ln()).exp();
        }
        let step = ((n - v) / (v + 1.0)).ln();
        let next = binomial + step;
        lost += if binomial.abs() >= step.abs() {
            (binomial - next) + step
        } else {
            (step - next) + binomial
        };
        binomial = next;
    }
    d * sum
}

/// The probability that the statistic is less than `d`: an entry of a power of a matrix
/// (Marsaglia, Tsang and Wang, Journal of Statistical Software 8(18), 2003).
fn by_matrix(d: f64, n: f64) -> f64 {
    /// Above this, numbers are made smaller and the exponent is kept.
    const LARGE: f64 = 1e140;
    let k = (n * d).floor() as usize + 1;
    let (size, h) = (2 * k - 1, k as f64 - n * d);
    let mut matrix = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..size.min(i + 2) {
            matrix[i * size + j] = 1.0;
        }
    }
    for i in 0..size {
        matrix[i * size] -= h.powi(i as i32 + 1);
        matrix[(size - 1) * size + i] -= h.powi((size - i) as i32);
    }
    if 2.0 * h > 1.0 {
        matrix[(size - 1) * size] += (2.0 * h - 1.0).powi(size as i32);
    }
    for i in 0..size {
        for j in 0..size.min(i + 2) {
            for g in 1..=(i + 1).saturating_sub(j) {
                matrix[i * size + j] /= g as f64;
            }
        }
    }
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let mut c = vec![0.0; size * size];
        for i in 0..size {
            for (l, factor) in a[i * size..][..size].iter().enumerate() {
                let row = c[i * size..][..size].iter_mut();
                row.zip(&b[l * size..][..size])
                    .for_each(|(c, b)| *c += factor * b);
            }
        }
        c
    };
    let middle = (k - 1) * size + k - 1;
    let rescale = |matrix: &mut [f64], exponent: &mut i32| {
        if matrix[middle] > LARGE {
            matrix.iter_mut().for_each(|entry| *entry /= LARGE);
            *exponent += 140;
        }
    };
    let mut power: Vec<f64> = (0..size * size)
        .map(|at| f64::from(u8::from(at % (size + 1) == 0)))
        .collect();
    let (mut of_power, mut of_matrix) = (0, 0);
    let mut left = n as u64;
    while left > 0 {
        if left % 2 == 1 {
            power = product(&power, &matrix);
            of_power += of_matrix;
            rescale(&mut power, &mut of_power);
        }
        left /= 2;
        if left > 0 {
            matrix = product(&matrix, &matrix);
            of_matrix *= 2;
            rescale(&mut matrix, &mut of_matrix);
        }
    }
    let mut entry = power[middle];
    for i in 1..=n as u64 {
        entry *= i as f64 / n;
        if entry < 1.0 / LARGE {
            entry *= LARGE;
            of_power -= 140;
        }
    }
    entry * 10f64.powi(of_power)
}

/// The same to the order `n^(-3/2)` (Pelz and Good, Journal of the Royal Statistical
/// Society B 38, 1976).
fn by_series(d: f64, n: f64) -> f64 {
    let z = n.sqrt() * d;
    let pi2 = PI * PI;
    let (z2, z4, z6) = (z.powi(2), z.powi(4), z.powi(6));
    let mut sums = [0.0; 4];
    // Terms are below the last bit of the first from there on.
    let terms = (16.0 * z / PI).ceil() as u32 + 1;
    for k in 1..=terms {
        let odd = f64::from(2 * k - 1);
        let m2 = pi2 * odd * odd / 4.0;
        let weight = (-m2 / (2.0 * z2)).exp();
        sums[0] += weight;
        sums[1] += weight * (m2 - z2);
        sums[2] += weight
            * (6.0 * z6 + 2.0 * z4 + (2.0 * z4 - 5.0 * z2) * m2 + (1.0 - 2.0 * z2) * m2 * m2);
        sums[3] += weight
            * (-30.0 * z6 - 90.0 * z.powi(8)
                + (135.0 * z4 - 96.0 * z6) * m2
                + (212.0 * z4 - 60.0 * z2) * m2 * m2
                + (5.0 - 30.0 * z2) * m2 * m2 * m2);
    }
    let root = (2.0 * PI).sqrt();
    let (mut second, mut third) = (0.0, 0.0);
    for k in 1..=terms {
        let m2 = pi2 * f64::from(k * k);
        let weight = (-m2 / (2.0 * z2)).exp();
        second += m2 * weight;
        third += (3.0 * z2 - m2) * m2 * weight;
    }
    let parts = [
        sums[0] * root / z,
        sums[1] * root / (6.0 * z4),
        sums[2] * root / (72.0 * z.powi(7)) - second * root / (36.0 * z.powi(3)),
        sums[3] * root / (6480.0 * z.powi(10)) + third * root / (216.0 * z6),
    ];
    let powers = (0..).map(|power| n.powf(-f64::from(power) / 2.0));
    parts.iter().zip(powers).map(|(part, by)| part * by).sum()
}
