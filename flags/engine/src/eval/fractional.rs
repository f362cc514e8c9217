//! `fractional`: a subject's bucket by its hash, so that a share of subjects gets a variant, and each always the same.

use super::{Algorithm, Run, Scope};
use crate::MAX_WEIGHTS;
use crate::context::Path;
use crate::hash::{cbor, cbor_text, head, murmur3};
use crate::rule::{Fractional, Id, Node, Op, Weight, Weights};
use crate::value::Value;

/// What was hashed, the sum of the weights and the bucket.
pub(crate) struct Drawn {
    /// What the bucket says.
    pub(crate) variant: Id,
    pub(crate) hash: u32,
    pub(crate) total: u64,
    /// The bucket's number, from 0.
    pub(crate) bucket: usize,
    /// The part of `0..total` that is the bucket's.
    pub(crate) range: (u64, u64),
    /// Where in it the subject is, rounded down.
    pub(crate) at: u64,
}

/// A whole number as a weight: nothing is below zero, and more than all weights may sum up to stays more.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a double saturates")]
pub(crate) fn whole_weight(number: f64) -> u32 {
    (number.max(0.0) as u32).min(MAX_WEIGHTS + 1)
}

/// Bytes to hash: short ones without allocation.
#[derive(Default)]
struct Bytes {
    short: Short,
    long: Vec<u8>,
}

struct Short {
    bytes: [u8; Self::LEN],
    len: usize,
}

impl Short {
    /// Longer than most keys.
    const LEN: usize = 128;
}

impl Default for Short {
    fn default() -> Self {
        Self { bytes: [0; Self::LEN], len: 0 }
    }
}

impl Bytes {
    fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let end = self.short.len + bytes.len();
        if self.long.is_empty() && end <= Short::LEN {
            self.short.bytes[self.short.len..end].copy_from_slice(bytes);
            self.short.len = end;
            return;
        }
        if self.long.is_empty() {
            self.long.extend_from_slice(&self.short.bytes[..self.short.len]);
        }
        self.long.extend_from_slice(bytes);
    }

    fn hash(&self) -> u32 {
        if self.long.is_empty() { murmur3(&self.short.bytes[..self.short.len]) } else { murmur3(&self.long) }
    }
}

impl<'a> Run<'a> {
    /// Draws a bucket; none where nothing can be drawn.
    pub(crate) fn draw(&self, fractional: &Fractional, scope: Scope<'_, 'a>) -> Option<Drawn> {
        if !self.pay(fractional.count.into()) {
            return None;
        }
        let mut computed = Vec::new();
        let hash;
        let total = match fractional.weights {
            Weights::Broken => return None,
            Weights::Sum(total) => {
                hash = self.hash(fractional, scope)?;
                total.into()
            }
            Weights::Computed => {
                hash = self.hash(fractional, scope)?;
                computed = self.weights(fractional, scope)?;
                computed.iter().sum()
            }
        };
        if total == 0 || total > u64::from(MAX_WEIGHTS) {
            return None;
        }
        let scaled = (u64::from(hash) * total) >> 32;
        let mut start = 0;
        for (n, bucket) in fractional.buckets(self.rule).enumerate() {
            let weight = match (bucket.weight, computed.get(n)) {
                (_, Some(weight)) => *weight,
                (Weight::Known(weight), None) => weight.into(),
                (Weight::Of(_), None) => 0,
            };
            let end = start + weight;
            let inside = match self.algorithm {
                Algorithm::V1 => percent_of_hash(hash) < cumulative_percent(end, total),
                Algorithm::V2 | Algorithm::V3 => scaled < end,
            };
            if inside && weight > 0 {
                let at = match self.algorithm {
                    Algorithm::V1 => at_v1(hash, total),
                    Algorithm::V2 | Algorithm::V3 => scaled,
                };
                return Some(Drawn { variant: bucket.variant, hash, total, bucket: n, range: (start, end), at });
            }
            start = end;
        }
        None
    }

    /// The weights, where some are computed; none if one is no whole number.
    pub(crate) fn weights(&self, fractional: &Fractional, scope: Scope<'_, 'a>) -> Option<Vec<u64>> {
        let weight = |weight: Weight| match weight {
            Weight::Known(weight) => Some(weight.into()),
            Weight::Of(id) => match self.eval(id, scope) {
                Value::Number(number) if number.fract() == 0.0 => Some(whole_weight(number).into()),
                _ => None,
            },
        };
        fractional.buckets(self.rule).map(|bucket| weight(bucket.weight)).collect()
    }

    fn hash(&self, fractional: &Fractional, scope: Scope<'_, 'a>) -> Option<u32> {
        match (fractional.key, self.algorithm) {
            (Some(key), Algorithm::V3) => {
                let key = self.eval(key, scope);
                if key.is_null() || !self.pay(super::ops::weight(&key)) {
                    return None;
                }
                let mut bytes = Vec::new();
                cbor(&key, &mut bytes);
                Some(murmur3(&bytes))
            }
            (None, Algorithm::V3) => {
                let subject = self.subject()?;
                let mut bytes = Vec::new();
                head(4, 2, &mut bytes);
                cbor_text(self.flag_key, &mut bytes);
                if let Value::Text(subject) = subject {
                    cbor_text(&subject, &mut bytes);
                }
                Some(murmur3(&bytes))
            }
            (Some(key), Algorithm::V1 | Algorithm::V2) => {
                let mut bytes = Bytes::default();
                match self.key_text(key, scope, &mut bytes) {
                    Key::Text => Some(bytes.hash()),
                    // As flagd: a key that is not there gives way to the usual one, any other key is a mistake.
                    Key::Null => self.usual_hash(),
                    Key::Other => None,
                }
            }
            (None, Algorithm::V1 | Algorithm::V2) => self.usual_hash(),
        }
    }

    fn usual_hash(&self) -> Option<u32> {
        let subject = self.subject()?;
        let mut bytes = Bytes::default();
        bytes.push(self.flag_key);
        bytes.push(&subject.to_text());
        Some(bytes.hash())
    }

    /// The targeting key, if it is a text with something in it.
    fn subject(&self) -> Option<Value<'a>> {
        match self.context.find(Path::new("targetingKey")) {
            Value::Text(text) if !text.is_empty() => Some(Value::Text(text)),
            _ => None,
        }
    }

    /// Gathers the key's text; the parts of a `cat` one by one, since they need not become one text first.
    fn key_text(&self, key: Id, scope: Scope<'_, 'a>, bytes: &mut Bytes) -> Key {
        if let Node::Op { op: Op::Cat, args } = self.rule.node(key) {
            for arg in self.rule.args(args) {
                let part = self.eval(*arg, scope);
                match self.text_of(&part) {
                    Some(text) => bytes.push(&text),
                    None => return Key::Other,
                }
            }
            return Key::Text;
        }
        match self.eval(key, scope) {
            Value::Text(text) => {
                bytes.push(&text);
                Key::Text
            }
            Value::Null => Key::Null,
            _ => Key::Other,
        }
    }
}

enum Key {
    Text,
    Null,
    Other,
}

/// Where v1 sees a hash, in percent.
fn percent_of_hash(hash: u32) -> f64 {
    let ratio = f64::from(hash.cast_signed()).abs() / f64::from(i32::MAX);
    ratio * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "weights are below 2^31")]
fn cumulative_percent(end: u64, total: u64) -> f64 {
    end as f64 * 100.0 / total as f64
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^31")]
fn at_v1(hash: u32, total: u64) -> u64 {
    (percent_of_hash(hash) / 100.0 * total as f64) as u64
}
