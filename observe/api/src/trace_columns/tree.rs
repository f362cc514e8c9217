//! The spans of a trace as a forest, whatever their senders said of it.
//!
//! Nothing here recurses: traces may be one chain of a hundred thousand spans.

use std::ops::Range;

use serde::Serialize;
use vitrine_observe_store::SpanOutline;
use vitrine_observe_store::model::{SpanId, SpanKind};

/// Spans that a problem names.
const MAX_NAMED: usize = 20;
/// Where a walk has not been yet.
const UNSEEN: u32 = u32::MAX;

/// A forest of spans in depth-first order: a parent stands before its children, and those below a span directly behind it. Siblings stand
/// in order of their start.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The spans; their places are rows.
    pub spans: Vec<SpanOutline>,
    /// The row of each one's parent.
    pub parents: Vec<Option<usize>>,
    /// Rows of each one and of what is below it.
    sizes: Vec<usize>,
    oddities: [Vec<usize>; KINDS.len()],
}

/// What is odd about a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    kind: &'static str,
    /// Spans of which that is so.
    count: usize,
    /// The rows of the first of them.
    spans: Vec<usize>,
    /// The same for people.
    text: String,
}

/// Kinds of problems, by their places among [`Tree::oddities`].
const KINDS: [&str; 5] = ["cycle", "missing_parent", "several_roots", "duplicate_id", "starts_before_parent"];
const CYCLE: usize = 0;
const MISSING_PARENT: usize = 1;
const SEVERAL_ROOTS: usize = 2;
const DUPLICATE_ID: usize = 3;
const STARTS_BEFORE_PARENT: usize = 4;

/// Spans by their ids.
struct ById<'a> {
    spans: &'a [SpanOutline],
    /// Ids and places, in order.
    places: Vec<(SpanId, usize)>,
}

impl<'a> ById<'a> {
    fn new(spans: &'a [SpanOutline]) -> Self {
        let mut places: Vec<(SpanId, usize)> = spans.iter().enumerate().map(|(place, span)| (span.id, place)).collect();
        places.sort_unstable();
        Self { spans, places }
    }

    fn of(&self, id: SpanId) -> impl Iterator<Item = usize> {
        let first = self.places.partition_point(|(known, _)| *known < id);
        self.places[first..].iter().take_while(move |(known, _)| *known == id).map(|(_, place)| *place)
    }

    /// The caller whose id a called span shares, as Zipkin's senders do.
    fn shared_caller(&self, place: usize) -> Option<usize> {
        let span = &self.spans[place];
        let mut others = self.of(span.id);
        others.find(|other| is_called(span.kind) && is_caller(self.spans[*other].kind))
    }

    /// The parent of a span. Where several spans have its id, it is one of the same service, or else the called one.
    fn parent(&self, place: usize) -> Option<usize> {
        let span = &self.spans[place];
        if let Some(caller) = self.shared_caller(place) {
            return Some(caller);
        }
        let others = self.of(span.parent?).filter(|other| *other != place || span.parent == Some(span.id));
        others.max_by_key(|other| {
            let candidate = &self.spans[*other];
            (candidate.service == span.service, is_called(candidate.kind), std::cmp::Reverse(*other))
        })
    }

    /// Spans whose id one before them has, which is neither their caller nor called by them.
    fn duplicates(&self) -> Vec<usize> {
        let pairs = self.places.array_windows::<2>().filter(|[one, other]| one.0 == other.0);
        let unexplained = |place: &usize| self.shared_caller(*place).is_none();
        pairs.map(|[_, (_, place)]| *place).filter(unexplained).collect()
    }
}

fn is_called(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Server | SpanKind::Consumer)
}

fn is_caller(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Client | SpanKind::Producer)
}

/// Makes a root of one span of each circle, the first by start, and returns these.
fn break_cycles(parents: &mut [Option<usize>]) -> Vec<usize> {
    let mut broken = Vec::new();
    let mut walks = vec![UNSEEN; parents.len()];
    for begin in 0..parents.len() {
        let mut at = Some(begin);
        while let Some(place) = at.filter(|place| walks[*place] == UNSEEN) {
            walks[place] = begin as u32;
            at = parents[place];
        }
        let Some(entry) = at.filter(|place| walks[*place] == begin as u32) else { continue };
        let mut first = entry;
        let mut next = parents[entry];
        while let Some(place) = next.filter(|place| *place != entry) {
            first = first.min(place);
            next = parents[place];
        }
        parents[first] = None;
        broken.push(first);
    }
    broken
}

