//! The columns that a plan names, by name or pattern: each has one role, is in the source, and has
//! a type that a model can read.

use arrow_schema::{DataType, Schema};

use super::mistake::{Found, Place};
use super::node::Node;
use super::suggest::did_you_mean;

/// How many columns are listed where one is not found.
const LISTED: usize = 12;

/// How a plan uses a column's name.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Target,
    /// It holds the weight of each row.
    Weight,
    /// It holds the group of each row.
    Groups,
    /// It holds the fold of each row.
    Fold,
    /// It says of each row whether a split trains on it or tests it.
    Split,
    /// The column is a feature.
    Feature,
    /// A feature is made of it.
    Part,
    /// A derived feature has the name.
    Derived,
    Drop,
    Categorical,
    /// It is said how the column is read.
    Read,
}

impl Role {
    /// The field that gives it.
    fn field(self) -> &'static str {
        match self {
            Self::Target => "dataset.target",
            Self::Weight => "dataset.weight",
            Self::Groups => "dataset.groups",
            Self::Fold => "cv.column",
            Self::Split => "cv.columns",
            Self::Feature => "dataset.features",
            Self::Part | Self::Derived => "concat",
            Self::Drop => "dataset.drop",
            Self::Categorical => "dataset.categorical",
            Self::Read => "dataset.columns",
        }
    }

    fn is_feature(self) -> bool {
        matches!(self, Self::Feature | Self::Part | Self::Derived)
    }

    /// What the splitter or the fits read of it that no feature is, in a message.
    fn of_splitter(self) -> Option<&'static str> {
        match self {
            Self::Weight => Some("holds the weights"),
            Self::Groups => Some("holds the groups"),
            Self::Fold => Some("names the folds"),
            Self::Split => Some("is a split"),
            _ => None,
        }
    }
}

/// A column's name in a plan.
#[derive(Clone, Copy)]
struct Named<'n> {
    role: Role,
    name: &'n str,
    place: Place,
}

/// Every name of a column in the `dataset` section.
fn dataset_names(dataset: &Node) -> Vec<Named<'_>> {
    let field = |name| dataset.get(&[name]);
    let items = |name| field(name).map_or(&[][..], Node::items).iter();
    let mut nodes: Vec<(Role, &Node)> = Vec::new();
    nodes.extend(field("target").map(|node| (Role::Target, node)));
    nodes.extend(field("weight").map(|node| (Role::Weight, node)));
    nodes.extend(field("groups").map(|node| (Role::Groups, node)));
    for item in items("features") {
        let parts = item.get(&["concat"]).map_or(&[][..], Node::items);
        nodes.push((Role::Feature, item));
        nodes.extend(parts.iter().map(|part| (Role::Part, part)));
        nodes.extend(item.get(&["name"]).map(|name| (Role::Derived, name)));
    }
    nodes.extend(items("drop").map(|item| (Role::Drop, item)));
    nodes.extend(items("categorical").map(|item| (Role::Categorical, item)));
    let named = nodes.into_iter().filter_map(|(role, node)| {
        let (name, place) = (node.label()?, node.place);
        Some(Named { role, name, place })
    });
    let read = field("columns").map_or(&[][..], Node::entries).iter();
    let read = read.map(|entry| Named {
        role: Role::Read,
        name: &entry.key,
        place: entry.place,
    });
    named.chain(read).collect()
}

/// The features whose dependence the plan wants told.
fn explained(root: &Node) -> &[Node] {
    let features = root.get(&["explain", "partial_dependence", "features"]);
    // A name alone stands for a list of itself.
    features.map_or(&[][..], |node| match node.items() {
        [] => std::slice::from_ref(node),
        items => items,
    })
}

/// Every name of a column in the `cv` section; patterns are not expanded.
fn splitter_names(root: &Node) -> Vec<Named<'_>> {
    let fold = root.get(&["cv", "column"]).map(|node| (Role::Fold, node));
    let splits = root.get(&["cv", "columns"]);
    // A name alone stands for a list of itself.
    let splits = splits.map_or(&[][..], |node| match node.items() {
        [] => std::slice::from_ref(node),
        items => items,
    });
    let nodes = fold
        .into_iter()
        .chain(splits.iter().map(|node| (Role::Split, node)));
    let named = nodes.filter_map(|(role, node)| {
        let (name, place) = (node.label()?, node.place);
        Some(Named { role, name, place })
    });
    named.collect()
}

