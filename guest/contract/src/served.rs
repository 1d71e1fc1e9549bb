//! [`Served`]: what a guest has to know of a model, beside the fitted model, to answer
//! rows over HTTP: the columns that it reads, and the features that are made of them.
//! [`package`] joins both to the bytes that a component has inside, or that a request
//! brings.

use serde::{Deserialize, Serialize};

use crate::{CONTRACT, Learning};

/// The first bytes of a [`package`]: its form is of version 1.
const MAGIC: &[u8; 8] = b"fanoutS\x01";

/// The first bytes of a [`package_together`]: its form is of version 2.
const TOGETHER: &[u8; 8] = b"fanoutS\x02";

/// The place in a component's memory where a model is inside: these bytes, then the
/// address and the size of a [`package`], both little-endian and of 4 bytes; both 0 in
/// a component without a model. The bytes occur once.
pub const MARKER: [u8; 24] = *b"fanout:model inside\0\xf5\xc1\x9d\xa7";

/// Bytes in a component that serves several models together; earlier ones serve one.
pub const SERVES_TOGETHER: [u8; 24] = *b"fanout:serves together\0\xb1";

/// A model that a guest serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The version of the contract: [`CONTRACT`].
    pub contract: u32,
    /// The name of the plan that made it.
    pub name: String,
    /// The id of the run that made it.
    pub run: String,
    /// The trainer.
    pub trainer: String,
    /// The names of the steps before the trainer, in order.
    pub steps: Vec<String>,
    /// What it predicts.
    pub target: ServedTarget,
    /// The columns that it reads.
    pub columns: Vec<ServedColumn>,
    /// The features, in the order of the training data.
    pub features: Vec<ServedFeature>,
    /// How CSV is read.
    pub csv: ServedCsv,
}

/// What a model predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedTarget {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub learning: Learning,
    /// The labels of the classes, sorted; empty for numbers.
    pub classes: Vec<String>,
    /// Whether the labels are texts; else they are integers or truth values.
    pub texts: bool,
    /// The positive class of two.
    pub positive: Option<String>,
    /// The probability of the positive class from which on it is predicted; `None`:
    /// the trainer decides.
    pub threshold: Option<f64>,
}

/// A column that a model reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedColumn {
    /// Its name.
    pub name: String,
    /// What it held in the training data.
    pub holds: Holds,
    /// Of CSV: the character before the fraction of a number; `None` for `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// Of CSV: the character between the thousands of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
}

/// What a column held in the training data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// Numbers.
    Number,
    /// Truth values.
    Truth,
    /// Texts.
    Text,
    /// Dates, read as days since 1970-01-01.
    Date,
    /// Times, read as whole numbers since 1970-01-01 UTC: seconds.
    Seconds,
    /// Times: milliseconds.
    Milliseconds,
    /// Times: microseconds.
    Microseconds,
    /// Times: nanoseconds.
    Nanoseconds,
}

/// A feature of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedFeature {
    /// Its name.
    pub name: String,
    /// The indices of the columns that it is made of: one, but for
    /// [`Made::Concat`].
    pub of: Vec<usize>,
    /// What is made of them.
    pub made: Made,
}

/// What is made of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Made {
    /// The numbers of a column; truth values are 0 and 1, dates and times as
    /// [`Holds`] says.
    Number,
    /// The categories of a column.
    Category {
        /// Those of the training data.
        labels: Vec<String>,
    },
    /// The places of a column's categories in an order: 0, 1, ...
    Ordered {
        /// The categories, the least first.
        labels: Vec<String>,
    },
    /// The texts of several columns as one category; missing where one of them is.
    Concat {
        /// What stands between them.
        separator: String,
        /// The categories of the training data.
        labels: Vec<String>,
    },
}

impl Made {
    /// The categories of the training data; none for numbers.
    pub fn labels(&self) -> &[String] {
        match self {
            Self::Number => &[],
            Self::Category { labels } | Self::Ordered { labels } | Self::Concat { labels, .. } => {
                labels
            }
        }
    }
}

/// How CSV is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedCsv {
    /// The character between the values, of ASCII.
    pub delimiter: char,
    /// Whether the first line names the columns.
    pub header: bool,
    /// The columns' names, instead of the header's.
    pub names: Option<Vec<String>>,
    /// The texts that mean a missing value.
    pub null_values: Vec<String>,
}

/// A model with its document:
///
/// ```text
/// 8 bytes    "fanoutS" and the version of the form, 1
/// 8 bytes    the size of the document, little-endian
/// the document, JSON: a Served
/// the fitted model, in the form of its guest
/// ```
pub fn package(served: &Served, fitted: &[u8]) -> Vec<u8> {
    let document = serde_json::to_vec(served).expect("the document has text keys");
    let size = (document.len() as u64).to_le_bytes();
    [&MAGIC[..], &size, &document, fitted].concat()
}

/// Several models that a guest serves as one. All read the same columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedTogether {
    /// The version of the contract: [`CONTRACT`].
    pub contract: u32,
    /// The name of the plan that made them.
    pub name: String,
    /// The columns that they read.
    pub columns: Vec<ServedColumn>,
    /// The features, in the order of the training data.
    pub features: Vec<ServedFeature>,
    /// How CSV is read.
    pub csv: ServedCsv,
    /// The models.
    pub members: Vec<ServedMember>,
    /// By target, how many members predict it, one after the other, and what becomes of
    /// their predictions.
    pub targets: Vec<ServedMembers>,
    /// Whether the names of the predictions have that of their target.
    pub side_by_side: bool,
    /// The indices of the members in an order in which each reads, behind the features, what
    /// those before it predict; empty if none does.
    pub chain: Vec<usize>,
}

