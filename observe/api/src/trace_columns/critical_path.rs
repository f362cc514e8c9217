//! What a trace waited for.
//!
//! A span's children are walked by their end, the latest first, with a cursor that begins at the span's end. What lies between a child's end
//! and the cursor is the span's own time; then the child is descended into, and the cursor is at its start. Children count only while their
//! parent runs; consumers are not waited for. A sibling that ran while the path went through another may have been waited for as well, which
//! a trace does not tell: such pieces are only likely.

use vitrine_observe_store::model::SpanKind;

use super::tree::Tree;

/// A piece of time, in nanoseconds since 1970, in which a trace waited for a span itself and for nothing below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub row: usize,
    pub start_ns: u64,
    pub end_ns: u64,
    /// Whether a sibling ran at the same time.
    pub is_likely: bool,
}

/// A child that may be waited for, while its parent runs.
#[derive(Debug, Clone, Copy)]
struct Child {
    row: usize,
    start: u64,
    end: u64,
}

/// A span that is being walked; the virtual one above the roots has no row.
struct Frame {
    row: Option<usize>,
    start: u64,
    /// What is after it has been told.
    cursor: u64,
    is_likely: bool,
    /// Where its children begin among those of all frames, and which is next.
    first: usize,
    next: usize,
    /// The earliest start of children that ran beside the path.
    beside: u64,
}

struct Walk<'a> {
    tree: &'a Tree,
    frames: Vec<Frame>,
    /// Children of the frames, one frame's after the other's, each by end, the latest first.
    children: Vec<Child>,
    pieces: Vec<Piece>,
}

/// Returns the pieces in order of time; they do not overlap.
pub(crate) fn critical_path(tree: &Tree) -> Vec<Piece> {
    let start = tree.spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end = tree.spans.iter().map(|span| span.end_ns()).max().unwrap_or(0);
    let mut walk = Walk { tree, frames: Vec::new(), children: Vec::new(), pieces: Vec::new() };
    walk.enter(None, start, end, false);
    while walk.step() {}
    walk.pieces.reverse();
    walk.pieces
}

