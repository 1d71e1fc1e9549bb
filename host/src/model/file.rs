//! [`ModelFile`]: the form of a `model.fanout` of one model. Its head in JSON is a
//! [`ModelHead`], and the parts with their sizes and digests.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::form::{self, ModelFileError, Opened, PartStamp};
use super::{ModelHead, Training};
use crate::digest::Digest;

/// A fitted model with all that it takes to use it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What it is.
    pub head: ModelHead,
    /// The model, in the form of its guest.
    pub fitted: Bytes,
    /// The guest's component, unless it was left out.
    pub guest: Option<Bytes>,
    /// Of what it was made; `None` in files of versions that kept nothing of it.
    pub training: Option<Training>,
}

/// The head as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// The version of the program that wrote it.
    fanout: String,
    model: ModelHead,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartName {
    Fitted,
    Guest,
    Training,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: PartName,
    size: u64,
    digest: Digest,
}

impl PartName {
    /// Its name in messages.
    fn told(self) -> String {
        let told = match self {
            Self::Fitted => "model",
            Self::Guest => "guest",
            Self::Training => "record of the training data",
        };
        told.to_owned()
    }
}

impl ModelFile {
    /// A model of these parts.
    pub fn new(
        head: ModelHead,
        fitted: Bytes,
        guest: Option<Bytes>,
        training: Option<Training>,
    ) -> Self {
        Self {
            head,
            fitted,
            guest,
            training,
        }
    }

    /// Writes the file.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let guest = self.guest.iter().map(|guest| (PartName::Guest, guest));
        let training = self.training.as_ref().map(serde_json::to_vec);
        let training: Option<Bytes> = training.transpose()?.map(Bytes::from);
        let parts: Vec<(PartName, &Bytes)> = [(PartName::Fitted, &self.fitted)]
            .into_iter()
            .chain(guest)
            .chain(training.iter().map(|bytes| (PartName::Training, bytes)))
            .collect();
        let listed = parts.iter().map(|(name, bytes)| {
            let PartStamp { size, digest } = PartStamp::of(bytes);
            Part {
                name: *name,
                size,
                digest,
            }
        });
        let head = Head {
            fanout: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.head.clone(),
            parts: listed.collect(),
        };
        form::write(
            form::ONE,
            &head,
            parts.into_iter().map(|(_, bytes)| bytes),
            output,
        )
    }

    /// Reads the model of a file whose head is whole, and checks all its digests.
    ///
    /// # Errors
    /// If it is of another form, or was changed.
    pub(super) fn of_opened(opened: &Opened<'_>, path: &Path) -> Result<Self, ModelFileError> {
        let damaged = |what: &str| ModelFileError::damaged(path, what);
        let head: Head = opened.head()?;
        let stamps = head.parts.iter().map(|part| {
            let Part { name, size, digest } = *part;
            (PartStamp { size, digest }, name.told())
        });
        let (mut fitted, mut guest, mut training) = (None, None, None);
        for (part, content) in head.parts.iter().zip(opened.parts(stamps)?) {
            let slot = match part.name {
                PartName::Fitted => &mut fitted,
                PartName::Guest => &mut guest,
                PartName::Training => &mut training,
            };
            *slot = Some(content);
        }
        let fitted = fitted.ok_or_else(|| damaged("it has no model"))?;
        if guest
            .as_ref()
            .is_some_and(|guest| Digest::of(guest) != head.model.guest)
        {
            return Err(damaged("its guest is another"));
        }
        let training = training.map(|bytes: Bytes| serde_json::from_slice(&bytes));
        let training = training.transpose();
        Ok(Self {
            head: head.model,
            fitted,
            guest,
            training: training.map_err(|source| ModelFileError::form(path, source))?,
        })
    }
}
