//! Attributes of spans by their keys, wherever a table has them: in columns of their own, by type, or in the map of rare ones.

use std::borrow::Cow;

use vitrine_observe_columns::{Column, Columns, Data, List, Texts};
use vitrine_observe_model::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES};
use vitrine_observe_model::{Value, attribute_key, json_value, scalar};

/// Some attributes of a number of spans.
pub(crate) struct SpanAttributes<'a> {
    keys: Vec<Locations<'a>>,
    rare: Rare<'a>,
}

/// Where the values of one key are.
#[derive(Default)]
struct Locations<'a> {
    columns: Vec<&'a Column>,
    /// The key's number in the map of rare ones.
    rare: Option<u32>,
}

/// The map of attributes that have no column of their own, or not in this row.
struct Rare<'a> {
    list: &'a List,
    keys: &'a Texts,
    values: &'a Texts,
}

impl<'a> Rare<'a> {
    fn of(columns: &'a Columns) -> Option<Self> {
        let list = columns.lists.get(ATTRIBUTES)?;
        let (Data::Text(keys), Data::Text(values)) =
            (&list.children[ATTRIBUTE_KEY].data, &list.children[ATTRIBUTE_VALUE].data)
        else {
            return None;
        };
        Some(Self { list, keys, values })
    }

    fn value(&self, row: usize, key: u32) -> Option<Value> {
        let element = self.list.range(row).find(|element| self.keys.codes[*element] == key)?;
        self.values.get(element).map(json_value)
    }
}

impl<'a> SpanAttributes<'a> {
    /// Those of these keys. None if the columns are of no table with attributes.
    pub(crate) fn of(columns: &'a Columns, keys: &[&str]) -> Option<Self> {
        let rare = Rare::of(columns)?;
        let place = |key: &&str| Locations { columns: Vec::new(), rare: rare.keys.dictionary.find(key.as_bytes()) };
        let mut locations: Vec<Locations<'a>> = keys.iter().map(place).collect();
        for column in columns.attributes() {
            let known = attribute_key(column).and_then(|key| keys.iter().position(|wanted| *wanted == key));
            if let Some(known) = known {
                locations[known].columns.push(column);
            }
        }
        Some(Self { keys: locations, rare })
    }

    /// The value of the key at this place in a row.
    pub(crate) fn value(&self, row: usize, key: usize) -> Option<Value> {
        let locations = &self.keys[key];
        let of_column = locations.columns.iter().filter(|column| row < column.data.len());
        of_column
            .into_iter()
            .find_map(|column| scalar(column, row))
            .or_else(|| locations.rare.and_then(|number| self.rare.value(row, number)))
    }

    /// The same where it is a text that is not empty.
    pub(crate) fn text(&self, row: usize, key: usize) -> Option<Cow<'a, str>> {
        let locations = &self.keys[key];
        for column in &locations.columns {
            if let Data::Text(texts) = &column.data
                && row < texts.codes.len()
                && let Some(text) = texts.get(row)
            {
                return Some(Cow::Borrowed(text)).filter(|text| !text.is_empty());
            }
        }
        match locations.rare.and_then(|number| self.rare.value(row, number))? {
            Value::String(text) if !text.is_empty() => Some(Cow::Owned(text)),
            _ => None,
        }
    }
}