impl Walk<'_> {
    fn enter(&mut self, row: Option<usize>, start: u64, end: u64, is_likely: bool) {
        let first = self.children.len();
        let is_awaited = |row: &usize| self.tree.spans[*row].kind != SpanKind::Consumer;
        // A trace of consumers alone waited for them.
        let takes_all = row.is_none() && !self.tree.children(None).any(|row| is_awaited(&row));
        for row in self.tree.children(row).filter(|row| takes_all || is_awaited(row)) {
            let span = &self.tree.spans[row];
            let child = Child { row, start: span.start_ns.max(start), end: span.end_ns().min(end) };
            self.children.extend((child.start < child.end).then_some(child));
        }
        let own_end = |child: &Child| self.tree.spans[child.row].end_ns();
        let latest_first = |a: &Child, b: &Child| (b.end, own_end(b), a.start).cmp(&(a.end, own_end(a), b.start));
        self.children[first..].sort_by(latest_first);
        self.frames.push(Frame { row, start, cursor: end, is_likely, first, next: first, beside: u64::MAX });
    }

    /// Goes on to the next child; whether there is anything left.
    fn step(&mut self) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        let Some(child) = self.children.get(frame.next).copied() else {
            self.tell(|frame| frame.start);
            if let Some(frame) = self.frames.pop() {
                self.children.truncate(frame.first);
            }
            return true;
        };
        frame.next += 1;
        if child.end > frame.cursor {
            frame.beside = frame.beside.min(child.start);
            return true;
        }
        let next_end = self.children.get(frame.next).map_or(0, |next| next.end);
        let is_likely = frame.is_likely || frame.beside < child.end || next_end > child.start;
        self.tell(|_| child.end);
        if let Some(frame) = self.frames.last_mut() {
            frame.cursor = child.start;
        }
        self.enter(Some(child.row), child.start, child.end, is_likely);
        true
    }

    /// Tells the time up to the cursor as the span's own.
    fn tell(&mut self, from: impl FnOnce(&Frame) -> u64) {
        let Some(frame) = self.frames.last() else { return };
        let start_ns = from(frame);
        if let Some(row) = frame.row
            && start_ns < frame.cursor
        {
            let is_likely = frame.is_likely || frame.beside < frame.cursor;
            self.pieces.push(Piece { row, start_ns, end_ns: frame.cursor, is_likely });
        }
    }
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::SpanOutline;
    use vitrine_observe_store::model::SpanKind;

    use super::super::tree::Tree;
    use super::super::tree::tests::span;
    use super::critical_path;

    /// Pieces as the number of the span, from when to when, and whether that is only likely.
    fn check(spans: &[SpanOutline], expected: &[(u64, u64, u64, bool)]) {
        let mut spans = spans.to_vec();
        spans.sort_by_key(|span| span.start_ns);
        let tree = Tree::of(&spans);
        let found: Vec<_> = critical_path(&tree)
            .into_iter()
            .map(|piece| {
                (u64::from_be_bytes(tree.spans[piece.row].id.0), piece.start_ns, piece.end_ns, piece.is_likely)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_after_the_other() {
        check(
            &[span(1, 0, 0, 100), span(2, 1, 10, 40), span(3, 1, 50, 90), span(4, 3, 60, 70)],
            &[
                (1, 0, 10, false),
                (2, 10, 40, false),
                (1, 40, 50, false),
                (3, 50, 60, false),
                (4, 60, 70, false),
                (3, 70, 90, false),
                (1, 90, 100, false),
            ],
        );
    }

    #[test]
    fn of_two_at_a_time_the_one_that_ends_last_is_likely() {
        check(
            &[span(1, 0, 0, 100), span(2, 1, 10, 60), span(3, 1, 20, 90), span(4, 3, 30, 40)],
            &[(1, 0, 20, true), (3, 20, 30, true), (4, 30, 40, true), (3, 40, 90, true), (1, 90, 100, false)],
        );
        // Two lanes: the last one waited for the one that ended when it began, and not for the longest.
        check(
            &[span(1, 0, 0, 100), span(2, 1, 0, 70), span(3, 1, 0, 60), span(4, 1, 60, 100)],
            &[(3, 0, 60, true), (4, 60, 100, true)],
        );
    }

    #[test]
    fn children_count_while_their_parent_runs() {
        let early = span(2, 1, 0, 30);
        let late = span(3, 1, 80, 200);
        let after = span(4, 1, 150, 180);
        check(
            &[span(1, 0, 10, 100), early, late, after],
            &[(2, 10, 30, false), (1, 30, 80, false), (3, 80, 100, false)],
        );
    }

    #[test]
    fn consumers_are_not_waited_for() {
        let consumer = SpanOutline { kind: SpanKind::Consumer, ..span(2, 1, 10, 90) };
        check(&[span(1, 0, 0, 100), consumer], &[(1, 0, 100, false)]);
        check(&[consumer], &[(2, 10, 90, false)]);
    }

    #[test]
    fn roots_are_walked_like_siblings_and_nobody_owns_what_is_between() {
        check(&[span(1, 0, 0, 10), span(2, 9, 20, 30)], &[(1, 0, 10, false), (2, 20, 30, false)]);
        check(&[], &[]);
    }

    #[test]
    fn circles_and_long_chains_end() {
        check(&[span(1, 2, 0, 10), span(2, 1, 2, 8)], &[(1, 0, 2, false), (2, 2, 8, false), (1, 8, 10, false)]);
        let chain: Vec<SpanOutline> =
            (1..=100_000).map(|number| span(number, number - 1, number, 400_000 - number)).collect();
        let pieces = critical_path(&Tree::of(&chain));
        assert_eq!(pieces.len(), 2 * 100_000 - 1);
        assert!(pieces.array_windows::<2>().all(|[one, other]| one.end_ns == other.start_ns));
    }
}