/// Places in depth-first order; siblings as their places.
fn depth_first(parents: &[Option<usize>]) -> Vec<usize> {
    // The children of each place stand together, by counting.
    let mut ends = vec![0; parents.len() + 1];
    parents.iter().flatten().for_each(|parent| ends[parent + 1] += 1);
    for place in 1..ends.len() {
        ends[place] += ends[place - 1];
    }
    let starts = ends.clone();
    let mut children = vec![0; ends[parents.len()]];
    for (place, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children[ends[*parent]] = place;
            ends[*parent] += 1;
        }
    }
    let mut order = Vec::with_capacity(parents.len());
    let mut left: Vec<usize> = (0..parents.len()).rev().filter(|place| parents[*place].is_none()).collect();
    while let Some(place) = left.pop() {
        order.push(place);
        left.extend(children[starts[place]..ends[place]].iter().rev());
    }
    order
}

impl Tree {
    /// Of spans in order of their start.
    pub(crate) fn of(spans: &[SpanOutline]) -> Self {
        let by_id = ById::new(spans);
        let mut parents: Vec<Option<usize>> = (0..spans.len()).map(|place| by_id.parent(place)).collect();
        let missing = (0..spans.len()).filter(|place| parents[*place].is_none() && spans[*place].parent.is_some());
        let missing: Vec<usize> = missing.collect();
        let cycles = break_cycles(&mut parents);
        let order = depth_first(&parents);
        let mut rows = vec![0; spans.len()];
        order.iter().enumerate().for_each(|(row, place)| rows[*place] = row);
        let mut tree = Self {
            spans: order.iter().map(|place| spans[*place]).collect(),
            parents: order.iter().map(|place| parents[*place].map(|parent| rows[parent])).collect(),
            sizes: vec![1; spans.len()],
            oddities: Default::default(),
        };
        for row in (0..spans.len()).rev() {
            if let Some(parent) = tree.parents[row] {
                tree.sizes[parent] += tree.sizes[row];
            }
        }
        let of_places = |places: Vec<usize>| {
            let mut rows: Vec<usize> = places.into_iter().map(|place| rows[place]).collect();
            rows.sort_unstable();
            rows
        };
        tree.oddities[CYCLE] = of_places(cycles);
        tree.oddities[MISSING_PARENT] = of_places(missing);
        tree.oddities[DUPLICATE_ID] = of_places(by_id.duplicates());
        tree.look_for_more();
        tree
    }

    fn look_for_more(&mut self) {
        let roots: Vec<usize> = (0..self.spans.len()).filter(|row| self.spans[*row].parent.is_none()).collect();
        let roots: Vec<usize> = roots.into_iter().filter(|row| self.parents[*row].is_none()).collect();
        if roots.len() > 1 {
            self.oddities[SEVERAL_ROOTS] = roots;
        }
        let start = |row: usize| self.spans[row].start_ns;
        let is_early = |row: &usize| self.parents[*row].is_some_and(|parent| start(*row) < start(parent));
        self.oddities[STARTS_BEFORE_PARENT] = (0..self.spans.len()).filter(is_early).collect();
    }

    /// The rows of a span and of what is below it.
    fn below(&self, row: usize) -> Range<usize> {
        row..row + self.sizes[row]
    }

    /// The rows of a span's children, or of the roots.
    pub(crate) fn children(&self, row: Option<usize>) -> impl Iterator<Item = usize> {
        let mut left = row.map_or(0..self.spans.len(), |row| row + 1..self.below(row).end);
        std::iter::from_fn(move || {
            let child = (!left.is_empty()).then_some(left.start)?;
            left.start = self.below(child).end;
            Some(child)
        })
    }

