//! Results as bytes.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_csv::WriterBuilder as CsvBuilder;
use arrow_ipc::writer::StreamWriter;
use arrow_json::StructMode;
use arrow_json::writer::{LineDelimited, WriterBuilder as JsonBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::arrow::compute::cast;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Grid;
use crate::functions::reals;
use crate::number::{self, NUMBER, WHOLE};

/// Rows encoded at a time, so that a chunk of an answer stays small whatever the batches are.
const CHUNK_ROWS: usize = 1024;
/// Decimal digits that each double holds.
const DOUBLE_DIGITS: u8 = 15;
/// From here on a double is written with an exponent.
const MIN_DIGITS: u128 = 1_000_000_000_000_000;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// One JSON object on a line for each row; nulls are written.
    Json,
    /// One JSON array on a line for each row, after one with each column's name and type. Decimals of more than 15 digits
    /// are text.
    Rows,
    /// CSV with a header; nulls are empty, maps and lists are JSON.
    Csv,
    /// Arrow's IPC stream.
    Arrow,
    /// A table for reading, its widths chosen again for each thousand rows.
    Table,
}

/// A format that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?}: expected json, rows, csv, arrow or table")]
pub struct UnknownFormat(String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Json, Self::Rows, Self::Csv, Self::Arrow, Self::Table];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Rows => "rows",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Table => "table",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| UnknownFormat(text.chars().take(32).collect()))
    }
}

/// Writes batches of one schema.
pub(crate) struct Encoder {
    schema: SchemaRef,
    writing: Writing,
}

enum Writing {
    Json,
    Rows,
    Csv,
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Table(Grid),
}

impl Encoder {
    /// For batches of this schema. Columns of one name get numbers behind it, because an object holds each name once.
    pub(crate) fn new(format: Format, schema: &Schema) -> Result<Self, ArrowError> {
        let schema = distinct(schema);
        let writing = match format {
            Format::Json => Writing::Json,
            Format::Rows => Writing::Rows,
            Format::Csv => Writing::Csv,
            Format::Arrow => Writing::Arrow(Box::new(StreamWriter::try_new(Vec::new(), &shown(&schema))?)),
            Format::Table => {
                Writing::Table(Grid::new(schema.fields().iter().map(|field| (field.name().as_str(), numeric(field)))))
            }
        };
        Ok(Self { schema, writing })
    }

    /// What stands before the first row.
    pub(crate) fn start(&mut self) -> Result<Bytes, ArrowError> {
        match &mut self.writing {
            Writing::Rows => {
                let schema = shown(&self.schema);
                let columns = schema.fields().iter();
                let columns: Vec<Value> = columns
                    .map(|field| json!({ "name": field.name(), "type": field.data_type().to_string(), "number": numeric(field) }))
                    .collect();
                Ok(format!("{}\n", Value::Array(columns)).into())
            }
            Writing::Csv => csv(&RecordBatch::new_empty(flat_schema(&shown(&self.schema))), true),
            Writing::Arrow(writer) => Ok(taken(writer)),
            Writing::Json | Writing::Table(_) => Ok(Bytes::new()),
        }
    }

    /// The rows of a batch, in pieces.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> Vec<RecordBatch> {
        (0..batch.num_rows())
            .step_by(CHUNK_ROWS)
            .map(|start| batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start)))
            .collect()
    }

    /// A piece as bytes; tables are written when a thousand rows are there.
    pub(crate) fn encode(&mut self, batch: &RecordBatch) -> Result<Bytes, ArrowError> {
        let batch = RecordBatch::try_new_with_options(
            self.schema.clone(),
            batch.columns().to_vec(),
            &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
        )?;
        if let Writing::Arrow(writer) = &mut self.writing {
            writer.write(&reported(&batch, &vec![Reported::Real; batch.num_columns()])?)?;
            return Ok(taken(writer));
        }
        let mut bytes = Vec::new();
        for batch in each_told(&batch)? {
            match &mut self.writing {
                Writing::Json => bytes.extend(json_lines(&batch, StructMode::ObjectOnly)?),
                Writing::Rows => bytes.extend(json_lines(&all_digits(&batch)?, StructMode::ListOnly)?),
                Writing::Csv => bytes.extend(csv(&flat(&batch, &flat_schema(&batch.schema()))?, false)?),
                Writing::Table(grid) => {
                    let lines = json_lines(&all_digits(&batch)?, StructMode::ListOnly)?;
                    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                        let row = serde_json::from_slice(line);
                        grid.push(row.map_err(|error| ArrowError::JsonError(error.to_string()))?);
                    }
                    if grid.rows() >= CHUNK_ROWS {
                        bytes.extend(grid.take(None).into_bytes());
                    }
                }
                Writing::Arrow(_) => {}
            }
        }
        Ok(bytes.into())
    }

    /// What stands behind the last row.
    pub(crate) fn finish(&mut self) -> Result<Bytes, ArrowError> {
        match &mut self.writing {
            Writing::Arrow(writer) => {
                writer.finish()?;
                Ok(taken(writer))
            }
            Writing::Table(grid) => Ok(grid.take(None).into()),
            Writing::Json | Writing::Rows | Writing::Csv => Ok(Bytes::new()),
        }
    }
}

