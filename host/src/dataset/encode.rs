//! [`Encoder`]: encodes the columns of a source as those of a dataset.
//!
//! Numbers stay numbers, texts become categories, dates days since 1970-01-01,
//! and timestamps whole numbers since then, in UTC and in the source's own unit
//! (microseconds for CSV). Missing values stay missing, but a target may have
//! none. Lists, bytes and other nested types are refused.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use fanout_contract::{CONTRACT, Column, ColumnKind, Layout, Role};
use rayon::prelude::*;

use super::category::{self, CategoryEncoder, ConcatEncoder, Labels, MISSING};
use super::labels::{LabelSet, find_label, one_of, sorted_labels};
use super::reads::{ReadColumn, Reads};
use super::source::{BatchError, Source, SourceColumn, type_name};
use crate::plan::{Cv, DatasetPlan, Kind, Learn, MissingTarget, Order};
use ordered::OrderedEncoder;
use scan::all_labels;
use selection::{Feature, Selection};
use splitter::SplitterInputs;
use storage::{is_numeric, present, storage_type, to_storage};

mod error;
mod ordered;
mod recipe;
mod scan;
mod selection;
mod splitter;
mod storage;

pub use error::EncodeError;
pub(super) use error::StreamError;
pub(super) use recipe::{FeatureEncoder, FeatureRows};
pub use recipe::{FeatureRecipe, Made, Recipe, SourceType};
pub(super) use scan::{Keys, has_fractions, keys, with_value};
pub(super) use splitter::SplitterValues;

/// A column of the source that is read.
#[derive(Clone, Debug)]
struct InputColumn {
    name: String,
    data_type: DataType,
    nullable: bool,
    /// Its categories, if they are needed.
    categories: Option<CategoryEncoder>,
}

/// A column of the dataset.
#[derive(Clone, Debug)]
struct OutputColumn {
    name: String,
    role: Role,
    origin: Origin,
    /// The first value of a column of numbers.
    example: Option<String>,
}

/// What a column of the dataset is made of.
#[derive(Clone, Debug)]
enum Origin {
    /// The input's values.
    Number(usize),
    /// The input's categories.
    Category(usize),
    /// The places of the input's categories in their order.
    Ordered(usize, Box<OrderedEncoder>),
    /// The concatenated texts of several inputs.
    Concat(Vec<usize>, Box<ConcatEncoder>),
}

/// Encodes a source, batch by batch.
#[derive(Debug)]
pub(super) struct Encoder {
    source_name: String,
    projection: Vec<usize>,
    inputs: Vec<InputColumn>,
    outputs: Vec<OutputColumn>,
    target: usize,
    splitter: SplitterInputs,
    rows: u64,
    missing_target: MissingTarget,
    missing_targets: MissingTargets,
    /// Columns that are the index of a table, and no features.
    indices: Vec<String>,
    declared: Vec<String>,
}

/// Rows without a target.
#[derive(Debug, Default)]
struct MissingTargets {
    count: u64,
    first: Vec<u64>,
}

/// A batch of a dataset.
#[derive(Debug)]
pub(super) struct EncodedBatch {
    /// The number of rows.
    pub(super) rows: usize,
    /// The columns, in the layout's order: the features, then the target.
    pub(super) columns: Vec<ArrayRef>,
    /// The class of each row; `None` for a regression target.
    pub(super) classes: Option<Vec<u32>>,
    /// What the splitter's columns hold.
    pub(super) splitter: SplitterValues,
}

