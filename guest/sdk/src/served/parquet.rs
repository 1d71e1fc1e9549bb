//! Rows as a Parquet file: flat columns of numbers, texts, truth values, dates and
//! times, decimals.

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type,
};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;

use super::cell::Cell;
use super::columns::{Columns, in_row, lacking};
use super::format::Format;
use super::time::Unit;
use crate::Fault;
use crate::request::Refusal;

/// The number of records that are decoded at once.
const BATCH: usize = 16 * 1024;

/// Reads rows. Columns that the model does not read are left alone.
pub(super) fn read(body: Bytes, columns: &mut Columns<'_>) -> Result<(), Refusal> {
    let reader =
        SerializedFileReader::new(body).map_err(|error| Format::Parquet.malformed(error))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let leaf = |name: &str| {
        let mut leaves = schema.columns().iter();
        leaves.position(|leaf| leaf.path().parts().first().is_some_and(|part| part == name))
    };
    let leaves: Vec<Option<usize>> = columns.names().map(leaf).collect();
    let missing = columns
        .names()
        .zip(&leaves)
        .filter(|(_, leaf)| leaf.is_none());
    let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
    if !missing.is_empty() {
        let fault = lacking(&missing);
        return Err(Refusal { status: 422, fault });
    }
    for (place, leaf) in leaves.into_iter().flatten().enumerate() {
        let mut file = ColumnReader {
            reader: &reader,
            leaf,
            columns,
            place,
        };
        file.read(&schema.column(leaf))?;
    }
    Ok(())
}

/// One column of a file.
struct ColumnReader<'r, 'a> {
    reader: &'r SerializedFileReader<Bytes>,
    leaf: usize,
    columns: &'r mut Columns<'a>,
    place: usize,
}

impl ColumnReader<'_, '_> {
    fn read(&mut self, column: &ColumnDescriptor) -> Result<(), Refusal> {
        let logical = column.logical_type_ref();
        let converted = column.converted_type();
        let unsigned = matches!(logical, Some(LogicalType::Integer(int)) if !int.is_signed)
            || matches!(converted, ConvertedType::UINT_32 | ConvertedType::UINT_64);
        let scale = match (logical, converted) {
            (Some(LogicalType::Decimal(decimal)), _) => Some(decimal.scale),
            (None, ConvertedType::DECIMAL) => Some(column.type_scale()),
            _ => None,
        };
        let is_date =
            converted == ConvertedType::DATE || matches!(logical, Some(LogicalType::Date));
        let time = match (logical, converted) {
            (Some(LogicalType::Timestamp(time)), _) => Some(match time.unit {
                TimeUnit::MILLIS => Unit::Milliseconds,
                TimeUnit::MICROS => Unit::Microseconds,
                TimeUnit::NANOS => Unit::Nanoseconds,
            }),
            (None, ConvertedType::TIMESTAMP_MILLIS) => Some(Unit::Milliseconds),
            (None, ConvertedType::TIMESTAMP_MICROS) => Some(Unit::Microseconds),
            _ => None,
        };
        let is_time_of_day = matches!(logical, Some(LogicalType::Time(_)))
            || matches!(
                converted,
                ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS
            );
        let is_text = matches!(logical, Some(LogicalType::String | LogicalType::Enum))
            || matches!(converted, ConvertedType::UTF8 | ConvertedType::ENUM);
        let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1 && !is_time_of_day;
        let optional = column.max_def_level() == 1;
        match (column.physical_type(), scale) {
            _ if !is_flat => Err(self.unsupported()),
            (Type::BOOLEAN, _) => self.each::<BoolType>(optional, |bit| Some(Cell::Truth(*bit))),
            (Type::INT32, scale) => self.each::<Int32Type>(optional, |int| match scale {
                Some(scale) => Some(decimal((*int).into(), scale)),
                None if is_date => Some(Cell::Time((*int).into(), Unit::Days)),
                None if unsigned => Some(Cell::Int((*int as u32).into())),
                None => Some(Cell::Int((*int).into())),
            }),
            (Type::INT64, scale) => self.each::<Int64Type>(optional, |int| match (scale, time) {
                (Some(scale), _) => Some(decimal((*int).into(), scale)),
                (None, Some(unit)) => Some(Cell::Time(*int, unit)),
                (None, None) if unsigned && *int < 0 => None,
                (None, None) => Some(Cell::Int(*int)),
            }),
            (Type::FLOAT, _) => self.each::<FloatType>(optional, |real| Some(Cell::Single(*real))),
            (Type::DOUBLE, _) => self.each::<DoubleType>(optional, |real| Some(Cell::Real(*real))),
            (Type::BYTE_ARRAY, _) if is_text => self.each::<ByteArrayType>(optional, |bytes| {
                Some(Cell::Text(std::str::from_utf8(bytes.data()).ok()?))
            }),
            (Type::BYTE_ARRAY, Some(scale)) => self.each::<ByteArrayType>(optional, |bytes| {
                Some(decimal(whole(bytes.data())?, scale))
            }),
            (Type::FIXED_LEN_BYTE_ARRAY, Some(scale)) => self
                .each::<FixedLenByteArrayType>(optional, |bytes| {
                    Some(decimal(whole(bytes.data())?, scale))
                }),
            _ => Err(self.unsupported()),
        }
    }

    fn unsupported(&self) -> Refusal {
        let name = self.columns.names().nth(self.place).unwrap_or_default();
        let fault = Fault::InvalidDataset(format!(
            "the column `{name}` holds no number, text, date, time or truth value"
        ));
        Refusal { status: 422, fault }
    }

    /// Reads all values, each as a cell; `None` for one that is none.
    fn each<T: DataType>(
        &mut self,
        optional: bool,
        cell: impl for<'v> Fn(&'v T::T) -> Option<Cell<'v>>,
    ) -> Result<(), Refusal> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        for group in 0..self.reader.num_row_groups() {
            let group = self
                .reader
                .get_row_group(group)
                .map_err(|error| Format::Parquet.malformed(error))?;
            let chunk = group
                .get_column_reader(self.leaf)
                .map_err(|error| Format::Parquet.malformed(error))?;
            let mut chunk = get_typed_column_reader::<T>(chunk);
            loop {
                values.clear();
                levels.clear();
                let levels_wanted = optional.then_some(&mut levels);
                let (records, _, _) = chunk
                    .read_records(BATCH, levels_wanted, None, &mut values)
                    .map_err(|error| Format::Parquet.malformed(error))?;
                if records == 0 {
                    break;
                }
                let mut present = values.iter();
                for record in 0..records {
                    let is_missing = optional && levels.get(record) != Some(&1);
                    let next = if is_missing { None } else { present.next() };
                    let made = next.map_or(Some(Cell::Missing), &cell);
                    self.push(made)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, cell: Option<Cell<'_>>) -> Result<(), Refusal> {
        let pushed = match cell {
            Some(cell) => self.columns.push(self.place, cell),
            None => {
                let name = self.columns.names().nth(self.place).unwrap_or_default();
                let row = self.columns.rows(self.place) + 1;
                let message = "holds a value that is no UTF-8 or that no 64-bit number holds";
                Err(in_row(name, row, message))
            }
        };
        pushed.map_err(|fault| Refusal { status: 422, fault })
    }
}

/// A decimal number, as Arrow casts it to a float.
pub(super) fn decimal(whole: i128, scale: i32) -> Cell<'static> {
    Cell::Real(whole as f64 / 10_f64.powi(scale))
}

/// A whole number in two's complement, big-endian.
fn whole(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 16];
    let start = all.len().checked_sub(bytes.len())?;
    all[start..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(all))
}
