//! [`Encoder`]: encodes the columns of a source as those of a dataset.
//!
//! Numbers stay numbers, texts become categories, dates days since 1970-01-01,
//! and timestamps whole numbers since then, in UTC and in the source's own unit
//! (microseconds for CSV). Missing values stay missing, but a target that is alone may
//! have none. Lists, bytes and other nested types are refused.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, RecordBatch};
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
    /// Whether the input's values are above a number: the codes of [`IS_ABOVE`].
    Above(usize, f64),
}

/// The labels of a target that says whether a number is above another one.
const IS_ABOVE: [&str; 2] = ["false", "true"];

/// A target: the last columns of the dataset, in the plan's order.
#[derive(Debug)]
struct TargetColumn {
    name: String,
    input: usize,
    positive: Option<String>,
    missing: MissingTargets,
}

/// Encodes a source, batch by batch.
#[derive(Debug)]
pub(super) struct Encoder {
    source_name: String,
    projection: Vec<usize>,
    inputs: Vec<InputColumn>,
    outputs: Vec<OutputColumn>,
    targets: Vec<TargetColumn>,
    splitter: SplitterInputs,
    rows: u64,
    missing_target: MissingTarget,
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
    /// The columns, in the layout's order: the features, then the targets.
    pub(super) columns: Vec<ArrayRef>,
    /// By target.
    pub(super) targets: Vec<TargetCodes>,
    /// Whether each row has every target.
    has_targets: bool,
    /// What the splitter's columns hold.
    pub(super) splitter: SplitterValues,
}

/// A target of the rows of a batch.
#[derive(Debug)]
pub(super) enum TargetCodes {
    /// The class of each row; [`MISSING`] where there is none.
    Classes(Vec<u32>),
    /// Of numbers: 0, or [`MISSING`] where there is none. Empty where there is one in each
    /// row.
    Numbers(Vec<u32>),
}

impl TargetCodes {
    /// The codes.
    pub(super) fn into_codes(self) -> Vec<u32> {
        match self {
            Self::Classes(codes) | Self::Numbers(codes) => codes,
        }
    }
}

impl EncodedBatch {
    /// The class of each row, where there is one target, of classes, that each row must
    /// have.
    pub(super) fn classes(&self) -> Option<&[u32]> {
        match self.targets.as_slice() {
            [TargetCodes::Classes(codes)] if self.has_targets => Some(codes),
            _ => None,
        }
    }
}

impl Encoder {
    /// Determines the columns of the dataset. Reads the column of a target if it
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
            targets: target_columns,
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
        let mut targets = Vec::new();
        for (planned, column) in plan.all_targets().iter().zip(target_columns) {
            let (name, at) = (planned.name(), input(*column));
            let is_number = match planned.learn {
                _ if planned.above.is_some() => false,
                Some(Learn::Regression) => true,
                Some(Learn::Classification) => false,
                None => has_fractions(source, *column, batch)?,
            };
            if (is_number || planned.above.is_some()) && !is_numeric(&columns[*column].data_type) {
                let data_type = type_name(&columns[*column].data_type);
                return Err(EncodeError::TargetNotNumeric { name, data_type }.into());
            }
            if is_number && planned.positive.is_some() {
                return Err(EncodeError::PositiveNumber { name }.into());
            }
            outputs.push(OutputColumn {
                name: name.clone(),
                role: Role::Target,
                origin: match planned.above {
                    Some(above) => Origin::Above(at, above),
                    None if is_number => Origin::Number(at),
                    None => Origin::Category(at),
                },
                example: None,
            });
            targets.push(TargetColumn {
                name,
                input: at,
                positive: planned.positive.clone(),
                missing: MissingTargets::default(),
            });
        }

        for output in &outputs {
            match &output.origin {
                Origin::Number(_) | Origin::Above(..) => {}
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
            targets,
            splitter,
            rows: 0,
            missing_target: plan.missing_target,
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
                Origin::Category(_)
                | Origin::Ordered(..)
                | Origin::Concat(..)
                | Origin::Above(..) => DataType::Int32,
            };
            let nullable = self.may_lack(output.role) && self.is_nullable(&output.origin);
            Field::new(&output.name, data_type, nullable)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Whether a column of this role may lack values.
    fn may_lack(&self, role: Role) -> bool {
        role == Role::Feature || (role == Role::Target && self.keeps_missing())
    }

    /// Whether rows without a target are kept.
    fn keeps_missing(&self) -> bool {
        self.missing_target == MissingTarget::Keep
    }

    fn is_nullable(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Number(input)
            | Origin::Category(input)
            | Origin::Ordered(input, _)
            | Origin::Above(input, _) => self.inputs[*input].nullable,
            Origin::Concat(parts, _) => parts.iter().any(|part| self.inputs[*part].nullable),
        }
    }