/// The columns that a name or a pattern of names stands for: the column of that
/// very name, or else those that match (`*` is any text, `?` one character,
/// `[ab]` one of some), in the order of `columns`.
pub fn matching<'c>(given: &str, columns: impl Iterator<Item = &'c str> + Clone) -> Vec<&'c str> {
    let mut named = columns.clone().filter(|column| *column == given);
    match (named.next(), glob::Pattern::new(given)) {
        (Some(column), _) => vec![column],
        (None, Ok(pattern)) => columns.filter(|column| pattern.matches(column)).collect(),
        (None, Err(_)) => Vec::new(),
    }
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn target<'n>(names: &[Named<'n>]) -> Option<&'n str> {
    let target = names.iter().find(|named| named.role == Role::Target);
    target.map(|target| target.name)
}

/// Notes fields of `dataset` that exclude each other, and other roles of the
/// target: a model that reads the answer scores 1.
pub(super) fn check_dataset(dataset: &Node, found: &mut Found) {
    let given = |name: &str| dataset.entry(name).filter(|entry| !entry.value.is_null());
    let format = given("format").and_then(|entry| entry.value.label());
    if let (Some(csv), Some("parquet" | "arrow")) = (given("csv"), format) {
        let message = "`csv` says how CSV is read, but `format` is not `csv`";
        found.note(csv.place, message).hint("remove one of them");
    }
    let drop = given("drop").filter(|drop| !drop.value.items().is_empty());
    if let (Some(drop), Some(_)) = (drop, given("features")) {
        let hint = "remove `drop`, and leave the columns out of `features`";
        found
            .note(drop.place, "`drop` has no effect beside `features`")
            .hint(hint);
    }

    let names = dataset_names(dataset);
    let Some(target) = target(&names) else { return };
    for Named { role, place, .. } in names.iter().filter(|named| named.name == target) {
        let leak = "remove it: a model that reads the answer learns nothing else";
        let unused = "remove it: the target is not a feature, and its labels are classes";
        let (message, hint) = match role {
            Role::Target | Role::Fold | Role::Split | Role::Read => continue,
            Role::Weight => {
                let message = format!("`weight` names the target `{target}`");
                (message, "name the column that holds the weight of each row")
            }
            Role::Groups => {
                let message = format!("`groups` names the target `{target}`");
                (message, "name the column that holds the group of each row")
            }
            Role::Feature => (format!("the target `{target}` is among the features"), leak),
            Role::Part => (format!("a feature is made of the target `{target}`"), leak),
            Role::Derived => {
                let message = format!("a feature is called `{target}`, like the target");
                (message, "give it another name")
            }
            Role::Drop => (format!("`drop` names the target `{target}`"), unused),
            Role::Categorical => (format!("`categorical` names the target `{target}`"), unused),
        };
        found.note(*place, message).hint(hint);
    }
}

/// The columns that the splitter reads are neither features nor the target.
pub(super) fn check_splitter(root: &Node, found: &mut Found) {
    let Some(dataset) = root.get(&["dataset"]) else {
        return;
    };
    let names = dataset_names(dataset);
    let of_rows = |named: &&Named<'_>| matches!(named.role, Role::Groups | Role::Weight);
    let of_rows = names.iter().filter(of_rows);
    for of_splitter in of_rows.copied().chain(splitter_names(root)) {
        check_role(of_splitter, &names, found);
    }
}

/// Notes where a column that the splitter reads is the target or a feature.
fn check_role(of_splitter: Named<'_>, names: &[Named<'_>], found: &mut Found) {
    let Some(what) = of_splitter.role.of_splitter() else {
        return;
    };
    let field = of_splitter.role.field();
    for Named { role, name, place } in names {
        if *name != of_splitter.name {
            continue;
        }
        // That these name the target is told by `check_dataset`.
        let told = matches!(of_splitter.role, Role::Groups | Role::Weight);
        if *role == Role::Target && !told {
            let message = format!("`{field}` names the target `{name}`");
            let hint = match of_splitter.role {
                Role::Split => "name the columns that say which rows are trained on and tested",
                _ => "name the column that holds the fold of each row",
            };
            found.note(of_splitter.place, message).hint(hint);
        } else if role.is_feature() {
            let message = format!("`{name}` {what} (`{field}`), and is a feature too");
            found
                .note(*place, message)
                .hint("remove it from the features");
        }
    }
}

