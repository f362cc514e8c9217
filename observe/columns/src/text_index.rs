//! How texts that are searched lie in a segment. Their index is [`vitrine_observe_text::TextIndex`].

use crate::column::{Columns, Data, NULL_CODE};

/// Bytes of searched texts that a page is to have: it is unpacked as a whole to look at one of them.
const PAGE_BYTES: u64 = 1 << 20;
/// Fewest rows of a page, however long their texts are: other columns have pages of as many.
const MIN_PAGE_ROWS: usize = 1024;
/// Most bytes of distinct texts in a dictionary of the column that is searched: a dictionary is unpacked as a whole, and each of its
/// texts looked at.
pub(crate) const MAX_SEARCHED_DICTIONARY_BYTES: usize = 1 << 20;

/// How many of at most so many rows a page has, where texts of so many bytes in so many rows are searched.
pub(crate) fn page_rows(most: usize, rows: usize, bytes: u64) -> usize {
    let fit = PAGE_BYTES.saturating_mul(rows as u64).checked_div(bytes).unwrap_or(u64::MAX);
    usize::try_from(fit).unwrap_or(most).clamp(MIN_PAGE_ROWS.min(most), most)
}

/// The bytes of texts that are searched in a table, if they are too many for a dictionary; else none.
pub(crate) fn searched_bytes(columns: &Columns) -> u64 {
    let searched = columns.definition.searched.map(|at| &columns.flat[at].data);
    let Some(Data::Text(texts)) = searched else { return 0 };
    if texts.dictionary.text_bytes() <= MAX_SEARCHED_DICTIONARY_BYTES {
        return 0;
    }
    let codes = texts.codes.iter().filter(|code| **code != NULL_CODE);
    codes.map(|code| texts.dictionary.get(*code).len() as u64).sum()
}
