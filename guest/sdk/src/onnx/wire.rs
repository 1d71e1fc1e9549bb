//! [`Message`]: a writer of protocol buffers, of what ONNX uses of them.

/// The fields of a message that were written so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// The types of a field's content.
const VARINT: u32 = 0;
const BYTES: u32 = 2;

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

    fn key(&mut self, field: u32, content: u32) {
        self.varint(u64::from(field << 3 | content));
    }

    /// A whole number, an enum or a truth value.
    pub(super) fn int(&mut self, field: u32, number: i64) {
        self.key(field, VARINT);
        self.varint(number as u64);
    }

    /// Whole numbers, packed.
    pub(super) fn ints(&mut self, field: u32, numbers: &[i64]) {
        let mut packed = Self::default();
        numbers
            .iter()
            .for_each(|&number| packed.varint(number as u64));
        self.bytes(field, &packed.0);
    }

    /// Bytes, or a text.
    pub(super) fn bytes(&mut self, field: u32, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.key(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message.
    pub(super) fn message(&mut self, field: u32, message: &Self) {
        self.bytes(field, &message.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's documentation
    /// (<https://protobuf.dev/programming-guides/encoding>).
    #[test]
    fn messages_are_encoded_as_documented() {
        let mut first = Message::default();
        first.int(1, 150);
        assert_eq!(first.clone().into_bytes(), [0x08, 0x96, 0x01]);
        let mut second = Message::default();
        second.bytes(2, "testing");
        assert_eq!(second.into_bytes(), *b"\x12\x07testing");
        let mut third = Message::default();
        third.message(3, &first);
        assert_eq!(third.into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut packed = Message::default();
        packed.ints(6, &[3, 270, 86942]);
        let expected = [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05];
        assert_eq!(packed.into_bytes(), expected);
        let mut negative = Message::default();
        negative.int(1, -2);
        let expected = [&[0x08, 0xfe][..], &[0xff; 8], &[0x01]].concat();
        assert_eq!(negative.into_bytes(), expected);
    }
}
