//! Whether a log record meets a filter: what filters mean, spelled out on whole records.

use std::ops::Bound;

use crate::{Attribute, LogField, LogFilter, LogRow, LogTest, Value};

impl LogFilter {
    /// Whether a record meets it.
    pub fn meets(&self, row: &LogRow) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.meets(row)),
            Self::Any(filters) => filters.iter().any(|filter| filter.meets(row)),
            Self::Not(filter) => !filter.meets(row),
            Self::Field(LogField::Any, test) => row.values().iter().any(|value| test.meets(value)),
            Self::Field(field, test) => row.value(field).is_some_and(|value| test.meets(&value)),
        }
    }
}

impl LogTest {
    /// Whether a value that is there meets it.
    pub fn meets(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Text(test), value) => test.meets(&value.text()),
            (Self::Number(..), Value::Int(number)) => self.has_number(*number as f64),
            (Self::Number(..), Value::Double(number)) => self.has_number(*number),
            (Self::Bool(wanted), Value::Bool(found)) => wanted == found,
            (Self::Number(..) | Self::Bool(_), _) => false,
        }
    }

    /// The least and the greatest number that meet it; none do if these are no numbers, or the wrong way round.
    pub fn numbers(&self) -> (f64, f64) {
        let Self::Number(low, high) = self else { return (f64::NAN, f64::NAN) };
        let low = match low {
            Bound::Included(low) => *low,
            Bound::Excluded(f64::INFINITY) => f64::NAN,
            Bound::Excluded(low) => low.next_up(),
            Bound::Unbounded => f64::NEG_INFINITY,
        };
        let high = match high {
            Bound::Included(high) => *high,
            Bound::Excluded(f64::NEG_INFINITY) => f64::NAN,
            Bound::Excluded(high) => high.next_down(),
            Bound::Unbounded => f64::INFINITY,
        };
        (low, high)
    }

    fn has_number(&self, number: f64) -> bool {
        let (low, high) = self.numbers();
        low <= number && number <= high
    }
}

impl LogRow {
    /// What [`LogField::Any`] stands for.
    fn values(&self) -> Vec<Value> {
        let fields = [LogField::Body, LogField::SeverityText, LogField::EventName, LogField::Service];
        let attributes = self.attributes.iter().chain(&self.resource);
        let fields = fields.iter().filter_map(|field| self.value(field));
        fields.chain(attributes.map(|Attribute { value, .. }| value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use super::{LogTest, Value};

    #[test]
    fn numbers_are_within_their_bounds() {
        for (low, high, within, without) in [
            (Included(1.0), Excluded(2.0), [1.0, 1.5], [2.0, 0.5]),
            (Excluded(1.0), Unbounded, [1.25, f64::INFINITY], [1.0, f64::NAN]),
            (Unbounded, Unbounded, [f64::NEG_INFINITY, 0.0], [f64::NAN, f64::NAN]),
            (Unbounded, Excluded(f64::INFINITY), [f64::MAX, -1.0], [f64::INFINITY, f64::NAN]),
        ] {
            let test = LogTest::Number(low, high);
            assert!(within.iter().all(|number| test.meets(&Value::Double(*number))), "{low:?} {high:?}");
            assert!(!without.iter().any(|number| test.meets(&Value::Double(*number))), "{low:?} {high:?}");
        }
        let past_all = LogTest::Number(Excluded(f64::INFINITY), Unbounded);
        assert!(!past_all.meets(&Value::Double(f64::INFINITY)) && !past_all.meets(&Value::String("7".into())));
        assert!(LogTest::Number(Included(7.0), Included(7.0)).meets(&Value::Int(7)));
    }
}
