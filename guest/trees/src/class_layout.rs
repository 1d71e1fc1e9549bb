//! [`ClassLayout`]: layouts that count rows by class, one draw as 1. Class
//! weights are applied when a split is evaluated.

use crate::criterion::Criterion;
use crate::tally::TallyLayout;

/// A layout whose payloads are a class and a number of draws.
pub(crate) trait ClassLayout: TallyLayout<Payload = u32> {
    /// The impurity measure.
    type Criterion: Criterion;

    /// Sets the weight of each class; all are 1 before the first call.
    fn set_class_weights(&mut self, weights: &[f64]);
    /// Whether every class has weight 1.
    fn is_unweighted(&self) -> bool;
    /// The number of draws of each class.
    fn draws_by_class(&self, tally: &[Self::Count]) -> impl Iterator<Item = u32>;
    /// The payload of a row of class `class` that was drawn `draws` times.
    fn pack(draws: u16, class: u16) -> u32;
    /// The number of draws and the class in a payload.
    fn parts(payload: u32) -> (u32, u32);
}

/// [`Criterion::noise_gain`] of one class of weight `class_weight` and share
/// `share` against the other classes, of mean weight `other_weight`: the
/// variance of a sum of weights grows with their squares.
pub(crate) fn weighted_noise_gain<C: Criterion>(
    share: f64,
    class_weight: f64,
    other_weight: f64,
) -> f64 {
    C::noise_gain(share) * ((1.0 - share) * class_weight + share * other_weight)
}
