//! Rows of segments, as tables in memory.

use std::collections::HashMap;
use std::ops::Range;

use crate::column::{Column, Columns, Data, NULL_INT, Texts};
use crate::dictionary::Dictionary;
use crate::distinct::{Distinct, PageTexts};
use crate::page::{Leaf, Page};
use crate::take::Recode;
use crate::{Error, Kind, Order, Segment};

/// Most pages of ids that are kept while parents are looked up: 4 MiB of them.
const MAX_ID_PAGES: usize = 64;
/// Most bytes of a dictionary before a page's texts are added: together they stay below what a code can address.
const MAX_TEXT_BYTES: usize = 1 << 31;

/// Neighbouring values of one page.
struct Piece {
    page: usize,
    /// Counted from the page's first.
    values: Range<usize>,
}

/// Texts of a page.
enum CodesOrTexts {
    /// Codes of the column's distinct texts.
    Codes(Vec<u32>),
    /// Texts that stand for themselves.
    Plain(PageTexts),
}

impl Segment {
    /// These rows in this order, as a table. Its dictionaries hold what these rows use and nothing else: results are
    /// mostly of few rows, and of many the texts that they use.
    ///
    /// `columns` names flat columns and lists; all if none are named. The definition's columns and lists are always
    /// there: those that were not asked for are null and empty. Attributes are there only if they were asked for.
    /// Panics if the segment has no such rows.
    pub fn read(&self, rows: &[Range<usize>], columns: Option<&[&str]>) -> Result<Columns, Error> {
        let asked = |name: &str| columns.is_none_or(|columns| columns.contains(&name));
        let pieces = self.pieces(rows);
        let mut table = Columns::new(self.0.definition);
        table.rows = rows.iter().map(ExactSizeIterator::len).sum();
        let fixed = self.0.definition.columns.len();
        for (place, column) in self.0.flat.iter().enumerate() {
            if !asked(&column.name) {
                continue;
            }
            let data = match column.kind {
                Kind::Parent => Data::Id8(self.parents(place, rows)?),
                kind => {
                    let mut data = Data::new(kind);
                    self.gather(column.leaf, &pieces, &mut data)?;
                    data
                }
            };
            if place < fixed {
                table.flat[place].data = data;
            } else {
                let (name, kind, optional) = (column.name.clone(), column.kind, column.optional);
                table.flat.push(Column { name, kind, optional, data });
            }
        }
        for (place, list) in self.0.definition.lists.iter().enumerate() {
            if asked(list.name) {
                self.read_list(place, &pieces, &mut table)?;
            } else {
                table.lists[place].offsets.resize(table.rows + 1, 0);
            }
        }
        table.fill();
        Ok(table)
    }

    /// The distinct texts of a flat column, in no order; none if there is no such column of texts.
    pub fn texts(&self, column: &str) -> Result<Option<Dictionary>, Error> {
        let column = self.0.flat.iter().find(|each| *each.name == *column && each.kind == Kind::Text);
        let Some(column) = column else { return Ok(None) };
        let leaf = &self.0.leaves[column.leaf];
        let mut texts = Dictionary::default();
        if let Some(distinct) = leaf.distinct()? {
            distinct.texts().into_iter().flat_map(|distinct| distinct.iter()).for_each(|text| {
                texts.intern(text);
            });
            return Ok(Some(texts));
        }
        for page in 0..leaf.pages.len() {
            check_room(&texts)?;
            leaf.page(page)?.texts(|text| {
                text.map(|text| texts.intern(text));
            })?;
        }
        Ok(Some(texts))
    }

    /// The ids of these rows' parents, 0 for none. Distances are resolved by the ids of the rows they lead to.
    pub(crate) fn parents(&self, column: usize, rows: &[Range<usize>]) -> Result<Vec<u64>, Error> {
        let damaged = |what: &str| Error::Damaged(format!("column {} {what}", self.0.flat[column].name));
        let pieces = self.pieces(rows);
        let (mut elsewhere, mut distances) = (Data::new(Kind::Id8), Data::new(Kind::Int));
        self.gather(self.0.flat[column].leaf, &pieces, &mut elsewhere)?;
        let distance = self.0.flat[column].distance.ok_or_else(|| damaged("has no distances"))?;
        self.gather(distance, &pieces, &mut distances)?;
        let (Data::Id8(mut parents), Data::Int(distances)) = (elsewhere, distances) else {
            return Err(damaged("does not hold ids and distances"));
        };
        let Order::Traces { span, .. } = self.0.definition.order else { return Ok(parents) };
        let mut ids = Ids { leaf: &self.0.leaves[self.0.flat[span].leaf], pages: HashMap::new() };
        for ((row, parent), distance) in rows.iter().cloned().flatten().zip(&mut parents).zip(distances) {
            if distance == NULL_INT {
                continue;
            }
            let at = (row as i64).checked_sub(distance).and_then(|at| usize::try_from(at).ok());
            let at = at.filter(|at| *at < self.0.rows).ok_or_else(|| damaged("leads out of the segment"))?;
            *parent = ids.get(at)?;
        }
        Ok(parents)
    }

