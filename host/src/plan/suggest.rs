//! The known name that is nearest to a given one, for hints.

/// "did you mean `x`?", where a name is near enough.
pub(super) fn did_you_mean<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(given, known).map(|name| format!("did you mean `{name}`?"))
}

/// The known name of which `given` is probably a misspelling.
pub(super) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', ' ', '.'], "_");
    let given = plain(given);
    known
        .into_iter()
        .filter_map(|name| {
            let other = plain(name);
            let distance = strsim::osa_distance(&given, &other);
            let (short, long) = if given.len() < other.len() {
                (&given, &other)
            } else {
                (&other, &given)
            };
            // Half a word apart is another word. One that begins or ends like
            // a known name (`depth` of `max_depth`) is near all the same, but
            // a plain slip is nearer.
            let near = distance * 3 <= long.chars().count();
            let within = short.len() >= 3
                && (long.starts_with(short.as_str()) || long.ends_with(short.as_str()));
            match (near, within) {
                (_, true) => Some((distance.min(3), distance, name)),
                (true, false) => Some((distance, distance, name)),
                (false, false) => None,
            }
        })
        .min_by_key(|(rank, distance, _)| (*rank, *distance))
        .map(|(_, _, name)| name)
}

/// "`a`, `b` or `c`".
pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "or")
}

/// "`a`, `b` and `c`".
pub(super) fn all_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "and")
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let known = [
            "n_estimators",
            "max_depth",
            "min_samples_split",
            "criterion",
        ];
        assert_eq!(nearest("n_estimator", known), Some("n_estimators"));
        assert_eq!(nearest("maxdepth", known), Some("max_depth"));
        assert_eq!(nearest("Max-Depth", known), Some("max_depth"));
        assert_eq!(nearest("depth", known), Some("max_depth"));
        assert_eq!(nearest("criteiron", known), Some("criterion"));
        assert_eq!(nearest("learning_rate", known), None);
        assert_eq!(nearest("x", known), None);
        let known = ["roc_auc", "roc_auc_ovo", "roc_auc_ovr", "accuracy"];
        assert_eq!(nearest("roc_auc_score", known), Some("roc_auc"));
        assert_eq!(nearest("auc", known), Some("roc_auc"));
        assert_eq!(nearest("rocauc", known), Some("roc_auc"));
        assert_eq!(nearest("roc_auc_ov", known), Some("roc_auc_ovo"));
    }
}
