//! [`Values`]: what a search tries of one hyper-parameter; a list, a range or
//! a distribution.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value as Json, json};

use super::form::{Context, Form, Given, Section, default, required};
use super::node::{Content, Node};
use super::scalar::{self, Int};
use super::suggest::{all_of, did_you_mean, one_of};

/// The values of one hyper-parameter to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Values {
    /// These, in this order. `range` and `log_range` become lists when the
    /// plan is read.
    List(Vec<Json>),
    /// A float, uniform in `[low, high)`.
    Uniform {
        /// The least.
        low: f64,
        /// The bound.
        high: f64,
    },
    /// A float whose logarithm is uniform in `[log low, log high)`.
    LogUniform {
        /// The least, above 0.
        low: f64,
        /// The bound.
        high: f64,
    },
    /// A whole number, uniform in `low..=high`.
    IntUniform {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
    },
}

/// Threat: a range with a step too small by mistake, which fills the memory.
const MAX_VALUES: usize = 1_000_000;

/// Ranges, which become lists: each is known by the field of its name.
#[rustfmt::skip] // a row a field
pub(super) static RANGES: [Section; 2] = [
    Section::new("range", "`low`, `low + step`, and so on; both ends included. Whole numbers if all are written whole.", &[
        required("range", "The first and the last value.", &Ends { one: true, positive: false, whole: false }),
        default("step", "The difference of two values.", &scalar::Number(0.0, f64::INFINITY), "1"),
    ]),
    Section::new("log_range", "`num` numbers, each the same multiple of the one before; both ends included. Whole numbers if both ends are written whole.", &[
        required("log_range", "The first and the last value.", &Ends { one: false, positive: true, whole: false }),
        required("num", "How many values, such as `{log_range: [0.001, 1.0], num: 4}`.", &Int(2, MAX_VALUES as u64)),
    ]),
];

/// Distributions, from which `method: random` draws.
#[rustfmt::skip] // a row a field
pub(super) static DISTRIBUTIONS: [Section; 3] = [
    Section::new("uniform", "A number, uniform from low to high.", &[
        required("uniform", "Low and high.", &Ends { one: false, positive: false, whole: false }),
    ]),
    Section::new("log_uniform", "A number whose logarithm is uniform from low to high.", &[
        required("log_uniform", "Low and high.", &Ends { one: false, positive: true, whole: false }),
    ]),
    Section::new("int_uniform", "A whole number, uniform from low to high, both included.", &[
        required("int_uniform", "Low and high.", &Ends { one: true, positive: false, whole: true }),
    ]),
];

/// Reads the values of a hyper-parameter.
pub(super) fn values(given: Given<'_>, cx: &mut Context<'_>) -> Option<Values> {
    let (name, node) = (given.name, given.node);
    match &node.content {
        Content::Scalar(_) => Some(Values::List(vec![node.json(&mut cx.found)?])),
        Content::List(items) if items.is_empty() => {
            let mistake = cx
                .found
                .note(node.place, format!("`{name}` has no values to try"));
            mistake.hint("write at least one");
            None
        }
        Content::List(items) => {
            let values: Vec<_> = items.iter().map(|item| item.json(&mut cx.found)).collect();
            values.into_iter().collect::<Option<_>>().map(Values::List)
        }
        Content::Map(_) => generated(given, cx),
    }
}

fn generated(given: Given<'_>, cx: &mut Context<'_>) -> Option<Values> {
    let (name, node) = (given.name, given.node);
    let forms = || RANGES.iter().chain(&DISTRIBUTIONS);
    let names = forms().map(|form| form.path);
    let found: Vec<_> = forms()
        .filter(|form| node.entry(form.path).is_some())
        .collect();
    let form = match found[..] {
        [form] => form,
        [] => {
            let keys = node.entries().iter().map(|entry| entry.key.as_str());
            let near = keys
                .filter_map(|key| did_you_mean(key, names.clone()))
                .next();
            let message = format!(
                "the values of `{name}` are a list, or a map with {}",
                one_of(names)
            );
            let hint = "for a range write `{range: [2, 10]}`; a map that is itself a value is \
                        written in a list: `[{...}]`";
            let hint = near.unwrap_or_else(|| hint.to_owned());
            cx.note(node.place, message).hint(hint);
            return None;
        }
        _ => {
            let message = format!("the values of `{name}` are given in {} ways", found.len());
            let hint = format!("keep one of {}", all_of(found.iter().map(|form| form.path)));
            cx.note(node.place, message).hint(hint);
            return None;
        }
    };
    let kind = form.path;
    let known = cx.found.0.len();
    let read = form.read(Given::item(name, node), cx)?;
    let (low, high) = (End::of(&read[kind][0]), End::of(&read[kind][1]));
    let fine = cx.found.0.len() == known;
    fine.then_some(match (kind, low, high) {
        ("range", ..) => {
            let Some(values) = range(low, high, End::of(&read["step"])) else {
                let message = format!("this range has more than {MAX_VALUES} values");
                let place = node
                    .entry(kind)
                    .map_or(node.place, |entry| entry.value.place);
                cx.note(place, message).hint("give a greater `step`");
                return None;
            };
            Values::List(values)
        }
        ("log_range", ..) => Values::List(log_range(low, high, read["num"].as_i64()?)),
        ("int_uniform", End::Int(low), End::Int(high)) => Values::IntUniform { low, high },
        ("log_uniform", ..) => Values::LogUniform {
            low: low.float(),
            high: high.float(),
        },
        _ => Values::Uniform {
            low: low.float(),
            high: high.float(),
        },
    })
}

