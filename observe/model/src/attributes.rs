//! Attributes on their way into columns.
//!
//! An attribute starts in the map of rare ones. Once its key, with values of one type, comes in an eighth of the rows,
//! it gets a column. Senders repeat the order of their attributes, so each column remembers which came after it: a
//! known attribute is recognized by one comparison, without hashing its key.

use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Column, Columns, Data, Dictionary, Kind, NULL_CODE, NULL_DOUBLE};
use vitrine_observe_columns::{NULL_BOOL, NULL_INT};

use crate::cells::{code_of, push_text};
use crate::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES};
use crate::json::{Any, any, encode, key_value};
use crate::wire::{Fault, Reader};

/// Columns of attributes in one table.
pub const MAX_ATTRIBUTE_COLUMNS: usize = 64;
/// Rows over which a key is counted.
const WINDOW_ROWS: usize = 1024;
/// Times that a key must come within that many rows to get a column: an eighth.
const PROMOTE_COUNT: u16 = 128;
/// A column that has a value in less than this part of the rows is given up when the table is cleared. Half of what it
/// takes to get one, so that a key at the border does not come and go.
const KEEP_SHARE: usize = 16;
/// Longest key that may get a column: its length takes one byte on the wire.
const MAX_COLUMN_KEY_BYTES: usize = 127;
/// No column.
pub(crate) const NO_SLOT: u8 = u8::MAX;

/// The types that have columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text,
    Int,
    Double,
    Bool,
}

impl Scalar {
    pub(crate) const ALL: [Self; 4] = [Self::Text, Self::Int, Self::Double, Self::Bool];

    /// What the column's name ends with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Int => ":int",
            Self::Double => ":double",
            Self::Bool => ":bool",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Int => Kind::Int,
            Self::Double => Kind::Double,
            Self::Bool => Kind::Bool,
        }
    }
}

/// The name of an attribute's column for values of one kind; none for a kind that attributes do not have.
pub fn attribute_column(key: &str, kind: Kind) -> Option<String> {
    let scalar = Scalar::ALL.into_iter().find(|scalar| scalar.kind() == kind)?;
    Some(format!("{ATTRIBUTE_PREFIX}{key}{}", scalar.suffix()))
}

/// The names of the columns that an attribute may have: one for each kind of values.
pub fn attribute_columns(key: &str) -> [String; Scalar::ALL.len()] {
    Scalar::ALL.map(|scalar| format!("{ATTRIBUTE_PREFIX}{key}{}", scalar.suffix()))
}

/// The key of an attribute's column.
pub fn attribute_key(column: &Column) -> Option<&str> {
    let name = column.name.strip_prefix(ATTRIBUTE_PREFIX)?;
    let scalar = Scalar::ALL.into_iter().find(|scalar| scalar.kind() == column.kind)?;
    name.strip_suffix(scalar.suffix())
}

/// A column of an attribute.
struct Slot {
    /// The beginning of each of its attributes on the wire: the key, and the key of the field with the value.
    prefix: Box<[u8]>,
    scalar: Scalar,
    column: usize,
    /// The column of the attribute that came after it the last time.
    next: u8,
    used: usize,
}

/// A key that has been seen.
struct SeenKey {
    /// Its number in the map's column of keys.
    code: u32,
    /// Its columns by type.
    slots: [u8; 4],
    /// Which window the counts are of.
    window: usize,
    counts: [u16; 4],
}

/// The attributes of a table that grows.
pub(crate) struct Attributes {
    slots: Vec<Slot>,
    first: u8,
    keys: Dictionary,
    known: Vec<SeenKey>,
    text: Vec<u8>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { slots: Vec::new(), first: NO_SLOT, keys: Dictionary::default(), known: Vec::new(), text: Vec::new() }
    }
}

impl Attributes {
    /// Adds a `KeyValue` to the row that is being added. Takes the column of the attribute before it, and returns its
    /// own.
    #[inline]
    pub(crate) fn append(&mut self, columns: &mut Columns, entry: &[u8], before: u8) -> Result<u8, Fault> {
        let predicted = self.slots.get(usize::from(before)).map_or(self.first, |slot| slot.next);
        if let Some(slot) = self.slots.get_mut(usize::from(predicted))
            && let Some(value) = after_prefix(entry, &slot.prefix)
            && put_usual(&mut columns.flat[slot.column].data, columns.rows, slot.scalar, value)
        {
            slot.used += 1;
            return Ok(predicted);
        }
        self.search(columns, entry, before)
    }

