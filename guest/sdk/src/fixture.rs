//! Parquet files, datasets and a trainer, for tests and fuzzers.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Repetition, Type as Physical};
use parquet::data_type::{BoolType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::contract::{CONTRACT, Column, ColumnKind, LAYOUT_KEY, Layout, Role};
use crate::offer::{Offer, Offered};
use crate::{
    Fault, Guest, Job, Learning, Param, ParamKind, Params, Prediction, PredictionBuf,
    PredictionValues, Scorer, Table, Trainer, TrainerDescription, Values,
};

/// The values of a column of one of the supported types.
#[derive(Clone)]
pub(crate) enum Cells {
    Bool(Vec<Option<bool>>),
    Int(Vec<Option<i32>>),
    Long(Vec<Option<i64>>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    /// A REQUIRED column.
    Required(Vec<f64>),
}

impl Cells {
    fn physical(&self) -> Physical {
        match self {
            Self::Bool(_) => Physical::BOOLEAN,
            Self::Int(_) => Physical::INT32,
            Self::Long(_) => Physical::INT64,
            Self::Float(_) => Physical::FLOAT,
            Self::Double(_) | Self::Required(_) => Physical::DOUBLE,
        }
    }
}

/// A Parquet file with row groups of `group` rows.
pub(crate) fn parquet(columns: &[(&str, Cells)], layout: Option<&str>, group: usize) -> Bytes {
    let fields = columns.iter().map(|(name, cells)| {
        let repetition = match cells {
            Cells::Required(_) => Repetition::REQUIRED,
            _ => Repetition::OPTIONAL,
        };
        let column = Type::primitive_type_builder(name, cells.physical());
        Arc::new(column.with_repetition(repetition).build().unwrap())
    });
    let schema = Type::group_type_builder("schema").with_fields(fields.collect());
    let pairs = layout.map(|json| vec![KeyValue::new(LAYOUT_KEY.to_owned(), json.to_owned())]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(7)
        .set_write_batch_size(5)
        .set_key_value_metadata(pairs)
        .build();
    let schema = Arc::new(schema.build().unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let rows = columns.iter().map(|(_, cells)| match cells {
        Cells::Bool(values) => values.len(),
        Cells::Int(values) => values.len(),
        Cells::Long(values) => values.len(),
        Cells::Float(values) => values.len(),
        Cells::Double(values) => values.len(),
        Cells::Required(values) => values.len(),
    });
    let rows = rows.max().unwrap_or(0);
    for start in (0..rows).step_by(group) {
        let end = rows.min(start + group);
        let mut row_group = writer.next_row_group().unwrap();
        for (_, cells) in columns {
            let mut column = row_group.next_column().unwrap().unwrap();
            match cells {
                Cells::Bool(values) => write::<BoolType>(&mut column, &values[start..end]),
                Cells::Int(values) => write::<Int32Type>(&mut column, &values[start..end]),
                Cells::Long(values) => write::<Int64Type>(&mut column, &values[start..end]),
                Cells::Float(values) => write::<FloatType>(&mut column, &values[start..end]),
                Cells::Double(values) => write::<DoubleType>(&mut column, &values[start..end]),
                Cells::Required(values) => {
                    let typed = column.typed::<DoubleType>();
                    typed.write_batch(&values[start..end], None, None).unwrap();
                }
            }
            column.close().unwrap();
        }
        row_group.close().unwrap();
    }
    writer.into_inner().unwrap().into()
}

fn write<T: DataType<T: Copy>>(
    column: &mut parquet::file::writer::SerializedColumnWriter<'_>,
    values: &[Option<T::T>],
) {
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let present: Vec<T::T> = values.iter().flatten().copied().collect();
    let typed = column.typed::<T>();
    typed.write_batch(&present, Some(&levels), None).unwrap();
}

/// A column of a layout; a category if there are `labels`.
pub(crate) fn column(name: &str, role: Role, labels: Option<&[&str]>) -> Column {
    let kind = match labels {
        None => ColumnKind::Number,
        Some(labels) => ColumnKind::Category {
            labels: labels.iter().map(ToString::to_string).collect(),
        },
    };
    Column {
        name: name.to_owned(),
        role,
        kind,
    }
}

/// A dataset file with the layout of `columns`.
pub(crate) fn dataset(columns: &[(Column, Cells)]) -> Bytes {
    let layout = Layout {
        contract: CONTRACT,
        columns: columns.iter().map(|(column, _)| column.clone()).collect(),
    };
    let json = serde_json::to_string(&layout).unwrap();
    let named = columns
        .iter()
        .map(|(c, cells)| (c.name.as_str(), cells.clone()));
    parquet(&named.collect::<Vec<_>>(), Some(&json), 10)
}

/// A splits file of one column.
pub(crate) fn splits(name: &str, values: &[Option<i32>]) -> Bytes {
    parquet(&[(name, Cells::Int(values.to_vec()))], None, 10)
}

/// A trainer without a fit: the probability of class 1 is feature 0 plus the
/// hyper-parameter `bias`, clamped to 0 and 1.
pub(crate) struct Echo;

thread_local! {
    /// The number of calls of `Echo::prepare`.
    pub(crate) static PREPARED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn echo(numbers: &[f64], rows: impl Iterator<Item = usize>, bias: f64) -> Vec<f64> {
    rows.map(|row| (numbers[row] + bias).clamp(0.0, 1.0))
        .collect()
}

fn bias(params: &Params) -> f64 {
    params["bias"].as_f64().unwrap()
}

impl Trainer for Echo {
    type Prepared = Vec<f64>;
    type Model = (f64, Vec<String>);

    fn description() -> TrainerDescription {
        let param = |name, kind, default| Param::new(name, vec![kind], default, "");
        let mut description = TrainerDescription::new(
            "echo",
            "",
            vec![Learning::Binary],
            vec![
                param(
                    "bias",
                    ParamKind::Float {
                        min: Some(-1.0),
                        max: Some(1.0),
                        above_min: false,
                    },
                    serde_json::json!(0.0),
                ),
                param("forget", ParamKind::Bool, serde_json::json!(false)),
            ],
        );
        description.abilities.weights = true;
        description
    }

    fn prepare(table: &Table) -> Result<Vec<f64>, Fault> {
        PREPARED.set(PREPARED.get() + 1);
        match table.values(0)? {
            Values::Number(numbers) => Ok(numbers),
            Values::Category(_) => Err(Fault::InvalidTask("no number".to_owned())),
        }
    }

    fn evaluate(data: &Vec<f64>, job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
        for (index, params) in job.candidates.iter().enumerate() {
            if params["forget"] == true {
                continue;
            }
            let rows =
                |rows: &[u32]| echo(data, rows.iter().map(|row| *row as usize), bias(params));
            scorer.test(index, Prediction::Binary(&rows(job.test)))?;
            if scorer.wants_train() {
                scorer.train(index, Prediction::Binary(&rows(job.train)))?;
            }
        }
        Ok(1)
    }

    fn fit(_: &Vec<f64>, job: &Job<'_>) -> Result<Self::Model, Fault> {
        Ok((bias(&job.candidates[0]), job.target.classes().to_vec()))
    }

    fn predict(model: &Self::Model, table: &Table) -> Result<PredictionBuf, Fault> {
        let numbers = Self::prepare(table)?;
        Ok(PredictionBuf {
            values: PredictionValues::Binary(echo(&numbers, 0..table.rows(), model.0)),
            classes: model.1.clone(),
        })
    }
}

/// A guest that offers [`Echo`].
pub(crate) struct EchoGuest;

impl Guest for EchoGuest {
    const NAME: &'static str = "test 0";

    fn trainers() -> Vec<&'static dyn Offer> {
        vec![&Offered::<Echo>::OFFER]
    }
}

/// Six rows of one feature and the target `y`, and a splits file with two
/// folds in column `fold`.
pub(crate) fn files() -> (Bytes, Bytes) {
    let x = Cells::Double([0.1, 0.9, 0.8, 0.2, 0.7, 0.4].map(Some).to_vec());
    let y = Cells::Int([0, 1, 1, 0, 0, 1].map(Some).to_vec());
    let table = dataset(&[
        (column("x", Role::Feature, None), x),
        (column("y", Role::Target, Some(&["no", "yes"])), y),
    ]);
    let folds = [0, 0, 0, 1, 1, 1].map(Some);
    (table, splits("fold", &folds))
}
