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

/// Every value of a table, in order.
pub(crate) fn leaves(table: &Table, origin: &Origin) -> Vec<Leaf> {
    let mut out = Vec::new();
    collect(table, "", origin, &mut out);
    out
}

fn collect(table: &Table, prefix: &str, origin: &Origin, out: &mut Vec<Leaf>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => collect(inner, &key, origin, out),
            value => out.push(Leaf { key, value: value.clone(), origin: origin.clone() }),
        }
    }
}

/// Puts a value where its dotted key says.
pub(crate) fn put(table: &mut Table, key: &str, value: Value) {
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

/// Whether a value can stand where another does. A whole number can stand for a fraction.
pub(crate) fn same_kind(wanted: &Value, given: &Value) -> bool {
    wanted.same_type(given) || (wanted.is_float() && given.is_integer())
}

/// What a value should have been, in words.
pub(crate) fn expected(wanted: &Value) -> &'static str {
    match wanted {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date and time",
        Value::Array(_) => "a list, for example [\"a\", \"b\"]",
        Value::Table(_) => "a table",
    }
}
