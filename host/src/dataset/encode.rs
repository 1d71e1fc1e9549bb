//! [`Encoder`]: the columns of a source become those of a dataset.
//!
//! Whole and real numbers stay numbers, texts become categories, dates
//! become days since 1970-01-01, and timestamps whole numbers since then, in
//! UTC and in the source's own unit (microseconds for CSV). Missing values
//! stay missing; a target may have none. It refuses types that are no value
//! of a table's cell, such as lists and bytes.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use fanout_contract::{CONTRACT, Column, ColumnKind, Layout, Role};
use rayon::prelude::*;

use super::category::{self, Coder, Joiner, Labels, MISSING};
use super::source::{BatchError, Source, SourceColumn, type_name};
use crate::plan::{Cv, DatasetPlan, FeaturePlan};
use cell::{store, stored};

mod cell;
mod error;

pub use error::EncodeError;
pub(super) use error::EncodeStop;

/// A column of the source that is read.
#[derive(Debug)]
struct Input {
    name: String,
    data_type: DataType,
    nullable: bool,
    /// Where the column's categories are needed.
    coder: Option<Coder>,
}

/// A column of the dataset.
#[derive(Debug)]
struct Output {
    name: String,
    role: Role,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// The input's values.
    Number(usize),
    /// The input's categories.
    Category(usize),
    /// Several inputs' categories.
    Joined(Vec<usize>, Box<Joiner>),
}

/// Encodes a source, batch by batch.
#[derive(Debug)]
pub(super) struct Encoder {
    source_name: String,
    projection: Vec<usize>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    target: usize,
    fold: Option<usize>,
    rows: u64,
    missing: Missing,
}

/// Rows without a target.
#[derive(Debug, Default)]
struct Missing {
    count: u64,
    first: Vec<u64>,
}

/// A batch of a dataset.
#[derive(Debug)]
pub(super) struct Encoded {
    /// The columns, in the layout's order: the features, then the target.
    pub(super) columns: Vec<ArrayRef>,
    /// The class of each row; `None` where the target is a number.
    pub(super) classes: Option<Vec<u32>>,
    /// The code of each row's fold, where a column names it.
    pub(super) folds: Option<Vec<u32>>,
}

