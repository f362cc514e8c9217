//! What filters ask of values, and of tables in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use vitrine_observe_text::TextScan;

use crate::column::{Column, Columns, Data, List, NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT, Texts};
use crate::definition::{Definition, Kind};
use crate::filter::{Filter, TextTest, double_text};
use crate::text_table::TextTable;

/// So many times as many texts as rows are looked through at once, at most.
const SPARSE: usize = 4;

/// What a value that is not a text must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Condition {
    /// A whole number or a time, at least and at most.
    Int(i64, i64),
    /// A floating point number, at least and at most.
    Double(f64, f64),
    /// A boolean.
    Bool(bool),
    /// An id of 16 bytes.
    Id16(u128),
    /// An id of 8 bytes.
    Id8(u64),
}

impl Condition {
    /// What a filter asks of a column of this kind; none if nothing meets it.
    pub fn of(filter: &Filter, kind: Kind) -> Option<Self> {
        match (filter, kind) {
            (Filter::Int { min, max, .. }, Kind::Int | Kind::Time) if min <= max => {
                // The least number is null.
                Some(Self::Int(*min.max(&(NULL_INT + 1)), *max))
            }
            (Filter::Double { min, max, .. }, Kind::Double) => Some(Self::Double(*min, *max)),
            (Filter::Bool { value, .. }, Kind::Bool) => Some(Self::Bool(*value)),
            (Filter::Id { value: id @ 1.., .. }, Kind::Id16) => Some(Self::Id16(*id)),
            (Filter::Id { value: id @ 1.., .. }, Kind::Id8 | Kind::Parent) => u64::try_from(*id).ok().map(Self::Id8),
            _ => None,
        }
    }

    /// Which values meet it.
    pub fn flags(self, data: &Data, range: Range<usize>) -> Vec<bool> {
        match (self, data) {
            (Self::Int(min, max), Data::Int(values)) => flags(&values[range], |value| min <= value && value <= max),
            (Self::Double(min, max), Data::Double(values)) => flags(&values[range], |bits| {
                let value = f64::from_bits(bits);
                bits != NULL_DOUBLE && min <= value && value <= max
            }),
            (Self::Bool(value), Data::Bool(values)) => flags(&values[range], |each| each == u8::from(value)),
            (Self::Id16(id), Data::Id16(values)) => flags(&values[range], |value| value == id),
            (Self::Id8(id), Data::Id8(values)) => flags(&values[range], |value| value == id),
            _ => vec![false; range.len()],
        }
    }
}

fn flags<T: Copy>(values: &[T], meets: impl Fn(T) -> bool) -> Vec<bool> {
    values.iter().map(|value| meets(*value)).collect()
}

/// The codes whose texts are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodeSet {
    /// None of them.
    None,
    /// One.
    One(u32),
    /// By the code, whether it is wanted.
    Many(Vec<bool>),
}

impl TextTest {
    /// Which of the texts of these codes meet it.
    fn flags(&self, texts: &impl TextTable, codes: Range<u32>) -> Vec<bool> {
        if codes.is_empty() {
            return Vec::new();
        }
        let base = texts.place(codes.start).0;
        let bytes = &texts.bytes()[base as usize..texts.place(codes.end - 1).1 as usize];
        let places = codes.map(|code| texts.place(code)).map(|(start, end)| (start - base, end - base));
        match self {
            Self::Match(wanted) => TextScan::new(wanted.clone()).matching(bytes, places.map(Some)),
            test => places.map(|(start, end)| meets(test, &bytes[start as usize..end as usize])).collect(),
        }
    }
}

