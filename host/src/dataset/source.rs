//! [`Source`]: the files of a table, read as a stream of Arrow record
//! batches, only the columns that are needed.
//!
//! It refuses files that do not agree with each other, and takes a folder's
//! files by their endings: `.csv`, `.tsv`, `.parquet`, `.pq`, `.arrow`,
//! `.feather`, `.ipc`, `.arrows`.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use ::parquet::file::statistics::Statistics;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};

use super::csv;
use crate::plan::{DatasetPlan, SourceFormat};

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing has this name.
    #[error("there is no file `{}`; a source is looked for beside its plan", path.display())]
    Missing {
        /// The name.
        path: PathBuf,
    },
    /// No file matches.
    #[error("no file matches `{pattern}`; a source is looked for beside its plan")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// The glob is not one.
    #[error("`{pattern}` is not a pattern of file names")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: glob::PatternError,
    },
    /// A folder without data.
    #[error(
        "the folder `{}` holds no file that ends in `.csv`, `.tsv`, `.parquet`, `.pq`, `.arrow`, \
         `.feather`, `.ipc` or `.arrows`",
        path.display()
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The scheme of the URL is unknown.
    #[error("can't read from `{url}`; a source is a path or a `file://` URL")]
    UnknownUrl {
        /// The URL.
        url: String,
    },
    /// The file can't be opened or read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The ending says nothing.
    #[error(
        "can't tell the format of `{}` by its name; say `format: csv`, `parquet` or `arrow`",
        path.display()
    )]
    UnknownEnding {
        /// The file.
        path: PathBuf,
    },
    /// Files of several formats.
    #[error(
        "`{}` and `{}` have different formats; name the files of one by a glob such as `*.csv`",
        first.display(),
        other.display()
    )]
    MixedFormats {
        /// A file.
        first: PathBuf,
        /// A file of another format.
        other: PathBuf,
    },
    /// Files with other columns.
    #[error(
        "`{}` has {difference}, unlike `{}`; all files of a source have the same columns in the \
         same order",
        path.display(),
        first.display()
    )]
    OtherColumns {
        /// The file.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
        /// What differs.
        difference: String,
    },
    /// No byte, or no record.
    #[error("`{}` is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Columns but no rows.
    #[error("`{}` has {columns} columns and no row", path.display())]
    NoRows {
        /// The first file.
        path: PathBuf,
        /// The number of columns.
        columns: usize,
    },
    /// A row of another length.
    #[error(
        "`{}`, line {line}: expected {expected} fields, found {found}; {hint}",
        path.display()
    )]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The number of columns.
        expected: usize,
        /// The number of fields.
        found: String,
        /// What may be wrong.
        hint: &'static str,
    },
    /// Bytes that are not text.
    #[error(
        "`{}`, line {line}, column {column}: not UTF-8; save the file as UTF-8",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column's name or number.
        column: String,
    },
    /// The mark of UTF-16.
    #[error("`{}` is UTF-16; save the file as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// The plan's names do not fit the header.
    #[error(
        "`{}` has {found} columns, and the plan's `names` are {expected}",
        path.display()
    )]
    Names {
        /// The file.
        path: PathBuf,
        /// The number of names.
        expected: usize,
        /// The number of columns.
        found: usize,
    },
    /// Two columns of one name.
    #[error("`{}` has two columns called `{name}`; rename one", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Not the format that it should be.
    #[error("`{}` is not a whole {format} file: it is damaged or was cut short", path.display())]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file that was written while it was read.
    #[error("`{}` changed while it was read; run again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl SourceError {
    pub(super) fn open(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::NotFound {
            Self::Missing {
                path: path.to_owned(),
            }
        } else {
            Self::read(path, source)
        }
    }

    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn arrow(path: &Path, source: ArrowError) -> Self {
        Self::NotWhole {
            path: path.to_owned(),
            format: "Arrow",
            source: source.into(),
        }
    }

    fn parquet(path: &Path, source: ParquetError) -> Self {
        Self::NotWhole {
            path: path.to_owned(),
            format: "Parquet",
            source: source.into(),
        }
    }

    pub(super) fn other_columns(
        path: &Path,
        first: &Path,
        names: &[String],
        found: &[String],
    ) -> Self {
        let difference = match names.iter().zip(found).position(|(a, b)| a != b) {
            Some(at) => format!("the column `{}` in the place of `{}`", found[at], names[at]),
            None => format!("{} columns and not {}", found.len(), names.len()),
        };
        Self::OtherColumns {
            path: path.to_owned(),
            first: first.to_owned(),
            difference,
        }
    }
}

