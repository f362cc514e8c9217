//! Attribute keys as numbers.
//!
//! Keys repeat on every row, so a batch keeps each once. OTLP itself has a place for such numbers (`key_strindex`,
//! where 0 means "not used"), so that the stored bytes stay plain protobuf.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// Keys that one batch numbers. Further keys are stored as they are: a sender of random keys must not grow the table.
const MAX_KEYS: usize = 2048;
/// What an entry costs besides its text: the shared string's header and its pointer.
const KEY_ENTRY_BYTES: usize = 32;

/// The keys of a batch that still grows.
#[derive(Default)]
pub(crate) struct KeyTable {
    numbers: HashMap<Arc<str>, i32>,
    keys: Vec<Arc<str>>,
    bytes: usize,
}

/// The keys of a frozen batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Arc<[Arc<str>]>);

impl KeyTable {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn freeze(&self) -> Keys {
        Keys(self.keys.as_slice().into())
    }

    /// Replaces keys by numbers, at every depth.
    pub(crate) fn shorten(&mut self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            attribute.key_strindex = self.number(&attribute.key).unwrap_or(0);
            if attribute.key_strindex != 0 {
                attribute.key = String::new();
            }
            if let Some(value) = &mut attribute.value {
                self.shorten_value(value);
            }
        }
    }

    /// The same within a value.
    pub(crate) fn shorten_value(&mut self, value: &mut AnyValue) {
        match &mut value.value {
            Some(Proto::KvlistValue(list)) => self.shorten(&mut list.values),
            Some(Proto::ArrayValue(array)) => array.values.iter_mut().for_each(|item| self.shorten_value(item)),
            // A number into a table that only profiles carry: nothing here can say what it meant.
            Some(Proto::StringValueStrindex(_)) => value.value = None,
            _ => {}
        }
    }

    fn number(&mut self, key: &str) -> Option<i32> {
        if let Some(number) = self.numbers.get(key) {
            return Some(*number);
        }
        if self.keys.len() == MAX_KEYS || key.is_empty() {
            return None;
        }
        let key: Arc<str> = key.into();
        self.bytes += key.len() + KEY_ENTRY_BYTES;
        self.keys.push(key.clone());
        let number = self.keys.len() as i32;
        self.numbers.insert(key, number);
        Some(number)
    }
}

impl Keys {
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|key| key.len() + KEY_ENTRY_BYTES).sum()
    }

    /// The text of an attribute's key.
    pub(crate) fn name(&self, key: String, number: i32) -> String {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.0.get(index)).map_or(key, |found| found.to_string())
    }
}
