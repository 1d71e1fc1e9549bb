//! The order of category labels.

/// The indices that sort `labels`: as numbers if all of them are finite numbers,
/// else as text.
pub(crate) fn sort_order(labels: &[String]) -> Vec<usize> {
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| {
        let by_number = match &numbers {
            Some(numbers) => numbers[a].total_cmp(&numbers[b]),
            None => std::cmp::Ordering::Equal,
        };
        by_number.then_with(|| labels[a].cmp(&labels[b]))
    });
    order
}