/// Why there is no batch.
#[derive(Debug)]
pub(super) enum BatchError {
    /// A value is of none of its column's types so far, or missing where none
    /// should be: see [`Source::look_at_all`].
    Wider,
    /// The source is bad.
    Source(SourceError),
}

impl From<SourceError> for BatchError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// One column of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Its type. All texts are [`DataType::Utf8`], however they are stored.
    pub data_type: DataType,
    /// Whether a value may be missing.
    pub nullable: bool,
}

/// What is known of a source without reading it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// The columns. The types of a CSV file's are those of its first rows.
    pub columns: Vec<SourceColumn>,
    /// The number of rows; `None` where only reading all would tell.
    pub rows: Option<u64>,
    /// The number of files.
    pub files: usize,
    /// The size of all files in bytes.
    pub bytes: u64,
}

/// The files of a table.
#[derive(Debug)]
pub(super) struct Source {
    files: Vec<PathBuf>,
    format: SourceFormat,
    dialect: csv::Dialect,
    columns: Vec<SourceColumn>,
    rows: Option<u64>,
    looked_at_all: bool,
}

/// The batches of a source.
pub(super) type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, BatchError>> + 'a>;

impl Source {
    /// Finds the files, and their columns.
    pub(super) fn open(plan: &DatasetPlan) -> Result<Self, SourceError> {
        let (files, format) = resolve(&plan.source, plan.format)?;
        let mut source = Self {
            dialect: csv::Dialect::new(&plan.csv, &ending(&files[0])),
            files,
            format,
            columns: Vec::new(),
            rows: None,
            looked_at_all: false,
        };
        match format {
            SourceFormat::Csv => source.infer(csv::SAMPLE)?,
            SourceFormat::Parquet => source.outline_parquet()?,
            SourceFormat::Arrow => source.outline_arrow()?,
        }
        if source.rows == Some(0) {
            return Err(source.no_rows());
        }
        let mut names: Vec<&str> = source.columns.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SourceError::Duplicate {
                path: source.files[0].clone(),
                name: pair[0].to_owned(),
            });
        }
        Ok(source)
    }

    /// The error that there is nothing to learn from.
    pub(super) fn no_rows(&self) -> SourceError {
        SourceError::NoRows {
            path: self.files[0].clone(),
            columns: self.columns.len(),
        }
    }

    /// The columns, in order.
    pub(super) fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    /// The number of rows, where it is known.
    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The first file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.files[0]
    }

    /// What is known so far.
    pub(super) fn outline(&self) -> Result<Outline, SourceError> {
        let sizes = self.files.iter().map(|path| {
            Ok(std::fs::metadata(path)
                .map_err(|e| SourceError::open(path, e))?
                .len())
        });
        let mut columns = self.columns.clone();
        if self.rows.is_none() && self.format == SourceFormat::Csv {
            // Values may follow; what they are is not known yet.
            let unknown = columns
                .iter_mut()
                .filter(|column| column.data_type == DataType::Null);
            unknown.for_each(|column| column.data_type = DataType::Utf8);
        }
        Ok(Outline {
            columns,
            rows: self.rows,
            files: self.files.len(),
            bytes: sizes.sum::<Result<u64, SourceError>>()?,
        })
    }

    /// Takes the types of CSV columns from every value, and no other file's
    /// word that nothing is missing. To be called once after
    /// [`BatchError::Wider`].
    pub(super) fn look_at_all(&mut self) -> Result<(), SourceError> {
        if std::mem::replace(&mut self.looked_at_all, true) {
            return Err(SourceError::Changed {
                path: self.files[0].clone(),
            });
        }
        match self.format {
            SourceFormat::Csv => self.infer(u64::MAX),
            SourceFormat::Parquet | SourceFormat::Arrow => {
                self.columns
                    .iter_mut()
                    .for_each(|column| column.nullable = true);
                Ok(())
            }
        }
    }

    /// Takes no value to be missing, as a file may say that is not so.
    #[cfg(test)]
    pub(super) fn promise_values(&mut self) {
        self.columns
            .iter_mut()
            .for_each(|column| column.nullable = false);
    }

    fn infer(&mut self, limit: u64) -> Result<(), SourceError> {
        let inferred = csv::infer(&self.files, &self.dialect, limit)?;
        if inferred.names.is_empty() {
            return Err(SourceError::Empty {
                path: self.files[0].clone(),
            });
        }
        self.columns = inferred
            .names
            .into_iter()
            .zip(inferred.types)
            .map(|(name, (data_type, nullable))| SourceColumn {
                name,
                data_type,
                nullable,
            })
            .collect();
        self.rows = inferred.rows;
        Ok(())
    }

    fn outline_parquet(&mut self) -> Result<(), SourceError> {
        let mut rows = 0;
        let mut first: Option<Vec<SourceColumn>> = None;
        for path in &self.files {
            let (_, metadata) = open_parquet(path)?;
            rows += u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
            let nullable = |index| may_be_missing(metadata.metadata(), index);
            self.agree(path, metadata.schema(), nullable, &mut first)?;
        }
        self.rows = Some(rows);
        self.columns = first.unwrap_or_default();
        Ok(())
    }

    fn outline_arrow(&mut self) -> Result<(), SourceError> {
        let mut first = None;
        for path in &self.files {
            let reader = ArrowReader::open(path, None)?;
            let schema = reader.schema();
            let nullable = |index: usize| schema.field(index).is_nullable();
            self.agree(path, &schema, nullable, &mut first)?;
        }
        self.columns = first.unwrap_or_default();
        Ok(())
    }

    fn agree(
        &self,
        path: &Path,
        schema: &Schema,
        nullable: impl Fn(usize) -> bool,
        first: &mut Option<Vec<SourceColumn>>,
    ) -> Result<(), SourceError> {
        let columns: Vec<SourceColumn> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| SourceColumn {
                name: field.name().clone(),
                data_type: plain(field.data_type()),
                nullable: nullable(index),
            })
            .collect();
        let Some(expected) = first else {
            *first = Some(columns);
            return Ok(());
        };
        let names = |columns: &[SourceColumn]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        if names(expected) != names(&columns) {
            let (expected, found) = (names(expected), names(&columns));
            return Err(SourceError::other_columns(
                path,
                &self.files[0],
                &expected,
                &found,
            ));
        }
        match expected
            .iter()
            .zip(&columns)
            .find(|(a, b)| a.data_type != b.data_type)
        {
            None => {
                for (column, other) in expected.iter_mut().zip(columns) {
                    column.nullable |= other.nullable;
                }
                Ok(())
            }
            Some((expected, found)) => Err(SourceError::OtherColumns {
                path: path.to_owned(),
                first: self.files[0].clone(),
                difference: format!(
                    "the column `{}` of type `{}` and not `{}`",
                    found.name,
                    type_name(&found.data_type),
                    type_name(&expected.data_type)
                ),
            }),
        }
    }

    /// The columns with these indices (ascending, each once), in batches of
    /// at most `batch` rows.
    pub(super) fn batches<'a>(&'a self, projection: &'a [usize], batch: usize) -> Batches<'a> {
        let files = self.files.iter().map(PathBuf::as_path);
        match self.format {
            SourceFormat::Csv => {
                let fields: Vec<Field> = projection
                    .iter()
                    .map(|index| &self.columns[*index])
                    .map(|column| Field::new(&column.name, column.data_type.clone(), true))
                    .collect();
                let schema = Arc::new(Schema::new(fields));
                Box::new(files.flat_map(move |path| {
                    let reader =
                        csv::Reader::open(path, &self.dialect, schema.clone(), projection, batch);
                    each(reader.map_err(BatchError::from), csv::Reader::next)
                }))
            }
            SourceFormat::Parquet => Box::new(files.flat_map(move |path| {
                let reader = open_parquet(path).and_then(|(file, metadata)| {
                    let columns = metadata.parquet_schema();
                    let mask = ProjectionMask::roots(columns, projection.iter().copied());
                    ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                        .with_projection(mask)
                        .with_batch_size(batch)
                        .build()
                        .map_err(|source| SourceError::parquet(path, source))
                });
                each(reader.map_err(BatchError::from), move |reader| {
                    let batch = reader.next().transpose();
                    batch.map_err(|source| {
                        let format = "Parquet";
                        let source = source.into();
                        SourceError::NotWhole {
                            path: path.to_owned(),
                            format,
                            source,
                        }
                        .into()
                    })
                })
            })),
            SourceFormat::Arrow => Box::new(files.flat_map(move |path| {
                let reader = ArrowReader::open(path, Some(projection.to_vec()));
                let mut rest: Option<RecordBatch> = None;
                each(reader.map_err(BatchError::from), move |reader| {
                    // The batches of a file may be as large as the file.
                    let whole = match rest.take() {
                        Some(batch) => Some(batch),
                        None => reader
                            .next()
                            .transpose()
                            .map_err(|source| SourceError::arrow(path, source))?,
                    };
                    Ok(whole.map(|whole| {
                        if whole.num_rows() > batch {
                            rest = Some(whole.slice(batch, whole.num_rows() - batch));
                            whole.slice(0, batch)
                        } else {
                            whole
                        }
                    }))
                })
            })),
        }
    }
}

