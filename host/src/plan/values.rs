//! The values of a searched hyper-parameter: a list, a range, a distribution.

use serde_json::{Number, Value as Json};

use super::Values;
use super::mistake::Mistake;
use super::node::{Atom, Content, Node};
use super::reader::{Noted, number, wrong};
use super::suggest::{all_of, did_you_mean, one_of};

/// Threat: a range with a step too small by mistake, which fills the memory.
const MAX_VALUES: usize = 1_000_000;

/// The fields by which a map is known for a range or a distribution, and what
/// may stand beside each.
pub(super) const FORMS: [(&str, &[&str]); 5] = [
    ("range", &["step"]),
    ("log_range", &["num"]),
    ("uniform", &[]),
    ("log_uniform", &[]),
    ("int_uniform", &[]),
];

/// Reads the values of the hyper-parameter `name`.
pub(super) fn values(name: &str, node: &Node, noted: Noted<'_>) -> Option<Values> {
    match &node.content {
        Content::Scalar(_) => Some(Values::List(vec![node.json(noted)?])),
        Content::List(items) if items.is_empty() => {
            noted.push(
                Mistake::new(node.place, format!("`{name}` has no values to try"))
                    .hint("write at least one"),
            );
            None
        }
        Content::List(items) => {
            let values: Vec<_> = items.iter().map(|item| item.json(noted)).collect();
            let values = values.into_iter().collect::<Option<Vec<_>>>()?;
            Some(Values::List(values))
        }
        Content::Map(_) => generator(name, node, noted),
    }
}

fn generator(name: &str, node: &Node, noted: Noted<'_>) -> Option<Values> {
    let kinds = || FORMS.iter().map(|form| form.0);
    let found: Vec<_> = FORMS
        .iter()
        .filter(|form| node.entry(form.0).is_some())
        .collect();
    let [(kind, beside)] = found[..] else {
        let (message, hint) = if found.is_empty() {
            let near = node
                .entries()
                .iter()
                .find_map(|entry| did_you_mean(&entry.key, kinds()));
            let other = "for a range write `{range: [2, 10]}`; a map that is a value itself stands in a list: `[{...}]`";
            (
                format!(
                    "the values of `{name}` are a list, or a map with {}",
                    one_of(kinds())
                ),
                near.unwrap_or_else(|| other.to_owned()),
            )
        } else {
            (
                format!("the values of `{name}` are made in {} ways", found.len()),
                format!("keep one of {}", all_of(found.iter().map(|form| form.0))),
            )
        };
        noted.push(Mistake::new(node.place, message).hint(hint));
        return None;
    };
    let mut fine = true;
    for entry in node.entries() {
        if entry.key != *kind && !beside.contains(&entry.key.as_str()) {
            let hint =
                did_you_mean(&entry.key, beside.iter().copied()).unwrap_or_else(|| match beside {
                    [] => format!("`{kind}` stands alone"),
                    beside => format!("beside `{kind}` stands {}", one_of(beside.iter().copied())),
                });
            noted.push(
                Mistake::new(
                    entry.place,
                    format!("unknown field `{}` beside `{kind}`", entry.key),
                )
                .hint(hint),
            );
            fine = false;
        }
    }
    let bounds = &node.entry(kind).expect("it was found by this key").value;
    let made = match *kind {
        "range" => range(bounds, node.entry("step").map(|entry| &entry.value), noted),
        "log_range" => {
            let num = node.entry("num").map(|entry| &entry.value);
            if num.is_none() {
                let mistake = Mistake::new(node.place, "`log_range` lacks `num`, how many values");
                noted.push(mistake.hint("write `{log_range: [low, high], num: 7}`"));
            }
            log_range(bounds, num, noted)
        }
        "int_uniform" => match ends("int_uniform", bounds, noted)? {
            (End::Int(low), End::Int(high)) => Some(Values::IntUniform { low, high }),
            _ => {
                noted.push(
                    wrong("int_uniform", "two whole numbers", bounds)
                        .hint("use `uniform` for fractions"),
                );
                None
            }
        },
        kind => ends(kind, bounds, noted).and_then(|(low, high)| {
            let (low, high) = (low.float(), high.float());
            if kind == "uniform" {
                return Some(Values::Uniform { low, high });
            }
            positive(kind, low, bounds, noted)?;
            Some(Values::LogUniform { low, high })
        }),
    };
    made.filter(|_| fine)
}

/// The end of a range: whole numbers stay whole.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Int(i64),
    Float(f64),
}

