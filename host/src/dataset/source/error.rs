//! [`SourceError`], and [`BatchError`].

use std::path::{Path, PathBuf};

use ::parquet::errors::ParquetError;
use arrow_schema::ArrowError;

use super::compression::Compression;
use crate::store::StoreError;

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
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
    /// The glob is malformed.
    #[error("`{pattern}` is not a pattern of file names")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: glob::PatternError,
    },
    /// A folder without a file of a known format.
    #[error(
        "the folder `{}` holds no file that ends in `.csv`, `.tsv` (or these with `.gz` or \
         `.zst`), `.parquet`, `.pq`, `.arrow`, `.feather`, `.ipc` or `.arrows`",
        path.display()
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The scheme of the URL is unknown.
    #[error(
        "can't read from `{url}`; a source is a path, a URL (`s3://`, `gs://`, `az://`, \
         `https://`, `file://`), or `store://PATH`, a path in the plan's store"
    )]
    UnknownUrl {
        /// The URL.
        url: String,
    },
    /// There is no object at the URL.
    #[error("nothing is at `{url}`")]
    NothingAt {
        /// The URL.
        url: String,
    },
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file can't be opened or read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The extension is of no known format.
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
    /// A file with other columns than the first.
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
    /// A file without a byte or a record.
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
    /// A record with another number of fields.
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
        found: usize,
        /// What may be wrong.
        hint: &'static str,
    },
    /// A record that is too long.
    #[error(
        "`{}`, line {line}: a record of more than {most} MiB; is a quote left open?",
        path.display()
    )]
    LongRecord {
        /// The file.
        path: PathBuf,
        /// Its first line, from 1.
        line: u64,
        /// The limit in MiB.
        most: usize,
    },
    /// Text in another encoding.
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
    /// A value that is not what the plan says that its column holds.
    #[error(
        "{}: the column `{column}` holds `{text}`, which is not {expected}; correct it, say \
         otherwise in `dataset.columns`, or add it to `csv.null_values` if it means a missing value",
        place(path, *line)
    )]
    Unlike {
        /// The file.
        path: PathBuf,
        /// The line, from 1, of a text file.
        line: Option<u64>,
        /// The column.
        column: String,
        /// The value.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// A column of a type that is not what the plan says that it holds.
    #[error(
        "the column `{column}` of `{}` has the type `{found}`, which is not {expected}; remove it \
         from `dataset.columns`",
        path.display()
    )]
    OtherType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A file that begins with the byte order mark of UTF-16.
    #[error("`{}` is UTF-16; save the file as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// The plan names more or fewer columns than there are.
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
    /// A damaged or truncated file.
    #[error(
        "`{}` is not a whole {format} file: it is damaged or was cut short{}",
        path.display(),
        column.as_ref().map(|column| format!(", first in its column `{column}`")).unwrap_or_default()
    )]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// The first column that can't be read, where others can.
        column: Option<String>,
        /// The format.
        format: &'static str,
        /// The cause.
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

fn place(path: &Path, line: Option<u64>) -> String {
    match line {
        Some(line) => format!("`{}`, line {line}", path.display()),
        None => format!("`{}`", path.display()),
    }
}

impl SourceError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Store(error) => return error.remedy(),
            Self::Missing { .. } | Self::NoMatch { .. } => {
                "correct the name, or put the file there"
            }
            Self::Pattern { .. } => "write such as `data/*.csv`; `*`, `?` and `[...]` are special",
            Self::EmptyFolder { .. } => "put the files there, or name another folder or a file",
            Self::NothingAt { .. } => "correct the URL, or upload the file",
            Self::Read { .. } => "see that it is a file and that you may read it",
            Self::Empty { .. } | Self::NoRows { .. } => "name a file with rows",
            Self::LongRecord { .. } => "close the quote there",
            Self::Names { .. } => "give `csv.names` one name for each column",
            Self::NotWhole { .. } => "copy or write it again",
            Self::UnknownUrl { .. }
            | Self::UnknownEnding { .. }
            | Self::MixedFormats { .. }
            | Self::OtherColumns { .. }
            | Self::Ragged { .. }
            | Self::NotUtf8 { .. }
            | Self::Unlike { .. }
            | Self::OtherType { .. }
            | Self::Utf16 { .. }
            | Self::Duplicate { .. }
            | Self::Changed { .. } => return None,
        })
    }

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

    /// A text file can't be read or decompressed.
    pub(super) fn text(path: &Path, source: std::io::Error) -> Self {
        match Compression::of(path) {
            None => Self::read(path, source),
            Some(compression) => Self::NotWhole {
                path: path.to_owned(),
                column: None,
                format: compression.name(),
                source: source.into(),
            },
        }
    }

    pub(super) fn arrow(path: &Path, source: ArrowError) -> Self {
        Self::NotWhole {
            path: path.to_owned(),
            column: None,
            format: "Arrow",
            source: source.into(),
        }
    }

    pub(super) fn arrow_of_parquet(path: &Path, source: ArrowError) -> Self {
        Self::NotWhole {
            path: path.to_owned(),
            column: None,
            format: "Parquet",
            source: source.into(),
        }
    }

    pub(super) fn parquet(path: &Path, source: ParquetError) -> Self {
        Self::NotWhole {
            path: path.to_owned(),
            column: None,
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

/// Why a batch can't be read.
#[derive(Debug)]
pub(in crate::dataset) enum BatchError {
    /// A value is not of the type that was inferred for its column, or missing
    /// in a column without missing values: see
    /// [`super::Source::infer_from_all_rows`].
    TypeTooNarrow,
    /// The source can't be read.
    Source(SourceError),
}

impl From<SourceError> for BatchError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}
