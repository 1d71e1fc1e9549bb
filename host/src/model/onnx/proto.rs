//! [`Message`] and [`fields`]: protocol buffers, of what ONNX uses of them.

/// The fields of a message that were written so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message(Vec<u8>);

/// The types of a field's content.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    /// The content of bytes, of a text or of a message; empty for a number.
    pub(super) bytes: &'a [u8],
    /// The content of a whole number.
    pub(super) int: u64,
    /// With its number and type.
    pub(super) whole: &'a [u8],
}

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A whole number, an enum or a truth value.
    #[must_use]
    pub(super) fn int(mut self, field: u64, number: i64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(number as u64);
        self
    }

    /// Bytes, or a text.
    #[must_use]
    pub(super) fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.varint(field << 3 | BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A message.
    #[must_use]
    pub(super) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// A field as it was read.
    #[must_use]
    pub(super) fn field(mut self, field: &Field<'_>) -> Self {
        self.0.extend_from_slice(field.whole);
        self
    }
}

/// The fields of a message in their order; `None` if it is none.
pub(super) fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let (key, after) = varint(rest)?;
        let (mut int, mut bytes) = (0, &[][..]);
        rest = match key & 7 {
            VARINT => {
                let (number, after) = varint(after)?;
                int = number;
                after
            }
            BYTES => {
                let (size, after) = varint(after)?;
                let (content, after) = after.split_at_checked(usize::try_from(size).ok()?)?;
                bytes = content;
                after
            }
            FIXED_64 => after.get(8..)?,
            FIXED_32 => after.get(4..)?,
            _ => return None,
        };
        fields.push(Field {
            number: key >> 3,
            bytes,
            int,
            whole: &start[..start.len() - rest.len()],
        });
    }
    Some(fields)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * place as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Message::default().int(1, 150);
        let message = Message::default()
            .bytes(2, "testing")
            .int(3, -2)
            .message(4, &inner);
        let bytes = message.clone().into_bytes();
        let read = fields(&bytes).unwrap();
        let numbers: Vec<u64> = read.iter().map(|field| field.number).collect();
        assert_eq!(numbers, [2, 3, 4]);
        assert_eq!(read[0].bytes, b"testing");
        assert_eq!(read[1].int as i64, -2);
        assert_eq!(fields(read[2].bytes).unwrap()[0].int, 150);
        let again = read.iter().fold(Message::default(), Message::field);
        assert_eq!(again, message);
        // A float and a double, which are passed on.
        let fixed = [&[0x0d][..], &[1; 4], &[0x11], &[2; 8]].concat();
        let read = fields(&fixed).unwrap();
        assert_eq!(read[1].whole, &fixed[5..]);
        for end in 1..bytes.len() {
            let is_cut = fields(&bytes[..end]).is_none_or(|read| read.len() < 3);
            assert!(is_cut, "{end}");
        }
        assert_eq!(fields(&[0x0b]), None);
    }
}