impl Encoder {
    /// Determines the columns of the dataset. Reads the target's column if it
    /// may hold fractions, which make it a regression target.
    pub(super) fn new(
        source: &Source,
        plan: &DatasetPlan,
        cv: &Cv,
        kind: &Kind,
        batch: usize,
    ) -> Result<Self, StreamError> {
        let columns = source.columns();
        let source_name = format!("`{}`", source.path().display());
        let selection = Selection::of(columns, &source_name, plan, (cv, kind))?;
        let projection = selection.projection();
        let Selection {
            features,
            target,
            weight,
            splitter,
            categorical,
            ..
        } = &selection;
        let input = |column: usize| projection.binary_search(&column).unwrap_or_default();
        let mut inputs: Vec<InputColumn> = projection
            .iter()
            .map(|index| {
                let SourceColumn {
                    name,
                    data_type,
                    nullable,
                    ..
                } = columns[*index].clone();
                InputColumn {
                    name,
                    data_type,
                    nullable,
                    categories: None,
                }
            })
            .collect();
        for input in &inputs {
            if storage_type(&input.data_type).is_none() {
                return Err(EncodeError::UnsupportedType {
                    source_name,
                    name: input.name.clone(),
                    data_type: type_name(&input.data_type),
                }
                .into());
            }
        }

        let mut outputs = Vec::new();
        for Feature {
            name,
            parts,
            separator,
        } in features
        {
            let text = |index: usize| columns[index].data_type == DataType::Utf8;
            let column = plan.columns.get(&columns[parts[0]].name);
            let is_category = column.is_some_and(|column| column.is_category());
            let order = column.and_then(|column| column.ordered.as_ref());
            let origin = if let Some(separator) = separator {
                let concat = ConcatEncoder::new(parts.len(), separator);
                Origin::Concat(
                    parts.iter().map(|part| input(*part)).collect(),
                    Box::new(concat),
                )
            } else if let Some(order) = order {
                let labels = match order {
                    Order::Labels(labels) => labels.clone(),
                    Order::Sorted => sorted_labels(&all_labels(source, parts[0], batch)?),
                };
                let encoder = OrderedEncoder::new(&source_name, name, labels);
                Origin::Ordered(input(parts[0]), Box::new(encoder))
            } else if text(parts[0]) || is_category || categorical.contains(&parts[0]) {
                Origin::Category(input(parts[0]))
            } else {
                Origin::Number(input(parts[0]))
            };
            outputs.push(OutputColumn {
                name: name.clone(),
                role: Role::Feature,
                origin,
                example: None,
            });
        }
        if let Some(weight) = weight {
            let (name, kind) = (&columns[*weight].name, &columns[*weight].data_type);
            if !is_numeric(kind) {
                return Err(EncodeError::WeightNotNumeric {
                    name: name.clone(),
                    data_type: type_name(kind),
                }
                .into());
            }
            outputs.push(OutputColumn {
                name: name.clone(),
                role: Role::Weight,
                origin: Origin::Number(input(*weight)),
                example: None,
            });
        }
        let at = input(*target);
        let is_number = match plan.learn {
            Some(Learn::Regression) => true,
            Some(Learn::Classification) => false,
            None => has_fractions(source, *target, batch)?,
        };
        let origin = if is_number {
            if !is_numeric(&columns[*target].data_type) {
                return Err(EncodeError::TargetNotNumeric {
                    name: plan.target.clone(),
                    data_type: type_name(&columns[*target].data_type),
                }
                .into());
            }
            if plan.positive.is_some() {
                return Err(EncodeError::PositiveNumber {
                    name: plan.target.clone(),
                }
                .into());
            }
            Origin::Number(at)
        } else {
            Origin::Category(at)
        };
        outputs.push(OutputColumn {
            name: plan.target.clone(),
            role: Role::Target,
            origin,
            example: None,
        });

        for output in &outputs {
            match &output.origin {
                Origin::Number(_) => {}
                Origin::Category(index) | Origin::Ordered(index, _) => {
                    inputs[*index].categories = Some(CategoryEncoder::default())
                }
                Origin::Concat(parts, _) => {
                    parts.iter().for_each(|part| {
                        inputs[*part].categories = Some(CategoryEncoder::default())
                    });
                }
            }
        }
        let splitter = splitter.map(input);
        for column in splitter.all() {
            inputs[*column].categories = Some(CategoryEncoder::default());
        }
        Ok(Self {
            source_name,
            projection,
            inputs,
            outputs,
            target: at,
            splitter,
            rows: 0,
            missing_target: plan.missing_target,
            missing_targets: MissingTargets::default(),
            indices: selection.indices,
            declared: plan
                .columns
                .keys()
                .chain(&plan.categorical)
                .cloned()
                .collect(),
        })
    }

