//! [`ColumnFile`]: a Parquet file in memory, read one column at a time.
//!
//! Only flat columns of numbers are read, which is what the host writes: no
//! nested columns, texts or dates.

use bytes::Bytes;
use parquet::basic::Type;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

use crate::Fault;

/// The number of records that are decoded at once. Beside the result, reading
/// takes two buffers of this length.
const BATCH: usize = 16 * 1024;

/// A Parquet file of flat columns.
pub(crate) struct ColumnFile {
    /// The name of the file in messages: `dataset` or `splits file`.
    what: &'static str,
    reader: SerializedFileReader<Bytes>,
    rows: usize,
}

impl ColumnFile {
    /// Reads the footer, and checks that every column is flat.
    pub(crate) fn open(what: &'static str, bytes: Bytes) -> Result<Self, Fault> {
        let reader = SerializedFileReader::new(bytes).map_err(|error| unreadable(what, &error))?;
        let metadata = reader.metadata().file_metadata();
        let rows = usize::try_from(metadata.num_rows())
            .ok()
            .filter(|rows| u32::try_from(*rows).is_ok())
            .ok_or_else(|| {
                Fault::InvalidDataset(format!(
                    "the {what} has {} rows, more than the limit of {}",
                    metadata.num_rows(),
                    u32::MAX
                ))
            })?;
        for column in metadata.schema_descr().columns() {
            if column.max_rep_level() > 0 || column.max_def_level() > 1 {
                return Err(Fault::InvalidDataset(format!(
                    "column `{}` of the {what} is nested; only flat columns are supported",
                    column.path().string()
                )));
            }
        }
        Ok(Self { what, reader, rows })
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().map(|column| column.name())
    }

