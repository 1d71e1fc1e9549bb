//! [`Request`] and [`Answer`]: a JSON document, the head, and behind it columns of
//! numbers.
//!
//! A message is the length of the head in bytes (64 bits), the head, and the columns,
//! one after the other, all little-endian. Zeros are between them, so that each begins
//! at a multiple of 8. How long a column is, the head says.

use fanout_sdk::{Fault, Target};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The length of the head's length.
const LENGTH: usize = 8;

/// A message to the interpreter.
#[derive(Debug)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// A message without columns, and with room for so many bytes of them.
    pub(crate) fn new(head: &impl Serialize, room: usize) -> Self {
        let head = serde_json::to_vec(head).expect("a head has text keys and finite numbers");
        let mut bytes = Vec::with_capacity(LENGTH + head.len() + room + 64);
        bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&head);
        let mut request = Self(bytes);
        request.pad();
        request
    }

    /// Adds numbers to the last column.
    pub(crate) fn numbers(&mut self, numbers: impl IntoIterator<Item = f64>) {
        for number in numbers {
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Adds the target of some rows: numbers, or the codes of classes.
    pub(crate) fn target(&mut self, target: &Target, rows: &[u32]) {
        let rows = rows.iter().map(|&row| row as usize);
        match target {
            Target::Classes { codes, .. } => self.numbers(rows.map(|row| f64::from(codes[row]))),
            Target::Numbers(numbers) => self.numbers(rows.map(|row| numbers[row])),
        }
    }

    /// Adds a column of bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.pad();
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
    }
}

/// A message of the interpreter.
#[derive(Debug)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    head: usize,
    /// The place of the next column.
    at: usize,
}

impl Answer {
    /// Reads an answer, or the fault that it is.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, Fault> {
        let length = bytes
            .first_chunk::<LENGTH>()
            .map(|it| u64::from_le_bytes(*it));
        let head = length.and_then(|length| usize::try_from(length).ok());
        let head = head.filter(|head| *head <= bytes.len() - LENGTH);
        let head = head.ok_or_else(|| {
            let message = "the interpreter gave no answer: the estimator ended it";
            Fault::Failed(message.to_owned())
        })?;
        let answer = Self {
            at: (LENGTH + head).next_multiple_of(8),
            bytes,
            head,
        };
        if answer.bytes[LENGTH..].starts_with(br#"{"fault""#) {
            return Err(answer.head::<Failed>()?.fault);
        }
        Ok(answer)
    }

    /// The document.
    pub(crate) fn head<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let head = &self.bytes[LENGTH..LENGTH + self.head];
        serde_json::from_slice(head).map_err(|error| {
            Fault::Failed(format!(
                "the answer of the interpreter can't be read: {error}"
            ))
        })
    }

    /// The next column, of numbers.
    pub(crate) fn numbers(&mut self, count: usize) -> Result<Vec<f64>, Fault> {
        let bytes = self.take(count.saturating_mul(8))?;
        let numbers = bytes.as_chunks::<8>().0.iter();
        Ok(numbers.map(|it| f64::from_le_bytes(*it)).collect())
    }

    /// The next column, of whole numbers.
    pub(crate) fn codes(&mut self, count: usize) -> Result<Vec<u32>, Fault> {
        let bytes = self.take(count.saturating_mul(4))?;
        let codes = bytes.as_chunks::<4>().0.iter();
        Ok(codes.map(|it| u32::from_le_bytes(*it)).collect())
    }

    /// The next column, of bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&[u8], Fault> {
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| {
            let message = "the answer of the interpreter is shorter than it says";
            Fault::Failed(message.to_owned())
        })?;
        let at = std::mem::replace(&mut self.at, end.next_multiple_of(8));
        Ok(&self.bytes[at..end])
    }
}

/// The head of an answer that is a fault.
#[derive(Deserialize)]
struct Failed {
    fault: Fault,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(head: &Value, columns: &[&[u8]]) -> Vec<u8> {
        let mut request = Request::new(head, 0);
        columns.iter().for_each(|column| request.bytes(column));
        request.into_bytes()
    }

    #[test]
    fn columns_begin_at_multiples_of_8() {
        let mut request = Request::new(&json!({"a": 1}), 0);
        request.bytes(&[7]);
        request.numbers([1.5, -2.0]);
        let bytes = request.into_bytes();
        assert_eq!(bytes.len(), 8 + 8 + 8 + 16);
        let mut answer = Answer::read(bytes).unwrap();
        assert_eq!(answer.head::<Value>().unwrap(), json!({"a": 1}));
        assert_eq!(answer.take(1).unwrap(), [7]);
        assert_eq!(answer.numbers(2).unwrap(), [1.5, -2.0]);
        assert!(answer.numbers(1).is_err());
    }

    #[test]
    fn what_the_interpreter_refuses_is_a_fault() {
        let head = json!({"fault": {"fault": "invalid-params", "message": "no"}});
        let fault = Answer::read(message(&head, &[])).unwrap_err();
        assert_eq!(fault, Fault::InvalidParams("no".to_owned()));
        let whole = message(&json!({}), &[]);
        for short in [&[][..], &whole[..4], &whole[..8]] {
            assert!(matches!(
                Answer::read(short.to_vec()),
                Err(Fault::Failed(_))
            ));
        }
    }
}