    /// What is odd about it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let found = self.oddities.iter().enumerate().filter(|(_, rows)| !rows.is_empty());
        let problem = |(kind, rows): (usize, &Vec<usize>)| Problem {
            kind: KINDS[kind],
            count: rows.len(),
            spans: rows.iter().copied().take(MAX_NAMED).collect(),
            text: self.sentence(kind, rows),
        };
        found.map(problem).collect()
    }

    fn sentence(&self, kind: usize, rows: &[usize]) -> String {
        let first = &self.spans[rows[0]];
        let id = first.id;
        let told = match (kind, first.parent) {
            (CYCLE, _) => format!("cycle broken at span {id}, which is its own ancestor"),
            (MISSING_PARENT, Some(parent)) => format!("parent {parent} of span {id} is missing"),
            (SEVERAL_ROOTS, _) => return format!("{} spans have no parent", rows.len()),
            (DUPLICATE_ID, _) => format!("several spans have the id {id}"),
            _ => format!("span {id} starts before its parent, so their clocks differ"),
        };
        match rows.len() - 1 {
            0 => told,
            more => format!("{told}; {more} more like it"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use vitrine_observe_store::SpanOutline;
    use vitrine_observe_store::model::{SpanId, SpanKind};

    use super::Tree;

    fn id(number: u64) -> Option<SpanId> {
        SpanId::from_bytes(&number.to_be_bytes())
    }

    /// An internal span of one service.
    pub(in super::super) fn span(number: u64, parent: u64, start_ns: u64, end_ns: u64) -> SpanOutline {
        SpanOutline {
            id: id(number).expect("an id is no zero"),
            parent: id(parent),
            start_ns,
            duration_ns: end_ns - start_ns,
            service: 0,
            name: 0,
            message: None,
            kind: SpanKind::Internal,
            failed: false,
        }
    }

    /// The ids in order, with the ids of their parents.
    fn shape(tree: &Tree) -> Vec<(u64, u64)> {
        let number = |row: usize| u64::from_be_bytes(tree.spans[row].id.0);
        (0..tree.spans.len()).map(|row| (number(row), tree.parents[row].map_or(0, number))).collect()
    }

    fn texts(tree: &Tree) -> Vec<String> {
        tree.problems().into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn a_subtree_is_a_run_of_rows() {
        let tree =
            Tree::of(&[span(1, 0, 0, 9), span(2, 1, 1, 8), span(3, 1, 2, 4), span(4, 2, 3, 5), span(5, 3, 4, 4)]);
        assert_eq!(shape(&tree), [(1, 0), (2, 1), (4, 2), (3, 1), (5, 3)]);
        assert_eq!(tree.children(Some(0)).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(tree.children(None).collect::<Vec<_>>(), [0]);
        assert_eq!(tree.children(Some(4)).count(), 0);
        assert!(tree.problems().is_empty());
    }

    #[test]
    fn what_is_odd_is_told_and_drawn_nevertheless() {
        let circle = Tree::of(&[span(1, 3, 0, 9), span(2, 1, 1, 8), span(3, 2, 2, 4), span(4, 3, 3, 4)]);
        assert_eq!(shape(&circle), [(1, 0), (2, 1), (3, 2), (4, 3)]);
        assert_eq!(texts(&circle), ["cycle broken at span 0000000000000001, which is its own ancestor"]);
        let alone = Tree::of(&[span(1, 1, 0, 9)]);
        assert_eq!(shape(&alone), [(1, 0)]);
        assert_eq!(texts(&alone), ["cycle broken at span 0000000000000001, which is its own ancestor"]);
        let orphans = Tree::of(&[span(1, 9, 0, 9), span(2, 8, 1, 8), span(3, 2, 0, 4)]);
        assert_eq!(shape(&orphans), [(1, 0), (2, 0), (3, 2)]);
        assert_eq!(
            texts(&orphans),
            [
                "parent 0000000000000009 of span 0000000000000001 is missing; 1 more like it",
                "span 0000000000000003 starts before its parent, so their clocks differ"
            ]
        );
        assert_eq!(texts(&Tree::of(&[span(1, 0, 0, 9), span(2, 0, 1, 8)])), ["2 spans have no parent"]);
        assert!(Tree::of(&[]).problems().is_empty());
    }

    #[test]
    fn an_id_that_a_call_shares_is_two_spans() {
        let caller = SpanOutline { kind: SpanKind::Client, ..span(2, 1, 1, 8) };
        let called = SpanOutline { kind: SpanKind::Server, service: 1, ..span(2, 1, 2, 7) };
        let below = SpanOutline { service: 1, ..span(3, 2, 3, 4) };
        let tree = Tree::of(&[span(1, 0, 0, 9), caller, called, below]);
        assert_eq!(tree.parents, [None, Some(0), Some(1), Some(2)]);
        assert!(tree.problems().is_empty());
        let tree = Tree::of(&[span(1, 0, 0, 9), span(1, 0, 1, 2)]);
        assert_eq!(texts(&tree), ["2 spans have no parent", "several spans have the id 0000000000000001"]);
    }

    #[test]
    fn a_long_chain_is_no_matter() {
        let spans: Vec<SpanOutline> = (1..=100_000).map(|number| span(number, number - 1, number, 200_000)).collect();
        let tree = Tree::of(&spans);
        assert_eq!(tree.parents[99_999], Some(99_998));
        assert_eq!(tree.below(0), 0..100_000);
    }
}
