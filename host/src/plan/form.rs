//! [`Section`] and [`Field`]: what a plan may hold, as data. The decoder and
//! the JSON Schema both read it, so that they can't disagree on a name, a
//! bound, a choice or a default.

use serde_json::Value as Json;

/// A map of known fields.
#[derive(Debug)]
pub(super) struct Section {
    /// Its path from the top: `dataset.csv`; empty for the plan itself.
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
}

/// A map whose other fields depend on one of them, the tag.
#[derive(Debug)]
pub(super) struct Union {
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) tag: &'static str,
    /// The tag's value where it is left out.
    pub(super) default: &'static str,
    pub(super) variants: &'static [Variant],
}

/// One form of a [`Union`].
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) form: Form,
    pub(super) default: Fallback,
    /// What people call it who come from elsewhere.
    pub(super) aka: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fallback {
    /// The field must be given.
    Required,
    /// Nothing; the description says what that means.
    Absent,
    Bool(bool),
    Int(u64),
    Text(&'static str),
    Texts(&'static [&'static str]),
}

#[derive(Debug)]
pub(super) enum Form {
    /// A text; a number or a boolean must be quoted.
    Text,
    /// A text, for which numbers and booleans stand too, as they are written.
    Label,
    /// A list of labels.
    Labels,
    Bool,
    /// A whole number, bounds included.
    Int {
        min: u64,
        max: u64,
    },
    /// A number, bounds excluded.
    Between {
        above: f64,
        below: f64,
    },
    Choice(&'static [(&'static str, &'static str)]),
    Section(&'static Section),
    Union(&'static Union),
    /// Hyper-parameters and their values.
    Params,
    /// A form of its own: decoded by hand, with its schema beside it.
    Own(fn() -> Json),
}

impl Field {
    pub(super) const fn new(
        name: &'static str,
        form: Form,
        default: Fallback,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            about,
            form,
            default,
            aka: &[],
        }
    }

    pub(super) const fn aka(mut self, names: &'static [&'static str]) -> Self {
        self.aka = names;
        self
    }
}

impl Fallback {
    /// As JSON; `None` where it is none that one could write.
    pub(super) fn json(&self) -> Option<Json> {
        match *self {
            Self::Required | Self::Absent => None,
            Self::Bool(value) => Some(value.into()),
            Self::Int(value) => Some(value.into()),
            Self::Text(value) => Some(value.into()),
            Self::Texts(values) => Some(values.into()),
        }
    }
}

impl Union {
    pub(super) fn variant(&self, name: &str) -> Option<&'static Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let variants = self.variants;
        variants.iter().map(|variant| variant.name)
    }
}

/// The section's name in a message: "`dataset.csv`", "the plan".
pub(super) fn titled(path: &str) -> String {
    if path.is_empty() {
        "the plan".to_owned()
    } else {
        format!("`{path}`")
    }
}
