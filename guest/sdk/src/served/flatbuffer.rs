//! [`Record`]: a table of a flatbuffer, with every access checked.

/// A table of a flatbuffer. A field that is absent or out of bounds is `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    bytes: &'a [u8],
    at: usize,
    vtable: usize,
}

/// A vector of a flatbuffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) len: usize,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The place that an offset at `at` points to.
fn target(bytes: &[u8], at: usize) -> Option<usize> {
    at.checked_add(u32::from_le_bytes(array(bytes, at)?) as usize)
}

impl<'a> Record<'a> {
    /// The root table.
    pub(super) fn root(bytes: &'a [u8]) -> Option<Self> {
        Self::at(bytes, target(bytes, 0)?)
    }

    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let back = i32::from_le_bytes(array(bytes, at)?);
        let vtable = usize::try_from(i64::try_from(at).ok()? - i64::from(back)).ok()?;
        Some(Self { bytes, at, vtable })
    }

    /// Where field `index` is.
    fn field(&self, index: usize) -> Option<usize> {
        let size = u16::from_le_bytes(array(self.bytes, self.vtable)?);
        let entry = 4 + 2 * index;
        if entry + 2 > usize::from(size) {
            return None;
        }
        let offset = u16::from_le_bytes(array(self.bytes, self.vtable + entry)?);
        (offset != 0).then(|| self.at + usize::from(offset))
    }

    pub(super) fn u8(&self, index: usize) -> Option<u8> {
        Some(array::<1>(self.bytes, self.field(index)?)?[0])
    }

    pub(super) fn i16(&self, index: usize) -> Option<i16> {
        Some(i16::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    pub(super) fn i32(&self, index: usize) -> Option<i32> {
        Some(i32::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    pub(super) fn i64(&self, index: usize) -> Option<i64> {
        Some(i64::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    pub(super) fn table(&self, index: usize) -> Option<Self> {
        Self::at(self.bytes, target(self.bytes, self.field(index)?)?)
    }

    pub(super) fn vector(&self, index: usize) -> Option<Vector<'a>> {
        let at = target(self.bytes, self.field(index)?)?;
        Some(Vector {
            bytes: self.bytes,
            at: at + 4,
            len: u32::from_le_bytes(array(self.bytes, at)?) as usize,
        })
    }

    pub(super) fn text(&self, index: usize) -> Option<&'a str> {
        let vector = self.vector(index)?;
        let bytes = vector.bytes.get(vector.at..)?.get(..vector.len)?;
        std::str::from_utf8(bytes).ok()
    }
}

impl<'a> Vector<'a> {
    /// The table at `index` of a vector of tables.
    pub(super) fn table(&self, index: usize) -> Option<Record<'a>> {
        let at = self.at.checked_add(index.checked_mul(4)?)?;
        let at = target(self.bytes, at).filter(|_| index < self.len)?;
        Record::at(self.bytes, at)
    }

    /// The two numbers of the structure at `index` of a vector of such.
    pub(super) fn pair(&self, index: usize) -> Option<(usize, usize)> {
        let at = self.at.checked_add(index.checked_mul(16)?)?;
        let number = |at| usize::try_from(i64::from_le_bytes(array(self.bytes, at)?)).ok();
        (index < self.len).then_some(())?;
        Some((number(at)?, number(at + 8)?))
    }

    /// The number at `index` of a vector of 64-bit numbers.
    pub(super) fn number(&self, index: usize) -> Option<usize> {
        let at = self.at.checked_add(index.checked_mul(8)?)?;
        (index < self.len).then_some(())?;
        usize::try_from(i64::from_le_bytes(array(self.bytes, at)?)).ok()
    }
}