    /// As what each column of the dataset was read so far.
    pub(super) fn read_columns(&self) -> Vec<ReadColumn> {
        let columns = self.outputs.iter().map(|output| {
            let (input, labels) = match &output.origin {
                Origin::Number(input) | Origin::Above(input, _) => (Some(*input), None),
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
                    Origin::Above(..) => Reads::Boolean,
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
        let (MissingTarget::Drop, [target]) = (self.missing_target, self.targets.as_mut_slice())
        else {
            return Ok(None);
        };
        let input = target.input;
        let values = to_storage(batch.column(input), &self.inputs[input].data_type);
        let Some(values) = values else {
            // The encoder says why.
            return Ok(None);
        };
        let kept = present(&values);
        let missing = kept.iter().filter(|kept| !**kept).count();
        if missing == 0 {
            return Ok(None);
        }
        target.missing.count += missing as u64;
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
        let (columns, codes) = encode_columns(
            &self.source_name,
            &mut self.inputs,
            &mut self.outputs,
            batch,
        )?;
        let broken = self.outputs.iter().zip(&columns).any(|(output, column)| {
            self.may_lack(output.role)
                && column.null_count() > 0
                && !self.is_nullable(&output.origin)
        });
        if broken {
            return Err(BatchError::TypeTooNarrow.into());
        }
        self.check_weights(&columns, kept)?;
        let splitter = self.splitter_values(&codes, kept)?;
        let first = columns.len() - self.targets.len();
        let targets = columns[first..].iter().enumerate();
        let targets = targets.map(|(number, column)| self.target_codes(number, column));
        Ok(EncodedBatch {
            rows: batch.num_rows(),
            targets: targets.collect::<Result<_, _>>()?,
            has_targets: !self.keeps_missing(),
            columns,
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

    /// The values of a target, whose `column` of the dataset is given. Records the rows
    /// without one.
    fn target_codes(
        &mut self,
        number: usize,
        column: &ArrayRef,
    ) -> Result<TargetCodes, EncodeError> {
        let (rows, keeps_missing) = (self.rows, self.keeps_missing());
        let output = self.outputs.len() - self.targets.len() + number;
        let is_number = matches!(self.outputs[output].origin, Origin::Number(_));
        let target = &mut self.targets[number];
        let missing = &mut target.missing;
        let mut record = |row: usize| {
            missing.count += 1;
            if missing.first.len() < 3 {
                missing.first.push(rows + row as u64 + 1);
            }
        };
        if !is_number {
            let codes = column.as_primitive::<Int32Type>().iter();
            let codes: Vec<u32> = codes
                .map(|code| code.map_or(MISSING, |code| code as u32))
                .collect();
            if column.null_count() > 0 {
                let rows = codes.iter().enumerate();
                let rows = rows.filter(|(_, code)| **code == MISSING);
                rows.for_each(|(row, _)| record(row));
            }
            return Ok(TargetCodes::Classes(codes));
        }
        let mut codes = Vec::new();
        if keeps_missing {
            codes.resize(column.len(), 0);
        }
        let reals = cast(column, &DataType::Float64).expect("numbers are cast to numbers");
        for (row, value) in reals.as_primitive::<Float64Type>().iter().enumerate() {
            match value {
                Some(value) if value.is_infinite() => {
                    let (name, row) = (target.name.clone(), rows + row as u64 + 1);
                    return Err(EncodeError::InfiniteTarget { name, row });
                }
                Some(value) if !value.is_nan() => {}
                _ => {
                    record(row);
                    codes
                        .get_mut(row)
                        .into_iter()
                        .for_each(|code| *code = MISSING);
                }
            }
        }
        Ok(TargetCodes::Numbers(codes))
    }

    /// Whether a row so far has no target, and must have one: the dataset can't be written
    /// then.
    pub(super) fn is_missing_target(&self) -> bool {
        self.has_left_out() && self.missing_target == MissingTarget::Error
    }

    /// Whether rows were left out, since they have no target.
    pub(super) fn has_left_out(&self) -> bool {
        !self.keeps_missing() && self.targets[0].missing.count > 0
    }

    /// The error of rows without the only target.
    pub(super) fn missing_target(&self) -> EncodeError {
        self.missing_of(&self.targets[0])
    }

    fn missing_of(&self, target: &TargetColumn) -> EncodeError {
        let first = target.missing.first.iter().map(u64::to_string);
        let first: Vec<String> = first.collect();
        EncodeError::MissingTarget {
            name: self.inputs[target.input].name.clone(),
            count: target.missing.count,
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

    /// Ends the stream: checks the whole targets, and makes the layout.
    pub(super) fn finish(self) -> Result<EncoderOutput, EncodeError> {
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
        let recipe = Recipe::of(&self.inputs, &self.outputs, self.targets[0].input);
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
                    Origin::Above(..) => ColumnKind::Category {
                        labels: IS_ABOVE.map(str::to_owned).to_vec(),
                    },
                },
            })
            .collect();
        let mut targets = Vec::new();
        let of_targets = &columns[columns.len() - self.targets.len()..];
        for (target, column) in self.targets.iter().zip(of_targets) {
            let TargetColumn {
                name,
                input,
                positive,
                missing,
            } = target;
            if missing.count > 0 && missing.count == self.rows {
                return Err(self.missing_of(target));
            }
            let name = || name.clone();
            let classes = match &column.kind {
                ColumnKind::Category { labels } => {
                    if let [label] = labels.as_slice() {
                        let label = label.clone();
                        return Err(EncodeError::OneClass {
                            name: name(),
                            label,
                        });
                    }
                    if let Some(positive) = positive
                        && find_label(labels, positive).is_none()
                    {
                        return Err(EncodeError::UnknownPositive {
                            name: name(),
                            positive: positive.to_owned(),
                            labels: one_of(&sorted_labels(labels)),
                        });
                    }
                    Some(LabelSet {
                        labels: labels.clone(),
                        texts: is_text(*input),
                    })
                }
                ColumnKind::Number => None,
            };
            let origin = &self.outputs[columns.len() - self.targets.len() + targets.len()].origin;
            let source = SourceType::of(&self.inputs[*input]);
            targets.push(TargetOutput {
                name: name(),
                // What it is made of says nothing of its labels.
                source: match origin {
                    Origin::Above(..) => SourceType {
                        data_type: DataType::Boolean.to_string(),
                        ..source
                    },
                    _ => source,
                },
                classes,
                missing: missing.count,
            });
        }
        let layout = Layout {
            contract: CONTRACT,
            columns,
        };
        Ok(EncoderOutput {
            layout,
            recipe,
            targets,
            splitter_labels,
            splits,
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
            Origin::Above(input, above) => is_above(&values[*input], *above),
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

/// The codes of [`IS_ABOVE`] of a column of numbers; null where it has none.
fn is_above(values: &ArrayRef, above: f64) -> ArrayRef {
    let reals = cast(values, &DataType::Float64).expect("numbers are cast to numbers");
    let reals = reals.as_primitive::<Float64Type>().iter();
    let code = |value: Option<f64>| {
        let value = value.filter(|value| !value.is_nan());
        value.map(|value| i32::from(value > above))
    };
    Arc::new(reals.map(code).collect::<Int32Array>())
}

/// A target of an encoded source.
#[derive(Debug)]
pub(super) struct TargetOutput {
    pub(super) name: String,
    /// The column of the source.
    pub(super) source: SourceType,
    /// The classes; `None` for a regression target.
    pub(super) classes: Option<LabelSet>,
    /// The number of rows without it.
    pub(super) missing: u64,
}

/// The layout and labels of an encoded source.
#[derive(Debug)]
pub(super) struct EncoderOutput {
    pub(super) layout: Layout,
    /// How further rows are encoded like these; its target is the first.
    pub(super) recipe: Recipe,
    /// In the plan's order.
    pub(super) targets: Vec<TargetOutput>,
    /// The groups or the folds.
    pub(super) splitter_labels: Option<LabelSet>,
    /// The names of the columns of the user's splits.
    pub(super) splits: Vec<String>,
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
