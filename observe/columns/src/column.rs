//! Columns in memory.

use std::sync::Arc;

use crate::definition::{Definition, Kind};
use crate::dictionary::Dictionary;

/// No text.
pub const NULL_CODE: u32 = u32::MAX;
/// No number. An attribute with this very value is kept among the rare ones.
pub const NULL_INT: i64 = i64::MIN;
/// No number, as bits: a NaN that no arithmetic produces. An attribute with these very bits is kept among the rare ones.
pub const NULL_DOUBLE: u64 = 0x7FF8_DEAD_BEEF_0001;
/// Neither true nor false.
pub const NULL_BOOL: u8 = 2;

/// Texts by number.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// A number for each row, or [`NULL_CODE`].
    pub codes: Vec<u32>,
    /// What the numbers mean.
    pub dictionary: Dictionary,
}

/// A column's values, one for each row.
#[derive(Debug, Clone)]
pub enum Data {
    /// [`Kind::Id16`].
    Id16(Vec<u128>),
    /// [`Kind::Id8`] and [`Kind::Parent`].
    Id8(Vec<u64>),
    /// [`Kind::Int`] and [`Kind::Time`]; [`NULL_INT`] for none.
    Int(Vec<i64>),
    /// [`Kind::Double`] as bits; [`NULL_DOUBLE`] for none.
    Double(Vec<u64>),
    /// [`Kind::Bool`]: 0, 1, or [`NULL_BOOL`] for none.
    Bool(Vec<u8>),
    /// [`Kind::Text`].
    Text(Texts),
}

/// A flat column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the file. An attribute's is [`crate::ATTRIBUTE_PREFIX`], its key, and for all but texts a colon and
    /// `int`, `double` or `bool`.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may have none.
    pub optional: bool,
    /// Its values.
    pub data: Data,
}

/// Lists of structs, one list for each row.
#[derive(Debug, Clone)]
pub struct List {
    /// Row `r` has the elements from `offsets[r]` to before `offsets[r + 1]`.
    pub offsets: Vec<u32>,
    /// The fields of the elements, in the definition's order.
    pub children: Vec<Column>,
}

/// A table in memory.
#[derive(Debug, Clone)]
pub struct Columns {
    /// What it consists of.
    pub definition: &'static Definition,
    /// How many rows it has. While a row is being added, some columns are one longer.
    pub rows: usize,
    /// The definition's columns in order, then attributes in order of appearance.
    pub flat: Vec<Column>,
    /// The definition's lists in order.
    pub lists: Vec<List>,
}

impl Data {
    /// No values yet.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Id16 => Self::Id16(Vec::new()),
            Kind::Id8 | Kind::Parent => Self::Id8(Vec::new()),
            Kind::Time | Kind::Int => Self::Int(Vec::new()),
            Kind::Double => Self::Double(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
            Kind::Text => Self::Text(Texts::default()),
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Id16(values) => values.len(),
            Self::Id8(values) | Self::Double(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(texts) => texts.codes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts off values at the end, or fills up with nulls.
    pub fn resize(&mut self, rows: usize) {
        match self {
            Self::Id16(values) => values.resize(rows, 0),
            Self::Id8(values) => values.resize(rows, 0),
            Self::Double(values) => values.resize(rows, NULL_DOUBLE),
            Self::Int(values) => values.resize(rows, NULL_INT),
            Self::Bool(values) => values.resize(rows, NULL_BOOL),
            Self::Text(texts) => texts.codes.resize(rows, NULL_CODE),
        }
    }

    /// Whether a row has no value.
    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Id16(values) => values[row] == 0,
            Self::Id8(values) => values[row] == 0,
            Self::Double(values) => values[row] == NULL_DOUBLE,
            Self::Int(values) => values[row] == NULL_INT,
            Self::Bool(values) => values[row] == NULL_BOOL,
            Self::Text(texts) => texts.codes[row] == NULL_CODE,
        }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Id16(values) => values.capacity() * 16,
            Self::Id8(values) | Self::Double(values) => values.capacity() * 8,
            Self::Int(values) => values.capacity() * 8,
            Self::Bool(values) => values.capacity(),
            Self::Text(texts) => texts.codes.capacity() * 4 + texts.dictionary.bytes(),
        }
    }

    fn clear(&mut self) {
        self.resize(0);
        if let Self::Text(texts) = self {
            texts.dictionary.clear();
        }
    }
}

