//! [`Lead`]: how sure it is that the first candidate is better than the next.

use serde::{Deserialize, Serialize};

use super::SearchResults;
use crate::numpy;

/// By how much the candidate of the greatest mean is ahead of the next one that
/// differs from it, with the paired t-test over the splits whose variance is corrected
/// for that training rows overlap (Nadeau and Bengio, "Inference for the
/// Generalization Error", Machine Learning 52, 2003): `s² (1/k + n_test/n_train)`, for
/// `k` splits and the variance `s²` of their differences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// The candidate of the greatest mean.
    pub ahead: usize,
    /// Of the candidates that have another score on some split, that of the greatest
    /// mean.
    pub behind: usize,
    /// The difference of their means.
    pub difference: f64,
    /// The lower end of its interval of 95 %.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The probability of a difference at least as large, in either direction, if both
    /// were equally good.
    pub p_value: f64,
    /// The same in a sentence.
    pub sentence: String,
}

/// By how much scores on some splits are greater than others on the same splits, by the test
/// of [`Lead`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedTest {
    /// The difference of their means.
    pub difference: f64,
    /// The lower end of its interval of 95 %.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The probability of a difference at least as large, in either direction, if both
    /// were equally good.
    pub p_value: f64,
}

impl PairedTest {
    /// Of the scores of two on each split. `sizes` are the numbers of training and of test
    /// rows of each. `None` where there are not two splits with scores of both.
    pub fn new(scores: &[f64], others: &[f64], sizes: &[[u64; 2]]) -> Option<Self> {
        let both = scores.iter().zip(others);
        let differences: Vec<f64> = both.map(|(one, other)| one - other).collect();
        if differences.len() < 2 {
            return None;
        }
        let [train, test] = sizes.iter().fold([0, 0], |[train, test], size| {
            [train + size[0], test + size[1]]
        });
        let (difference, deviation) = corrected(&differences, test as f64 / train as f64);
        let freedom = differences.len() as u32 - 1;
        let p_value = match (difference, deviation) {
            (0.0, _) => 1.0,
            (_, 0.0) => 0.0,
            _ => outside(difference / deviation, freedom),
        };
        let width = quantile(0.95, freedom) * deviation;
        let found = Self {
            difference,
            low: difference - width,
            high: difference + width,
            p_value,
        };
        let numbers = [found.difference, found.low, found.high, found.p_value];
        numbers
            .iter()
            .all(|number| number.is_finite())
            .then_some(found)
    }
}

/// Below this probability, a difference is not put down to chance.
const CHANCE: f64 = 0.05;

impl Lead {
    /// The lead by the metric with this index. `sizes` are the numbers of training and
    /// of test rows of each split. `None` where there are not two splits and two
    /// candidates that differ and have all scores.
    pub fn new(results: &SearchResults, metric: usize, sizes: &[[u64; 2]]) -> Option<Self> {
        let scores = &results.metrics[metric].test;
        let mut ranking = results.ranking(metric).into_iter();
        let ahead = ranking.next()?;
        let differs = |other: &usize| scores.of(*other) != scores.of(ahead);
        let behind = ranking.find(differs)?;
        if scores.mean[ahead].is_nan() || scores.mean[behind].is_nan() || results.splits < 2 {
            return None;
        }
        let test = PairedTest::new(scores.of(ahead), scores.of(behind), sizes)?;
        let mut lead = Self {
            ahead,
            behind,
            difference: test.difference,
            low: test.low,
            high: test.high,
            p_value: test.p_value,
            sentence: String::new(),
        };
        lead.sentence = lead.told();
        Some(lead)
    }

    fn told(&self) -> String {
        let Self { ahead, behind, .. } = self;
        let percent = self.p_value * 100.0;
        let share = match percent {
            0.1.. => format!("in {} % of searches", significant(percent, percent)),
            _ => "in less than 0.1 % of searches".to_owned(),
        };
        let verdict = match self.p_value < CHANCE {
            true => format!("candidate {ahead} is the clear winner"),
            false => "there is no clear winner".to_owned(),
        };
        let width = (self.high - self.low) / 2.0;
        let least = match width {
            0.0 => self.difference,
            width if self.difference > 0.0 => width.min(self.difference),
            width => width,
        };
        let [difference, low, high] =
            [self.difference, self.low, self.high].map(|number| significant(number, least));
        format!(
            "candidate {ahead} is ahead of candidate {behind} by {difference} (95 % interval: {low} \
             to {high}); if both were equally good, chance would make a difference this large \
             {share}: {verdict}"
        )
    }
}

/// A number with as many decimals as give `scale` two significant digits.
fn significant(number: f64, scale: f64) -> String {
    let decimals = match scale.abs() {
        0.0 => 0,
        scale => (1 - scale.log10().floor() as i32).clamp(0, 15) as usize,
    };
    let text = format!("{number:.decimals$}");
    // Not `-0.00`.
    match text.trim_start_matches('-').trim_matches(['0', '.']) {
        "" => text.trim_start_matches('-').to_owned(),
        _ => text,
    }
}

/// The mean of differences, and its corrected standard deviation; `ratio` is that of
/// test rows to training rows.
fn corrected(differences: &[f64], ratio: f64) -> (f64, f64) {
    let count = differences.len() as f64;
    let (mean, std) = numpy::mean_and_std(differences);
    let variance = std * std * count / (count - 1.0);
    (mean, (variance * (1.0 / count + ratio)).sqrt())
}

/// The probability that a number of Student's t-distribution is between `-t` and `t`,
/// by its sum for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
fn within(t: f64, freedom: u32) -> f64 {
    let t = t.abs();
    let root = f64::from(freedom).sqrt();
    let angle = (t / root).atan();
    let (sine, cosine) = (t / t.hypot(root), root / t.hypot(root));
    let square = cosine * cosine;
    let is_odd = freedom % 2 == 1;
    let mut term = if is_odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    let mut power = if is_odd { 1 } else { 0 };
    while power + 2 <= freedom {
        sum += term;
        power += 2;
        let over = f64::from(power);
        term *= square * (over - 1.0) / over;
    }
    match is_odd {
        true => (angle + sine * sum) * std::f64::consts::FRAC_2_PI,
        false => sine * sum,
    }
}

/// The probability of a greater number, in either direction.
fn outside(t: f64, freedom: u32) -> f64 {
    (1.0 - within(t, freedom)).clamp(0.0, 1.0)
}

/// The number between whose two signs the share lies.
fn quantile(share: f64, freedom: u32) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while within(high, freedom) < share {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        match within(middle, freedom) < share {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

#[cfg(test)]
mod tests;
