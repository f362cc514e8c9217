//! Filters of chance, and what they mean, spelled out.

use std::sync::Arc;

use vitrine_observe_columns::{Column, Columns, Filter, Kind, TextTest};

use super::tables::{Cell, Chance, cell};

/// A filter for a table whose values repeat as `variety` says; often it asks for something that a row has.
pub fn filter(chance: &mut Chance, columns: &Columns, depth: u64) -> Filter {
    let lists = &columns.lists;
    match chance.below(if depth == 0 { 6 } else { 10 }) {
        6 => Filter::All((0..chance.below(4)).map(|_| filter(chance, columns, depth - 1)).collect()),
        7 => Filter::Any((0..chance.below(4)).map(|_| filter(chance, columns, depth - 1)).collect()),
        8 | 9 => {
            let list = chance.below(lists.len() as u64) as usize;
            let children = &lists[list].children;
            let inner = |chance: &mut Chance| {
                let child = chance.below(children.len() as u64) as usize;
                of_column(chance, &children[child])
            };
            let (first, second) = (inner(chance), inner(chance));
            let filter = match chance.below(4) {
                0 => Filter::All(vec![first, second]),
                1 => Filter::Any(vec![first, second]),
                2 => Filter::All(Vec::new()),
                _ => first,
            };
            Filter::Element { list: columns.definition.lists[list].name.to_owned(), filter: Box::new(filter) }
        }
        _ => {
            let column = chance.below(columns.flat.len() as u64) as usize;
            of_column(chance, &columns.flat[column])
        }
    }
}

fn of_column(chance: &mut Chance, column: &Column) -> Filter {
    let rows = column.data.len().max(1);
    let some = |chance: &mut Chance| match column.data.len() {
        0 => Cell::Null,
        _ => cell(column, chance.below(rows as u64) as usize),
    };
    let mut name = column.name.to_string();
    if chance.below(20) == 0 {
        name = "absent".to_owned();
    }
    // Now and then a filter of another kind than the column's.
    let kind = if chance.below(20) == 0 { Kind::Int } else { column.kind };
    match kind {
        Kind::Text => {
            let text = |chance: &mut Chance| match some(chance) {
                Cell::Text(text) if chance.below(5) > 0 => text,
                _ => "no such text".to_owned(),
            };
            let test = match chance.below(4) {
                0 => TextTest::OneOf((0..chance.below(4)).map(|_| text(chance)).collect()),
                1 => {
                    let digit = char::from(b'0' + chance.below(10) as u8);
                    TextTest::Where(Arc::new(move |text| text.contains(digit)))
                }
                _ => TextTest::Equal(text(chance)),
            };
            Filter::Text { column: name, test }
        }
        Kind::Int | Kind::Time => {
            let bound = |chance: &mut Chance, extreme| match some(chance) {
                Cell::Int(value) if chance.below(5) > 0 => value,
                _ => extreme,
            };
            Filter::Int { column: name, min: bound(chance, i64::MIN), max: bound(chance, i64::MAX) }
        }
        Kind::Double => {
            let bound = |chance: &mut Chance, extreme| match some(chance) {
                Cell::Double(bits) if chance.below(5) > 0 => f64::from_bits(bits),
                _ => extreme,
            };
            Filter::Double { column: name, min: bound(chance, f64::NEG_INFINITY), max: bound(chance, f64::INFINITY) }
        }
        Kind::Bool => Filter::Bool { column: name, value: chance.below(2) == 0 },
        Kind::Id16 | Kind::Id8 | Kind::Parent => {
            let value = match some(chance) {
                Cell::Bytes(bytes) => bytes.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)),
                _ => [0, 1 << 100, 3][chance.below(3) as usize],
            };
            Filter::Id { column: name, value }
        }
    }
}

/// Whether a row meets a filter.
pub fn meets(filter: &Filter, columns: &Columns, row: usize) -> bool {
    let element = |list: &str, filter: &Filter| {
        let place = columns.definition.lists.iter().position(|each| each.name == list).expect("a list");
        let list = &columns.lists[place];
        list.range(row).any(|element| value_meets(filter, &list.children, element))
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| meets(filter, columns, row)),
        Filter::Any(filters) => filters.iter().any(|filter| meets(filter, columns, row)),
        Filter::Element { list, filter } => element(list, filter),
        filter => value_meets(filter, &columns.flat, row),
    }
}

fn value_meets(filter: &Filter, columns: &[Column], row: usize) -> bool {
    let value = |name: &str| {
        let column = columns.iter().find(|column| &*column.name == name);
        column.map_or(Cell::Null, |column| cell(column, row))
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| value_meets(filter, columns, row)),
        Filter::Any(filters) => filters.iter().any(|filter| value_meets(filter, columns, row)),
        Filter::Text { column, test } => match (value(column), test) {
            (Cell::Text(text), TextTest::Equal(wanted)) => text == *wanted,
            (Cell::Text(text), TextTest::OneOf(wanted)) => wanted.contains(&text),
            (Cell::Text(text), TextTest::Where(test)) => test(&text),
            _ => false,
        },
        Filter::Int { column, min, max } => match value(column) {
            Cell::Int(value) => value != i64::MIN && *min <= value && value <= *max,
            _ => false,
        },
        Filter::Double { column, min, max } => match value(column) {
            Cell::Double(bits) => *min <= f64::from_bits(bits) && f64::from_bits(bits) <= *max,
            _ => false,
        },
        Filter::Bool { column, value: wanted } => value(column) == Cell::Bool(*wanted),
        Filter::Id { column, value: wanted } => match value(column) {
            Cell::Bytes(bytes) => {
                *wanted != 0 && bytes.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)) == *wanted
            }
            _ => false,
        },
        Filter::Element { .. } => false,
    }
}
