//! [`component`]: where the guest of Python is, that `fanout guest python` makes.

use std::path::PathBuf;

use crate::digest::Digest;

/// Why there is no guest of Python.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// It was not made on this machine.
    #[error("the guest of Python is not on this machine")]
    NotMade,
}

impl PythonError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("run `fanout guest python` once".to_owned())
    }
}

/// The file of the component that has these files of Python beside scikit-learn.
///
/// # Errors
/// If it was not made.
pub fn component(_sources: &[PathBuf]) -> Result<PathBuf, PythonError> {
    Err(PythonError::NotMade)
}

/// The file of a component of this digest, where one was made on this machine.
pub fn cached(_digest: Digest) -> Option<PathBuf> {
    None
}