    /// The indices of the source's columns that are read, ascending.
    pub(super) fn projection(&self) -> &[usize] {
        &self.projection
    }

    /// The dataset's columns.
    pub(super) fn schema(&self) -> SchemaRef {
        let fields = self.outputs.iter().map(|output| {
            let data_type = match &output.origin {
                Origin::Number(input) => storage_type(&self.inputs[*input].data_type)
                    .expect("unsupported types were refused"),
                Origin::Category(_) | Origin::Ordered(..) | Origin::Concat(..) => DataType::Int32,
            };
            let nullable = output.role == Role::Feature && self.is_nullable(&output.origin);
            Field::new(&output.name, data_type, nullable)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn is_nullable(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Number(input) | Origin::Category(input) | Origin::Ordered(input, _) => {
                self.inputs[*input].nullable
            }
            Origin::Concat(parts, _) => parts.iter().any(|part| self.inputs[*part].nullable),
        }
    }

    /// As what each column of the dataset was read so far.
    pub(super) fn read_columns(&self) -> Vec<ReadColumn> {
        let columns = self.outputs.iter().map(|output| {
            let (input, labels) = match &output.origin {
                Origin::Number(input) => (Some(*input), None),
                Origin::Category(input) | Origin::Ordered(input, _) => {
                    let categories = self.inputs[*input].categories.as_ref();
                    (Some(*input), categories.map(CategoryEncoder::labels))
                }
                Origin::Concat(_, concat) => (None, Some(concat.labels())),
            };
            let kind = input.map_or(&DataType::Utf8, |input| &self.inputs[input].data_type);
            let levels = labels.map_or(0, |labels| labels.len() as u64);
            ReadColumn {
                source_type: type_name(kind),
                reads: match &output.origin {
                    Origin::Ordered(_, order) => Reads::Ordered(order.labels().to_vec()),
                    Origin::Category(_) | Origin::Concat(..) => Reads::Category(levels),
                    Origin::Number(_) => match kind {
                        DataType::Boolean => Reads::Boolean,
                        DataType::Date32 | DataType::Date64 => Reads::Date,
                        kind if kind.is_temporal() => Reads::Time,
                        _ => Reads::Number,
                    },
                },
                example: match labels {
                    Some(labels) => labels.first().map(ToString::to_string),
                    None => output.example.clone(),
                },
                source: input.map(|input| self.projection[input]),
                declared: self.declared.contains(&output.name),
            }
        });
        columns.collect()
    }

    /// The name of the target.
    pub(super) fn target(&self) -> &str {
        &self.inputs[self.target].name
    }

    /// Encodes the source's next batch, without the rows that the plan leaves out.
    pub(super) fn encode(&mut self, batch: &RecordBatch) -> Result<EncodedBatch, StreamError> {
        let rows = batch.num_rows() as u64;
        let encoded = match self.with_target(batch)? {
            None => self.encode_rows(batch, None),
            Some((kept, rows)) => self.encode_rows(&kept, Some(&rows)),
        };
        self.rows += rows;
        encoded
    }

    /// The rows that have a target, and whether each row has, where those that have
    /// none are left out and there are any.
    fn with_target(
        &mut self,
        batch: &RecordBatch,
    ) -> Result<Option<(RecordBatch, BooleanArray)>, StreamError> {
        if self.missing_target == MissingTarget::Error {
            return Ok(None);
        }
        let target = batch.column(self.target);
        let values = to_storage(target, &self.inputs[self.target].data_type);
        let Some(values) = values else {
            // The encoder says why.
            return Ok(None);
        };
        let kept = present(&values);
        let missing = kept.iter().filter(|kept| !**kept).count();
        if missing == 0 {
            return Ok(None);
        }
        self.missing_targets.count += missing as u64;
        let kept = BooleanArray::from(kept);
        let batch = filter_record_batch(batch, &kept).expect("there is a mark for each row");
        Ok(Some((batch, kept)))
    }

    /// Encodes rows of a batch: all of them, or those that are `kept`.
    fn encode_rows(
        &mut self,
        batch: &RecordBatch,
        kept: Option<&BooleanArray>,
    ) -> Result<EncodedBatch, StreamError> {
        let (columns, mut codes) = encode_columns(
            &self.source_name,
            &mut self.inputs,
            &mut self.outputs,
            batch,
        )?;
        let broken = self.outputs.iter().zip(&columns).any(|(output, column)| {
            output.role == Role::Feature
                && column.null_count() > 0
                && !self.is_nullable(&output.origin)
        });
        if broken {
            return Err(BatchError::TypeTooNarrow.into());
        }
        let is_number = matches!(
            self.outputs.last(),
            Some(OutputColumn {
                origin: Origin::Number(_),
                ..
            })
        );
        self.check_weights(&columns, kept)?;
        let splitter = self.splitter_values(&codes, kept)?;
        let classes = (!is_number).then(|| std::mem::take(&mut codes[self.target]));
        self.check_target(
            classes.as_deref(),
            columns.last().expect("there is a target"),
        )?;
        Ok(EncodedBatch {
            rows: batch.num_rows(),
            columns,
            classes,
            splitter,
        })
    }

    /// The number of a row of a batch in the source, from 1, where `kept` are the rows
    /// that were not left out.
    fn source_row(&self, row: usize, kept: Option<&BooleanArray>) -> u64 {
        let kept_rows = kept.map(|kept| kept.values().set_indices().nth(row));
        self.rows + kept_rows.flatten().unwrap_or(row) as u64 + 1
    }

    /// Checks that the weights are finite numbers of at least 0.
    fn check_weights(
        &self,
        columns: &[ArrayRef],
        kept: Option<&BooleanArray>,
    ) -> Result<(), EncodeError> {
        let weights = self.outputs.iter().zip(columns);
        for (output, column) in weights.filter(|(output, _)| output.role == Role::Weight) {
            let values = cast(column, &DataType::Float64).expect("numbers are cast to reals");
            let values = values.as_primitive::<Float64Type>();
            let is_weight =
                |value: Option<f64>| value.is_some_and(|value| value >= 0.0 && value.is_finite());
            if let Some(row) = values.iter().position(|value| !is_weight(value)) {
                return Err(EncodeError::NotAWeight {
                    name: output.name.clone(),
                    row: self.source_row(row, kept),
                    value: match values.is_null(row) {
                        true => "no value".to_owned(),
                        false => format!("`{}`", values.value(row)),
                    },
                });
            }
        }
        Ok(())
    }

    /// What the splitter's columns hold, given the codes of each input.
    fn splitter_values(
        &self,
        codes: &[Vec<u32>],
        kept: Option<&BooleanArray>,
    ) -> Result<SplitterValues, EncodeError> {
        let row = |row: usize| self.source_row(row, kept);
        let name = |input: usize| self.inputs[input].name.clone();
        Ok(match &self.splitter {
            SplitterInputs::None => SplitterValues::None,
            SplitterInputs::Folds(column) => SplitterValues::Codes(codes[*column].clone()),
            SplitterInputs::Groups(column) => {
                let codes = &codes[*column];
                if let Some(missing) = codes.iter().position(|code| *code == MISSING) {
                    let (name, row) = (name(*column), row(missing));
                    return Err(EncodeError::MissingGroup { name, row });
                }
                SplitterValues::Codes(codes.clone())
            }
            SplitterInputs::Splits(columns) => {
                let marks = columns.iter().map(|column| {
                    let categories = self.inputs[*column].categories.as_ref();
                    let labels = categories.expect("it has categories").labels();
                    splitter::marks(&codes[*column], labels).map_err(|(at, label)| {
                        EncodeError::NotAMark {
                            name: name(*column),
                            row: row(at),
                            label,
                        }
                    })
                });
                SplitterValues::Marks(marks.collect::<Result<_, _>>()?)
            }
        })
    }

    /// Records the rows without a target.
    fn check_target(
        &mut self,
        classes: Option<&[u32]>,
        target: &ArrayRef,
    ) -> Result<(), EncodeError> {
        let rows = self.rows;
        let missing = &mut self.missing_targets;
        let mut record = |row: usize| {
            missing.count += 1;
            if missing.first.len() < 3 {
                missing.first.push(rows + row as u64 + 1);
            }
        };
        if let Some(classes) = classes {
            if classes.contains(&MISSING) {
                let rows = classes
                    .iter()
                    .enumerate()
                    .filter(|(_, class)| **class == MISSING);
                rows.for_each(|(row, _)| record(row));
            }
            return Ok(());
        }
        let reals = cast(target, &DataType::Float64).expect("numbers are cast to numbers");
        for (row, value) in reals.as_primitive::<Float64Type>().iter().enumerate() {
            match value {
                Some(value) if value.is_infinite() => {
                    let (name, row) = (self.target().to_owned(), rows + row as u64 + 1);
                    return Err(EncodeError::InfiniteTarget { name, row });
                }
                Some(value) if !value.is_nan() => {}
                _ => record(row),
            }
        }
        Ok(())
    }

    /// Whether a row so far has no target: the dataset can't be written then.
    pub(super) fn is_missing_target(&self) -> bool {
        self.missing_targets.count > 0 && self.missing_target == MissingTarget::Error
    }

    /// Whether rows were left out, since they have no target.
    pub(super) fn has_left_out(&self) -> bool {
        self.missing_targets.count > 0
    }

    /// The error of rows without a target.
    pub(super) fn missing_target(&self) -> EncodeError {
        let first: Vec<String> = self
            .missing_targets
            .first
            .iter()
            .map(u64::to_string)
            .collect();
        EncodeError::MissingTarget {
            name: self.target().to_owned(),
            count: self.missing_targets.count,
            rows: self.rows,
            first: match first.as_slice() {
                [] => String::new(),
                [row] => format!(", first in row {row} (the first row of data is 1)"),
                rows => format!(
                    ", first in rows {} (the first row of data is 1)",
                    rows.join(", ")
                ),
            },
            text: None,
        }
    }

    /// Ends the stream: checks the whole target, and makes the layout.
    pub(super) fn finish(self, positive: Option<&str>) -> Result<EncoderOutput, EncodeError> {
        let name = self.target().to_owned();
        if self.is_missing_target() {
            return Err(self.missing_target());
        }
        let listed = |labels: &Labels| labels.iter().map(|label| label.to_string()).collect();
        let labels = |input: usize| {
            self.inputs[input]
                .categories
                .as_ref()
                .map_or_else(Vec::new, |categories| listed(categories.labels()))
        };
        let is_text = |input: usize| {
            let kind = &self.inputs[input].data_type;
            matches!(
                kind,
                DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Dictionary(..)
            )
        };
        let splitter_labels = match &self.splitter {
            SplitterInputs::Folds(column) | SplitterInputs::Groups(column) => Some(LabelSet {
                labels: labels(*column),
                texts: is_text(*column),
            }),
            SplitterInputs::None | SplitterInputs::Splits(_) => None,
        };
        let splits = match &self.splitter {
            SplitterInputs::Splits(columns) => columns.as_slice(),
            _ => &[],
        };
        let splits = splits.iter().map(|input| self.inputs[*input].name.clone());
        let splits = splits.collect();
        let texts = is_text(self.target);
        let recipe = Recipe::of(&self.inputs, &self.outputs, self.target);
        let columns: Vec<Column> = self
            .outputs
            .iter()
            .map(|output| Column {
                name: output.name.clone(),
                role: output.role,
                kind: match &output.origin {
                    Origin::Number(_) | Origin::Ordered(..) => ColumnKind::Number,
                    Origin::Category(input) => ColumnKind::Category {
                        labels: labels(*input),
                    },
                    Origin::Concat(_, concat) => ColumnKind::Category {
                        labels: listed(concat.labels()),
                    },
                },
            })
            .collect();
        let classes = match columns.last().map(|column| &column.kind) {
            Some(ColumnKind::Category { labels }) => {
                if let [label] = labels.as_slice() {
                    return Err(EncodeError::OneClass {
                        name,
                        label: label.clone(),
                    });
                }
                if let Some(positive) = positive
                    && find_label(labels, positive).is_none()
                {
                    return Err(EncodeError::UnknownPositive {
                        name,
                        positive: positive.to_owned(),
                        labels: one_of(&sorted_labels(labels)),
                    });
                }
                Some(LabelSet {
                    labels: labels.clone(),
                    texts,
                })
            }
            _ => None,
        };
        let layout = Layout {
            contract: CONTRACT,
            columns,
        };
        Ok(EncoderOutput {
            layout,
            recipe,
            classes,
            splitter_labels,
            splits,
            missing_targets: self.missing_targets.count,
            source_rows: self.rows,
            indices: self.indices,
        })
    }
}

/// The columns of the dataset in a batch of the source, and the codes of each input's
/// categories.
fn encode_columns(
    source_name: &str,
    inputs: &mut [InputColumn],
    outputs: &mut [OutputColumn],
    batch: &RecordBatch,
) -> Result<(Vec<ArrayRef>, Vec<Vec<u32>>), EncodeError> {
    let stored: Vec<_> = inputs
        .par_iter_mut()
        .zip(batch.columns())
        .map(|(input, column)| {
            let Some(value) = to_storage(column, &input.data_type) else {
                return Err(EncodeError::TooLarge {
                    source_name: source_name.to_owned(),
                    name: input.name.clone(),
                });
            };
            let codes = match &mut input.categories {
                Some(categories) => categories.encode(&value, column),
                None => Vec::new(),
            };
            Ok((value, codes))
        })
        .collect();
    // Of several errors, the first column's.
    let stored = stored.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (values, codes): (Vec<ArrayRef>, Vec<Vec<u32>>) = stored.into_iter().unzip();
    let mut columns = Vec::with_capacity(outputs.len());
    for output in outputs {
        columns.push(match &mut output.origin {
            Origin::Number(input) => {
                if output.example.is_none() {
                    output.example = example(batch.column(*input), &values[*input]);
                }
                values[*input].clone()
            }
            Origin::Category(input) => category::array(&codes[*input]),
            Origin::Ordered(input, order) => {
                let categories = inputs[*input].categories.as_ref();
                let labels = categories.expect("it has categories").labels();
                category::array(&order.encode(&codes[*input], labels)?)
            }
            Origin::Concat(parts, concat) => {
                let parts: Vec<(&[u32], &Labels)> = parts
                    .iter()
                    .map(|part| {
                        let categories = inputs[*part].categories.as_ref();
                        let labels = categories.expect("a part has categories").labels();
                        (codes[*part].as_slice(), labels)
                    })
                    .collect();
                category::array(&concat.encode(&parts))
            }
        });
    }
    Ok((columns, codes))
}

/// The layout and labels of an encoded source.
#[derive(Debug)]
pub(super) struct EncoderOutput {
    pub(super) layout: Layout,
    /// How further rows are encoded like these.
    pub(super) recipe: Recipe,
    /// The classes; `None` for a regression target.
    pub(super) classes: Option<LabelSet>,
    /// The groups or the folds.
    pub(super) splitter_labels: Option<LabelSet>,
    /// The names of the columns of the user's splits.
    pub(super) splits: Vec<String>,
    /// The number of rows that were left out, since they have no target.
    pub(super) missing_targets: u64,
    /// The number of rows of the source.
    pub(super) source_rows: u64,
    /// Columns that are the index of a table, and no features.
    pub(super) indices: Vec<String>,
}

/// The first value of a column of numbers, as it is in the source.
fn example(original: &ArrayRef, values: &ArrayRef) -> Option<String> {
    let is_nan = |row: usize| match values.data_type() {
        DataType::Float32 => values.as_primitive::<Float32Type>().value(row).is_nan(),
        DataType::Float64 => values.as_primitive::<Float64Type>().value(row).is_nan(),
        _ => false,
    };
    let row = (0..values.len()).find(|row| values.is_valid(*row) && !is_nan(*row))?;
    array_value_to_string(original, row).ok()
}