impl Encoder {
    /// Works out the columns of the dataset. Reads the target's column if it
    /// may hold fractions: numbers are told apart only where they are whole.
    pub(super) fn new(
        source: &Source,
        plan: &DatasetPlan,
        cv: &Cv,
        batch: usize,
    ) -> Result<Self, EncodeStop> {
        let columns = source.columns();
        let source_name = format!("`{}`", source.path().display());
        let find = |name: &str, role| {
            columns
                .iter()
                .position(|column| column.name == name)
                .ok_or_else(|| {
                    let source_name = source_name.clone();
                    EncodeError::NoColumn {
                        source_name,
                        name: name.to_owned(),
                        role,
                        hint: hint(name, columns),
                    }
                })
        };
        let target = find(&plan.target, "the target")?;
        let fold = match cv {
            Cv::PredefinedSplit { column } => Some(find(column, "the column of the folds")?),
            Cv::KFold { .. } | Cv::StratifiedKFold { .. } => None,
        };
        let dropped = plan
            .drop
            .iter()
            .map(|name| find(name, "in `drop`"))
            .collect::<Result<Vec<_>, _>>()?;
        let categorical = plan
            .categorical
            .iter()
            .map(|name| find(name, "in `categorical`"))
            .collect::<Result<Vec<_>, _>>()?;

        let features: Vec<(String, Vec<usize>, Option<&str>)> = match &plan.features {
            None => (0..columns.len())
                .filter(|index| {
                    *index != target && Some(*index) != fold && !dropped.contains(index)
                })
                .map(|index| (columns[index].name.clone(), vec![index], None))
                .collect(),
            Some(features) => features
                .iter()
                .map(|feature| match feature {
                    FeaturePlan::Column(name) => {
                        Ok((name.clone(), vec![find(name, "a feature")?], None))
                    }
                    FeaturePlan::Concat {
                        name,
                        concat,
                        separator,
                    } => {
                        let parts = concat
                            .iter()
                            .map(|part| find(part, "a part of a feature"))
                            .collect::<Result<Vec<_>, _>>()?;
                        Ok((name.clone(), parts, Some(separator.as_str())))
                    }
                })
                .collect::<Result<Vec<_>, EncodeError>>()?,
        };
        if features.is_empty() {
            return Err(EncodeError::NoFeatures { source_name }.into());
        }
        for (index, (name, parts, _)) in features.iter().enumerate() {
            if parts.contains(&target) || *name == plan.target {
                return Err(EncodeError::TargetAmongFeatures {
                    name: plan.target.clone(),
                }
                .into());
            }
            if features[..index].iter().any(|(other, ..)| other == name) {
                return Err(EncodeError::DuplicateFeature { name: name.clone() }.into());
            }
        }

        let mut projection: Vec<usize> = features
            .iter()
            .flat_map(|(_, parts, _)| parts)
            .copied()
            .chain([target])
            .chain(fold)
            .collect();
        projection.sort_unstable();
        projection.dedup();
        let input = |column: usize| projection.binary_search(&column).unwrap_or_default();
        let mut inputs: Vec<Input> = projection
            .iter()
            .map(|index| {
                let SourceColumn {
                    name,
                    data_type,
                    nullable,
                } = columns[*index].clone();
                Input {
                    name,
                    data_type,
                    nullable,
                    coder: None,
                }
            })
            .collect();
        for input in &inputs {
            if stored(&input.data_type).is_none() {
                return Err(EncodeError::UnsupportedType {
                    source_name,
                    name: input.name.clone(),
                    data_type: type_name(&input.data_type),
                }
                .into());
            }
        }

        let mut outputs = Vec::new();
        for (name, parts, separator) in features {
            let text = |index: usize| columns[index].data_type == DataType::Utf8;
            let origin = if let Some(separator) = separator {
                let joiner = Joiner::new(parts.len(), separator);
                Origin::Joined(
                    parts.iter().map(|part| input(*part)).collect(),
                    Box::new(joiner),
                )
            } else if text(parts[0]) || categorical.contains(&parts[0]) {
                Origin::Category(input(parts[0]))
            } else {
                Origin::Number(input(parts[0]))
            };
            outputs.push(Output {
                name,
                role: Role::Feature,
                origin,
            });
        }
        let at = input(target);
        let origin = if has_fractions(source, target, batch)? {
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
        outputs.push(Output {
            name: plan.target.clone(),
            role: Role::Target,
            origin,
        });

        for output in &outputs {
            match &output.origin {
                Origin::Number(_) => {}
                Origin::Category(index) => inputs[*index].coder = Some(Coder::default()),
                Origin::Joined(parts, _) => {
                    parts
                        .iter()
                        .for_each(|part| inputs[*part].coder = Some(Coder::default()));
                }
            }
        }
        let fold = fold.map(input);
        if let Some(fold) = fold {
            inputs[fold].coder = Some(Coder::default());
        }
        Ok(Self {
            source_name,
            projection,
            inputs,
            outputs,
            target: at,
            fold,
            rows: 0,
            missing: Missing::default(),
        })
    }

    /// The indices of the source's columns that are read.
    pub(super) fn projection(&self) -> &[usize] {
        &self.projection
    }

    /// The dataset's columns as Arrow names them.
    pub(super) fn schema(&self) -> SchemaRef {
        let fields = self.outputs.iter().map(|output| {
            let data_type = match &output.origin {
                Origin::Number(input) => stored(&self.inputs[*input].data_type)
                    .expect("unsupported types were turned away"),
                Origin::Category(_) | Origin::Joined(..) => DataType::Int32,
            };
            let nullable = output.role != Role::Target && self.may_be_missing(&output.origin);
            Field::new(&output.name, data_type, nullable)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn may_be_missing(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Number(input) | Origin::Category(input) => self.inputs[*input].nullable,
            Origin::Joined(parts, _) => parts.iter().any(|part| self.inputs[*part].nullable),
        }
    }

    /// The type in the source of each column of the dataset.
    pub(super) fn source_types(&self) -> Vec<String> {
        let outputs = self.outputs.iter().map(|output| match &output.origin {
            Origin::Number(input) | Origin::Category(input) => {
                type_name(&self.inputs[*input].data_type)
            }
            Origin::Joined(..) => "string".to_owned(),
        });
        outputs.collect()
    }

    /// The name of the target.
    pub(super) fn target(&self) -> &str {
        &self.inputs[self.target].name
    }

    /// Encodes the source's next batch.
    pub(super) fn encode(&mut self, batch: &RecordBatch) -> Result<Encoded, EncodeStop> {
        let source_name = &self.source_name;
        let stored: Vec<_> = self
            .inputs
            .par_iter_mut()
            .zip(batch.columns())
            .map(|(input, column)| {
                let Some(value) = store(column, &input.data_type) else {
                    return Err(EncodeError::TooLarge {
                        source_name: source_name.clone(),
                        name: input.name.clone(),
                    });
                };
                let codes = match &mut input.coder {
                    Some(coder) => coder.codes(&value, column),
                    None => Vec::new(),
                };
                Ok((value, codes))
            })
            .collect();
        // Of several errors, the first column's.
        let stored = stored.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (values, mut codes): (Vec<ArrayRef>, Vec<Vec<u32>>) = stored.into_iter().unzip();
        let mut columns = Vec::with_capacity(self.outputs.len());
        for output in &mut self.outputs {
            columns.push(match &mut output.origin {
                Origin::Number(input) => values[*input].clone(),
                Origin::Category(input) => category::array(&codes[*input]),
                Origin::Joined(parts, joiner) => {
                    let parts: Vec<(&[u32], &Labels)> = parts
                        .iter()
                        .map(|part| {
                            let coder = self.inputs[*part].coder.as_ref();
                            let labels = coder.expect("a part has categories").labels();
                            (codes[*part].as_slice(), labels)
                        })
                        .collect();
                    category::array(&joiner.codes(&parts))
                }
            });
        }
        let broken = self.outputs.iter().zip(&columns).any(|(output, column)| {
            output.role == Role::Feature
                && column.null_count() > 0
                && !self.may_be_missing(&output.origin)
        });
        if broken {
            return Err(BatchError::Wider.into());
        }
        let is_number = matches!(
            self.outputs.last(),
            Some(Output {
                origin: Origin::Number(_),
                ..
            })
        );
        let classes = (!is_number).then(|| std::mem::take(&mut codes[self.target]));
        self.check_target(
            classes.as_deref(),
            columns.last().expect("there is a target"),
        )?;
        // The folds may be those of the target's own column.
        let folds = self.fold.map(|fold| match &classes {
            Some(classes) if fold == self.target => classes.clone(),
            _ => std::mem::take(&mut codes[fold]),
        });
        self.rows += batch.num_rows() as u64;
        Ok(Encoded {
            columns,
            classes,
            folds,
        })
    }

    /// Notes where the target is missing.
    fn check_target(
        &mut self,
        classes: Option<&[u32]>,
        target: &ArrayRef,
    ) -> Result<(), EncodeError> {
        let rows = self.rows;
        let missing = &mut self.missing;
        let mut see = |row: usize| {
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
                rows.for_each(|(row, _)| see(row));
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
                _ => see(row),
            }
        }
        Ok(())
    }

    /// Whether a row so far has no target. Such rows can't be written.
    pub(super) fn is_missing_target(&self) -> bool {
        self.missing.count > 0
    }

    /// Ends the stream: checks the target as a whole, and gives the layout.
    pub(super) fn finish(self, positive: Option<&str>) -> Result<Finished, EncodeError> {
        let name = self.target().to_owned();
        if self.missing.count > 0 {
            let first: Vec<String> = self.missing.first.iter().map(u64::to_string).collect();
            return Err(EncodeError::MissingTarget {
                name,
                count: self.missing.count,
                rows: self.rows,
                first: match first.as_slice() {
                    [row] => format!("row {row}"),
                    rows => format!("rows {}", rows.join(", ")),
                },
            });
        }
        let texts = |labels: &Labels| labels.iter().map(|label| label.to_string()).collect();
        let labels = |input: usize| {
            self.inputs[input]
                .coder
                .as_ref()
                .map_or_else(Vec::new, |coder| texts(coder.labels()))
        };
        let fold_labels = self.fold.map(labels);
        let columns: Vec<Column> = self
            .outputs
            .iter()
            .map(|output| Column {
                name: output.name.clone(),
                role: output.role,
                kind: match &output.origin {
                    Origin::Number(_) => ColumnKind::Number,
                    Origin::Category(input) => ColumnKind::Category {
                        labels: labels(*input),
                    },
                    Origin::Joined(_, joiner) => ColumnKind::Category {
                        labels: texts(joiner.labels()),
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
                    && !labels.iter().any(|label| label == positive)
                {
                    return Err(EncodeError::UnknownPositive {
                        name,
                        positive: positive.to_owned(),
                        labels: one_of(&sorted(labels)),
                    });
                }
                Some(labels.clone())
            }
            _ => None,
        };
        let layout = Layout {
            contract: CONTRACT,
            columns,
        };
        Ok(Finished {
            layout,
            classes,
            fold_labels,
        })
    }
}

/// What a whole stream tells.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) layout: Layout,
    /// The labels by code; `None` where the target is a number.
    pub(super) classes: Option<Vec<String>>,
    /// The values of the column of the folds, by code.
    pub(super) fold_labels: Option<Vec<String>>,
}

/// Labels in their natural order: as numbers where all of them are numbers,
/// else as texts.
pub(super) fn sorted(labels: &[String]) -> Vec<String> {
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    let mut sorted = labels.to_vec();
    if numbers.is_some() {
        let number = |label: &str| label.parse().unwrap_or(f64::NAN);
        sorted.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    } else {
        sorted.sort_unstable();
    }
    sorted
}

fn one_of(labels: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = labels
        .iter()
        .take(SHOWN)
        .map(|label| format!("`{label}`"))
        .collect();
    match labels.len() - shown.len() {
        0 => format!("one of {}", shown.join(", ")),
        more => format!("one of {} and {more} more", shown.join(", ")),
    }
}

/// What may have been meant by a name that no column has.
fn hint(name: &str, columns: &[SourceColumn]) -> String {
    let close = columns
        .iter()
        .map(|column| (strsim::jaro_winkler(name, &column.name), &column.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match close {
        Some((score, close)) if score >= 0.8 => format!("; did you mean `{close}`?"),
        _ => {
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            format!("; a column is {}", one_of(&names))
        }
    }
}

/// Whether a column holds a number that is not whole.
fn has_fractions(source: &Source, column: usize, batch: usize) -> Result<bool, BatchError> {
    if !matches!(
        stored(&source.columns()[column].data_type),
        Some(DataType::Float32 | DataType::Float64)
    ) {
        return Ok(false);
    }
    for batch in source.batches(&[column], batch) {
        let batch = batch?;
        let values = cast(batch.column(0), &DataType::Float64).expect("reals are cast to reals");
        let values = values.as_primitive::<Float64Type>();
        if values
            .iter()
            .flatten()
            .any(|value| value.is_finite() && value.fract() != 0.0)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
