//! Durations in milliseconds, and times in steps.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampNanosecondType};
use arrow_array::{Array, PrimitiveArray};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;

const NANOS_PER_MILLI: f64 = 1e6;
const NANOS_PER_DAY: i64 = 24 * 3600 * 1_000_000_000;

/// `duration_ms(duration_ns)`: nanoseconds as milliseconds with a fraction.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DurationMs {
    signature: Signature,
}

impl DurationMs {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for DurationMs {
    fn name(&self) -> &str {
        "duration_ms"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        match kinds {
            [DataType::Null] => Ok(vec![DataType::Float64]),
            [kind] if kind.is_numeric() => Ok(vec![DataType::Float64]),
            _ => plan_err!("duration_ms takes a number of nanoseconds, such as the column duration_ns"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Scalar(ScalarValue::Float64(value))] => {
                Ok(ColumnarValue::Scalar(ScalarValue::Float64(value.map(|ns| ns / NANOS_PER_MILLI))))
            }
            [ColumnarValue::Array(array)] => {
                let values = array.as_primitive::<Float64Type>().unary::<_, Float64Type>(|ns| ns / NANOS_PER_MILLI);
                Ok(ColumnarValue::Array(Arc::new(values)))
            }
            _ => exec_err!("duration_ms takes one number"),
        }
    }
}

/// `time_bucket('1 minute', time)`: the start of the step in which a time is, counted from 1970.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TimeBucket {
    signature: Signature,
}

impl TimeBucket {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

const TIME_BUCKET_TAKES: &str = "time_bucket takes a constant width and a time, such as time_bucket('1 minute', time) or time_bucket(interval '1 hour', time)";

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &str {
        "time_bucket"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let [width, time] = kinds else { return plan_err!("{TIME_BUCKET_TAKES}") };
        let time = match time {
            DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
            DataType::Date32 | DataType::Date64 | DataType::Null => DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
            }
            _ => return plan_err!("{TIME_BUCKET_TAKES}"),
        };
        match width {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Interval(_)
            | DataType::Duration(_) => Ok(vec![DataType::Interval(IntervalUnit::MonthDayNano), time]),
            _ => plan_err!("{TIME_BUCKET_TAKES}"),
        }
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        kinds.get(1).cloned().ok_or_else(|| exec_datafusion_err!("{TIME_BUCKET_TAKES}"))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(width))), time] = args.args.as_slice() else {
            return exec_err!("{TIME_BUCKET_TAKES}");
        };
        if width.months != 0 {
            return exec_err!(
                "time_bucket: a month has no fixed length; expected days or less, or date_trunc('month', time)"
            );
        }
        let width_ns =
            i64::from(width.days).checked_mul(NANOS_PER_DAY).and_then(|days| days.checked_add(width.nanoseconds));
        let Some(width_ns) = width_ns.filter(|width| *width > 0) else {
            return exec_err!("time_bucket: expected a width above zero, and below 292 years");
        };
        match time {
            ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time, zone)) => {
                let start = time.map(|time| start(time, width_ns));
                Ok(ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(start, zone.clone())))
            }
            ColumnarValue::Array(times) => {
                let kind = times.data_type().clone();
                let times = times.as_primitive::<TimestampNanosecondType>();
                let starts: PrimitiveArray<TimestampNanosecondType> = times.unary(|time| start(time, width_ns));
                Ok(ColumnarValue::Array(Arc::new(starts.with_data_type(kind))))
            }
            ColumnarValue::Scalar(_) => exec_err!("{TIME_BUCKET_TAKES}"),
        }
    }
}

/// The last multiple of the width that is not after the time; the least time there is stays.
fn start(time: i64, width_ns: i64) -> i64 {
    time.checked_sub(time.rem_euclid(width_ns)).unwrap_or(i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::start;

    #[test]
    fn steps_start_at_multiples_of_the_width() {
        assert_eq!(start(125, 60), 120);
        assert_eq!(start(120, 60), 120);
        assert_eq!(start(-1, 60), -60);
        assert_eq!(start(i64::MIN + 1, 60), i64::MIN);
    }
}