impl Texts {
    /// The text of a row, if it has one.
    pub fn get(&self, row: usize) -> Option<&str> {
        match self.codes[row] {
            NULL_CODE => None,
            code => Some(self.dictionary.text(code)),
        }
    }
}

impl Column {
    /// An empty column.
    pub fn new(name: impl Into<Arc<str>>, kind: Kind, optional: bool) -> Self {
        Self { name: name.into(), kind, optional, data: Data::new(kind) }
    }
}

impl List {
    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.offsets.capacity() * 4 + self.children.iter().map(|child| child.data.bytes()).sum::<usize>()
    }

    /// The elements of a row.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }
}

impl Columns {
    /// An empty table.
    pub fn new(definition: &'static Definition) -> Self {
        let flat = definition.columns.iter().map(|fixed| Column::new(fixed.name, fixed.kind, fixed.optional));
        let lists = definition.lists.iter().map(|list| List {
            offsets: vec![0],
            children: list.children.iter().map(|child| Column::new(child.name, child.kind, child.optional)).collect(),
        });
        Self { definition, rows: 0, flat: flat.collect(), lists: lists.collect() }
    }

    /// The columns that are attributes.
    pub fn attributes(&self) -> &[Column] {
        &self.flat[self.definition.columns.len()..]
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.flat.iter().find(|column| &*column.name == name)
    }

    /// The values of a column of integers, by its name.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match &self.column(name)?.data {
            Data::Int(values) => Some(values),
            _ => None,
        }
    }

    /// The values of a column of texts, by its name.
    pub fn texts(&self, name: &str) -> Option<&Texts> {
        match &self.column(name)?.data {
            Data::Text(texts) => Some(texts),
            _ => None,
        }
    }

    /// The values of a column of identifiers of 16 bytes, by its name.
    pub fn ids16(&self, name: &str) -> Option<&[u128]> {
        match &self.column(name)?.data {
            Data::Id16(ids) => Some(ids),
            _ => None,
        }
    }

    /// The values of a column of identifiers of 8 bytes, by its name.
    pub fn ids8(&self, name: &str) -> Option<&[u64]> {
        match &self.column(name)?.data {
            Data::Id8(ids) => Some(ids),
            _ => None,
        }
    }

    /// Cuts off rows at the end, and whatever has been added of a row that is not complete. Dictionaries keep what they
    /// learned.
    pub fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        for column in &mut self.flat {
            if column.data.len() > rows {
                column.data.resize(rows);
            }
        }
        for list in &mut self.lists {
            list.offsets.truncate(rows + 1);
            let elements = list.offsets.last().map_or(0, |end| *end as usize);
            for child in &mut list.children {
                if child.data.len() > elements {
                    child.data.resize(elements);
                }
            }
        }
    }

    /// Fills up columns that the last rows had nothing for, so that all are equally long.
    pub fn fill(&mut self) {
        for column in &mut self.flat {
            column.data.resize(self.rows);
        }
    }

    /// Removes all rows and keeps the columns and the memory.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.flat.iter_mut().for_each(|column| column.data.clear());
        for list in &mut self.lists {
            list.offsets.truncate(1);
            list.children.iter_mut().for_each(|child| child.data.clear());
        }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.flat.iter().map(|column| column.data.bytes()).sum::<usize>()
            + self.lists.iter().map(List::bytes).sum::<usize>()
    }
}
