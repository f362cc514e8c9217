//! Tables of any columns, for programs that expect names of their own: written once, never read or merged by us.
//!
//! [`TableWriter`](crate::TableWriter) writes what is known beforehand; here names are only known with the data, such as one column for each
//! series.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use crate::error::Error;

/// A column with its name in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: PlainValues,
}

/// Values, or none, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum PlainValues {
    /// Nanoseconds since 1970: `TIMESTAMP(NANOS, UTC)`.
    Time(Vec<Option<i64>>),
    /// `INT64`.
    Int(Vec<Option<i64>>),
    /// `DOUBLE`.
    Double(Vec<Option<f64>>),
    /// `STRING`.
    Text(Vec<Option<String>>),
}

impl PlainColumn {
    /// A column.
    pub fn new(name: impl Into<String>, values: PlainValues) -> Self {
        Self { name: name.into(), values }
    }
}

impl PlainValues {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Time(values) | Self::Int(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn failed(cause: ParquetError) -> Error {
    Error::Parquet { what: "write a table", cause }
}

fn schema(columns: &[PlainColumn]) -> Result<TypePtr, ParquetError> {
    let field = |column: &PlainColumn| {
        let (physical, logical) = match &column.values {
            PlainValues::Time(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            PlainValues::Int(_) => (Physical::INT64, None),
            PlainValues::Double(_) => (Physical::DOUBLE, None),
            PlainValues::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let builder = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
        Ok(Arc::new(builder.with_logical_type(logical).build()?))
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, ParquetError>>()?;
    Ok(Arc::new(Type::group_type_builder("table").with_fields(fields).build()?))
}

/// Those that are there, and for each row whether it is.
fn present<T, U>(values: &[Option<T>], each: impl Fn(&T) -> U) -> (Vec<U>, Vec<i16>) {
    (values.iter().flatten().map(each).collect(), values.iter().map(|value| i16::from(value.is_some())).collect())
}

/// Writes a table of columns that are equally long.
///
/// # Errors
///
/// They are not, two have one name, or the file cannot be written.
pub fn write_plain(columns: &[PlainColumn], file: impl Write + Send) -> Result<(), Error> {
    let rows = columns.first().map_or(0, |column| column.values.len());
    for (at, column) in columns.iter().enumerate() {
        if column.values.len() != rows {
            return Err(Error::Refused(format!("column {} has {} rows, not {rows}", column.name, column.values.len())));
        }
        if columns[..at].iter().any(|other| other.name == column.name) {
            return Err(Error::Refused(format!("there are two columns {}", column.name)));
        }
    }
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let schema = schema(columns).map_err(failed)?;
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties.build())).map_err(failed)?;
    let mut group = writer.next_row_group().map_err(failed)?;
    for column in columns {
        let Some(mut target) = group.next_column().map_err(failed)? else { unreachable!("the schema has each column") };
        match (target.untyped(), &column.values) {
            (ColumnWriter::Int64ColumnWriter(target), PlainValues::Time(values) | PlainValues::Int(values)) => {
                let (values, levels) = present(values, |value| *value);
                target.write_batch(&values, Some(&levels), None)
            }
            (ColumnWriter::DoubleColumnWriter(target), PlainValues::Double(values)) => {
                let (values, levels) = present(values, |value| *value);
                target.write_batch(&values, Some(&levels), None)
            }
            (ColumnWriter::ByteArrayColumnWriter(target), PlainValues::Text(values)) => {
                let (values, levels) = present(values, |value| ByteArray::from(value.as_str()));
                target.write_batch(&values, Some(&levels), None)
            }
            _ => unreachable!("the schema is made of the same values"),
        }
        .map_err(failed)?;
        target.close().map_err(failed)?;
    }
    group.close().map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::{PlainColumn, PlainValues, write_plain};

    #[test]
    fn what_is_written_is_read_by_the_library() {
        let columns = [
            PlainColumn::new("carts_latency", PlainValues::Double(vec![Some(0.5), None])),
            PlainColumn::new("n", PlainValues::Int(vec![None, Some(7)])),
            PlainColumn::new("who", PlainValues::Text(vec![Some("ä".to_owned()), None])),
        ];
        let mut file = Vec::new();
        write_plain(&columns, &mut file).expect("written");
        let reader = SerializedFileReader::new(Bytes::from(file)).expect("a file");
        let rows: Vec<_> = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!(
            (rows[0].get_double(0).expect("a number"), rows[0].get_string(2).expect("a text").as_str()),
            (0.5, "ä")
        );
        assert_eq!(rows[1].get_long(1).expect("a number"), 7);
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let one = PlainColumn::new("a", PlainValues::Int(vec![Some(1)]));
        let two = PlainColumn::new("b", PlainValues::Int(vec![Some(1), Some(2)]));
        assert!(write_plain(&[one.clone(), two], Vec::new()).is_err());
        assert!(write_plain(&[one.clone(), one], Vec::new()).is_err());
    }
}
