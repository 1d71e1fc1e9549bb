//! [`resolve`]: the files of a plan's `source`, and their format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compression::Compression;
use super::error::SourceError;
use super::file::SourceFile;
use crate::plan::SourceFormat;
use crate::store::{Location, Remote, redacted};

/// The files of a plan's `source`, sorted, and their format. `store` is the
/// plan's: `store://PATH` is a path in it, and a bucket of the same kind is
/// reached with its settings.
pub(in crate::dataset) fn resolve(
    source: &str,
    format: Option<SourceFormat>,
    store: &Location,
) -> Result<(Vec<SourceFile>, SourceFormat), SourceError> {
    let in_store;
    let source = match source.strip_prefix("store://") {
        Some(path) => {
            in_store = format!("{}/{path}", store.url.trim_end_matches('/'));
            &in_store
        }
        None => source,
    };
    let files = match source.split_once("://") {
        None => local_files(source, format)?,
        Some(("file", path)) => local_files(path, format)?,
        Some(("s3" | "gs" | "az" | "http" | "https", _)) => remote_files(source, format, store)?,
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
fn remote_files(
    url: &str,
    format: Option<SourceFormat>,
    store: &Location,
) -> Result<Vec<SourceFile>, SourceError> {
    let found = Remote::find(&store.source(url))?;
    if found.is_empty() {
        return Err(SourceError::NothingAt { url: redacted(url) });
    }
    let files = found
        .into_iter()
        .map(|file| SourceFile::remote(PathBuf::from(file.name()), Arc::new(file)));
    let files: Vec<SourceFile> = files.collect();
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
    let files: Vec<SourceFile> = files
        .into_iter()
        .filter(|file| is_part(file.path(), format))
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

/// Whether a file of a folder belongs to the table.
fn is_part(file: &Path, format: Option<SourceFormat>) -> bool {
    let hidden = file
        .file_name()
        .is_some_and(|name| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')));
    !hidden && (format.is_some() || format_of_file(file).is_some())
}

/// The files of a path, a folder or a glob.
fn local_files(path: &str, format: Option<SourceFormat>) -> Result<Vec<SourceFile>, SourceError> {
    let mut files = local_paths(path, format)?;
    files.sort_unstable();
    Ok(files.into_iter().map(SourceFile::local).collect())
}

fn local_paths(path: &str, format: Option<SourceFormat>) -> Result<Vec<PathBuf>, SourceError> {
    if Path::new(path).is_dir() {
        let folder = Path::new(path);
        let read = |source| SourceError::read(folder, source);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(read)? {
            let file = entry.map_err(read)?.path();
            if file.is_file() && is_part(&file, format) {
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

/// The format of files by their extensions.
fn format_of(files: &[SourceFile]) -> Result<SourceFormat, SourceError> {
    let of = |file: &Path| {
        format_of_file(file).ok_or_else(|| SourceError::UnknownEnding {
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

/// The extension of a file's name in lower case, without that of a compression.
pub(super) fn extension(path: &Path) -> String {
    let uncompressed;
    let path = match Compression::of(path) {
        Some(_) => {
            uncompressed = path.with_extension("");
            &uncompressed
        }
        None => path,
    };
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase()
}

pub(in crate::dataset) fn format_of_file(path: &Path) -> Option<SourceFormat> {
    match extension(path).as_str() {
        "csv" | "tsv" => Some(SourceFormat::Csv),
        // Only text files are compressed whole.
        _ if Compression::of(path).is_some() => None,
        "parquet" | "pq" => Some(SourceFormat::Parquet),
        "arrow" | "feather" | "ipc" | "arrows" => Some(SourceFormat::Arrow),
        _ => None,
    }
}
