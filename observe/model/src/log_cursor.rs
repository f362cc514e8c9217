//! Where log records stand among those of the same time.
//!
//! Nothing of it is stored: it is made of what a record says, so it is the same after every merge.

use crate::series::hash;
use crate::{Attribute, LogCursor, LogRow, Value};

/// The bits of a tie that tell equal records apart. More than so many of the same nanosecond are told apart no more: a reading that
/// goes on after one of these leaves out the rest of them.
const EQUAL_BITS: u32 = 12;
/// The bits of a tie that are a hash. Together with the nanoseconds within a millisecond, ties stay below 2^53, which JavaScript
/// can hold.
const HASH_BITS: u32 = 21;

impl LogCursor {
    /// Of the how manieth record of a time with the same upper bits of the hash, counted from 0 in order of the
    /// [hash](LogRow::content_hash).
    pub fn new(time_ns: u64, hash: u64, place: usize) -> Self {
        let place = place.min((1 << EQUAL_BITS) - 1);
        Self { time_ns, tie: Self::hash_bits(hash) << EQUAL_BITS | place as u64 }
    }

    /// The upper bits of a hash, as a tie has them.
    pub fn hash_bits(hash: u64) -> u64 {
        hash >> (u64::BITS - HASH_BITS)
    }
}

impl LogRow {
    /// A hash of all that it says, not of what was made of it. Attributes count in whatever order they stand, for a file need not keep that.
    pub fn content_hash(&self) -> u64 {
        let mut bytes = Vec::with_capacity(256);
        let Self { body, attributes, resource, scope, .. } = self;
        for number in [
            self.time_ns,
            self.observed_time_ns,
            self.severity.into(),
            self.flags.into(),
            self.dropped_attributes.into(),
            self.resource_dropped_attributes.into(),
            scope.dropped_attributes.into(),
            sum(attributes),
            sum(resource),
            sum(&scope.attributes),
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.trace_id.map_or([0; 16], |id| id.0));
        bytes.extend_from_slice(&self.span_id.map_or([0; 8], |id| id.0));
        let texts = [&self.severity_text, &self.service, &self.event_name, &self.resource_schema_url];
        for text in texts.into_iter().chain([&scope.name, &scope.version, &scope.schema_url]) {
            put_text(text.as_bytes(), &mut bytes);
        }
        put(body, &mut bytes);
        hash(&bytes)
    }
}

fn sum(attributes: &[Attribute]) -> u64 {
    let hashes = attributes.iter().map(|attribute| {
        let mut bytes = Vec::new();
        put_attribute(attribute, &mut bytes);
        hash(&bytes)
    });
    hashes.fold(0, u64::wrapping_add)
}

fn put_attribute(Attribute { key, value }: &Attribute, bytes: &mut Vec<u8>) {
    put_text(key.as_bytes(), bytes);
    put(value, bytes);
}

fn put_text(text: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text);
}

fn put(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Empty => bytes.push(0),
        Value::String(text) => {
            bytes.push(1);
            put_text(text.as_bytes(), bytes);
        }
        Value::Bool(is) => bytes.extend_from_slice(&[2, u8::from(*is)]),
        Value::Int(number) => {
            bytes.push(3);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            // Which NaN it was is not kept everywhere.
            let number = if number.is_nan() { f64::NAN } else { *number };
            bytes.push(4);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Value::Bytes(text) => {
            bytes.push(5);
            put_text(text, bytes);
        }
        Value::Array(items) => {
            bytes.push(6);
            bytes.extend_from_slice(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| put(item, bytes));
        }
        Value::Map(entries) => {
            bytes.push(7);
            bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
            entries.iter().for_each(|entry| put_attribute(entry, bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Attribute, LogCursor, LogRow, Value};
    use crate::ScopeInfo;

    fn row(attributes: &[(&str, Value)]) -> LogRow {
        let attribute = |(key, value): &(&str, Value)| Attribute { key: (*key).to_owned(), value: value.clone() };
        LogRow {
            time_ns: 7,
            observed_time_ns: 0,
            severity: 9,
            severity_text: String::new(),
            service: "cart".into(),
            trace_id: None,
            span_id: None,
            flags: 0,
            event_name: String::new(),
            body: Value::String("line".into()),
            template: None,
            attributes: attributes.iter().map(attribute).collect(),
            dropped_attributes: 0,
            resource: Vec::new(),
            resource_dropped_attributes: 0,
            resource_schema_url: String::new(),
            scope: ScopeInfo::default(),
        }
    }

    #[test]
    fn the_order_of_attributes_does_not_matter_and_what_they_say_does() {
        let (a, b) = (("a", Value::Int(1)), ("b", Value::String("1".into())));
        let hash = row(&[a.clone(), b.clone()]).content_hash();
        assert_eq!(row(&[b, a]).content_hash(), hash);
        for other in [("b", Value::Int(1)), ("b", Value::Bool(true)), ("c", Value::String("1".into()))] {
            assert_ne!(row(&[("a", Value::Int(1)), other]).content_hash(), hash);
        }
        // As it is on every machine.
        assert_eq!(LogCursor::new(7, hash, 3).tie >> 33, 0);
        assert!(LogCursor::new(7, hash, 3) < LogCursor::new(7, hash, 4));
    }
}
