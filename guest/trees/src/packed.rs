//! Sequences of numbers as serialised bytes: the least width that holds them all, and
//! the numbers of that width, little-endian. A sequence of numbers is else read and
//! written number by number, which for a large forest takes longer than to score it.
//! Where people read it, as in JSON, a sequence stays one. The modules are for
//! `#[serde(with = "…")]`.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Widths of a number, in bytes.
const WIDTHS: [usize; 4] = [1, 2, 4, 8];

fn pack(numbers: impl Iterator<Item = u64> + Clone) -> Vec<u8> {
    let all = numbers.clone().fold(0, |all, number| all | number);
    let bytes = 8 - all.leading_zeros() as usize / 8;
    let width = WIDTHS
        .into_iter()
        .find(|&width| width >= bytes)
        .unwrap_or(8);
    let mut packed = vec![width as u8];
    match width {
        1 => packed.extend(numbers.map(|number| number as u8)),
        2 => numbers.for_each(|number| packed.extend((number as u16).to_le_bytes())),
        4 => numbers.for_each(|number| packed.extend((number as u32).to_le_bytes())),
        _ => numbers.for_each(|number| packed.extend(number.to_le_bytes())),
    }
    packed
}

/// The numbers of packed bytes, each as `of` has it; `None` if they are damaged, or `of`
/// takes one for damaged.
fn unpack<T>(packed: &[u8], of: impl Fn(u64) -> Option<T>) -> Option<Vec<T>> {
    fn numbers<const WIDTH: usize, T>(
        bytes: &[u8],
        of: impl Fn([u8; WIDTH]) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (numbers, rest) = bytes.as_chunks::<WIDTH>();
        let numbers = numbers.iter().map(|&number| of(number)).collect();
        rest.is_empty().then_some(numbers).flatten()
    }
    let (width, bytes) = packed.split_first()?;
    match width {
        1 => bytes.iter().map(|&number| of(number.into())).collect(),
        2 => numbers::<2, T>(bytes, |number| of(u16::from_le_bytes(number).into())),
        4 => numbers::<4, T>(bytes, |number| of(u32::from_le_bytes(number).into())),
        8 => numbers::<8, T>(bytes, |number| of(u64::from_le_bytes(number))),
        _ => None,
    }
}

fn write<S: Serializer, T: Copy + Serialize>(
    numbers: &[T],
    of: impl Fn(T) -> u64 + Clone,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return numbers.serialize(serializer);
    }
    serializer.serialize_bytes(&pack(numbers.iter().map(|&number| of(number))))
}

fn read<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    of: impl Fn(u64) -> Option<T>,
) -> Result<Vec<T>, D::Error> {
    if deserializer.is_human_readable() {
        return Vec::deserialize(deserializer);
    }
    // Borrowed where the format allows it, as postcard does.
    let packed: Cow<'de, [u8]> = serde_bytes::deserialize(deserializer)?;
    unpack(&packed, of).ok_or_else(|| D::Error::custom("packed numbers are damaged"))
}

/// Whole numbers from 0.
pub(crate) mod unsigned {
    use super::{Deserialize, Deserializer, Serialize, Serializer, read, write};

    pub(crate) fn serialize<S: Serializer, T: Copy + Into<u64> + Serialize>(
        numbers: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(numbers, T::into, serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<u64> + Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        read(deserializer, |number| T::try_from(number).ok())
    }
}

/// Whole numbers: 0, -1, 1, -2, … as 0, 1, 2, 3, …
pub(crate) mod signed {
    use super::{Deserializer, Serializer, read, write};

    pub(crate) fn serialize<S: Serializer>(
        numbers: &[i64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(numbers, unsigned, serializer)
    }

    pub(super) fn unsigned(number: i64) -> u64 {
        ((number << 1) ^ (number >> 63)) as u64
    }

    pub(super) fn signed(number: u64) -> i64 {
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<i64>, D::Error> {
        read(deserializer, |number| Some(signed(number)))
    }
}

/// Floats, bit for bit.
pub(crate) mod reals {
    use super::{Deserializer, Serializer, read, write};

    pub(crate) fn serialize<S: Serializer>(
        numbers: &[f64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(numbers, f64::to_bits, serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<f64>, D::Error> {
        read(deserializer, |bits| Some(f64::from_bits(bits)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(long: Vec<u64>, signed: Vec<i64>, bits in 0..64u32) {
            let long: Vec<u64> = long.into_iter().map(|number| number >> bits).collect();
            let packed = super::pack(long.iter().copied());
            prop_assert_eq!(super::unpack(&packed, Some), Some(long));
            let signed: Vec<i64> = signed.into_iter().map(|number| number >> bits).collect();
            let unsigned = signed.iter().map(|&number| super::signed::unsigned(number));
            let packed = super::pack(unsigned);
            let read = super::unpack(&packed, |number| Some(super::signed::signed(number)));
            prop_assert_eq!(read, Some(signed));
        }

        #[test]
        fn any_bytes_are_read_or_refused(width in 0..9u8, bytes: Vec<u8>) {
            let packed = [&[width][..], &bytes].concat();
            let is_packed = [1, 2, 4, 8].contains(&width) && bytes.len().is_multiple_of(width.into());
            prop_assert_eq!(super::unpack(&packed, Some).is_some(), is_packed);
        }
    }

    #[test]
    fn numbers_take_the_width_of_the_greatest() {
        assert_eq!(super::pack([].into_iter()), [1]);
        assert_eq!(super::pack([0, 255].into_iter()), [1, 0, 255]);
        assert_eq!(super::pack([1, 256].into_iter()), [2, 1, 0, 0, 1]);
        assert_eq!(
            super::pack([1 << 32].into_iter()),
            [8, 0, 0, 0, 0, 1, 0, 0, 0]
        );
        // A number too large for its type.
        assert_eq!(super::unpack(&[2, 0, 1], |it| u8::try_from(it).ok()), None);
        assert_eq!(super::unpack(&[2, 0], Some), None);
        assert_eq!(super::unpack(&[3, 0, 0, 0], Some), None);
        assert_eq!(super::unpack(&[], Some), None);
    }
}
