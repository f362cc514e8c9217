//! Texts that are indexed as they are written. The index is [`vitrine_observe_text::TextIndex`].

use std::collections::HashSet;

use vitrine_observe_text::{IndexOwner, TextIndexWriter};

use super::Target;
use crate::chunk::{Chunks, Shape};
use crate::column::NULL_CODE;
use crate::values::{Gathered, Numbered};
use crate::write::Ended;

/// With fewer pages, all of them are read faster than an index is asked.
const MIN_INDEXED_PAGES: usize = 4;

impl Chunks {
    /// Indexes texts that get no dictionary, from here on, in a segment of so many rows.
    pub(crate) fn index_texts_of(&mut self, rows: usize) {
        self.text_index = (rows.div_ceil(self.page_rows) >= MIN_INDEXED_PAGES).then(TextIndexWriter::default);
    }

    /// The file of the index of texts of a segment of so many rows, if there is one.
    pub(crate) fn end_text_index(&mut self, rows: usize, ended: Ended) -> Option<Vec<u8>> {
        let pages = rows.div_ceil(self.page_rows);
        self.text_index.take()?.finish(IndexOwner { checksum: ended.checksum, rows, pages })
    }

    /// Indexes a column's texts, if any are.
    pub(crate) fn index_texts(&mut self, target: &Target<'_>, numbers: &[u32], texts: &impl Numbered) {
        let Some(index) = &mut self.text_index else { return };
        let mut column = index.column(&target.descriptor.path().string());
        let numbers = Gathered { values: numbers, places: target.places };
        let rows = match target.shape {
            Shape::Flat(rows) => rows,
            Shape::List(offsets) => offsets.len().saturating_sub(1),
        };
        // Where texts repeat, each is cut into words once a page.
        let mut seen = HashSet::new();
        for first in (0..rows).step_by(self.page_rows) {
            seen.clear();
            let last = rows.min(first + self.page_rows);
            let elements = match target.shape {
                Shape::Flat(_) => first..last,
                Shape::List(offsets) => offsets[first] as usize..offsets[last] as usize,
            };
            for number in elements.map(|place| numbers.at(place)).filter(|number| *number != NULL_CODE) {
                if !seen.insert(number) {
                    continue;
                }
                // What is not UTF-8 is searched as an empty text.
                column.add(std::str::from_utf8(texts.text(number)).unwrap_or_default());
            }
            column.end_page();
        }
        column.finish();
    }
}
