//! `dataset.columns`: how single columns are read.

use chrono::format::{Item, Parsed as ParsedDate, StrftimeItems, parse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::form::{Context, Form, Given, Section, optional};
use super::list::LABELS;
use super::mistake::Found;
use super::node::{Atom, Content, Node};
use super::scalar::{Choice, Parsed};
use super::table::section;

section! {
    /// How one column is read; `zip: text` is short for `zip: {kind: text}`.
    #[derive(Default, Eq)]
    pub struct ColumnPlan = COLUMN("dataset.columns").short("kind").check(check_column) {
        /// What the column holds: `text`, `number`, `date` or `category`.
        kind: Option<ColumnKind> = optional(&KIND).aka(&["type", "dtype", "read", "as"]),
        /// A number, with this character before its fraction.
        decimal: Option<char> = optional(&DECIMAL).aka(&["dec", "decimal_separator"]),
        /// A number, with this character between its thousands.
        thousands: Option<char> = optional(&THOUSANDS).aka(&["thousands_separator", "grouping"]),
        /// A date or a time that is written like this: `%d/%m/%Y`, `%Y-%m-%d %H:%M`, as of
        /// strftime.
        date: Option<String> = optional(&DATE).aka(&["format", "date_format"]),
        /// Categories in this order, from the least to the greatest, which a model reads as
        /// numbers; `true`: in the order of their labels.
        ordered: Option<Order> = optional(&Ordered).aka(&["order", "levels", "categories"]),
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Texts, which are categories, whatever they look like.
    Text,
    /// Numbers.
    Number,
    /// Dates, or dates and times, in ISO 8601.
    Date,
    /// Categories, of whatever type the values are.
    Category,
}

/// The order of categories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As labels are sorted: as numbers if all of them are numbers, else as texts.
    Sorted,
    /// These labels, the least first.
    Labels(Vec<String>),
}

impl ColumnPlan {
    /// Whether its values are categories that have no order.
    pub fn is_category(&self) -> bool {
        matches!(self.kind, Some(ColumnKind::Text | ColumnKind::Category))
    }

    /// Whether it holds numbers.
    pub fn is_number(&self) -> bool {
        self.kind == Some(ColumnKind::Number) || self.decimal.is_some() || self.thousands.is_some()
    }

    /// Whether it holds dates or times.
    pub fn is_date(&self) -> bool {
        self.kind == Some(ColumnKind::Date) || self.date.is_some()
    }
}

#[rustfmt::skip] // a row a kind
static KIND: Choice = Choice(&[
    ("text", "Texts, which are categories, whatever they look like."),
    ("number", "Numbers."),
    ("date", "Dates, or dates and times, in ISO 8601."),
    ("category", "Categories, of whatever type the values are."),
]);

/// Whether a character may stand in a number beside its digits.
fn is_separator(char: char) -> bool {
    !char.is_alphanumeric() && !matches!(char, '+' | '-' | '"' | '\n' | '\r')
}

/// The single separator of a text.
fn separator(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let first = chars.next().filter(|char| is_separator(*char));
    first.filter(|_| chars.next().is_none())
}

pub(super) static DECIMAL: Parsed = Parsed {
    takes: "one character, such as `\",\"`",
    parse: |text, given, cx| match separator(text).filter(char::is_ascii) {
        Some(_) => Some(text.to_owned()),
        None => {
            given.wrong("one ASCII character, such as `\",\"`", cx);
            None
        }
    },
    schema: || json!({"type": "string", "minLength": 1, "maxLength": 1}),
};

pub(super) static THOUSANDS: Parsed = Parsed {
    takes: "one character, such as `\".\"`",
    parse: |text, given, cx| match separator(text) {
        Some(_) => Some(text.to_owned()),
        None => {
            given.wrong("one character, such as `\".\"`", cx);
            None
        }
    },
    schema: || json!({"type": "string", "minLength": 1, "maxLength": 1}),
};

static DATE: Parsed = Parsed {
    takes: "a format, such as `\"%d/%m/%Y\"`",
    parse: |text, given, cx| match date_mistake(text) {
        None => Some(text.to_owned()),
        Some(hint) => {
            let takes = "a format of dates, such as `\"%d/%m/%Y\"`";
            given.wrong(takes, cx).hint(hint);
            None
        }
    },
    schema: || json!({"type": "string", "pattern": "%"}),
};

/// What is wrong with a format of dates: what it writes must be a day.
fn date_mistake(format: &str) -> Option<&'static str> {
    const PARTS: &str = "`%Y` is the year, `%m` the month, `%d` the day, `%H:%M:%S` the time";
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Some(PARTS);
    }
    let day = chrono::DateTime::from_timestamp(981_173_106, 0)?;
    let written = day.format_with_items(items.iter()).to_string();
    let mut parsed = ParsedDate::new();
    if parse(&mut parsed, &written, items.iter()).is_err() {
        return Some(PARTS);
    }
    let has_year = parsed.year.or(parsed.year_mod_100).is_some();
    let has_time = parsed.timestamp.is_some();
    (!has_year && !has_time).then_some("it lacks the year (`%Y`)")
}

