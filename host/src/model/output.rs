//! [`RowWriter`]: predictions as a file: CSV, Parquet or Arrow IPC.

use std::io::{self, Write};

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::schema::types::ColumnPath;
use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};

use crate::plan::SourceFormat;

/// Writes batches of one schema.
pub struct RowWriter<W: Write + Send> {
    format: SourceFormat,
    /// Until the first batch shows the schema.
    output: Option<W>,
    open: Option<Open<W>>,
}

enum Open<W: Write + Send> {
    Csv(Box<arrow_csv::Writer<W>>),
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<StreamWriter<W>>),
}

impl<W: Write + Send> std::fmt::Debug for RowWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowWriter")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> RowWriter<W> {
    /// A writer that has written nothing yet.
    pub fn new(format: SourceFormat, output: W) -> Self {
        Self {
            format,
            output: Some(output),
            open: None,
        }
    }

    /// Writes a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        if let Some(output) = self.output.take() {
            let schema = batch.schema();
            self.open = Some(match self.format {
                SourceFormat::Csv => Open::Csv(Box::new(arrow_csv::Writer::new(output))),
                SourceFormat::Parquet => {
                    let properties = Some(properties(&schema));
                    let writer = ArrowWriter::try_new(output, schema, properties);
                    Open::Parquet(Box::new(writer.map_err(of_parquet)?))
                }
                SourceFormat::Arrow => {
                    let writer = StreamWriter::try_new(output, &schema).map_err(of_arrow)?;
                    Open::Arrow(Box::new(writer))
                }
            });
        }
        match self.open.as_mut().expect("it was opened") {
            Open::Csv(writer) => writer.write(batch).map_err(of_arrow),
            Open::Parquet(writer) => writer.write(batch).map_err(of_parquet),
            Open::Arrow(writer) => writer.write(batch).map_err(of_arrow),
        }
    }

    /// Ends the file.
    pub fn finish(self) -> io::Result<()> {
        match self.open {
            None => Ok(()),
            Some(Open::Csv(writer)) => writer.into_inner().flush(),
            Some(Open::Parquet(writer)) => {
                let mut output = writer.into_inner().map_err(of_parquet)?;
                output.flush()
            }
            Some(Open::Arrow(mut writer)) => {
                writer.finish().map_err(of_arrow)?;
                writer.get_mut().flush()
            }
        }
    }
}

/// A dictionary of predicted numbers, nearly all distinct, costs more than it saves.
fn properties(schema: &Schema) -> WriterProperties {
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    for field in schema.fields() {
        if field.data_type().is_floating() {
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

/// The error of the output itself, if it is one.
fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        error => io::Error::other(error),
    }
}

fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