    #[inline(never)]
    fn search(&mut self, columns: &mut Columns, entry: &[u8], before: u8) -> Result<u8, Fault> {
        let (key, value) = key_value(entry)?;
        let value = any(value)?;
        let code = code_of(&mut self.keys, key) as usize;
        if code == self.known.len() {
            self.known.push(SeenKey { code: NULL_CODE, slots: [NO_SLOT; 4], window: 0, counts: [0; 4] });
        }
        let scalar = match value {
            Any::Text(_) => Some(Scalar::Text),
            Any::Int(_) => Some(Scalar::Int),
            Any::Double(_) => Some(Scalar::Double),
            Any::Bool(_) => Some(Scalar::Bool),
            Any::Empty | Any::Array(_) | Any::Map(_) | Any::Bytes(_) => None,
        };
        if let Some(scalar) = scalar {
            let slot = self.known[code].slots[scalar as usize];
            if let Some(found) = self.slots.get_mut(usize::from(slot)) {
                if put(&mut columns.flat[found.column].data, columns.rows, value) {
                    found.used += 1;
                    match self.slots.get_mut(usize::from(before)) {
                        Some(before) => before.next = slot,
                        None => self.first = slot,
                    }
                    return Ok(slot);
                }
            } else {
                self.count(columns, code, scalar);
            }
        }
        self.append_rare(columns, code, value)?;
        Ok(before)
    }

    fn append_rare(&mut self, columns: &mut Columns, code: usize, value: Any<'_>) -> Result<(), Fault> {
        self.text.clear();
        encode(value, &mut self.text)?;
        let known = &mut self.known[code];
        if let Data::Text(keys) = &mut columns.lists[ATTRIBUTES].children[ATTRIBUTE_KEY].data {
            if known.code == NULL_CODE {
                known.code = keys.dictionary.intern(self.keys.get(code as u32));
            }
            keys.codes.push(known.code);
        }
        push_text(columns, (ATTRIBUTES, ATTRIBUTE_VALUE), Some(&self.text));
        Ok(())
    }

    /// Counts a key, and gives it a column, from the next row on, when it is frequent.
    fn count(&mut self, columns: &mut Columns, code: usize, scalar: Scalar) {
        let known = &mut self.known[code];
        let window = columns.rows / WINDOW_ROWS;
        if known.window != window {
            (known.window, known.counts) = (window, [0; 4]);
        }
        let count = &mut known.counts[scalar as usize];
        *count = count.saturating_add(1);
        if *count >= PROMOTE_COUNT && self.slots.len() < MAX_ATTRIBUTE_COLUMNS {
            let key = self.keys.text(code as u32);
            // What ends like a column of another type, or is longer than a byte can tell, stays among the rare.
            let doubtful = Scalar::ALL[1..].iter().any(|scalar| key.ends_with(scalar.suffix()));
            if key.is_empty() || key.len() > MAX_COLUMN_KEY_BYTES || doubtful {
                return;
            }
            let name = format!("{ATTRIBUTE_PREFIX}{key}{}", scalar.suffix());
            let mut column = Column::new(name, scalar.kind(), true);
            // One longer than the rows before: the row that is being added has its value among the rare.
            column.data.resize(columns.rows + 1);
            let mut prefix = vec![0x0A, key.len() as u8];
            prefix.extend_from_slice(key.as_bytes());
            prefix.push(0x12);
            known.slots[scalar as usize] = self.slots.len() as u8;
            let column_place = columns.flat.len();
            self.slots.push(Slot { prefix: prefix.into(), scalar, column: column_place, next: NO_SLOT, used: 0 });
            columns.flat.push(column);
        }
    }