/// The schema with a name of its own for each column.
fn distinct(schema: &Schema) -> SchemaRef {
    let mut seen = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        let mut name = field.name().clone();
        let mut number = 1;
        while !seen.insert(name.clone()) {
            number += 1;
            name = format!("{}_{number}", field.name());
        }
        // What a statement computes may be null where its plan says otherwise.
        field.as_ref().clone().with_name(name).with_nullable(true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The schema as it is told: exact numbers are numbers.
fn shown(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        kind if *kind == NUMBER => field.as_ref().clone().with_data_type(DataType::Float64),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// As what an exact number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    /// As the floating point number that it is, or nearest to it.
    Real,
    /// As a whole number of 64 bits.
    Whole,
    /// As a longer whole number.
    Long,
}

impl Reported {
    fn of(number: i128) -> Self {
        match number::whole(number) {
            // Those that a floating point number holds have an exponent from here on; beside those that none holds, they have digits.
            Some(whole) if (MIN_DIGITS..=i64::MAX.unsigned_abs().into()).contains(&whole.unsigned_abs()) => Self::Whole,
            Some(whole) if whole == i64::MIN.into() => Self::Whole,
            Some(whole) if whole.unsigned_abs() >= MIN_DIGITS && number::beyond_real(number).is_some() => Self::Long,
            _ => Self::Real,
        }
    }
}

/// The rows of a batch as batches of which each has exact numbers of one kind in a column: no digit is lost, and what a floating point number
/// holds is written as ever.
fn each_told(batch: &RecordBatch) -> Result<Vec<RecordBatch>, ArrowError> {
    if !batch.columns().iter().any(|column| *column.data_type() == NUMBER) {
        return Ok(vec![batch.clone()]);
    }
    let told_at = |row: usize| -> Vec<Reported> {
        let columns = batch.columns().iter();
        let of = |column: &ArrayRef| match column.as_primitive_opt::<Decimal128Type>() {
            Some(numbers) if *column.data_type() == NUMBER && numbers.is_valid(row) => Reported::of(numbers.value(row)),
            _ => Reported::Real,
        };
        columns.map(of).collect()
    };
    let (mut batches, mut begin) = (Vec::new(), 0);
    while begin < batch.num_rows() {
        let kinds = told_at(begin);
        let end = (begin + 1..batch.num_rows()).find(|row| told_at(*row) != kinds).unwrap_or(batch.num_rows());
        batches.push(reported(&batch.slice(begin, end - begin), &kinds)?);
        begin = end;
    }
    Ok(batches)
}

/// A batch whose exact numbers are written so.
fn reported(batch: &RecordBatch, kinds: &[Reported]) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for ((field, column), kind) in batch.schema().fields().iter().zip(batch.columns()).zip(kinds) {
        let column: ArrayRef = match column.as_primitive_opt::<Decimal128Type>() {
            Some(numbers) if *column.data_type() == NUMBER => match kind {
                Reported::Real => Arc::new(reals(column)),
                Reported::Whole => Arc::new(numbers.unary::<_, Int64Type>(|number| {
                    number::whole(number).and_then(|whole| i64::try_from(whole).ok()).unwrap_or_default()
                })),
                Reported::Long => {
                    let wholes = numbers.unary::<_, Decimal128Type>(|n| number::whole(n).unwrap_or_default());
                    Arc::new(wholes.with_data_type(WHOLE))
                }
            },
            _ => column.clone(),
        };
        fields.push(field.as_ref().clone().with_data_type(column.data_type().clone()));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn taken(writer: &mut StreamWriter<Vec<u8>>) -> Bytes {
    std::mem::take(writer.get_mut()).into()
}

/// Whether its values are numbers.
fn numeric(field: &Field) -> bool {
    field.data_type().is_numeric()
}

fn json_lines(batch: &RecordBatch, mode: StructMode) -> Result<Vec<u8>, ArrowError> {
    let builder = JsonBuilder::new().with_explicit_nulls(true).with_struct_mode(mode);
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    Ok(writer.into_inner())
}

fn csv(batch: &RecordBatch, header: bool) -> Result<Bytes, ArrowError> {
    let mut bytes = Vec::new();
    CsvBuilder::new().with_header(header).build(&mut bytes).write(batch)?;
    Ok(bytes.into())
}

/// Columns that CSV has no place for are text.
fn flat_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        kind if kind.is_nested() => Field::new(field.name(), DataType::Utf8, true),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn flat(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| if column.data_type().is_nested() { text(column) } else { Ok(column.clone()) });
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)
}

/// Decimals that a double does not hold are text, because a program that makes a table of them reads other numbers as
/// doubles.
fn all_digits(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let long = |kind: &DataType| match kind {
        DataType::Decimal128(digits, _) | DataType::Decimal256(digits, _) => *digits > DOUBLE_DIGITS,
        _ => false,
    };
    if !batch.columns().iter().any(|column| long(column.data_type())) {
        return Ok(batch.clone());
    }
    let columns = batch
        .columns()
        .iter()
        .map(|column| if long(column.data_type()) { cast(column, &DataType::Utf8) } else { Ok(column.clone()) });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(&columns);
    let fields = fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
}

/// Nested values as JSON.
fn text(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let schema = Schema::new(vec![Field::new("value", column.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![column.clone()])?;
    let lines = json_lines(&batch, StructMode::ObjectOnly)?;
    let lines = std::str::from_utf8(&lines).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    let values = lines.lines().map(|line| {
        let value = line.strip_prefix("{\"value\":").and_then(|rest| rest.strip_suffix('}')).unwrap_or(line);
        (value != "null").then_some(value)
    });
    Ok(Arc::new(values.collect::<StringArray>()))
}