impl CodeSet {
    /// Those of the texts that meet a test.
    pub fn new(test: &TextTest, texts: &impl TextTable) -> Self {
        let wanted = match test {
            TextTest::Equal(text) => return texts.code_of(text.as_bytes()).map_or(Self::None, Self::One),
            TextTest::OneOf(one_of) => {
                let mut wanted = vec![false; texts.count() as usize];
                for code in one_of.iter().filter_map(|text| texts.code_of(text.as_bytes())) {
                    wanted[code as usize] = true;
                }
                wanted
            }
            TextTest::Match(_) | TextTest::Where(_) => test.flags(texts, 0..texts.count()),
        };
        match (wanted.iter().position(|wanted| *wanted), wanted.iter().rposition(|wanted| *wanted)) {
            (Some(first), Some(last)) if first == last => Self::One(first as u32),
            (Some(_), _) => Self::Many(wanted),
            (None, _) => Self::None,
        }
    }

    /// How many are wanted.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(wanted) => wanted.iter().filter(|wanted| **wanted).count(),
        }
    }

    /// Which codes are wanted; none if none is.
    pub fn flags(&self, codes: &[u32]) -> Option<Vec<bool>> {
        match self {
            Self::None => None,
            // Mostly it is in no page: that is found out without a branch for each row.
            Self::One(wanted) => {
                let any = codes.chunks(64).any(|codes| codes.iter().fold(false, |any, code| any | (code == wanted)));
                any.then(|| flags(codes, |code| code == *wanted))
            }
            Self::Many(wanted) => Some(flags(codes, |code| wanted.get(code as usize) == Some(&true))),
        }
    }
}

/// Whether a filter may ask values of this kind as text. Texts are asked as such, and ids of other rows by no one.
pub(crate) fn is_asked_as_text(kind: Kind) -> bool {
    !matches!(kind, Kind::Text | Kind::Parent)
}

/// What is not UTF-8 is empty.
fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Whether a text meets a test.
pub(crate) fn meets(test: &TextTest, text: &[u8]) -> bool {
    match test.named() {
        Some(wanted) => wanted.iter().any(|wanted| wanted.as_bytes() == text),
        None => test.meets(text_of(text)),
    }
}

/// Which values that are no texts meet a test as text. Each distinct one is asked once.
pub(crate) fn as_text_flags(test: &TextTest, data: &Data, range: Range<usize>) -> Vec<bool> {
    fn ask<T: Copy + Eq + Hash>(values: &[T], null: T, test: &TextTest, text: impl Fn(T) -> String) -> Vec<bool> {
        let mut asked: HashMap<T, bool> = HashMap::new();
        let mut meets = |value| *asked.entry(value).or_insert_with(|| test.meets(&text(value)));
        values.iter().map(|value| *value != null && meets(*value)).collect()
    }
    match data {
        Data::Int(values) => ask(&values[range], NULL_INT, test, |value| value.to_string()),
        Data::Double(values) => ask(&values[range], NULL_DOUBLE, test, |bits| double_text(f64::from_bits(bits))),
        Data::Bool(values) => ask(&values[range], NULL_BOOL, test, |value| (value == 1).to_string()),
        Data::Id16(values) => ask(&values[range], 0, test, |id| format!("{id:032x}")),
        Data::Id8(values) => ask(&values[range], 0, test, |id| format!("{id:016x}")),
        Data::Text(_) => vec![false; range.len()],
    }
}

/// For each list, whether one of its elements meets something: `ends` are where lists end, `first` where the first starts.
pub(crate) fn any_element(elements: &[bool], first: u32, ends: &[u32]) -> Vec<bool> {
    let mut start = first;
    let any = ends.iter().map(|end| {
        let list = &elements[(start - first) as usize..(end - first) as usize];
        start = *end;
        list.contains(&true)
    });
    any.collect()
}

/// Columns of the same rows.
struct Table<'a> {
    columns: &'a [Column],
    lists: &'a [List],
    definition: &'static Definition,
}

