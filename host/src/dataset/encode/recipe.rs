//! [`Recipe`]: how rows of a source became rows of a dataset, and
//! [`FeatureEncoder`], which makes features of further rows in the same way.

use std::str::FromStr as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
pub use fanout_contract::served::Made;
use fanout_contract::{CONTRACT, Column, ColumnKind, Layout, Role};
use serde::{Deserialize, Serialize};

use super::super::category::{CategoryEncoder, ConcatEncoder};
use super::ordered::OrderedEncoder;
use super::storage::{is_numeric, storage_type};
use super::{EncodeError, InputColumn, Origin, OutputColumn, encode_columns};
use crate::dataset::source::{SourceColumn, type_name};

/// How the features of a dataset are made of the columns of its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The columns of the source, each once.
    pub columns: Vec<SourceType>,
    /// The features, in the dataset's order.
    pub features: Vec<FeatureRecipe>,
    /// The column of the target.
    pub target: SourceType,
}

/// A column of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceType {
    /// Its name.
    pub name: String,
    /// Its type, as Arrow writes it: `Int64`, `Utf8`, `Date32`.
    pub data_type: String,
}

/// How one feature is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureRecipe {
    /// Its name.
    pub name: String,
    /// The names of the columns that it is made of.
    pub of: Vec<String>,
    /// What is made of them.
    pub made: Made,
}

impl Recipe {
    /// How the features among the columns of a dataset were made.
    pub(super) fn of(inputs: &[InputColumn], outputs: &[OutputColumn], target: usize) -> Self {
        let mut recipe = Self {
            columns: Vec::new(),
            features: Vec::new(),
            target: SourceType::of(&inputs[target]),
        };
        for output in outputs.iter().filter(|output| output.role == Role::Feature) {
            let listed = |labels: &super::Labels| labels.iter().map(|l| l.to_string()).collect();
            let of_input = |input: usize| match &inputs[input].categories {
                Some(categories) => listed(categories.labels()),
                None => Vec::new(),
            };
            let (parts, made) = match &output.origin {
                Origin::Number(input) => (vec![*input], Made::Number),
                Origin::Category(input) => {
                    let labels = of_input(*input);
                    (vec![*input], Made::Category { labels })
                }
                Origin::Ordered(input, order) => {
                    let labels = order.labels().to_vec();
                    (vec![*input], Made::Ordered { labels })
                }
                Origin::Above(..) => continue,
                Origin::Concat(parts, concat) => {
                    let separator = concat.separator().to_owned();
                    let labels = listed(concat.labels());
                    (parts.clone(), Made::Concat { separator, labels })
                }
            };
            let names = parts.iter().map(|part| inputs[*part].name.clone());
            recipe.features.push(FeatureRecipe {
                name: output.name.clone(),
                of: names.collect(),
                made,
            });
            for part in parts {
                let column = SourceType::of(&inputs[part]);
                if !recipe.columns.contains(&column) {
                    recipe.columns.push(column);
                }
            }
        }
        recipe
    }

    /// The features that read the column `name`.
    pub fn readers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FeatureRecipe> {
        let features = self.features.iter();
        features.filter(move |feature| feature.of.iter().any(|part| part == name))
    }
}

impl SourceType {
    pub(super) fn of(input: &InputColumn) -> Self {
        Self {
            name: input.name.clone(),
            data_type: input.data_type.to_string(),
        }
    }

    /// The type; `None` if its text is none.
    pub fn arrow(&self) -> Option<DataType> {
        DataType::from_str(&self.data_type).ok()
    }
}

/// Makes features of rows, as a recipe says. It is the same for every batch, so that
/// threads may share it.
#[derive(Debug)]
pub(in crate::dataset) struct FeatureEncoder {
    source_name: String,
    /// The indices of the source's columns, ascending.
    projection: Vec<usize>,
    inputs: Vec<InputColumn>,
    /// By input: the type to which it is cast first.
    casts: Vec<Option<DataType>>,
    outputs: Vec<OutputColumn>,
    /// By output: the number of categories of the training data.
    known: Vec<usize>,
}

/// The features of a batch.
#[derive(Debug)]
pub(in crate::dataset) struct FeatureRows {
    pub(in crate::dataset) columns: Vec<ArrayRef>,
    /// The layout, with all categories of the batch.
    pub(in crate::dataset) layout: Layout,
    /// The number of rows whose category the training data did not have, by feature
    /// that has any, with the first such category.
    pub(in crate::dataset) unknown: Vec<(String, u64, String)>,
}