    fn read_list(&self, place: usize, pieces: &[Piece], table: &mut Columns) -> Result<(), Error> {
        let list = &mut table.lists[place];
        let leaves = &self.0.lists[place];
        let Some(first) = leaves.first() else {
            list.offsets.resize(table.rows + 1, 0);
            return Ok(());
        };
        let leaf = &self.0.leaves[*first];
        let mut elements = Vec::with_capacity(pieces.len());
        let (mut page, mut ends) = (None, Vec::new());
        let mut end = 0u32;
        for piece in pieces {
            if page != Some(piece.page) {
                ends.clear();
                ends.push(0);
                leaf.page(piece.page)?.list_ends(0, &mut ends)?;
                page = Some(piece.page);
            }
            for row in piece.values.clone() {
                end = end
                    .checked_add(ends[row + 1] - ends[row])
                    .ok_or_else(|| Error::TooLarge(format!("more than {} elements of lists", u32::MAX)))?;
                list.offsets.push(end);
            }
            let values = ends[piece.values.start] as usize..ends[piece.values.end] as usize;
            elements.push(Piece { page: piece.page, values });
        }
        elements.retain(|piece| !piece.values.is_empty());
        for (leaf, child) in leaves.iter().zip(&mut list.children) {
            self.gather(*leaf, &elements, &mut child.data)?;
        }
        Ok(())
    }

    fn pieces(&self, rows: &[Range<usize>]) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(rows.len());
        for range in rows {
            assert!(range.end <= self.0.rows, "rows {range:?} of a segment of {} rows", self.0.rows);
            let mut row = range.start;
            while row < range.end {
                let page = self.0.page_starts.partition_point(|start| *start as usize <= row) - 1;
                let (start, end) = (self.0.page_starts[page] as usize, self.0.page_starts[page + 1] as usize);
                let end = end.min(range.end);
                pieces.push(Piece { page, values: row - start..end - start });
                row = end;
            }
        }
        pieces
    }

    /// Appends the values of a leaf.
    fn gather(&self, leaf: usize, pieces: &[Piece], out: &mut Data) -> Result<(), Error> {
        let leaf = &self.0.leaves[leaf];
        if leaf.is_absent() {
            out.resize(out.len() + pieces.iter().map(|piece| piece.values.len()).sum::<usize>());
            return Ok(());
        }
        let distinct = leaf.distinct()?;
        if let Data::Text(texts) = out {
            return gather_texts(leaf, distinct.as_deref(), pieces, texts);
        }
        let (mut number, mut values) = (None, Data::new(leaf.kind));
        for piece in pieces {
            if number != Some(piece.page) {
                values.resize(0);
                leaf.page(piece.page)?.values(distinct.as_deref(), &mut values)?;
                number = Some(piece.page);
            }
            check_elements(leaf, piece, values.len())?;
            out.append(&values, piece.values.clone());
        }
        Ok(())
    }
}

fn gather_texts(leaf: &Leaf, distinct: Option<&Distinct>, pieces: &[Piece], out: &mut Texts) -> Result<(), Error> {
    let distinct = distinct.and_then(Distinct::texts);
    let values = pieces.iter().map(|piece| piece.values.len()).sum();
    let mut recode = Recode::new(values, distinct.map_or(0, |distinct| distinct.len()));
    let (mut number, mut held) = (None, CodesOrTexts::Codes(Vec::new()));
    for piece in pieces {
        check_room(&out.dictionary)?;
        if number != Some(piece.page) {
            held = CodesOrTexts::of(&leaf.page(piece.page)?, distinct.map_or(0, |distinct| distinct.len()))?;
            number = Some(piece.page);
        }
        match &held {
            CodesOrTexts::Codes(codes) => {
                check_elements(leaf, piece, codes.len())?;
                let text = |code| distinct.map_or(&[][..], |distinct| distinct.get(code));
                for code in &codes[piece.values.clone()] {
                    out.codes.push(recode.code(*code, || text(*code), &mut out.dictionary));
                }
            }
            CodesOrTexts::Plain(texts) => {
                check_elements(leaf, piece, texts.len())?;
                out.dictionary.reserve(piece.values.len());
                for place in piece.values.clone() {
                    let code = texts.get(place).map(|text| out.dictionary.intern(text));
                    out.codes.push(code.unwrap_or(crate::NULL_CODE));
                }
            }
        }
    }
    Ok(())
}

impl CodesOrTexts {
    fn of(page: &Page, distinct: usize) -> Result<Self, Error> {
        if !page.is_coded() {
            return Ok(Self::Plain(page.plain_texts()?));
        }
        let mut codes = Vec::with_capacity(page.elements);
        page.codes(distinct, &mut codes)?;
        Ok(Self::Codes(codes))
    }
}

/// The ids of single rows.
struct Ids<'a> {
    leaf: &'a Leaf,
    pages: HashMap<usize, Vec<u64>>,
}

impl Ids<'_> {
    fn get(&mut self, row: usize) -> Result<u64, Error> {
        let number = self.leaf.page_of(row);
        let place = row - self.leaf.page_starts[number] as usize;
        if let Some(ids) = self.pages.get(&number) {
            return Ok(ids[place]);
        }
        if self.pages.len() == MAX_ID_PAGES {
            self.pages.clear();
        }
        let mut data = Data::new(Kind::Id8);
        self.leaf.page(number)?.values(None, &mut data)?;
        match data {
            Data::Id8(ids) => Ok(self.pages.entry(number).or_insert(ids)[place]),
            _ => Ok(0),
        }
    }
}

/// The fields of a list's elements stand in pages of their own: they must have equally many.
fn check_elements(leaf: &Leaf, piece: &Piece, elements: usize) -> Result<(), Error> {
    if piece.values.end <= elements {
        return Ok(());
    }
    Err(Error::Damaged(format!("page {} of column {} lacks elements that others have", piece.page, leaf.name)))
}

fn check_room(texts: &Dictionary) -> Result<(), Error> {
    if texts.text_bytes() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(Error::TooLarge(format!("more than {MAX_TEXT_BYTES} bytes of distinct texts in one column")))
}
