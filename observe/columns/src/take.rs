//! Rows of tables in memory: found, chosen and put together.

use std::collections::HashMap;
use std::ops::Range;

use crate::column::{Column, Columns, Data, List, NULL_CODE, Texts};
use crate::dictionary::Dictionary;

/// Codes are kept in a map rather than in a vector when there are so many times more distinct texts than rows.
const SPARSE: usize = 4;

/// New codes for old: only texts that are used get into the new dictionary.
pub(crate) enum Recode {
    /// By the old code; [`NULL_CODE`] for those not met yet.
    Dense(Vec<u32>),
    /// Of few out of many.
    Sparse(HashMap<u32, u32>),
}

impl Recode {
    /// For so many rows of so many distinct texts.
    pub fn new(rows: usize, distinct: usize) -> Self {
        if distinct / SPARSE > rows { Self::Sparse(HashMap::new()) } else { Self::Dense(vec![NULL_CODE; distinct]) }
    }

    /// The new code of an old one, whose text is `text`.
    pub fn code<'a>(&mut self, old: u32, text: impl FnOnce() -> &'a [u8], dictionary: &mut Dictionary) -> u32 {
        if old == NULL_CODE {
            return NULL_CODE;
        }
        let new = match self {
            Self::Dense(codes) => &mut codes[old as usize],
            Self::Sparse(codes) => codes.entry(old).or_insert(NULL_CODE),
        };
        if *new == NULL_CODE {
            *new = dictionary.intern(text());
        }
        *new
    }
}

impl Texts {
    /// Appends texts of another column, by its codes.
    fn append(&mut self, codes: impl ExactSizeIterator<Item = u32>, dictionary: &Dictionary) {
        let mut recode = Recode::new(codes.len(), dictionary.len());
        self.codes.extend(codes.map(|code| recode.code(code, || dictionary.get(code), &mut self.dictionary)));
    }
}

impl Data {
    /// Appends values of another column, which must be of the same kind.
    pub(crate) fn append(&mut self, other: &Self, rows: Range<usize>) {
        match (self, other) {
            (Self::Id16(out), Self::Id16(values)) => out.extend_from_slice(&values[rows]),
            (Self::Id8(out), Self::Id8(values)) | (Self::Double(out), Self::Double(values)) => {
                out.extend_from_slice(&values[rows]);
            }
            (Self::Int(out), Self::Int(values)) => out.extend_from_slice(&values[rows]),
            (Self::Bool(out), Self::Bool(values)) => out.extend_from_slice(&values[rows]),
            (Self::Text(out), Self::Text(texts)) => out.append(texts.codes[rows].iter().copied(), &texts.dictionary),
            _ => unreachable!("columns of one name and kind hold the same data"),
        }
    }

    /// The values of some rows, in the order given.
    fn take(&self, rows: &[u32]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|row| values[*row as usize]).collect()
        }
        match self {
            Self::Id16(values) => Self::Id16(pick(values, rows)),
            Self::Id8(values) => Self::Id8(pick(values, rows)),
            Self::Int(values) => Self::Int(pick(values, rows)),
            Self::Double(values) => Self::Double(pick(values, rows)),
            Self::Bool(values) => Self::Bool(pick(values, rows)),
            Self::Text(texts) => {
                let mut taken = Texts::default();
                taken.append(rows.iter().map(|row| texts.codes[*row as usize]), &texts.dictionary);
                Self::Text(taken)
            }
        }
    }
}

impl Column {
    fn take(&self, rows: &[u32]) -> Self {
        Self { name: self.name.clone(), kind: self.kind, optional: self.optional, data: self.data.take(rows) }
    }
}

impl List {
    /// The lists of some rows, in the order given.
    fn take(&self, rows: &[u32]) -> Self {
        let mut taken = Self { offsets: Vec::with_capacity(rows.len() + 1), children: Vec::new() };
        let mut elements = Vec::new();
        taken.offsets.push(0);
        for row in rows {
            let range = self.range(*row as usize);
            elements.extend(range.start as u32..range.end as u32);
            taken.offsets.push(elements.len() as u32);
        }
        taken.children = self.children.iter().map(|child| child.take(&elements)).collect();
        taken
    }
}

impl Columns {
    /// The rows in which a column of ids has this id; none for id 0, which is null. Panics if the column is not of ids.
    pub fn find(&self, column: usize, id: u128) -> Vec<u32> {
        fn equal<T: PartialEq>(values: &[T], id: T) -> Vec<u32> {
            values.iter().enumerate().filter(|(_, value)| **value == id).map(|(row, _)| row as u32).collect()
        }
        match (&self.flat[column].data, u64::try_from(id)) {
            _ if id == 0 => Vec::new(),
            (Data::Id16(values), _) => equal(values, id),
            (Data::Id8(values), Ok(id)) => equal(values, id),
            (Data::Id8(_), Err(_)) => Vec::new(),
            _ => panic!("column {} does not hold ids", self.flat[column].name),
        }
    }

    /// Some rows, in the order given; a row may come more than once. Dictionaries hold what these rows use.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            definition: self.definition,
            rows: rows.len(),
            flat: self.flat.iter().map(|column| column.take(rows)).collect(),
            lists: self.lists.iter().map(|list| list.take(rows)).collect(),
        }
    }

    /// The same with these columns and lists alone, and those that [`ATTRIBUTE_PREFIX`](crate::ATTRIBUTE_PREFIX) names if it is among them; others
    /// are null and empty.
    pub fn take_named(&self, rows: &[u32], names: &[&str]) -> Self {
        let fixed = self.definition.columns.len();
        let mut taken = Self::new(self.definition);
        taken.rows = rows.len();
        for (place, column) in self.flat.iter().enumerate() {
            let is_asked = names.contains(&&*column.name);
            if place < fixed && is_asked {
                taken.flat[place] = column.take(rows);
            } else if place >= fixed && (is_asked || names.contains(&crate::ATTRIBUTE_PREFIX)) {
                taken.flat.push(column.take(rows));
            }
        }
        for (place, list) in self.definition.lists.iter().enumerate() {
            if names.contains(&list.name) {
                taken.lists[place] = self.lists[place].take(rows);
            } else {
                taken.lists[place].offsets.resize(rows.len() + 1, 0);
            }
        }
        taken.fill();
        taken
    }

    /// Appends all rows of another table of the same definition. Attributes that only one has are null in the other's
    /// rows. Panics if the definitions differ.
    pub fn extend(&mut self, other: &Self) {
        assert_eq!(self.definition, other.definition, "rows go into a table of their own definition");
        let fixed = self.definition.columns.len();
        self.fill();
        for (column, from) in self.flat.iter_mut().zip(&other.flat).take(fixed) {
            column.data.append(&from.data, 0..other.rows);
        }
        for from in other.attributes() {
            let known = self.flat[fixed..].iter().position(|to| to.name == from.name && to.kind == from.kind);
            let place = known.map_or(self.flat.len(), |place| fixed + place);
            if known.is_none() {
                let mut column = Column::new(from.name.clone(), from.kind, from.optional);
                column.data.resize(self.rows);
                self.flat.push(column);
            }
            self.flat[place].data.append(&from.data, 0..other.rows);
        }
        for (list, from) in self.lists.iter_mut().zip(&other.lists) {
            let base = list.offsets[self.rows];
            list.offsets.extend(from.offsets[1..=other.rows].iter().map(|end| base + end));
            for (child, from) in list.children.iter_mut().zip(&from.children) {
                child.data.append(&from.data, 0..from.data.len());
            }
        }
        self.rows += other.rows;
        self.fill();
    }
}
