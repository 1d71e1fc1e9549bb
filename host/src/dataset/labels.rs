//! Labels of classes and categories ([`LabelSet`]): their order, and which of them a plan
//! names.

pub use fanout_contract::label::find_label;

/// The values of a column of categories.
#[derive(Debug)]
pub(super) struct LabelSet {
    /// The labels by code.
    pub(super) labels: Vec<String>,
    /// Whether the source's values are texts.
    pub(super) texts: bool,
}

/// Sorts labels: as numbers if all of them are numbers, else as texts.
pub(super) fn sorted_labels(labels: &[String]) -> Vec<String> {
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    let mut sorted = labels.to_vec();
    if numbers.is_some() {
        let number = |label: &str| label.parse().unwrap_or(f64::NAN);
        sorted.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    } else {
        sorted.sort_unstable();
    }
    sorted
}

/// The place of each label in the order of `numpy.unique`: of numbers by value,
/// of texts by code points.
pub(super) fn ranks(labels: &[String], texts: bool) -> Vec<u32> {
    fn places<K>(keys: &[K], order: impl Fn(&K, &K) -> std::cmp::Ordering) -> Vec<u32> {
        let mut sorted: Vec<usize> = (0..keys.len()).collect();
        sorted.sort_by(|a, b| order(&keys[*a], &keys[*b]));
        let mut places = vec![0; keys.len()];
        for (place, label) in (0..).zip(sorted) {
            places[label] = place;
        }
        places
    }
    let parsed = labels.iter().map(|label| label.parse());
    let whole: Option<Vec<i128>> = parsed.map(Result::ok).collect();
    let reals = || -> Option<Vec<f64>> {
        let parsed = labels.iter().map(|label| label.parse());
        parsed.map(Result::ok).collect()
    };
    match (texts, whole) {
        (false, Some(whole)) => places(&whole, Ord::cmp),
        (false, None) => match reals() {
            Some(reals) => places(&reals, f64::total_cmp),
            None => places(labels, Ord::cmp),
        },
        (true, _) => places(labels, Ord::cmp),
    }
}

/// Labels in a message: "one of `a`, `b` and 3 more".
pub fn one_of(labels: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = labels
        .iter()
        .take(SHOWN)
        .map(|label| format!("`{label}`"))
        .collect();
    match labels.len() - shown.len() {
        0 => format!("one of {}", shown.join(", ")),
        more => format!("one of {} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_numpy() {
        let ranked = |labels: &[&str], texts| {
            let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
            ranks(&labels, texts)
        };
        assert_eq!(ranked(&["10", "9", "-1"], false), [2, 1, 0]);
        assert_eq!(ranked(&["10", "9", "-1"], true), [1, 2, 0]);
        assert_eq!(ranked(&["0.5", "-2", "inf"], false), [1, 0, 2]);
        // Neither is exact as a 64-bit real.
        assert_eq!(
            ranked(&["9007199254740993", "9007199254740992"], false),
            [1, 0]
        );
        assert_eq!(ranked(&["2021-03-04", "2020-12-31"], false), [1, 0]);
        assert_eq!(ranked(&["é", "z", "Z"], true), [2, 1, 0]);
    }

    #[test]
    fn labels_are_found_by_value() {
        for (labels, given, found) in [
            (["0", "1"], "1", Some(1)),
            (["0", "1"], "1.0", Some(1)),
            (["0", "1"], "True", Some(1)),
            (["0", "1"], "false", Some(0)),
            (["false", "true"], "True", Some(1)),
            (["false", "true"], "1", Some(1)),
            (["-1", "1"], "-1.0", Some(0)),
            (["01", "02"], "01", Some(0)),
            (["01", "02"], "2", Some(1)),
            (["01", "1"], "1", Some(1)),
            (["01", "1"], "1.0", None),
            (["no", "yes"], "true", None),
            (["no", "1"], "1.0", None),
            (["0", "1"], "2", None),
            (["0", "1"], "nan", None),
            (
                ["18446744073709551614", "18446744073709551615"],
                "18446744073709551615",
                Some(1),
            ),
            (
                ["18446744073709551614", "18446744073709551615"],
                "1.8446744073709552e19",
                None,
            ),
        ] {
            assert_eq!(find_label(&labels, given), found, "{given} in {labels:?}");
        }
    }
}
