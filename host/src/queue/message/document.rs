//! [`Document`]: a JSON document within a message, as it was written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A JSON document whose text is kept, so that its digest is that of its sender.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(Box<RawValue>);

impl Document {
    /// A document of this text.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn new(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Document {}
