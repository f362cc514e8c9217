//! Into numbers that are exact, and out of them. Only [`crate::exact`] calls these.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array, StringArray};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::number::{self, NUMBER, WHOLE};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Conversion {
    /// The first argument that is there, each a number of 64 bits or a decimal without a fraction, as an exact one.
    Number,
    /// An exact number as the nearest floating point number.
    Real,
    /// An exact number as text.
    Text,
    /// An exact number without its fraction.
    Whole,
}

/// A conversion as a function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Convert {
    conversion: Conversion,
    signature: Signature,
}

impl Convert {
    pub(crate) fn new(conversion: Conversion) -> Self {
        Self { conversion, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Convert {
    fn name(&self) -> &str {
        match self.conversion {
            Conversion::Number => "exact",
            Conversion::Real => "double_of_exact",
            Conversion::Text => "text_of_exact",
            Conversion::Whole => "whole_of_exact",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let fits = |kind: &DataType| match self.conversion {
            Conversion::Number => {
                matches!(kind, DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Decimal128(_, 0))
            }
            _ => *kind == NUMBER,
        };
        if kinds.iter().all(fits) { Ok(kinds.to_vec()) } else { plan_err!("{} does not take {kinds:?}", self.name()) }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.conversion {
            Conversion::Number => NUMBER,
            Conversion::Real => DataType::Float64,
            Conversion::Text => DataType::Utf8,
            Conversion::Whole => WHOLE,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let converted = match (self.conversion, arrays.as_slice()) {
            (Conversion::Number, all) => numbers(all)?,
            (Conversion::Real, [of]) => Arc::new(reals(of)),
            (Conversion::Text, [of]) => texts(of)?,
            (Conversion::Whole, [of]) => wholes(of)?,
            _ => return exec_err!("{} takes one argument", self.name()),
        };
        Ok(ColumnarValue::Array(converted))
    }
}

fn numbers(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let mut found: Vec<Option<i128>> = vec![None; arrays.first().map_or(0, |array| array.len())];
    for array in arrays {
        let of = |row: usize| match array.data_type() {
            DataType::Int64 => number::of_whole(array.as_primitive::<Int64Type>().value(row).into()),
            DataType::UInt64 => number::of_whole(array.as_primitive::<UInt64Type>().value(row).into()),
            DataType::Float64 => number::of_real(array.as_primitive::<Float64Type>().value(row)),
            _ => number::of_whole(array.as_primitive::<Decimal128Type>().value(row)),
        };
        for (row, found) in found.iter_mut().enumerate() {
            if found.is_none() && array.is_valid(row) {
                *found = Some(of(row));
            }
        }
    }
    Ok(Arc::new(Decimal128Array::from(found).with_data_type(NUMBER)))
}

/// The nearest floating point numbers of exact numbers.
pub(crate) fn reals(numbers: &ArrayRef) -> Float64Array {
    numbers.as_primitive::<Decimal128Type>().unary(number::real)
}

fn texts(numbers: &ArrayRef) -> Result<ArrayRef> {
    let reals: ArrayRef = Arc::new(reals(numbers));
    let shown = cast(&reals, &DataType::Utf8)?;
    let numbers = numbers.as_primitive::<Decimal128Type>();
    let beyond = |number: Option<i128>| number.and_then(number::beyond_real).map(|whole| whole.to_string());
    let all = numbers.iter().zip(shown.as_string::<i32>());
    Ok(Arc::new(all.map(|(number, shown)| beyond(number).or(shown.map(str::to_owned))).collect::<StringArray>()))
}

fn wholes(numbers: &ArrayRef) -> Result<ArrayRef> {
    let whole = |number: i128| match number::whole(number).or_else(|| number::whole(truncated(number))) {
        Some(whole) => Ok(whole),
        None => exec_err!("{} is no whole number of 38 digits", number::real(number)),
    };
    let numbers = numbers.as_primitive::<Decimal128Type>();
    let wholes = numbers.iter().map(|number| number.map(whole).transpose()).collect::<Result<Decimal128Array>>()?;
    Ok(Arc::new(wholes.with_data_type(WHOLE)))
}

/// A number without its fraction; one that has a fraction lacks nothing.
fn truncated(number: i128) -> i128 {
    number::of_real(number::real(number).trunc())
}