impl End {
    fn of(node: &Node) -> Option<Self> {
        match node.atom()? {
            Atom::Int(value) => Some(Self::Int(value)),
            _ => number(node).map(Self::Float),
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// `[low, high]`, with low below high.
fn ends(kind: &str, node: &Node, noted: Noted<'_>) -> Option<(End, End)> {
    let ends: Vec<_> = node.items().iter().map(End::of).collect();
    let [Some(low), Some(high)] = ends[..] else {
        noted.push(wrong(kind, "a list of two numbers, `[low, high]`", node));
        return None;
    };
    let one = matches!(kind, "range" | "int_uniform") && low == high;
    if low.float() >= high.float() && !one {
        let message = format!("the first number of `{kind}` is not below the second");
        let hint = match node.items() {
            [first, second] if low != high => first.label().zip(second.label()),
            _ => None,
        }
        .map_or_else(
            || "write `[low, high]`".to_owned(),
            |(first, second)| format!("write `[{second}, {first}]`"),
        );
        noted.push(Mistake::new(node.place, message).hint(hint));
        return None;
    }
    Some((low, high))
}

fn positive(kind: &str, low: f64, node: &Node, noted: Noted<'_>) -> Option<()> {
    if low > 0.0 {
        return Some(());
    }
    noted.push(
        Mistake::new(node.place, format!("`{kind}` takes numbers above 0"))
            .hint("zero and less have no logarithm; begin with a small number, such as 0.001"),
    );
    None
}

/// `low`, `low + step`, and so on; `high` included where the steps meet it.
fn range(bounds: &Node, step: Option<&Node>, noted: Noted<'_>) -> Option<Values> {
    let bad_step = step.and_then(|node| {
        let fine = End::of(node).is_some_and(|step| step.float() > 0.0);
        (!fine).then(|| wrong("step", "a number above 0", node))
    });
    let step_is_bad = bad_step.is_some();
    noted.extend(bad_step);
    let (low, high) = ends("range", bounds, noted)?;
    if step_is_bad {
        return None;
    }
    let by = step.and_then(End::of).unwrap_or(End::Int(1));
    let whole = match (low, high, by) {
        (End::Int(low), End::Int(high), End::Int(by)) => Some((low, high, by)),
        _ => None,
    };
    // The quotient of 0.3 by 0.1 lies a hair below 3.
    let steps = whole.map_or_else(
        || ((high.float() - low.float()) / by.float() + 1e-9).floor(),
        |(low, high, by)| ((i128::from(high) - i128::from(low)) / i128::from(by)) as f64,
    );
    if steps >= MAX_VALUES as f64 {
        let message = format!("this range has more than {MAX_VALUES} values");
        noted.push(Mistake::new(bounds.place, message).hint("give a greater `step`"));
        return None;
    }
    let count = steps as i64 + 1;
    Some(Values::List(match whole {
        Some((low, _, by)) => (0..count).map(|i| (low + i * by).into()).collect(),
        None => {
            // As many decimals as were written: 0.3, not 0.30000000000000004.
            let decimals = decimals(low.float()).max(decimals(by.float()));
            (0..count)
                .map(|i| {
                    float(format!(
                        "{:.decimals$}",
                        low.float() + i as f64 * by.float()
                    ))
                })
                .collect()
        }
    }))
}

/// `num` numbers, each the same multiple of the one before, both ends
/// included. Whole ends give whole numbers, each once.
fn log_range(bounds: &Node, num: Option<&Node>, noted: Noted<'_>) -> Option<Values> {
    let ends = ends("log_range", bounds, noted);
    let ends = ends.and_then(|(low, high)| {
        positive("log_range", low.float(), bounds, noted).map(|()| (low, high))
    });
    let count = num.and_then(|num| match num.atom() {
        Some(Atom::Int(count)) if (2..=MAX_VALUES as i64).contains(&count) => Some(count),
        _ => {
            noted.push(wrong(
                "num",
                &format!("a whole number from 2 to {MAX_VALUES}"),
                num,
            ));
            None
        }
    });
    let ((low, high), count) = (ends?, count?);
    let (first, last) = (low.float(), high.float());
    let inner = (1..count - 1).map(|i| {
        let share = i as f64 / (count - 1) as f64;
        rounded(first * (last / first).powf(share))
    });
    if let (End::Int(low), End::Int(high)) = (low, high) {
        let inner = inner.map(|value| value.round() as i64);
        let mut values: Vec<i64> = std::iter::once(low).chain(inner).chain([high]).collect();
        values.dedup();
        return Some(Values::List(values.into_iter().map(Json::from).collect()));
    }
    let values = std::iter::once(first).chain(inner).chain([last]);
    Some(Values::List(values.map(Json::from).collect()))
}

/// To 12 significant digits: the last bits of a power differ between the
/// mathematics libraries of hosts, and nobody wants to read them.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.11e}")
        .parse()
        .expect("a float that was written is read")
}

fn decimals(value: f64) -> usize {
    value
        .to_string()
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

fn float(text: String) -> Json {
    let value: f64 = text.parse().expect("a float that was written is read");
    // Minus zero would be another value than zero to a digest.
    Json::Number(Number::from_f64(value + 0.0).expect("a range of finite numbers is finite"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::mistake::Place;
    use super::super::syntax::parse;
    use super::*;

    fn read(text: &str) -> Result<Values, Vec<String>> {
        let mut mistakes = Vec::new();
        let node = parse(text, Place::File, &mut mistakes).unwrap();
        let values = values("alpha", &node, &mut mistakes);
        let messages: Vec<_> = mistakes
            .into_iter()
            .map(|mistake| mistake.message)
            .collect();
        assert_eq!(
            values.is_none(),
            !messages.is_empty(),
            "{text}: {messages:?}"
        );
        values.ok_or(messages)
    }

    #[track_caller]
    fn list(text: &str, expected: Json) {
        let Ok(Values::List(values)) = read(text) else {
            panic!("{text}: {:?}", read(text))
        };
        assert_eq!(Json::from(values), expected, "{text}");
    }

    #[test]
    fn ranges_include_both_ends() {
        list("{range: [2, 10], step: 2}", json!([2, 4, 6, 8, 10]));
        list("{range: [1, 4]}", json!([1, 2, 3, 4]));
        list("{range: [4, 4]}", json!([4]));
        list("{range: [1, 10], step: 4}", json!([1, 5, 9]));
        list("{range: [-1, 1]}", json!([-1, 0, 1]));
        list(
            "{range: [0.1, 0.5], step: 0.1}",
            json!([0.1, 0.2, 0.3, 0.4, 0.5]),
        );
        list("{range: [-0.1, 0.1], step: 0.1}", json!([-0.1, 0.0, 0.1]));
        list("{range: [0, 1], step: 0.5}", json!([0.0, 0.5, 1.0]));
        list("{range: [1.0, 3.0]}", json!([1.0, 2.0, 3.0]));
    }

    #[test]
    fn log_ranges_include_both_ends() {
        list(
            "{log_range: [0.001, 1000.0], num: 7}",
            json!([0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]),
        );
        list("{log_range: [1, 1000], num: 4}", json!([1, 10, 100, 1000]));
        list("{log_range: [1, 4], num: 6}", json!([1, 2, 3, 4]));
        list(
            "{log_range: [1.0, 3.0], num: 3}",
            json!([1.0, 1.73205080757, 3.0]),
        );
    }

    #[test]
    fn a_scalar_is_one_value_and_null_is_a_value() {
        list("5", json!([5]));
        list("null", json!([null]));
        list(
            "[sqrt, null, 0.5, \"1\", {a: 1}]",
            json!(["sqrt", null, 0.5, "1", {"a": 1}]),
        );
    }

    #[test]
    fn distributions() {
        assert_eq!(
            read("{uniform: [0, 1]}"),
            Ok(Values::Uniform {
                low: 0.0,
                high: 1.0
            })
        );
        assert_eq!(
            read("{log_uniform: [1e-3, 1]}"),
            Ok(Values::LogUniform {
                low: 1e-3,
                high: 1.0
            })
        );
        assert_eq!(
            read("{int_uniform: [1, 5]}"),
            Ok(Values::IntUniform { low: 1, high: 5 })
        );
    }

    #[test]
    fn what_makes_no_values() {
        for text in [
            "[]",
            "{}",
            "{rnage: [1, 2]}",
            "{range: [1, 2], uniform: [1, 2]}",
            "{range: 5}",
            "{range: [1, 2, 3]}",
            "{range: [2, 1]}",
            "{range: [1, 2], step: 0}",
            "{range: [1, 2], num: 3}",
            "{range: [0, 1000000000]}",
            "{range: [0.0, 1.0], step: 1e-12}",
            "{range: [1, .inf]}",
            "{log_range: [1, 10]}",
            "{log_range: [0, 10], num: 3}",
            "{log_range: [1, 10], num: 1}",
            "{uniform: [1, 1]}",
            "{log_uniform: [-1, 1]}",
            "{int_uniform: [0.5, 2]}",
            "[.nan]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