impl Table<'_> {
    /// Columns of this name.
    fn named(&self, name: &str) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |column| &*column.name == name)
    }

    /// Which rows meet a filter.
    fn flags(&self, filter: &Filter, rows: Range<usize>) -> Vec<bool> {
        let join = |filters: &[Filter], start: bool, join: fn(&mut bool, bool)| {
            let mut all = vec![start; rows.len()];
            for filter in filters {
                // Nothing, or everything, stays so.
                if !all.contains(&start) {
                    break;
                }
                let flags = self.flags(filter, rows.clone());
                all.iter_mut().zip(flags).for_each(|(all, each)| join(all, each));
            }
            all
        };
        match filter {
            Filter::All(filters) => join(filters, true, |all, each| *all &= each),
            Filter::Any(filters) => join(filters, false, |any, each| *any |= each),
            Filter::Not(filter) => self.flags(filter, rows).into_iter().map(|flag| !flag).collect(),
            Filter::Exists { column: name } => {
                let mut any = vec![false; rows.len()];
                for column in self.named(name) {
                    let present = rows.clone().map(|row| !column.data.is_null(row));
                    any.iter_mut().zip(present).for_each(|(any, each)| *any |= each);
                }
                any
            }
            Filter::Text { column: name, test } => match self.named(name).find(|column| column.kind == Kind::Text) {
                Some(Column { data: Data::Text(texts), .. }) => text_flags(texts, test, rows),
                _ => vec![false; rows.len()],
            },
            Filter::AsText { column: name, test } => {
                let fits = |column: &&Column| is_asked_as_text(column.kind);
                match self.named(name).find(fits) {
                    Some(column) => as_text_flags(test, &column.data, rows),
                    None => vec![false; rows.len()],
                }
            }
            Filter::Int { column: name, .. }
            | Filter::Double { column: name, .. }
            | Filter::Bool { column: name, .. }
            | Filter::Id { column: name, .. } => {
                match self.named(name).find_map(|column| Some((Condition::of(filter, column.kind)?, &column.data))) {
                    Some((condition, data)) => condition.flags(data, rows),
                    None => vec![false; rows.len()],
                }
            }
            Filter::Element { list, filter } => {
                let place = self.definition.lists.iter().position(|each| each.name == list);
                let Some(list) = place.and_then(|place| self.lists.get(place)) else {
                    return vec![false; rows.len()];
                };
                let elements = Table { columns: &list.children, lists: &[], definition: self.definition };
                let (first, last) = (list.offsets[rows.start], list.offsets[rows.end]);
                let flags = elements.flags(filter, first as usize..last as usize);
                any_element(&flags, first, &list.offsets[rows.start + 1..=rows.end])
            }
        }
    }
}

fn text_flags(texts: &Texts, test: &TextTest, rows: Range<usize>) -> Vec<bool> {
    let (codes, dictionary) = (&texts.codes[rows], &texts.dictionary);
    if test.named().is_some() {
        let wanted = CodeSet::new(test, dictionary);
        return wanted.flags(codes).unwrap_or_else(|| vec![false; codes.len()]);
    }
    let known = || codes.iter().copied().filter(|code| *code != NULL_CODE);
    let (Some(first), Some(last)) = (known().min(), known().max()) else { return vec![false; codes.len()] };
    // Texts of these rows mostly lie together. Where others are between them, each is asked.
    if (last - first) as usize > codes.len() * SPARSE {
        return codes.iter().map(|code| *code != NULL_CODE && meets(test, dictionary.get(*code))).collect();
    }
    let wanted = test.flags(dictionary, first..last + 1);
    codes.iter().map(|code| *code != NULL_CODE && wanted[(code - first) as usize]).collect()
}

impl Columns {
    /// The rows among these that meet a filter, ascending.
    pub fn matching(&self, filter: &Filter, rows: Range<usize>) -> Vec<u32> {
        let table = Table { columns: &self.flat, lists: &self.lists, definition: self.definition };
        let flags = table.flags(filter, rows.clone());
        rows.zip(flags).filter(|(_, flag)| *flag).map(|(row, _)| row as u32).collect()
    }
}