/// An iterator that asks an opened reader until it has no more, and ends
/// after an error.
fn each<R>(
    reader: Result<R, BatchError>,
    mut next: impl FnMut(&mut R) -> Result<Option<RecordBatch>, BatchError>,
) -> impl Iterator<Item = Result<RecordBatch, BatchError>> {
    let mut state = Some(reader);
    std::iter::from_fn(move || {
        let mut reader = match state.take()? {
            Ok(reader) => reader,
            Err(error) => return Some(Err(error)),
        };
        let batch = next(&mut reader).transpose()?;
        if batch.is_ok() {
            state = Some(Ok(reader));
        }
        Some(batch)
    })
}

/// The files that a plan's `source` names, sorted, and their format.
fn resolve(
    source: &str,
    format: Option<SourceFormat>,
) -> Result<(Vec<PathBuf>, SourceFormat), SourceError> {
    let path = match source.split_once("://") {
        None => source,
        Some(("file", path)) => path,
        Some(_) => {
            return Err(SourceError::UnknownUrl {
                url: source.to_owned(),
            });
        }
    };
    let mut files = if Path::new(path).is_dir() {
        let folder = Path::new(path);
        let read = |source| SourceError::read(folder, source);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(read)? {
            let file = entry.map_err(read)?.path();
            let hidden = file.file_name().is_some_and(|name| {
                name.as_encoded_bytes().starts_with(b".")
                    || name.as_encoded_bytes().starts_with(b"_")
            });
            if file.is_file() && !hidden && (format.is_some() || by_ending(&file).is_some()) {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(SourceError::EmptyFolder {
                path: folder.to_owned(),
            });
        }
        files
    } else if Path::new(path).exists() {
        vec![PathBuf::from(path)]
    } else if path.contains(['*', '?', '[']) {
        let matches = glob::glob(path).map_err(|source| SourceError::Pattern {
            pattern: path.to_owned(),
            source,
        })?;
        let mut files = Vec::new();
        for file in matches {
            let file = file.map_err(|error| {
                let path = error.path().to_owned();
                SourceError::Read {
                    path,
                    source: error.into(),
                }
            })?;
            if file.is_file() {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(SourceError::NoMatch {
                pattern: path.to_owned(),
            });
        }
        files
    } else {
        return Err(SourceError::Missing {
            path: PathBuf::from(path),
        });
    };
    files.sort_unstable();
    if let Some(format) = format {
        return Ok((files, format));
    }
    let of = |file: &Path| {
        by_ending(file).ok_or_else(|| SourceError::UnknownEnding {
            path: file.to_owned(),
        })
    };
    let format = of(&files[0])?;
    for file in &files[1..] {
        if of(file)? != format {
            let (first, other) = (files[0].clone(), file.clone());
            return Err(SourceError::MixedFormats { first, other });
        }
    }
    Ok((files, format))
}

fn ending(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase()
}

fn by_ending(path: &Path) -> Option<SourceFormat> {
    match ending(path).as_str() {
        "csv" | "tsv" => Some(SourceFormat::Csv),
        "parquet" | "pq" => Some(SourceFormat::Parquet),
        "arrow" | "feather" | "ipc" | "arrows" => Some(SourceFormat::Arrow),
        _ => None,
    }
}

/// A type as people say it.
pub(super) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::Null => "missing".to_owned(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            "list".to_owned()
        }
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// A type without the ways in which Arrow may store it.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}

/// Opens a Parquet file. Texts that are stored by a dictionary are read by
/// it: their categories then cost a look-up a row and not a hash.
fn open_parquet(path: &Path) -> Result<(File, ArrowReaderMetadata), SourceError> {
    let file = File::open(path).map_err(|source| SourceError::open(path, source))?;
    let size = file
        .metadata()
        .map_err(|source| SourceError::read(path, source))?
        .len();
    if size == 0 {
        return Err(SourceError::Empty {
            path: path.to_owned(),
        });
    }
    let fail = |source| SourceError::parquet(path, source);
    let options = ArrowReaderOptions::new();
    let metadata = ArrowReaderMetadata::load(&file, options.clone()).map_err(fail)?;
    let fields = metadata
        .schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let text = matches!(
                field.data_type(),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            );
            if text && has_dictionary(metadata.metadata(), index) {
                let kind = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
                Arc::new(field.as_ref().clone().with_data_type(kind))
            } else {
                field.clone()
            }
        });
    let schema = Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        metadata.schema().metadata().clone(),
    );
    let options = options.with_schema(Arc::new(schema));
    let metadata =
        ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(fail)?;
    Ok((file, metadata))
}

