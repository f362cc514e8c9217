//! Queries, and the cursors that continue them.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::document::Key;
use crate::error::Error;

/// Most documents of one page.
pub const MAX_PAGE: usize = 1000;
/// Longest cursor that is read, in bytes; one that is given holds an id and a key.
const MAX_CURSOR: usize = 16 * 1024;

/// Which documents, in which order, and how many.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) equal: Vec<(&'static str, Key)>,
    pub(crate) range: Option<(&'static str, RangeInclusive<Key>)>,
    pub(crate) descending: bool,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
}

impl Query {
    /// All of them, by id.
    pub fn all() -> Self {
        Self { equal: Vec::new(), range: None, descending: false, limit: MAX_PAGE, cursor: None }
    }

    /// Those with this key, by id.
    pub fn eq(index: &'static str, key: impl Into<Key>) -> Self {
        Self::all().and_eq(index, key)
    }

    /// Those with a key in this range, by key and then id.
    pub fn range<K: Into<Key>>(index: &'static str, range: RangeInclusive<K>) -> Self {
        let (low, high) = range.into_inner();
        Self { range: Some((index, low.into()..=high.into())), ..Self::all() }
    }

    /// Only those that also have this key.
    pub fn and_eq(mut self, index: &'static str, key: impl Into<Key>) -> Self {
        self.equal.push((index, key.into()));
        self
    }

    /// The other way round.
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// At most so many; at most [`MAX_PAGE`].
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(MAX_PAGE);
        self
    }

    /// Goes on where a page ended. An empty cursor is none.
    pub fn cursor(mut self, cursor: Option<&str>) -> Self {
        self.cursor = cursor.filter(|c| !c.is_empty()).map(str::to_owned);
        self
    }

    /// The index whose keys give the order; none if it is that of the ids.
    pub(crate) fn order(&self) -> Option<&'static str> {
        self.range.as_ref().map(|(index, _)| *index)
    }

    /// Where the page before ended: at which key of the order's index, if there is one, and at which id.
    pub(crate) fn resumed(&self) -> Result<Option<(Option<Key>, String)>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let PageCursor(key, id) = read_cursor(cursor)?;
        match (self.order(), key) {
            (Some(order), Some((index, key))) if order == index => Ok(Some((Some(key), id))),
            (None, None) => Ok(Some((None, id))),
            _ => Err(Error::Cursor),
        }
    }

    /// The cursor of a page that ends at this key of the order's index, and this id.
    pub(crate) fn cursor_at(&self, key: Option<Key>, id: String) -> Result<String, Error> {
        write_cursor(&PageCursor(self.order().map(str::to_owned).zip(key), id))
    }
}

/// Where a page ended: by which index and at which of its keys, if the order is by one, and the last id.
#[derive(Serialize, Deserialize)]
struct PageCursor(Option<(String, Key)>, String);

pub(crate) fn write_cursor<T: Serialize>(place: &T) -> Result<String, Error> {
    let json = serde_json::to_vec(place).map_err(Error::Encode)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

pub(crate) fn read_cursor<T: for<'a> Deserialize<'a>>(cursor: &str) -> Result<T, Error> {
    if cursor.len() > MAX_CURSOR {
        return Err(Error::Cursor);
    }
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::Cursor)?;
    serde_json::from_slice(&json).map_err(|_| Error::Cursor)
}
