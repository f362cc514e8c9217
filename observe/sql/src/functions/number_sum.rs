//! `sum` of numbers that are exact: whole ones are added as such, the others as floating point numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use crate::number::{self, WHOLE};

/// The sum of what there is.
#[derive(Debug, Default)]
pub(super) struct NumberSum {
    whole: i128,
    real: f64,
    /// How many numbers are in each.
    wholes: u64,
    reals: u64,
}

/// What one accumulator tells another.
pub(super) fn state_fields(name: &str) -> Vec<FieldRef> {
    let field = |part: &str, kind: DataType| Arc::new(Field::new(format!("{name}[{part}]"), kind, true));
    vec![
        field("whole", WHOLE),
        field("real", DataType::Float64),
        field("wholes", DataType::UInt64),
        field("reals", DataType::UInt64),
    ]
}

impl NumberSum {
    fn add(&mut self, values: &[ArrayRef], sign: i128) -> Result<()> {
        for value in values[0].as_primitive::<Decimal128Type>().iter().flatten() {
            let (count, added) = match number::whole(value) {
                Some(whole) => {
                    self.whole = self.whole.checked_add(sign * whole).ok_or_else(too_large)?;
                    (&mut self.wholes, sign > 0)
                }
                None => {
                    self.real += sign as f64 * number::real(value);
                    (&mut self.reals, sign > 0)
                }
            };
            *count = if added { *count + 1 } else { count.saturating_sub(1) };
        }
        Ok(())
    }
}

fn too_large() -> datafusion::common::DataFusionError {
    exec_datafusion_err!("sum: it is beyond a whole number of 128 bits")
}

impl Accumulator for NumberSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values, 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values, -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(number::scalar(match (self.wholes, self.reals) {
            (0, 0) => None,
            (_, 0) => Some(number::of_whole(self.whole)),
            _ => Some(number::of_real(self.whole as f64 + self.real)),
        }))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            ScalarValue::Decimal128(Some(self.whole), 38, 0),
            ScalarValue::Float64(Some(self.real)),
            ScalarValue::UInt64(Some(self.wholes)),
            ScalarValue::UInt64(Some(self.reals)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (whole, real) = (states[0].as_primitive::<Decimal128Type>(), states[1].as_primitive::<Float64Type>());
        let (wholes, reals) = (states[2].as_primitive::<UInt64Type>(), states[3].as_primitive::<UInt64Type>());
        for row in (0..whole.len()).filter(|row| whole.is_valid(*row)) {
            self.whole = self.whole.checked_add(whole.value(row)).ok_or_else(too_large)?;
            self.real += real.value(row);
            self.wholes += wholes.value(row);
            self.reals += reals.value(row);
        }
        Ok(())
    }
}