/// Checks the columns that a plan names against those of its source.
pub(super) fn check_source(root: &Node, schema: &Schema, found: &mut Found) {
    let Some(dataset) = root.entry("dataset") else {
        return;
    };
    let mut names = dataset_names(&dataset.value);
    let columns = || schema.fields().iter().map(|field| field.name().as_str());
    for named in splitter_names(root) {
        let matches = match named.role {
            Role::Split => matching(named.name, columns()),
            _ => Vec::new(),
        };
        match matches.as_slice() {
            [] if named.role == Role::Split && is_pattern(named.name) => {
                let (field, name) = (named.role.field(), named.name);
                let message = format!("no column of the source matches `{name}` of `{field}`");
                let hint = format!("it has {}", column_list(schema));
                found.note(named.place, message).hint(hint);
            }
            [] => names.push(named),
            matches => {
                for name in matches {
                    let of_splitter = Named { name, ..named };
                    // Of a name, it was told when the text was read.
                    if *name != named.name {
                        check_role(of_splitter, &names, found);
                    }
                    names.push(of_splitter);
                }
            }
        }
    }
    let known = |name: &str| schema.field_with_name(name).ok();
    for Named { role, name, place } in names.iter().filter(|named| named.role != Role::Derived) {
        let Some(column) = known(name) else {
            let field = role.field();
            let message =
                format!("`{field}` names the column `{name}`, which the source does not have");
            let hint = wrong_delimiter(schema).unwrap_or_else(|| instead(name, schema));
            found.note(*place, message).hint(hint);
            continue;
        };
        let read = matches!(role, Role::Target | Role::Feature);
        if let Some(holds) = unreadable(column.data_type()).filter(|_| read) {
            let hint = "a model reads numbers, booleans, texts, dates and timestamps";
            let message = format!("the column `{name}` holds {holds}");
            found.note(*place, message).hint(hint);
        }
    }

    let target = target(&names);
    let is = |name: &str, role: fn(Role) -> bool| {
        names
            .iter()
            .any(|named| named.name == name && role(named.role))
    };
    let listed = dataset.value.entry("features").is_some();
    let is_feature = |name: &str| match listed {
        true => is(name, |role| matches!(role, Role::Feature | Role::Derived)),
        false => !is(name, |role| {
            role.of_splitter().is_some() || matches!(role, Role::Target | Role::Drop)
        }),
    };
    if !listed && target.and_then(known).is_some() && !columns().any(is_feature) {
        let list = column_list(schema);
        let hint = wrong_delimiter(schema).unwrap_or_else(|| {
            format!("the source has {list}; name one or more in `features`, or drop fewer")
        });
        found
            .note(dataset.place, "no column is left to learn from")
            .hint(hint);
    }
    for Named { name, place, .. } in names.iter().filter(|named| named.role == Role::Categorical) {
        if known(name).is_some() && Some(*name) != target && !is_feature(name) {
            let message = format!("`categorical` names `{name}`, which is not a feature");
            let hint = "add it to `features`, or remove it here";
            found.note(*place, message).hint(hint);
        }
    }
    let derived = names.iter().filter(|named| named.role == Role::Derived);
    let all = columns().chain(derived.map(|named| named.name));
    let features: Vec<&str> = all.filter(|name| is_feature(name)).collect();
    for node in explained(root) {
        let Some(name) = node.label().filter(|name| !features.contains(name)) else {
            continue;
        };
        let message = match known(name) {
            Some(_) => format!("the column `{name}` is no feature"),
            None => format!("there is no feature `{name}`"),
        };
        let hint = did_you_mean(name, features.iter().copied());
        let hint = hint.unwrap_or_else(|| format!("the features are {}", listed_names(&features)));
        found.note(node.place, message).hint(hint);
    }
}

/// What a column that no model can read holds.
fn unreadable(kind: &DataType) -> Option<&'static str> {
    match kind {
        kind if kind.is_nested() => Some("lists or records"),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_)
        | DataType::BinaryView => Some("bytes"),
        DataType::Null => Some("nothing but missing values"),
        _ => None,
    }
}

/// A hint for a source that was read with the wrong delimiter: its only column
/// is named by a whole line.
fn wrong_delimiter(schema: &Schema) -> Option<String> {
    let [only] = schema.fields().iter().as_slice() else {
        return None;
    };
    let name = only.name();
    let delimiter = [';', '\t', '|', ',']
        .into_iter()
        .find(|c| name.contains(*c))?;
    let written = match delimiter {
        '\t' => "tab".to_owned(),
        other => format!("\"{other}\""),
    };
    let name = name.replace('\t', " ");
    Some(format!(
        "its only column is `{name}`; to split it, write `csv: {{delimiter: {written}}}`"
    ))
}

fn instead(name: &str, schema: &Schema) -> String {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    did_you_mean(name, names).unwrap_or_else(|| format!("it has {}", column_list(schema)))
}

fn column_list(schema: &Schema) -> String {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    listed_names(&names.collect::<Vec<_>>())
}

fn listed_names(names: &[&str]) -> String {
    let listed: Vec<_> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().saturating_sub(LISTED) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}