/// [`Order`]: a list of labels, or `true`.
#[derive(Debug)]
struct Ordered;

impl Form for Ordered {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        if given.node.atom() == Some(Atom::Bool(true)) {
            return Some(json!("sorted"));
        }
        let Content::List(items) = &given.node.content else {
            let takes = "a list of labels, the least first, or `true` for the order of the labels";
            given.wrong(takes, cx);
            return None;
        };
        if items.len() < 2 {
            let message = "`ordered` takes two labels or more";
            cx.note(given.node.place, message)
                .hint("write such as `[low, middle, high]`");
            return None;
        }
        let mut seen = Vec::new();
        for item in items {
            let label = item.label();
            if label.is_some() && seen.contains(&label) {
                let message = format!("the label `{}` is named twice", label.unwrap_or_default());
                cx.note(item.place, message).hint("remove one");
                return None;
            }
            seen.push(label);
        }
        LABELS
            .read(given, cx)
            .map(|labels| json!({"labels": labels}))
    }

    fn schema(&self) -> Json {
        let labels = LABELS.schema();
        json!({"anyOf": [{"const": true}, labels]})
    }
}

/// A map from the name of a column to its [`ColumnPlan`].
#[derive(Debug)]
pub(super) struct Columns;

impl Form for Columns {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let Content::Map(entries) = &given.node.content else {
            let names = matches!(given.node.content, Content::List(_));
            let hint = match names {
                true => "to name the features, write `features`",
                false => "write such as `{zip: text, day: {date: \"%d/%m/%Y\"}}`",
            };
            let takes = "a map from column to how it is read";
            given.wrong(takes, cx).hint(hint);
            return None;
        };
        let mut columns = Map::new();
        for entry in entries {
            let column = COLUMN.read(Given::entry(entry), cx);
            columns.extend(column.map(|column| (entry.key.clone(), column)));
        }
        (columns.len() == entries.len()).then(|| columns.into())
    }

    fn schema(&self) -> Json {
        json!({"type": "object", "additionalProperties": COLUMN.schema()})
    }

    fn fields(&self) -> Vec<(&'static str, &'static super::form::Field)> {
        COLUMN.fields()
    }
}

/// A column is read in one way.
fn check_column(column: &Node, found: &mut Found) {
    check_separators(column, found);
    let given: Vec<&str> = column.entries().iter().map(|e| e.key.as_str()).collect();
    let number = |field: &&str| matches!(*field, "decimal" | "thousands");
    let kind = column.get(&["kind"]).and_then(Node::label);
    let ways = [
        given.contains(&"date"),
        given.contains(&"ordered"),
        given.iter().any(number),
    ];
    let told = ways.iter().filter(|way| **way).count();
    let message = match (told, kind) {
        (0, Some(_)) => return,
        (0, None) if given.is_empty() => "nothing says how the column is read",
        (0, None) => return,
        (1, None) => return,
        (1, Some("number")) if ways[2] => return,
        (1, Some("date")) if ways[0] => return,
        (1, Some("category")) if ways[1] => return,
        _ => "the column is to be read in two ways",
    };
    let hint = "write one of `kind`, `date`, `ordered`, or `decimal` with `thousands`";
    found.note(column.place, message).hint(hint);
}

/// Notes one character for two things.
pub(super) fn check_separators(section: &Node, found: &mut Found) {
    let text = |field: &str| section.get(&[field]).and_then(Node::label);
    let decimal = text("decimal").unwrap_or(".");
    if let Some(entry) = section.entry("thousands")
        && text("thousands") == Some(decimal)
    {
        let message = format!("`{decimal}` stands before the fraction and between the thousands");
        let hint = "say what stands before the fraction with `decimal`";
        found.note(entry.place, message).hint(hint);
    }
}