/// One of several models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedMember {
    /// The id of the run that made it.
    pub run: String,
    /// The trainer.
    pub trainer: String,
    /// The names of the steps before the trainer, in order.
    pub steps: Vec<String>,
    /// What it predicts.
    pub target: ServedTarget,
    /// The bytes of the fitted model.
    pub size: u64,
}

/// The members of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedMembers {
    /// How many.
    pub members: usize,
    /// What becomes of their predictions.
    pub rule: ServedRule,
}

/// What becomes of the predictions of members of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServedRule {
    /// They are those of the only member.
    Only,
    /// The weighted mean of numbers, or of the probabilities of classes.
    Mean {
        /// By member.
        weights: Vec<f64>,
    },
    /// The class of the greatest sum of weights; of several, the first in order.
    Majority {
        /// By member.
        weights: Vec<f64>,
    },
    /// The last member predicts from what the others predict.
    Stacking {
        /// The names of the features that are made of the others' predictions: numbers, the
        /// probability of the second of two classes, or those of all classes.
        features: Vec<String>,
    },
}

impl From<Served> for ServedTogether {
    /// Of the only member, whose size is not known.
    fn from(served: Served) -> Self {
        Self {
            contract: served.contract,
            name: served.name,
            columns: served.columns,
            features: served.features,
            csv: served.csv,
            members: vec![ServedMember {
                run: served.run,
                trainer: served.trainer,
                steps: served.steps,
                target: served.target,
                size: 0,
            }],
            targets: vec![ServedMembers {
                members: 1,
                rule: ServedRule::Only,
            }],
            side_by_side: false,
            chain: Vec::new(),
        }
    }
}

impl ServedTogether {
    /// Whether members and features are those that the fields name.
    fn is_valid(&self) -> bool {
        let columns = self.columns.len();
        let is_made = |feature: &ServedFeature| {
            let concat = matches!(feature.made, Made::Concat { .. });
            let of = &feature.of;
            of.iter().all(|column| *column < columns) && (of.len() == 1 || (concat && of.len() > 1))
        };
        let mut rest = self.members.as_slice();
        let mut is_rule = |target: &ServedMembers| {
            let Some((own, others)) = rest.split_at_checked(target.members) else {
                return false;
            };
            rest = others;
            match &target.rule {
                ServedRule::Only => own.len() == 1,
                ServedRule::Mean { weights } | ServedRule::Majority { weights } => {
                    !own.is_empty() && weights.len() == own.len()
                }
                ServedRule::Stacking { features } => own.len() > 1 && !features.is_empty(),
            }
        };
        let are_rules = self.targets.iter().all(&mut is_rule) && rest.is_empty();
        let mut chain = self.chain.clone();
        chain.sort_unstable();
        let is_chain = chain.is_empty() || chain.into_iter().eq(0..self.members.len());
        are_rules && is_chain && self.features.iter().all(is_made)
    }
}

/// Several models with their document:
///
/// ```text
/// 8 bytes    "fanoutS" and the version of the form, 2
/// 8 bytes    the size of the document, little-endian
/// the document, JSON: a ServedTogether
/// the fitted models, in the form of their guest
/// ```
pub fn package_together(together: &ServedTogether, fitted: &[&[u8]]) -> Vec<u8> {
    let document = serde_json::to_vec(together).expect("the document has text keys");
    let size = (document.len() as u64).to_le_bytes();
    [&TOGETHER[..], &size, &document, &fitted.concat()].concat()
}

/// The document and the fitted models of a [`package`] or a [`package_together`].
///
/// # Errors
/// What is wrong with it.
pub fn unpack(package: &[u8]) -> Result<(ServedTogether, Vec<&[u8]>), String> {
    let (magic, rest) = package.split_at_checked(MAGIC.len()).unwrap_or_default();
    if magic != MAGIC && magic != TOGETHER {
        return Err("the model is none that `fanout model export` wrote for this guest".to_owned());
    }
    let cut = || "the model is cut off".to_owned();
    let (size, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    let size = usize::try_from(u64::from_le_bytes(*size)).ok();
    let parts = size.and_then(|size| rest.split_at_checked(size));
    let (document, mut rest) = parts.ok_or_else(cut)?;
    let unread = |error| format!("the model's document can't be read: {error}");
    let mut served: ServedTogether = match magic == MAGIC {
        true => serde_json::from_slice::<Served>(document)
            .map_err(unread)?
            .into(),
        false => serde_json::from_slice(document).map_err(unread)?,
    };
    if served.contract != CONTRACT {
        return Err(format!(
            "the model is of contract {}, but this guest implements contract {CONTRACT}",
            served.contract
        ));
    }
    if magic == MAGIC {
        served.members[0].size = rest.len() as u64;
    }
    if !served.is_valid() {
        return Err("the document of the model contradicts itself".to_owned());
    }
    let mut fitted = Vec::with_capacity(served.members.len());
    for member in &served.members {
        let size = usize::try_from(member.size).ok();
        let (own, others) = size
            .and_then(|size| rest.split_at_checked(size))
            .ok_or_else(cut)?;
        fitted.push(own);
        rest = others;
    }
    match rest.is_empty() {
        true => Ok((served, fitted)),
        false => Err("the model goes on behind its end".to_owned()),
    }
}
