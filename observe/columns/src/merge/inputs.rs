//! Columns of all inputs, one input after another.

use crate::column::Data;
use crate::definition::Kind;
use crate::error::Error;
use crate::segment::Segment;

/// The segments that are merged. Rows are numbered through all of them.
pub(super) struct Inputs<'a> {
    /// The segments.
    pub(super) segments: &'a [Segment],
    /// How many rows they have together.
    pub(super) rows: usize,
}

impl Inputs<'_> {
    /// The values of a column, which must be so many; nulls where an input does not have it.
    pub(super) fn values(
        &self,
        leaf_of: impl Fn(&Segment) -> Option<usize>,
        kind: Kind,
        count: usize,
    ) -> Result<Data, Error> {
        let mut data = Data::new(kind);
        reserve(&mut data, count);
        for input in self.segments {
            let Some(leaf) = leaf_of(input).map(|leaf| &input.0.leaves[leaf]) else {
                data.resize(data.len() + input.rows());
                continue;
            };
            let distinct = leaf.read_distinct()?;
            for page in 0..leaf.pages.len() {
                leaf.page(page)?.values(distinct.as_ref(), &mut data)?;
            }
        }
        as_many(data.len(), count)?;
        Ok(data)
    }

    /// The values of a column of ids, page by page: the number of the input, and the page's ids.
    pub(super) fn ids(
        &self,
        leaf_of: impl Fn(&Segment) -> usize,
        mut each: impl FnMut(usize, &[u128]),
    ) -> Result<(), Error> {
        let mut data = Data::new(Kind::Id16);
        for (number, input) in self.segments.iter().enumerate() {
            let leaf = &input.0.leaves[leaf_of(input)];
            for page in 0..leaf.pages.len() {
                data.resize(0);
                leaf.page(page)?.values(None, &mut data)?;
                if let Data::Id16(ids) = &data {
                    each(number, ids);
                }
            }
        }
        Ok(())
    }

    /// Where the elements of each row's list begin, and where the last row's end.
    pub(super) fn offsets(&self, list: usize) -> Result<Vec<u32>, Error> {
        let mut offsets = Vec::with_capacity(self.rows + 1);
        offsets.push(0);
        for input in self.segments {
            // All fields of the elements tell the same.
            let Some(leaf) = input.0.lists[list].first().map(|leaf| &input.0.leaves[*leaf]) else {
                return Err(Error::Refused("a list of elements without fields".into()));
            };
            for page in 0..leaf.pages.len() {
                let base = offsets[offsets.len() - 1];
                leaf.page(page)?.list_ends(base, &mut offsets)?;
            }
        }
        as_many(offsets.len(), self.rows + 1)?;
        Ok(offsets)
    }
}

/// That a column has as many values as others.
pub(super) fn as_many(values: usize, expected: usize) -> Result<(), Error> {
    if values != expected {
        return Err(Error::Damaged(format!("{values} values in a column, {expected} in others")));
    }
    Ok(())
}

fn reserve(data: &mut Data, count: usize) {
    match data {
        Data::Id16(values) => values.reserve_exact(count),
        Data::Id8(values) | Data::Double(values) => values.reserve_exact(count),
        Data::Int(values) => values.reserve_exact(count),
        Data::Bool(values) => values.reserve_exact(count),
        Data::Text(texts) => texts.codes.reserve_exact(count),
    }
}
