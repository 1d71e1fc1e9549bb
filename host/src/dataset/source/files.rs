//! [`resolve`]: the files that a plan's `source` names, and their format.

use std::path::{Path, PathBuf};

use super::SourceError;
use super::input::{Input, Packing};
use crate::plan::SourceFormat;

/// The files that a plan's `source` names, sorted, and their format.
pub(super) fn resolve(
    source: &str,
    format: Option<SourceFormat>,
) -> Result<(Vec<Input>, SourceFormat), SourceError> {
    let mut files = match source.split_once("://") {
        None => local(source, format)?,
        Some(("file", path)) => local(path, format)?,
        Some(_) => {
            return Err(SourceError::UnknownUrl {
                url: source.to_owned(),
            });
        }
    };
    files.sort_unstable();
    let format = match format {
        Some(format) => format,
        None => format_of(&files)?,
    };
    Ok((files.into_iter().map(Input::local).collect(), format))
}

/// The files of a path, a folder or a glob.
fn local(path: &str, format: Option<SourceFormat>) -> Result<Vec<PathBuf>, SourceError> {
    if Path::new(path).is_dir() {
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
        Ok(files)
    } else if Path::new(path).exists() {
        Ok(vec![PathBuf::from(path)])
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
        Ok(files)
    } else {
        Err(SourceError::Missing {
            path: PathBuf::from(path),
        })
    }
}

/// The format that the names of some files say.
fn format_of(files: &[PathBuf]) -> Result<SourceFormat, SourceError> {
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
    Ok(format)
}

/// The ending of a file's name in lower case, that of its packing aside.
pub(super) fn ending(path: &Path) -> String {
    let unpacked;
    let path = match Packing::of(path) {
        Some(_) => {
            unpacked = path.with_extension("");
            &unpacked
        }
        None => path,
    };
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase()
}

fn by_ending(path: &Path) -> Option<SourceFormat> {
    match ending(path).as_str() {
        "csv" | "tsv" => Some(SourceFormat::Csv),
        // Of the formats, only text is packed whole.
        _ if Packing::of(path).is_some() => None,
        "parquet" | "pq" => Some(SourceFormat::Parquet),
        "arrow" | "feather" | "ipc" | "arrows" => Some(SourceFormat::Arrow),
        _ => None,
    }
}