fn has_dictionary(metadata: &ParquetMetaData, root: usize) -> bool {
    chunks(metadata, root).all(|chunk| chunk.dictionary_page_offset().is_some())
}

/// Whether the file does not promise that a column has a value in every row.
fn may_be_missing(metadata: &ParquetMetaData, root: usize) -> bool {
    !chunks(metadata, root).all(|chunk| {
        let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
        nulls == Some(0) || chunk.column_descr().max_def_level() == 0
    })
}

/// The chunks of all leaves under a column.
fn chunks(metadata: &ParquetMetaData, root: usize) -> impl Iterator<Item = &ColumnChunkMetaData> {
    let schema = metadata.file_metadata().schema_descr();
    metadata.row_groups().iter().flat_map(move |group| {
        let chunks = group.columns().iter().enumerate();
        chunks
            .filter(move |(leaf, _)| schema.get_column_root_idx(*leaf) == root)
            .map(|(_, c)| c)
    })
}

/// Arrow's IPC in either of its forms.
enum ArrowReader {
    File(FileReader<BufReader<File>>),
    Stream(StreamReader<BufReader<File>>),
}

impl ArrowReader {
    fn open(path: &Path, projection: Option<Vec<usize>>) -> Result<Self, SourceError> {
        let mut file = File::open(path).map_err(|source| SourceError::open(path, source))?;
        let mut magic = [0; 6];
        let read = |source| SourceError::read(path, source);
        match file.read_exact(&mut magic) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                if file.metadata().map_err(read)?.len() == 0 {
                    return Err(SourceError::Empty {
                        path: path.to_owned(),
                    });
                }
            }
            other => other.map_err(read)?,
        }
        file.rewind().map_err(read)?;
        let input = BufReader::new(file);
        let fail = |source| SourceError::arrow(path, source);
        Ok(if &magic == b"ARROW1" {
            Self::File(FileReader::try_new(input, projection).map_err(fail)?)
        } else {
            Self::Stream(StreamReader::try_new(input, projection).map_err(fail)?)
        })
    }

    fn schema(&self) -> SchemaRef {
        match self {
            Self::File(reader) => reader.schema(),
            Self::Stream(reader) => reader.schema(),
        }
    }

    fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Stream(reader) => reader.next(),
        }
    }
}
