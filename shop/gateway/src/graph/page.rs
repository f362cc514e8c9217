//! Lists by pages, as Relay's cursor connections have them.
//!
//! Services give a cursor for what follows a page, and none for the middle of one. So a cursor here is a place in a page: where the page
//! began, and how many of it are behind.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Error, ObjectType, OutputType};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::{PageInfo, PageRequest};
use vitrine_contracts::limits::MAX_PAGE;

use super::error::problem;

/// The longest cursor that is read, in bytes: one of a service, and ours around it.
const MAX_CURSOR: usize = 32 << 10;

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor {
    /// How many of the page are behind it.
    skip: u32,
    /// Where the page began, as the service said.
    page: String,
}

impl Cursor {
    fn read(after: Option<String>) -> Result<Self, Error> {
        let Some(after) = after else { return Ok(Self { skip: 0, page: String::new() }) };
        let expected = "the cursor of an edge, or nothing";
        let wrong =
            || problem(Problem::invalid("after", expected, "the cursor is malformed").with_reason("INVALID_CURSOR"));
        let decoded = URL_SAFE_NO_PAD.decode(&after).ok().filter(|_| after.len() <= MAX_CURSOR);
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        let (skip, page) = text.split_once(' ').ok_or_else(wrong)?;
        let skip = skip.parse().ok().filter(|skip| *skip <= MAX_PAGE).ok_or_else(wrong)?;
        Ok(Self { skip, page: page.to_owned() })
    }

    fn write(skip: usize, page: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{skip} {page}"))
    }
}

/// What to read of a list.
pub(crate) struct Paging {
    first: u32,
    after: Cursor,
    begins: bool,
}

impl Paging {
    /// Reads a field's arguments.
    pub(crate) fn new(first: i32, after: Option<String>) -> Result<Self, Error> {
        let first = u32::try_from(first).ok().filter(|n| (1..=MAX_PAGE).contains(n));
        let wrong =
            || problem(Problem::invalid("first", &format!("1 to {MAX_PAGE}"), "so many cannot be listed at once"));
        let first = first.ok_or_else(wrong)?;
        Ok(Self { first, begins: after.is_none(), after: Cursor::read(after)? })
    }

    /// What to ask the service for.
    pub(crate) fn request(&self) -> Option<PageRequest> {
        let size = (self.after.skip + self.first).min(MAX_PAGE);
        Some(PageRequest { size, cursor: self.after.page.clone() })
    }

    /// What the service has answered, as a connection.
    pub(crate) fn connection<W, T: OutputType>(
        self,
        items: Vec<W>,
        info: Option<PageInfo>,
        node: impl FnMut(W) -> T,
    ) -> Connection<String, T> {
        self.connection_with(items, info, node, EmptyFields)
    }

    /// The same, and more is told of the list.
    pub(crate) fn connection_with<W, T: OutputType, F: ObjectType>(
        self,
        items: Vec<W>,
        info: Option<PageInfo>,
        mut node: impl FnMut(W) -> T,
        fields: F,
    ) -> Connection<String, T, F> {
        let next = info.map(|info| info.next_cursor).filter(|cursor| !cursor.is_empty());
        let Cursor { skip, page } = self.after;
        let (skip, first) = (usize::try_from(skip).unwrap_or(0), usize::try_from(self.first).unwrap_or(0));
        let all = items.len();
        let end = all.min(skip + first);
        let mut connection = Connection::with_additional_fields(!self.begins, end < all || next.is_some(), fields);
        let shown = items.into_iter().enumerate().take(end).skip(skip);
        connection.edges.extend(shown.map(|(i, item)| {
            let cursor = match &next {
                // The page is behind: what follows begins where the service says.
                Some(next) if i + 1 == all => Cursor::write(0, next),
                _ => Cursor::write(i + 1, &page),
            };
            Edge::new(cursor, node(item))
        }));
        connection
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::connection::Connection;
    use vitrine_contracts::common::v1::{PageInfo, PageRequest};

    use super::Paging;

    /// A service that lists numbers, at most four at once.
    fn list(request: Option<PageRequest>) -> (Vec<i32>, Option<PageInfo>) {
        let PageRequest { size, cursor } = request.expect("a request");
        let from: i32 = if cursor.is_empty() { 0 } else { cursor.parse().expect("one of its cursors") };
        let to = (from + i32::try_from(size).expect("small").min(4)).min(10);
        let next_cursor = if to < 10 { to.to_string() } else { String::new() };
        ((from..to).collect(), Some(PageInfo { next_cursor }))
    }

    fn page(first: i32, after: Option<String>) -> Connection<String, i32> {
        let paging = Paging::new(first, after).expect("arguments");
        let (items, info) = list(paging.request());
        paging.connection(items, info, |n| n)
    }

    #[test]
    fn every_edge_is_a_place_to_go_on_from() {
        for first in [1, 2, 3, 4, 7] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let found = page(first, after);
                seen.extend(found.edges.iter().map(|edge| edge.node));
                after = found.edges.last().map(|edge| edge.cursor.clone());
                if !found.has_next_page {
                    break;
                }
            }
            assert_eq!(seen, (0..10).collect::<Vec<_>>(), "{first}");
        }
        let begin = page(4, None);
        assert!(!begin.has_previous_page && begin.has_next_page);
        let middle = page(2, Some(begin.edges[1].cursor.clone()));
        assert_eq!(middle.edges.iter().map(|edge| edge.node).collect::<Vec<_>>(), [2, 3]);
        assert!(middle.has_previous_page);
    }

    #[test]
    fn arguments_are_checked() {
        for first in [0, -1, 101] {
            assert!(Paging::new(first, None).is_err(), "{first}");
        }
        for after in ["", "!", "bm9uc2Vuc2U", "OTk5IA"] {
            assert!(Paging::new(1, Some(after.to_owned())).is_err(), "{after}");
        }
    }
}
