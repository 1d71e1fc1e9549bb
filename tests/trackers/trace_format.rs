//! What the document of the trace event format demands of a file, for the phases that stand
//! alone: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The fields of every entry, of those that last, and of marks.
const FIELDS: [&str; 9] = ["name", "cat", "ph", "ts", "dur", "pid", "tid", "s", "args"];

/// Metadata: the name, the field of `args`, and whether that is a text.
const METADATA: [(&str, &str, bool); 5] = [
    ("process_name", "name", true),
    ("process_labels", "labels", true),
    ("process_sort_index", "sort_index", false),
    ("thread_name", "name", true),
    ("thread_sort_index", "sort_index", false),
];

/// # Panics
/// If a file in the format's object form breaks it.
pub(super) fn check(trace: &Value) {
    let whole = trace.as_object().expect("the file is an object");
    let fields: BTreeSet<&str> = whole.keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["displayTimeUnit", "traceEvents"]));
    assert!(whole["displayTimeUnit"] == "ms" || whole["displayTimeUnit"] == "ns");
    let entries = whole["traceEvents"].as_array().expect("`traceEvents`");
    assert!(!entries.is_empty());
    let mut spans: BTreeMap<Track, Vec<[u64; 2]>> = BTreeMap::new();
    let mut named: BTreeMap<(Track, &str), usize> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for entry in entries {
        let fields = entry.as_object().expect("an entry is an object");
        let [name, phase] = [text(fields, "name"), text(fields, "ph")];
        assert!(!name.is_empty(), "{entry}");
        for field in fields.keys() {
            assert!(FIELDS.contains(&field.as_str()), "`{field}` of {entry}");
        }
        let at = [whole_number(fields, "pid"), whole_number(fields, "tid")];
        let args = fields.get("args").map(|args| args.as_object().unwrap());
        match phase {
            "X" => {
                let (start, lasts) = (microseconds(fields, "ts"), whole_number(fields, "dur"));
                assert!(!text(fields, "cat").is_empty(), "{entry}");
                spans.entry(at).or_default().push([start, start + lasts]);
                used.insert(at);
            }
            "i" => {
                microseconds(fields, "ts");
                let scope = fields.get("s").map_or("t", |scope| scope.as_str().unwrap());
                assert!(["g", "p", "t"].contains(&scope), "{entry}");
                assert!(!fields.contains_key("dur"), "{entry}");
                used.insert(at);
            }
            "M" => {
                let known = METADATA.iter().find(|(known, ..)| *known == name);
                let (name, field, is_text) = known.unwrap_or_else(|| panic!("{entry}"));
                let args = args.expect("metadata has arguments");
                assert_eq!(args.keys().collect::<Vec<_>>(), [field], "{entry}");
                match is_text {
                    true => assert!(args[*field].as_str().is_some_and(|it| !it.is_empty())),
                    false => assert!(args[*field].is_i64(), "{entry}"),
                }
                *named.entry((at, name)).or_default() += 1;
            }
            other => panic!("the phase `{other}`: {entry}"),
        }
    }
    // Each is named once, and each track on which something is has a name.
    assert!(named.values().all(|times| *times == 1), "{named:?}");
    let has = |name: &'static str| move |at: &Track| named.contains_key(&(*at, name));
    assert!(used.iter().all(has("thread_name")), "{used:?}");
    // Of one track, a span lies in another or behind it, as calls do.
    for (track, mut spans) in spans {
        spans.sort_by_key(|[start, end]| (*start, std::cmp::Reverse(*end)));
        let mut open: Vec<u64> = Vec::new();
        for [start, end] in spans {
            while open.last().is_some_and(|until| *until <= start) {
                open.pop();
            }
            let until = open.last().copied().unwrap_or(u64::MAX);
            assert!(
                end <= until,
                "track {track:?}: {start} to {end}, not to {until}"
            );
            open.push(end);
        }
    }
}

/// A process and a thread.
type Track = [u64; 2];

fn text<'t>(fields: &'t Map<String, Value>, name: &str) -> &'t str {
    let text = fields.get(name).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("`{name}` of {fields:?}"))
}

fn whole_number(fields: &Map<String, Value>, name: &str) -> u64 {
    let number = fields.get(name).and_then(Value::as_u64);
    number.unwrap_or_else(|| panic!("`{name}` of {fields:?}"))
}

/// A time of this century: were it in another unit, it would be of another.
fn microseconds(fields: &Map<String, Value>, name: &str) -> u64 {
    let time = whole_number(fields, name);
    let year = 365 * 24 * 3600 * 1_000_000;
    assert!((30 * year..130 * year).contains(&time), "{fields:?}");
    time
}
