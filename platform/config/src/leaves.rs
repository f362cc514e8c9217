//! A tree of tables as a list of dotted keys, and back.

use toml::{Table, Value};

use crate::Origin;

/// One value. A list is one value, whatever is in it.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// Every value of a table, in order; an empty table within it is one.
pub(crate) fn leaves(table: &Table, origin: &Origin) -> Vec<Leaf> {
    let mut out = Vec::new();
    collect(table, "", origin, &mut out);
    out
}

fn collect(table: &Table, prefix: &str, origin: &Origin, out: &mut Vec<Leaf>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(inner, &key, origin, out),
            value => out.push(Leaf { key, value: value.clone(), origin: origin.clone() }),
        }
    }
}

/// A table with these values where their dotted keys say.
pub(crate) fn table<'a>(leaves: impl IntoIterator<Item = &'a Leaf>) -> Table {
    let mut table = Table::new();
    for leaf in leaves {
        put(&mut table, &leaf.key, leaf.value.clone());
    }
    table
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = table.entry(head).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// What a value should have been, in words; none for texts, which may be anything: their type says what it expects.
pub(crate) fn expected(wanted: &Value) -> Option<&'static str> {
    match wanted {
        Value::String(_) => None,
        Value::Integer(_) => Some("a whole number"),
        Value::Float(_) => Some("a number"),
        Value::Boolean(_) => Some("true or false"),
        Value::Datetime(_) => Some("a date and time"),
        Value::Array(_) => Some("a list, for example [\"a\", \"b\"]"),
        Value::Table(_) => Some("a table"),
    }
}
