//! Ids to text and back.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;

use crate::text_ids::id;

/// `trace_id_hex(trace_id)`, `span_id_hex(span_id)`: bytes as lowercase hexadecimal digits.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Hex {
    name: &'static str,
    signature: Signature,
}

impl Hex {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Hex {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        match kinds {
            [kind @ (DataType::FixedSizeBinary(_) | DataType::Binary)] => Ok(vec![kind.clone()]),
            [DataType::LargeBinary | DataType::BinaryView | DataType::Null] => Ok(vec![DataType::Binary]),
            _ => plan_err!("{} takes the bytes of an id, such as the column trace_id or span_id", self.name),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |array| {
            let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 32);
            for row in 0..array.len() {
                let bytes = match array.data_type() {
                    _ if array.is_null(row) => {
                        builder.append_null();
                        continue;
                    }
                    DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
                    _ => array.as_binary::<i32>().value(row),
                };
                builder.append_value(hex::encode(bytes));
            }
            Ok(Arc::new(builder.finish()))
        })
    }
}

/// `trace_id('4bf92f…')`, `span_id('00f067…')`: an id from hexadecimal digits.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Id {
    name: &'static str,
    width: i32,
    signature: Signature,
}

impl Id {
    pub(super) fn new(name: &'static str, width: i32) -> Self {
        Self { name, width, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Id {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        match kinds {
            [DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null | DataType::Dictionary(..)] => {
                Ok(vec![DataType::Utf8])
            }
            _ => plan_err!("{} takes a text of up to {} hexadecimal digits", self.name, self.width * 2),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::FixedSizeBinary(self.width))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |array| {
            let mut builder = FixedSizeBinaryBuilder::with_capacity(array.len(), self.width);
            for text in array.as_string::<i32>() {
                match text.map(|text| id(text, self.width)).transpose()? {
                    Some(ScalarValue::FixedSizeBinary(_, Some(bytes))) => builder.append_value(bytes)?,
                    _ => builder.append_null(),
                }
            }
            Ok(Arc::new(builder.finish()))
        })
    }
}

/// Applies a function of one argument; a scalar gives a scalar, so that it can be folded into a constant.
fn over_arrays(args: &ScalarFunctionArgs, apply: impl Fn(&ArrayRef) -> Result<ArrayRef>) -> Result<ColumnarValue> {
    match args.args.as_slice() {
        [ColumnarValue::Array(array)] => Ok(ColumnarValue::Array(apply(array)?)),
        [ColumnarValue::Scalar(value)] => {
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&apply(&value.to_array()?)?, 0)?))
        }
        _ => exec_err!("expected one argument, found {}", args.args.len()),
    }
}