/// A list of two numbers, the first below the second.
#[derive(Debug)]
struct Ends {
    /// Whether the two may be equal.
    one: bool,
    /// Whether both are above 0.
    positive: bool,
    /// Whether both are whole.
    whole: bool,
}

impl Form for Ends {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let (kind, node) = (given.name, given.node);
        let ends = match node.items() {
            [low, high] => low
                .number()
                .zip(high.number())
                .map(|ends| (low, high, ends)),
            _ => None,
        };
        let Some((first, second, (low, high))) = ends else {
            given.wrong("a list of two numbers, `[low, high]`", cx);
            return None;
        };
        let read = node.json(&mut cx.found)?;
        if low >= high && !(self.one && low == high) {
            let message = format!("the first number of `{kind}` is not below the second");
            let labels = first.label().zip(second.label()).filter(|_| low != high);
            let (first, second) = labels.unwrap_or(("high", "low"));
            let hint = format!("write `[{second}, {first}]`");
            cx.note(node.place, message).hint(hint);
            return None;
        }
        if self.positive && low <= 0.0 {
            let message = format!("`{kind}` takes numbers above 0");
            let hint = "0 and less have no logarithm; begin with a small number, such as 0.001";
            cx.note(node.place, message).hint(hint);
            return None;
        }
        let whole = read.as_array().into_iter().flatten().all(Json::is_i64);
        if self.whole && !whole {
            given
                .wrong("two whole numbers", cx)
                .hint("use `uniform` for fractions");
            return None;
        }
        Some(read)
    }

    fn schema(&self) -> Json {
        json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
    }
}

/// A number of a range: whole numbers stay whole.
#[derive(Clone, Copy)]
enum End {
    Int(i64),
    Float(f64),
}

impl End {
    fn of(number: &Json) -> Self {
        match number.as_i64() {
            Some(int) => Self::Int(int),
            None => Self::Float(number.as_f64().expect("the form takes numbers alone")),
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// `low`, `low + step`, and so on; `high` is included where the steps meet it.
/// `None`: more than [`MAX_VALUES`].
fn range(low: End, high: End, step: End) -> Option<Vec<Json>> {
    let whole = match (low, high, step) {
        (End::Int(low), End::Int(high), End::Int(step)) => Some((low, high, step)),
        _ => None,
    };
    let (first, last, by) = (low.float(), high.float(), step.float());
    // The quotient of 0.3 by 0.1 is slightly below 3.
    let steps = whole.map_or_else(
        || ((last - first) / by + 1e-9).floor(),
        |(low, high, step)| ((i128::from(high) - i128::from(low)) / i128::from(step)) as f64,
    );
    if steps >= MAX_VALUES as f64 {
        return None;
    }
    let count = 0..steps as i64 + 1;
    Some(match whole {
        Some((low, _, step)) => count.map(|i| (low + i * step).into()).collect(),
        None => {
            // As many decimals as were written: 0.3, not 0.30000000000000004.
            let decimals = decimals(first).max(decimals(by));
            let value = |i| float(format!("{:.decimals$}", first + i as f64 * by));
            count.map(value).collect()
        }
    })
}

/// `num` numbers, each the same multiple of the one before, both ends
/// included. Whole ends give whole numbers, each once.
fn log_range(low: End, high: End, num: i64) -> Vec<Json> {
    let (first, last) = (low.float(), high.float());
    let inner = (1..num - 1).map(|i| {
        let share = i as f64 / (num - 1) as f64;
        rounded(first * (last / first).powf(share))
    });
    if let (End::Int(low), End::Int(high)) = (low, high) {
        let inner = inner.map(|value| value.round() as i64);
        let mut values: Vec<i64> = [low].into_iter().chain(inner).chain([high]).collect();
        values.dedup();
        return values.into_iter().map(Json::from).collect();
    }
    let values = [first].into_iter().chain(inner).chain([last]);
    values.map(Json::from).collect()
}

/// To 12 significant digits: the last bits of a power differ between the
/// mathematics libraries of hosts.
pub(crate) fn rounded(value: f64) -> f64 {
    let text = format!("{value:.11e}");
    text.parse().expect("a float that was written is read")
}

fn decimals(value: f64) -> usize {
    let text = value.to_string();
    text.split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

fn float(text: String) -> Json {
    let value: f64 = text.parse().expect("a float that was written is read");
    // Minus zero would be another value than zero to a digest.
    Json::Number(Number::from_f64(value + 0.0).expect("a range of finite numbers is finite"))
}

/// The values at a node, whose mistakes were noted before.
pub(super) fn values_again(name: &str, node: &Node) -> Option<Values> {
    values(Given::item(name, node), &mut scratch())
}

fn scratch() -> Context<'static> {
    Context::new(Path::new(""), Path::new(""), &RANGES[0])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::mistake::Place;
    use super::super::syntax::parse;
    use super::*;

    fn read(text: &str) -> Result<Values, Vec<String>> {
        let mut cx = scratch();
        let node = &parse(text, Place::File, &mut cx.found).unwrap();
        let values = values(Given::item("alpha", node), &mut cx);
        let found = cx.found.0.into_iter();
        let messages: Vec<_> = found.map(|mistake| mistake.message).collect();
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
