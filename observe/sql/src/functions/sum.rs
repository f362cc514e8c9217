//! `sum` of numbers: exact, or an error. DataFusion's own wraps beyond 64 bits and tells no one.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_datafusion_err};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
};

use super::number_sum::{self, NumberSum};
use crate::number::{NUMBER, WHOLE};

/// A number that does not fit is an error, not null.
const STRICT: CastOptions<'_> =
    CastOptions { safe: false, format_options: datafusion::common::format::DEFAULT_FORMAT_OPTIONS };

/// DataFusion's sum, which adds whole numbers of 64 bits as decimals.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExactSum(Sum);

impl ExactSum {
    pub(crate) fn new() -> Self {
        Self(Sum::new())
    }
}

/// The field of the decimal that a sum is, if it is one of whole numbers.
fn widened(field: &FieldRef) -> Option<FieldRef> {
    let whole = matches!(field.data_type(), DataType::Int64 | DataType::UInt64);
    whole.then(|| Arc::new(Field::new(field.name(), WHOLE, true)))
}

fn wide(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    values.iter().map(|values| Ok(cast_with_options(values, &WHOLE, &STRICT)?)).collect()
}

fn too_large(kind: &DataType) -> DataFusionError {
    exec_datafusion_err!("sum: it is beyond {kind}: expected sum(x::decimal(38, 0)) for sums as large as this")
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        self.0.return_type(kinds)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let kind = args.return_field.data_type().clone();
        if kind == NUMBER {
            return Ok(Box::new(NumberSum::default()));
        }
        match widened(&args.return_field) {
            Some(return_field) => {
                Ok(Box::new(Exact { inner: self.0.accumulator(AccumulatorArgs { return_field, ..args })?, kind }))
            }
            None => self.0.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if *args.return_field.data_type() == NUMBER {
            return Ok(number_sum::state_fields(args.name));
        }
        match widened(&args.return_field) {
            Some(return_field) => self.0.state_fields(StateFieldsArgs { return_field, ..args }),
            None => self.0.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        *args.return_field.data_type() != NUMBER && self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let kind = args.return_field.data_type().clone();
        match widened(&args.return_field) {
            Some(return_field) => {
                let inner = self.0.create_groups_accumulator(AccumulatorArgs { return_field, ..args })?;
                Ok(Box::new(ExactGroups { inner, kind }))
            }
            None => self.0.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let kind = args.return_field.data_type().clone();
        if kind == NUMBER {
            return Ok(Box::new(NumberSum::default()));
        }
        match widened(&args.return_field) {
            // Of distinct numbers, DataFusion has a sliding sum for whole numbers only.
            Some(return_field) if !args.is_distinct => {
                let inner = self.0.create_sliding_accumulator(AccumulatorArgs { return_field, ..args })?;
                Ok(Box::new(Exact { inner, kind }))
            }
            _ => self.0.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }

    fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity {
        self.0.set_monotonicity(kind)
    }
}

/// A sum of decimals that is told as a whole number.
#[derive(Debug)]
struct Exact {
    inner: Box<dyn Accumulator>,
    kind: DataType,
}

impl Accumulator for Exact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&wide(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.inner.evaluate()?.cast_to(&self.kind).map_err(|_| too_large(&self.kind))
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&wide(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// The same for each of many groups.
struct ExactGroups {
    inner: Box<dyn GroupsAccumulator>,
    kind: DataType,
}

impl GroupsAccumulator for ExactGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.inner.update_batch(&wide(values)?, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.inner.evaluate(emit_to)?;
        cast_with_options(&sums, &self.kind, &STRICT).map_err(|_| too_large(&self.kind))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(states, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&wide(values)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
