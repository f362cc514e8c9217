//! A document with nothing nested: dotted keys.

use super::value::{Object, Value};

/// Objects whose dotted key is longer stay as they are.
const MAX_NESTED_KEY_BYTES: usize = 256;
/// Bytes of dotted keys of one document, beyond which objects stay as they are: a long key is repeated by all that lies in it.
const MAX_KEYS_BYTES: usize = 1 << 20;

/// A document's values by dotted keys.
pub(super) struct Flat<'d> {
    keys: String,
    pub leaves: Vec<Leaf<'d>>,
    /// The dotted keys of the objects that were taken apart, in order; and where the own name of each begins.
    pub objects: Vec<(String, usize)>,
}

/// A value of no object that is taken apart.
pub(super) struct Leaf<'d> {
    start: usize,
    end: usize,
    /// Where its own name begins in the dotted key.
    own: usize,
    pub value: &'d Value<'d>,
}

impl<'d> Flat<'d> {
    pub(super) fn of(document: &'d Object<'d>) -> Self {
        let mut flat = Self { keys: String::new(), leaves: Vec::new(), objects: Vec::new() };
        flat.walk(document, &mut String::new());
        flat.objects.sort_unstable();
        flat
    }

    pub(super) fn key(&self, leaf: &Leaf<'_>) -> &str {
        &self.keys[leaf.start..leaf.end]
    }

    fn walk(&mut self, object: &'d Object<'d>, path: &mut String) {
        let own = path.len();
        for (name, value) in object {
            path.push_str(name);
            match value {
                Value::Object(inner)
                    if !inner.is_empty() && path.len() <= MAX_NESTED_KEY_BYTES && self.keys.len() <= MAX_KEYS_BYTES =>
                {
                    self.objects.push((path.clone(), own));
                    path.push('.');
                    self.walk(inner, path);
                }
                value => {
                    let start = self.keys.len();
                    self.keys.push_str(path);
                    self.leaves.push(Leaf { start, end: self.keys.len(), own, value });
                }
            }
            path.truncate(own);
        }
    }

    /// Whether the keys alone do not say where each value lay, or what the values were: a key stands twice, a name of its own has a dot
    /// where an object's key ends, or a value is not kept as it is.
    pub(super) fn is_ambiguous(&self) -> bool {
        let objects = &self.objects;
        let is_object = |key: &str| objects.binary_search_by(|(known, _)| known.as_str().cmp(key)).is_ok();
        let crosses =
            |key: &str, own: usize| key[own..].match_indices('.').any(|(dot, _)| is_object(&key[..own + dot]));
        if self.leaves.iter().any(|leaf| !leaf.value.is_kept() || crosses(self.key(leaf), leaf.own))
            || objects.iter().any(|(key, own)| crosses(key, *own))
        {
            return true;
        }
        let mut all: Vec<&str> = self.leaves.iter().map(|leaf| self.key(leaf)).collect();
        all.extend(objects.iter().map(|(key, _)| key.as_str()));
        all.sort_unstable();
        all.windows(2).any(|pair| pair[0] == pair[1])
    }
}