    /// Prepares for an empty table: keeps the columns that were used, and removes the others.
    pub(crate) fn clear(&mut self, columns: &mut Columns) {
        let rows = columns.rows;
        if rows >= WINDOW_ROWS {
            self.slots.retain(|slot| slot.used * KEEP_SHARE >= rows);
            let fixed = columns.definition.columns.len();
            let mut place = 0;
            columns.flat.retain(|_| {
                place += 1;
                place <= fixed || self.slots.iter().any(|slot| slot.column == place - 1)
            });
            for (number, slot) in self.slots.iter_mut().enumerate() {
                (slot.column, slot.next) = (fixed + number, NO_SLOT);
            }
            self.first = NO_SLOT;
        }
        self.keys.clear();
        self.known.clear();
        for (number, slot) in self.slots.iter_mut().enumerate() {
            slot.used = 0;
            let code = self.keys.intern(&slot.prefix[2..slot.prefix.len() - 1]) as usize;
            if code == self.known.len() {
                self.known.push(SeenKey { code: NULL_CODE, slots: [NO_SLOT; 4], window: 0, counts: [0; 4] });
            }
            self.known[code].slots[slot.scalar as usize] = number as u8;
        }
        columns.clear();
    }

    /// Bytes of memory held beside the columns.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.known.capacity() * size_of::<SeenKey>() + self.text.capacity()
    }
}

/// What follows a prefix. Whole words are compared, in place: most keys are too short for a call of `memcmp` to pay.
#[inline(always)]
fn after_prefix<'a>(entry: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = entry.split_at_checked(prefix.len())?;
    let same = match (start.last_chunk::<8>(), prefix.last_chunk::<8>()) {
        // The last word overlaps the one before.
        (Some(tail), Some(expected)) => {
            let ((words, _), (others, _)) = (start.as_chunks::<8>(), prefix.as_chunks::<8>());
            tail == expected && words.iter().zip(others).all(|(word, other)| word == other)
        }
        _ => start == prefix,
    };
    same.then_some(rest)
}

/// Puts a value that is written as usual: one field, of the column's type, and nothing else. Says whether it was.
#[inline(always)]
fn put_usual(data: &mut Data, row: usize, scalar: Scalar, value: &[u8]) -> bool {
    let mut reader = Reader::new(value);
    let Ok(length) = reader.varint() else { return false };
    if length != reader.rest().len() as u64 {
        return false;
    }
    match (scalar, reader.rest()) {
        (Scalar::Text, [0x0A, rest @ ..]) => {
            let mut reader = Reader::new(rest);
            match reader.bytes() {
                Ok(text) if reader.rest().is_empty() => put(data, row, Any::Text(text)),
                _ => false,
            }
        }
        (Scalar::Int, [0x18, rest @ ..]) => {
            let mut reader = Reader::new(rest);
            match reader.varint() {
                Ok(number) if reader.rest().is_empty() => put(data, row, Any::Int(number as i64)),
                _ => false,
            }
        }
        (Scalar::Double, [0x21, rest @ ..]) => match <[u8; 8]>::try_from(rest) {
            Ok(bytes) => put(data, row, Any::Double(f64::from_le_bytes(bytes))),
            Err(_) => false,
        },
        (Scalar::Bool, [0x10, flag @ (0 | 1)]) => put(data, row, Any::Bool(*flag == 1)),
        _ => false,
    }
}

/// Puts a value unless the row has one already, or the value is the one that stands for none. Says whether it did.
#[inline(always)]
fn put(data: &mut Data, row: usize, value: Any<'_>) -> bool {
    match (data, value) {
        (Data::Text(texts), Any::Text(text)) if texts.codes.len() <= row => {
            let code = code_of(&mut texts.dictionary, text);
            if texts.codes.len() != row {
                texts.codes.resize(row, NULL_CODE);
            }
            texts.codes.push(code);
        }
        (Data::Int(values), Any::Int(value)) if values.len() <= row && value != NULL_INT => {
            if values.len() != row {
                values.resize(row, NULL_INT);
            }
            values.push(value);
        }
        (Data::Double(values), Any::Double(value)) if values.len() <= row && value.to_bits() != NULL_DOUBLE => {
            if values.len() != row {
                values.resize(row, NULL_DOUBLE);
            }
            values.push(value.to_bits());
        }
        (Data::Bool(values), Any::Bool(value)) if values.len() <= row => {
            values.resize(row, NULL_BOOL);
            values.push(u8::from(value));
        }
        _ => return false,
    }
    true
}
