//! [`find_label`]: which label a text names.

use crate::number::parse_bool;

/// The index of the label that `given` names: the same text, or else, where all
/// labels are numbers or truth values, the only one of the same value. `1`,
/// `1.0` and `true` have one value, as in scikit-learn.
pub fn find_label<L: AsRef<str>>(labels: &[L], given: &str) -> Option<usize> {
    let same = labels.iter().position(|label| label.as_ref() == given);
    if same.is_some() {
        return same;
    }
    let wanted = value(given)?;
    let values: Vec<f64> = labels
        .iter()
        .map(|label| value(label.as_ref()))
        .collect::<Option<_>>()?;
    let mut equal = (0..values.len()).filter(|index| values[*index] == wanted);
    equal.next().filter(|_| equal.next().is_none())
}

/// The value of a number or a truth value.
fn value(text: &str) -> Option<f64> {
    match parse_bool(text.trim().as_bytes()) {
        Some(is_true) => Some(f64::from(u8::from(is_true))),
        None => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
    }
}