    /// The value of `key` in the file's metadata.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.reader
            .metadata()
            .file_metadata()
            .key_value_metadata()?
            .iter()
            .find(|pair| pair.key == key)?
            .value
            .as_deref()
    }

    /// Decodes a column of any numeric type. Null becomes NaN, BOOLEAN 0 or 1.
    pub(crate) fn numbers(&self, column: usize) -> Result<Vec<f64>, Fault> {
        let mut numbers = Vec::with_capacity(self.rows);
        let (into, nan) = (&mut numbers, f64::NAN);
        match self.physical_type(column) {
            Type::BOOLEAN => {
                self.read::<BoolType, _>(column, into, nan, |bit| f64::from(u8::from(bit)))?;
            }
            Type::INT32 => self.read::<Int32Type, _>(column, into, nan, f64::from)?,
            // Rounded beyond 2^53: estimators compute in f64.
            Type::INT64 => self.read::<Int64Type, _>(column, into, nan, |int| int as f64)?,
            Type::FLOAT => self.read::<FloatType, _>(column, into, nan, f64::from)?,
            Type::DOUBLE => self.read::<DoubleType, _>(column, into, nan, |number| number)?,
            other => {
                return Err(self.wrong_type(column, other, "a numeric type"));
            }
        }
        self.whole(column, numbers)
    }

    /// Decodes an INT32 column.
    pub(crate) fn ints(&self, column: usize) -> Result<Vec<Option<i32>>, Fault> {
        let mut ints = Vec::with_capacity(self.rows);
        match self.physical_type(column) {
            Type::INT32 => self.read::<Int32Type, _>(column, &mut ints, None, Some)?,
            other => return Err(self.wrong_type(column, other, "INT32")),
        }
        self.whole(column, ints)
    }

    fn physical_type(&self, column: usize) -> Type {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.column(column).physical_type()
    }

    fn name(&self, column: usize) -> &str {
        self.names().nth(column).unwrap_or("?")
    }

    fn wrong_type(&self, column: usize, is: Type, wanted: &str) -> Fault {
        Fault::InvalidDataset(format!(
            "column `{}` of the {} is of type {is}, not {wanted}",
            self.name(column),
            self.what
        ))
    }

    /// Checks the number of values: a column chunk may hold fewer than the footer
    /// says.
    fn whole<V>(&self, column: usize, values: Vec<V>) -> Result<Vec<V>, Fault> {
        if values.len() == self.rows {
            return Ok(values);
        }
        Err(Fault::InvalidDataset(format!(
            "column `{}` of the {} has {} values, but there are {} rows",
            self.name(column),
            self.what,
            values.len(),
            self.rows
        )))
    }

    /// Appends the converted values of a column to `into`, and `missing` for
    /// every null.
    fn read<T: DataType, V: Copy>(
        &self,
        column: usize,
        into: &mut Vec<V>,
        missing: V,
        convert: impl Fn(T::T) -> V,
    ) -> Result<(), Fault> {
        let unreadable = |error| unreadable(self.what, &error);
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let optional = schema.column(column).max_def_level() == 1;
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group).map_err(unreadable)?;
            let metadata = group.metadata();
            let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
            let nulls = metadata
                .column(column)
                .statistics()
                .and_then(|s| s.null_count_opt());
            // All null: there are no values to decode.
            if optional && nulls == Some(rows) {
                let rows = usize::try_from(rows).unwrap_or(usize::MAX);
                // Threat: a count that fills the memory. One value too many
                // suffices for the check of the number of values.
                let room = (self.rows + 1).saturating_sub(into.len());
                into.resize(into.len() + rows.min(room), missing);
                continue;
            }
            let chunk = group.get_column_reader(column).map_err(unreadable)?;
            let mut chunk = get_typed_column_reader::<T>(chunk);
            loop {
                values.clear();
                levels.clear();
                let (records, _, _) = chunk
                    .read_records(BATCH, optional.then_some(&mut levels), None, &mut values)
                    .map_err(unreadable)?;
                if records == 0 {
                    break;
                }
                let is_whole = values.len() == records;
                let mut values = values.drain(..).map(&convert);
                if is_whole {
                    into.extend(values);
                } else {
                    let value = |&level: &i16| match level {
                        1 => values.next().unwrap_or(missing),
                        _ => missing,
                    };
                    into.extend(levels.iter().map(value));
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for ColumnFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnFile")
            .field("what", &self.what)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

fn unreadable(what: &str, error: &ParquetError) -> Fault {
    Fault::InvalidDataset(format!("the {what} can't be read as Parquet: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Cells, parquet};

    /// A file of two columns in four row groups. The second column is null in
    /// the third group. The chunks in `destroyed` (group, column) are damaged.
    fn damaged(destroyed: &[(usize, usize)]) -> ColumnFile {
        let whole: Vec<Option<i32>> = (0..40).map(Some).collect();
        let some = (0..40).map(|row| (!(20..30).contains(&row)).then_some(row));
        let columns = [("a", Cells::Int(whole)), ("b", Cells::Int(some.collect()))];
        let bytes = parquet(&columns, None, 10);
        let metadata = SerializedFileReader::new(bytes.clone()).unwrap();
        let mut bytes = bytes.to_vec();
        for (group, column) in destroyed {
            let (start, length) = metadata
                .metadata()
                .row_group(*group)
                .column(*column)
                .byte_range();
            bytes[start as usize..(start + length) as usize].fill(0xff);
        }
        ColumnFile::open("dataset", bytes.into()).unwrap()
    }

    #[test]
    fn other_columns_are_not_read() {
        let all: Vec<(usize, usize)> = (0..4).map(|group| (group, 1)).collect();
        let file = damaged(&all);
        assert_eq!(file.ints(0).unwrap(), (0..40).map(Some).collect::<Vec<_>>());
        assert!(file.ints(1).is_err());
    }

    #[test]
    fn a_row_group_of_nulls_is_not_read() {
        let expected = damaged(&[]).ints(1).unwrap();
        assert_eq!(expected.iter().flatten().count(), 30);
        assert_eq!(damaged(&[(2, 1)]).ints(1).unwrap(), expected);
        assert!(damaged(&[(1, 1)]).ints(1).is_err());
    }
}