impl FeatureEncoder {
    /// An encoder of the columns that `source_name` has.
    pub(in crate::dataset) fn new(
        recipe: &Recipe,
        columns: &[SourceColumn],
        source_name: &str,
    ) -> Result<Self, EncodeError> {
        let place = |name: &str| columns.iter().position(|column| column.name == *name);
        let missing: Vec<&str> = recipe
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| place(name).is_none())
            .collect();
        if !missing.is_empty() {
            return Err(EncodeError::LacksColumns {
                source_name: source_name.to_owned(),
                names: listed(&missing),
            });
        }
        let mut projection: Vec<(usize, &SourceType)> = recipe
            .columns
            .iter()
            .map(|trained| (place(&trained.name).unwrap_or_default(), trained))
            .collect();
        projection.sort_unstable_by_key(|(place, _)| *place);
        let (mut inputs, mut casts) = (Vec::new(), Vec::new());
        for (place, trained) in &projection {
            let found = &columns[*place];
            let (data_type, cast) = suited(recipe, trained, &found.data_type).ok_or_else(|| {
                EncodeError::OtherKind {
                    source_name: source_name.to_owned(),
                    name: found.name.clone(),
                    found: type_name(&found.data_type),
                    trained: trained.arrow().map_or_else(String::new, |t| type_name(&t)),
                }
            })?;
            let mut readers = recipe.readers(&trained.name);
            // Those of the training data come first.
            let categories = readers.find_map(|feature| match &feature.made {
                Made::Category { labels } => Some(CategoryEncoder::of_labels(labels)),
                _ => None,
            });
            let mut readers = recipe.readers(&trained.name);
            let is_label = readers.any(|feature| feature.made != Made::Number);
            inputs.push(InputColumn {
                name: found.name.clone(),
                data_type,
                nullable: true,
                categories: categories.or_else(|| is_label.then(CategoryEncoder::default)),
            });
            casts.push(cast);
        }
        let input = |name: &String| {
            let mut inputs = inputs.iter();
            inputs.position(|input| input.name == *name)
        };
        let mut outputs = Vec::new();
        for feature in &recipe.features {
            let parts: Option<Vec<usize>> = feature.of.iter().map(input).collect();
            let parts = parts.filter(|parts| !parts.is_empty());
            let parts = parts.ok_or_else(|| EncodeError::LacksColumns {
                source_name: "the recipe".to_owned(),
                names: format!("the columns of `{}`", feature.name),
            })?;
            let origin = match &feature.made {
                Made::Number => Origin::Number(parts[0]),
                Made::Category { .. } => Origin::Category(parts[0]),
                Made::Ordered { labels } => {
                    let encoder = OrderedEncoder::new(source_name, &feature.name, labels.clone());
                    Origin::Ordered(parts[0], Box::new(encoder))
                }
                Made::Concat { separator, labels } => {
                    let encoder = ConcatEncoder::new(parts.len(), separator).of_labels(labels);
                    Origin::Concat(parts, Box::new(encoder))
                }
            };
            outputs.push(OutputColumn {
                name: feature.name.clone(),
                role: Role::Feature,
                origin,
                example: None,
            });
        }
        let known = recipe.features.iter();
        Ok(Self {
            source_name: source_name.to_owned(),
            projection: projection.into_iter().map(|(place, _)| place).collect(),
            known: known.map(|feature| feature.made.labels().len()).collect(),
            inputs,
            casts,
            outputs,
        })
    }

    /// The indices of the source's columns that it reads, ascending.
    pub(in crate::dataset) fn projection(&self) -> &[usize] {
        &self.projection
    }

    /// The features of a batch with the columns of [`Self::projection`].
    pub(in crate::dataset) fn encode(
        &self,
        batch: &RecordBatch,
    ) -> Result<FeatureRows, EncodeError> {
        let cast = self.cast(batch)?;
        // Categories that a batch adds are its own.
        let (mut inputs, mut outputs) = (self.inputs.clone(), self.outputs.clone());
        let (columns, _) = encode_columns(&self.source_name, &mut inputs, &mut outputs, &cast)?;
        let (mut described, mut unknown) = (Vec::new(), Vec::new());
        for ((output, column), known) in outputs.iter().zip(&columns).zip(&self.known) {
            let labels = match &output.origin {
                Origin::Number(_) | Origin::Ordered(..) | Origin::Above(..) => None,
                Origin::Category(input) => {
                    let categories = inputs[*input].categories.as_ref();
                    categories.map(CategoryEncoder::labels)
                }
                Origin::Concat(_, concat) => Some(concat.labels()),
            };
            if let Some(labels) = labels
                && let Some(label) = labels.get_index(*known)
            {
                let codes = column.as_primitive::<Int32Type>();
                let rows = codes.iter().flatten();
                let rows = rows.filter(|code| *code as usize >= *known).count();
                unknown.push((output.name.clone(), rows as u64, label.to_string()));
            }
            described.push(Column {
                name: output.name.clone(),
                role: Role::Feature,
                kind: match labels {
                    None => ColumnKind::Number,
                    Some(labels) => ColumnKind::Category {
                        labels: labels.iter().map(ToString::to_string).collect(),
                    },
                },
            });
        }
        Ok(FeatureRows {
            columns,
            layout: Layout {
                contract: CONTRACT,
                columns: described,
            },
            unknown,
        })
    }

    /// The batch with dates and times in the unit of the training data.
    fn cast(&self, batch: &RecordBatch) -> Result<RecordBatch, EncodeError> {
        if self.casts.iter().all(Option::is_none) {
            return Ok(batch.clone());
        }
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let mut columns = batch.columns().to_vec();
        for ((column, cast), input) in columns.iter_mut().zip(&self.casts).zip(&self.inputs) {
            let Some(to) = cast else { continue };
            let differs = || EncodeError::NotADate {
                source_name: self.source_name.clone(),
                name: input.name.clone(),
                trained: type_name(to),
            };
            let there = cast_with_options(column, to, &strict).map_err(|_| differs())?;
            let back = cast_with_options(&there, column.data_type(), &strict);
            let is_date = matches!(to, DataType::Date32 | DataType::Date64);
            if is_date && back.is_ok_and(|back| back.to_data() != column.to_data()) {
                return Err(differs());
            }
            *column = there;
        }
        Ok(RecordBatch::try_new(schema_of(batch, &columns), columns)
            .expect("the schema is that of the columns"))
    }
}

