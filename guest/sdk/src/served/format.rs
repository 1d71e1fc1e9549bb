//! [`Format`]: the format of the rows of a request.

use crate::Fault;
use crate::request::Refusal;

/// The format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Parquet,
    /// Arrow IPC, a stream or a file.
    Arrow,
}

/// How JSON holds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A list of objects.
    Rows,
    /// An object of lists.
    Columns,
}

impl Format {
    /// The format of a content type; without one, or for bytes of any kind, that of the
    /// body by its first bytes.
    pub(super) fn of(content_type: Option<&str>, body: &[u8]) -> Result<Self, Refusal> {
        let kind = content_type.unwrap_or_default().split(';').next();
        let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            "application/vnd.apache.parquet" => Ok(Self::Parquet),
            "application/vnd.apache.arrow.stream" | "application/vnd.apache.arrow.file" => {
                Ok(Self::Arrow)
            }
            "" | "application/octet-stream" => Ok(Self::of_bytes(body)),
            _ => Err(Refusal {
                status: 415,
                fault: Fault::InvalidTask(format!(
                    "rows come as `application/json`, `text/csv`, `application/vnd.apache.parquet` \
                     or `application/vnd.apache.arrow.stream`, not as `{kind}`"
                )),
            }),
        }
    }

    /// The refusal of a body that is not of this format.
    pub(super) fn malformed(self, message: impl std::fmt::Display) -> Refusal {
        let name = match self {
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow IPC",
        };
        let message = format!("the rows can't be read as {name}: {message}");
        Refusal {
            status: 400,
            fault: Fault::InvalidDataset(message),
        }
    }

    fn of_bytes(body: &[u8]) -> Self {
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        match body {
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [0xff, 0xff, 0xff, 0xff, ..] => Self::Arrow,
            _ if body.starts_with(b"ARROW1") => Self::Arrow,
            _ if matches!(first, Some(b'[' | b'{')) => Self::Json,
            _ => Self::Csv,
        }
    }
}
