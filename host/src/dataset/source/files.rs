//! [`resolve`]: the files that a plan's `source` names, and their format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SourceError;
use super::input::{Input, Packing};
use crate::plan::SourceFormat;
use crate::store::{Location, Remote, redacted};

/// The files that a plan's `source` names, sorted, and their format. `at` is
/// the plan's store: `store://PATH` is a path in it, and a bucket of the same
/// kind is reached as it is.
pub(super) fn resolve(
    source: &str,
    format: Option<SourceFormat>,
    at: &Location,
) -> Result<(Vec<Input>, SourceFormat), SourceError> {
    let in_store;
    let source = match source.strip_prefix("store://") {
        Some(path) => {
            in_store = format!("{}/{path}", at.url.trim_end_matches('/'));
            &in_store
        }
        None => source,
    };
    let files = match source.split_once("://") {
        None => local(source, format)?,
        Some(("file", path)) => local(path, format)?,
        Some(("s3" | "gs" | "az" | "http" | "https", _)) => remote(source, format, at)?,
        Some(_) => {
            return Err(SourceError::UnknownUrl {
                url: redacted(source),
            });
        }
    };
    let format = match format {
        Some(format) => format,
        None => format_of(&files)?,
    };
    Ok((files, format))
}

/// The files of a URL: one object, a folder or a pattern.
fn remote(
    url: &str,
    format: Option<SourceFormat>,
    at: &Location,
) -> Result<Vec<Input>, SourceError> {
    let found = Remote::find(&at.source(url))?;
    if found.is_empty() {
        return Err(SourceError::NothingAt { url: redacted(url) });
    }
    let files = found
        .into_iter()
        .map(|file| Input::remote(PathBuf::from(file.name()), Arc::new(file)));
    let files: Vec<Input> = files.collect();
    let last = |path: &str| {
        path.trim_end_matches('/')
            .rsplit('/')
            .next()
            .map(str::to_owned)
    };
    let is_folder = !is_pattern(url)
        && files
            .iter()
            .any(|file| last(&file.path().to_string_lossy()) != last(url));
    if !is_folder {
        return Ok(files);
    }
    let files: Vec<Input> = files
        .into_iter()
        .filter(|file| belongs(file.path(), format))
        .collect();
    if files.is_empty() {
        return Err(SourceError::EmptyFolder {
            path: PathBuf::from(redacted(url)),
        });
    }
    Ok(files)
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether a file of a folder is one of a table.
fn belongs(file: &Path, format: Option<SourceFormat>) -> bool {
    let hidden = file
        .file_name()
        .is_some_and(|name| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')));
    !hidden && (format.is_some() || by_ending(file).is_some())
}

/// The files of a path, a folder or a glob.
fn local(path: &str, format: Option<SourceFormat>) -> Result<Vec<Input>, SourceError> {
    let mut files = found(path, format)?;
    files.sort_unstable();
    Ok(files.into_iter().map(Input::local).collect())
}

fn found(path: &str, format: Option<SourceFormat>) -> Result<Vec<PathBuf>, SourceError> {
    if Path::new(path).is_dir() {
        let folder = Path::new(path);
        let read = |source| SourceError::read(folder, source);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(read)? {
            let file = entry.map_err(read)?.path();
            if file.is_file() && belongs(&file, format) {
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
    } else if is_pattern(path) {
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
fn format_of(files: &[Input]) -> Result<SourceFormat, SourceError> {
    let of = |file: &Path| {
        by_ending(file).ok_or_else(|| SourceError::UnknownEnding {
            path: file.to_owned(),
        })
    };
    let format = of(files[0].path())?;
    for file in &files[1..] {
        if of(file.path())? != format {
            let (first, other) = (files[0].path().to_owned(), file.path().to_owned());
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

pub(in crate::dataset) fn by_ending(path: &Path) -> Option<SourceFormat> {
    match ending(path).as_str() {
        "csv" | "tsv" => Some(SourceFormat::Csv),
        // Of the formats, only text is packed whole.
        _ if Packing::of(path).is_some() => None,
        "parquet" | "pq" => Some(SourceFormat::Parquet),
        "arrow" | "feather" | "ipc" | "arrows" => Some(SourceFormat::Arrow),
        _ => None,
    }
}
