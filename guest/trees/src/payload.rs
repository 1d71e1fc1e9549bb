//! [`Payload`]: what a row carries besides its number while a tree grows, and
//! how it is stored beside a row's number or a code.

use std::fmt::Debug;

/// What a row adds to the tallies of its nodes.
pub(crate) trait Payload: Copy + Debug + 'static {
    /// A row's number with its payload.
    type Entry: Copy + Debug;
    /// A code with the payload of a row that has it.
    type Coded: Copy + Debug;

    /// Packs a row's number with its payload.
    fn entry(self, row: u32) -> Self::Entry;
    /// The row's number.
    fn row(entry: Self::Entry) -> u32;
    /// The payload of an entry.
    fn of_entry(entry: Self::Entry) -> Self;
    /// Packs a code with a payload.
    fn coded(self, code: u32) -> Self::Coded;
    /// The code.
    fn code(coded: Self::Coded) -> u32;
    /// The payload of a coded one.
    fn of_coded(coded: Self::Coded) -> Self;
    /// Sorts by code. The order within a code does not matter.
    fn sort(coded: &mut [Self::Coded]);
}

/// A row of a class: the draws and the class, as its layout packs them. An entry
/// has the row in the low half, and a coded payload has the code in the high
/// half, so that coded payloads are sorted as integers.
impl Payload for u32 {
    type Entry = u64;
    type Coded = u64;

    #[inline]
    fn entry(self, row: u32) -> u64 {
        u64::from(row) | (u64::from(self) << 32)
    }

    #[inline]
    fn row(entry: u64) -> u32 {
        entry as u32
    }

    #[inline]
    fn of_entry(entry: u64) -> u32 {
        (entry >> 32) as u32
    }

    #[inline]
    fn coded(self, code: u32) -> u64 {
        (u64::from(code) << 32) | u64::from(self)
    }

    #[inline]
    fn code(coded: u64) -> u32 {
        (coded >> 32) as u32
    }

    #[inline]
    fn of_coded(coded: u64) -> u32 {
        coded as u32
    }

    #[inline]
    fn sort(coded: &mut [u64]) {
        coded.sort_unstable();
    }
}

/// A row of a numeric target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberPayload {
    /// The number of draws, or the sample weight in fixed point.
    pub(crate) weight: u32,
    /// The target in fixed point.
    pub(crate) value: i64,
}

/// A [`NumberPayload`] with a row's number or a code, in 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyedNumber {
    key: u32,
    weight: u32,
    value: i64,
}

impl Payload for NumberPayload {
    type Entry = KeyedNumber;
    type Coded = KeyedNumber;

    #[inline]
    fn entry(self, row: u32) -> KeyedNumber {
        self.coded(row)
    }

    #[inline]
    fn row(entry: KeyedNumber) -> u32 {
        entry.key
    }

    #[inline]
    fn of_entry(entry: KeyedNumber) -> Self {
        Self::of_coded(entry)
    }

    #[inline]
    fn coded(self, code: u32) -> KeyedNumber {
        KeyedNumber {
            key: code,
            weight: self.weight,
            value: self.value,
        }
    }

    #[inline]
    fn code(coded: KeyedNumber) -> u32 {
        coded.key
    }

    #[inline]
    fn of_coded(coded: KeyedNumber) -> Self {
        Self {
            weight: coded.weight,
            value: coded.value,
        }
    }

    #[inline]
    fn sort(coded: &mut [KeyedNumber]) {
        coded.sort_unstable_by_key(|coded| coded.key);
    }
}

/// A row of a class with a sample weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassPayload {
    /// The sample weight in fixed point.
    pub(crate) weight: u32,
    /// The class.
    pub(crate) class: u32,
}

/// A [`ClassPayload`] with a row's number or a code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyedClass {
    key: u32,
    payload: ClassPayload,
}

impl Payload for ClassPayload {
    type Entry = KeyedClass;
    type Coded = KeyedClass;

    #[inline]
    fn entry(self, row: u32) -> KeyedClass {
        self.coded(row)
    }

    #[inline]
    fn row(entry: KeyedClass) -> u32 {
        entry.key
    }

    #[inline]
    fn of_entry(entry: KeyedClass) -> Self {
        entry.payload
    }

    #[inline]
    fn coded(self, code: u32) -> KeyedClass {
        KeyedClass {
            key: code,
            payload: self,
        }
    }

    #[inline]
    fn code(coded: KeyedClass) -> u32 {
        coded.key
    }

    #[inline]
    fn of_coded(coded: KeyedClass) -> Self {
        coded.payload
    }

    #[inline]
    fn sort(coded: &mut [KeyedClass]) {
        coded.sort_unstable_by_key(|coded| coded.key);
    }
}