/// `the column `a``, `the columns `a`, `b` and 3 more`.
fn listed(names: &[&str]) -> String {
    /// Names that are told.
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join("`, `");
    match names.len() {
        1 => format!("the column `{shown}`"),
        count @ ..=SHOWN => format!("the {count} columns `{shown}`"),
        count => format!("{count} columns, `{shown}` among them"),
    }
}

fn schema_of(batch: &RecordBatch, columns: &[ArrayRef]) -> SchemaRef {
    let fields = batch.schema_ref().fields().iter().zip(columns);
    let fields =
        fields.map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
    Schema::new(fields.collect::<Vec<_>>()).into()
}

/// The type as which a column is read that has another type than in the training
/// data, and the type to which it is cast first; `None` if it can't stand for it.
fn suited(
    recipe: &Recipe,
    trained: &SourceType,
    found: &DataType,
) -> Option<(DataType, Option<DataType>)> {
    let trained_type = trained.arrow()?;
    storage_type(found)?;
    if *found == trained_type || *found == DataType::Null {
        return Some((found.clone(), None));
    }
    let text = |kind: &DataType| *kind == DataType::Utf8;
    let mut readers = recipe.readers(&trained.name);
    let is_number = readers.any(|feature| feature.made == Made::Number);
    if trained_type.is_temporal() {
        let days = |kind: &DataType| {
            matches!(
                kind,
                DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)
            )
        };
        let same = std::mem::discriminant(&trained_type) == std::mem::discriminant(found);
        let suits = same || (days(&trained_type) && days(found));
        return suits.then(|| (trained_type.clone(), Some(trained_type)));
    }
    let suits = match text(&trained_type) {
        true => text(found),
        // A column without a value has no type in CSV.
        false if trained_type == DataType::Null => true,
        false => is_numeric(found) || (text(found) && !is_number),
    };
    suits.then(|| (found.clone(), None))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
    };
    use arrow_schema::TimeUnit;

    use super::*;

    fn column(name: &str, data_type: &DataType) -> SourceColumn {
        SourceColumn {
            name: name.to_owned(),
            data_type: data_type.clone(),
            nullable: true,
            index: false,
        }
    }

    fn recipe(trained: &[(&str, DataType)], features: &[(&str, Made)]) -> Recipe {
        let source = |(name, data_type): &(&str, DataType)| SourceType {
            name: (*name).to_owned(),
            data_type: data_type.to_string(),
        };
        let feature = |(name, made): &(&str, Made)| FeatureRecipe {
            name: (*name).to_owned(),
            of: name.split('+').map(str::to_owned).collect(),
            made: made.clone(),
        };
        Recipe {
            columns: trained.iter().map(source).collect(),
            features: features.iter().map(feature).collect(),
            target: source(&("y", DataType::Int64)),
        }
    }

    fn labels(labels: &[&str]) -> Vec<String> {
        labels.iter().map(ToString::to_string).collect()
    }

    /// The features of columns that a source has, or why there are none.
    fn encoded(recipe: &Recipe, found: &[(&str, ArrayRef)]) -> Result<FeatureRows, EncodeError> {
        let columns = found.iter();
        let columns = columns.map(|(name, array)| column(name, array.data_type()));
        let columns: Vec<SourceColumn> = columns.collect();
        let encoder = FeatureEncoder::new(recipe, &columns, "`rows`")?;
        let batch = RecordBatch::try_from_iter(found.iter().cloned()).unwrap();
        encoder.encode(&batch.project(encoder.projection()).unwrap())
    }

    fn codes(column: &ArrayRef) -> Vec<Option<i32>> {
        column.as_primitive::<Int32Type>().iter().collect()
    }

    #[test]
    fn categories_keep_the_codes_of_the_training_data() {
        let category = Made::Category {
            labels: labels(&["b", "a"]),
        };
        let both = Made::Concat {
            separator: "-".to_owned(),
            labels: labels(&["b-7", "a-8"]),
        };
        let trained = [("t", DataType::Utf8), ("n", DataType::Int64)];
        let recipe = recipe(&trained, &[("t", category), ("t+n", both)]);
        let texts = StringArray::from(vec![Some("a"), None, Some("c"), Some("b")]);
        let numbers = Int64Array::from(vec![8, 8, 7, 7]);
        // The columns stand the other way round.
        let found: [(&str, ArrayRef); 2] = [("n", Arc::new(numbers)), ("t", Arc::new(texts))];
        let rows = encoded(&recipe, &found).unwrap();
        assert_eq!(codes(&rows.columns[0]), [Some(1), None, Some(2), Some(0)]);
        assert_eq!(codes(&rows.columns[1]), [Some(1), None, Some(2), Some(0)]);
        let unknown = |name: &str, label: &str| (name.to_owned(), 1, label.to_owned());
        assert_eq!(rows.unknown, [unknown("t", "c"), unknown("t+n", "c-7")]);
        let ColumnKind::Category { labels } = &rows.layout.columns[0].kind else {
            panic!("{:?}", rows.layout)
        };
        assert_eq!(labels, &["b", "a", "c"]);
        // What one batch added is none of the next one's.
        assert_eq!(encoded(&recipe, &found).unwrap().unknown, rows.unknown);
    }

    #[test]
    fn dates_and_times_have_the_unit_of_the_training_data() {
        let days = recipe(&[("d", DataType::Date32)], &[("d", Made::Number)]);
        let day = 86_400_000;
        let times =
            |values: Vec<i64>| Arc::new(TimestampMillisecondArray::from(values)) as ArrayRef;
        let rows = encoded(&days, &[("d", times(vec![day, 3 * day]))]).unwrap();
        assert_eq!(codes(&rows.columns[0]), [Some(1), Some(3)]);
        let refused = encoded(&days, &[("d", times(vec![day + 1]))]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the column `d` of `rows` holds a time that no `date32` holds, on which the model was \
             trained"
        );
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let micros = recipe(&[("d", micros)], &[("d", Made::Number)]);
        let rows = encoded(&micros, &[("d", times(vec![5]))]).unwrap();
        let first = rows.columns[0].as_primitive::<arrow_array::types::Int64Type>();
        assert_eq!(first.value(0), 5000);
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![1]));
        let rows = encoded(&micros, &[("d", dates)]).unwrap();
        let first = rows.columns[0].as_primitive::<arrow_array::types::Int64Type>();
        assert_eq!(first.value(0), 86_400_000_000);
    }

    #[test]
    fn other_kinds_of_columns_are_refused() {
        let number = |trained| recipe(&[("x", trained)], &[("x", Made::Number)]);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
        let reals: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![1]));
        let suits =
            |recipe: &Recipe, found: &ArrayRef| encoded(recipe, &[("x", found.clone())]).is_ok();
        let whole = number(DataType::Int64);
        assert!(suits(&whole, &reals) && suits(&whole, &truths));
        assert!(!suits(&whole, &dates));
        let refused = encoded(&whole, &[("x", texts.clone())]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the column `x` of `rows` has the type `string`; the model was trained on `int64`"
        );
        let labels = labels(&["1"]);
        let category = |trained| {
            let made = Made::Category {
                labels: labels.clone(),
            };
            recipe(&[("x", trained)], &[("x", made)])
        };
        assert!(suits(&category(DataType::Int64), &texts));
        assert!(!suits(&category(DataType::Utf8), &reals));
        let lacking = encoded(&whole, &[("y", reals)]).unwrap_err();
        assert_eq!(
            lacking.to_string(),
            "`rows` lacks the column `x`, which the model reads"
        );
    }
}
