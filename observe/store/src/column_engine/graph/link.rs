//! The calls of one trace.
//!
//! The rules are those of Zipkin and of Jaeger, together. Sources: openzipkin/zipkin `zipkin2/internal/DependencyLinker`,
//! `SpanNode` and `Trace`; jaegertracing/spark-dependencies `SpansToDependencyLinks`.
//!
//! - The two sides of a call may share a span id: the called side is then the child of the calling side.
//! - A span of another service than the nearest one above it is a call from there. It counts once, where the called
//!   side is known.
//! - A client, or a producer, that no span answers calls whom it names: a database, a broker, someone without
//!   telemetry. Likewise a server without anything above it is called by whom it names, and a consumer by its broker.
//!   Where spans within each other tell of the same call, it is one.
//! - Between a producer and a consumer of which one names a broker there is no call; both have one with the broker.
//! - A call failed if the called side says so, or the calling one.

use std::collections::HashMap;

use vitrine_observe_columns::{Dictionary, NULL_CODE};
use vitrine_observe_model::SpanKind;

use super::node::Node;

/// Spans without a service's name that are passed over on the way to the one above them that has it.
const MAX_HOPS: usize = 64;
/// No span.
const NONE: u32 = u32::MAX;

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Who calls, by the number of its name.
    pub parent: u32,
    /// Who is called.
    pub child: u32,
    /// When the span started by which the call is known.
    pub start: i64,
    /// Whether it failed.
    pub failed: bool,
}

/// Appends the calls of a trace. Returns whether a span of it lacks its parent, or the other side that it shares its id
/// with. Puts the spans in another order: the same spans give the same calls, in whatever order and with whatever numbers
/// of names they come.
pub(crate) fn link(nodes: &mut Vec<Node>, names: &Dictionary, edges: &mut Vec<Edge>) -> bool {
    unite(nodes, names);
    let tree = Tree::of(nodes);
    for place in 0..nodes.len() {
        tree.calls_of(place, edges);
    }
    tree.is_open
}

fn is_caller(node: &Node) -> bool {
    matches!(node.kind, SpanKind::Client | SpanKind::Producer)
}

fn is_called(node: &Node) -> bool {
    matches!(node.kind, SpanKind::Server | SpanKind::Consumer)
}

/// Unites what was sent in pieces or twice, puts calling sides before called ones of the same id, and marks the latter.
fn unite(nodes: &mut Vec<Node>, names: &Dictionary) {
    let name = |code: u32| (code != NULL_CODE).then(|| names.get(code));
    let key = |node: &Node| (node.id, node.is_shared, !is_caller(node));
    let rest = |node: &Node| (node.kind, node.parent, node.start, node.failed);
    nodes.sort_unstable_by(|a, b| {
        let by_names = || name(a.service).cmp(&name(b.service)).then_with(|| name(a.peer).cmp(&name(b.peer)));
        key(a).cmp(&key(b)).then_with(by_names).then_with(|| rest(a).cmp(&rest(b)))
    });
    nodes.dedup_by(|later, first| {
        let fits = |a: u32, b: u32| a == b || a == NULL_CODE || b == NULL_CODE;
        let same_kind =
            later.kind == first.kind || later.kind == SpanKind::Unspecified || first.kind == SpanKind::Unspecified;
        let same = later.id == first.id
            && later.is_shared == first.is_shared
            && fits(later.service, first.service)
            && same_kind;
        if same {
            first.unite(later);
        }
        same
    });
    for place in 1..nodes.len() {
        let (before, node) = (nodes[place - 1], &mut nodes[place]);
        if before.id != node.id {
            continue;
        }
        // Some instrumentation forgets to say so.
        node.is_shared |= is_called(node) && (is_caller(&before) || before.is_shared);
        if node.is_shared && node.parent == 0 {
            node.parent = before.parent;
        }
    }
}

/// A trace's spans, in order of their ids, and what hangs on what.
struct Tree<'a> {
    nodes: &'a [Node],
    /// The place of each span's parent, or [`NONE`].
    parents: Vec<u32>,
    /// Whether a span hangs below it.
    has_children: Vec<bool>,
    /// Whether the other side of what it calls is known, and whether that is a server.
    answered: Vec<bool>,
    served: Vec<bool>,
    /// The first called side of each shared id and service: senders may put any number of spans under one id.
    sides: HashMap<(u64, u32), usize>,
    is_open: bool,
}

impl<'a> Tree<'a> {
    fn of(nodes: &'a [Node]) -> Self {
        let count = nodes.len();
        let (parents, answered) = (Vec::with_capacity(count), vec![false; count]);
        let (has_children, served) = (answered.clone(), answered.clone());
        let mut sides = HashMap::new();
        for (place, node) in nodes.iter().enumerate().filter(|(_, node)| node.is_shared) {
            sides.entry((node.id, node.service)).or_insert(place);
        }
        let mut tree = Self { nodes, parents, has_children, answered, served, sides, is_open: false };
        let roots = nodes.iter().enumerate().filter(|(_, node)| node.parent == 0 && !node.is_shared);
        let root = roots.min_by_key(|(_, node)| node.start).map(|(place, _)| place);
        for place in 0..count {
            let parent = tree.find_parent(place, root).filter(|parent| *parent != place);
            tree.parents.push(parent.map_or(NONE, |parent| parent as u32));
        }
        for place in 0..count {
            tree.mark_called(place);
        }
        tree
    }

    /// The first span of an id: one that is not shared, if there is any.
    fn first_of(&self, id: u64) -> Option<usize> {
        let place = self.nodes.partition_point(|node| node.id < id);
        (self.nodes.get(place)?.id == id).then_some(place)
    }

    /// Whether a span is the only one of its id.
    fn is_alone(&self, place: usize) -> bool {
        let is_other = |other: &Node| other.id != self.nodes[place].id;
        self.nodes[..place].last().is_none_or(is_other) && self.nodes.get(place + 1).is_none_or(is_other)
    }

    fn find_parent(&mut self, place: usize, root: Option<usize>) -> Option<usize> {
        let node = self.nodes[place];
        if node.is_shared {
            let caller = self.first_of(node.id).filter(|first| !self.nodes[*first].is_shared);
            if caller.is_some() {
                return caller;
            }
            self.is_open = true;
        }
        if node.parent == 0 || node.parent == node.id {
            // The called side may come later, of the same id, without a parent, and without saying that it shares it.
            self.is_open |= is_caller(&node) && self.is_alone(place);
            // A called side whose caller is lost, and which was not told what is above it.
            return root.filter(|_| node.is_shared);
        }
        let Some(first) = self.first_of(node.parent) else {
            self.is_open = true;
            return root.filter(|_| node.is_shared);
        };
        Some(self.sides.get(&(node.parent, node.service)).copied().unwrap_or(first))
    }

    fn parent(&self, place: usize) -> Option<usize> {
        Some(self.parents[place]).filter(|parent| *parent != NONE).map(|parent| parent as usize)
    }

    /// The nearest span above of which this is so.
    fn above(&self, place: usize, is_so: impl Fn(&Node) -> bool) -> Option<usize> {
        let above = std::iter::successors(self.parent(place), |place| self.parent(*place)).take(MAX_HOPS);
        above.into_iter().find(|place| is_so(&self.nodes[*place]))
    }

    /// The nearest span above that names its service.
    fn named_above(&self, place: usize) -> Option<usize> {
        self.above(place, |node| node.service != NULL_CODE)
    }

    /// Whether a span tells again, within the same service, of the call that the one above it tells of: libraries and what
    /// they are built on often both do.
    fn is_within(&self, place: usize, above: usize) -> bool {
        let (node, above) = (&self.nodes[place], &self.nodes[above]);
        let same_side = (is_caller(node) && is_caller(above)) || (is_called(node) && is_called(above));
        same_side && node.peer == above.peer && node.service == above.service
    }

    fn mark_called(&mut self, place: usize) {
        let node = self.nodes[place];
        let Some(parent) = self.parent(place) else { return };
        self.has_children[parent] = true;
        let is_other = node.service != NULL_CODE
            && self.named_above(place).is_some_and(|above| self.nodes[above].service != node.service);
        if (node.is_remote() || is_other)
            && let Some(caller) = self.above(place, Node::is_remote)
        {
            self.answered[caller] = true;
            self.served[caller] |= node.kind == SpanKind::Server || self.is_within(place, caller);
        }
    }

    fn calls_of(&self, place: usize, edges: &mut Vec<Edge>) {
        let node = &self.nodes[place];
        let above = self.named_above(place).map(|above| &self.nodes[above]);
        // The two sides of one span began together: the called one may not even say when.
        let joined = self.parent(place).map(|parent| &self.nodes[parent]).filter(|parent| parent.id == node.id);
        let start = joined.map_or(node.start, |caller| caller.start);
        let mut call = |parent: u32, child: u32, failed: bool| {
            if parent != NULL_CODE && child != NULL_CODE {
                edges.push(Edge { parent, child, start, failed });
            }
        };
        // The span right above, if it is the calling side.
        let caller = self.parent(place).map(|parent| &self.nodes[parent]).filter(|parent| {
            is_caller(parent) || (!parent.is_remote() && parent.peer != NULL_CODE && !node.is_remote())
        });
        let caller_failed = caller.is_some_and(|caller| caller.failed);
        let is_from_other = above.is_some_and(|above| above.service != node.service);
        match (node.kind, above) {
            (SpanKind::Server, None) => call(node.peer, node.service, node.failed),
            // A service may call itself; what it does on behalf of its own server is no call.
            (SpanKind::Server, Some(above)) if is_from_other || is_caller(above) => {
                call(above.service, node.service, node.failed || caller_failed);
            }
            (SpanKind::Server, Some(_)) => {}
            (SpanKind::Consumer, _) if node.peer != NULL_CODE => {
                let remote = self.above(place, Node::is_remote);
                if !remote.is_some_and(|above| self.is_within(place, above)) {
                    call(node.peer, node.service, node.failed);
                }
            }
            (SpanKind::Consumer, Some(above)) => {
                let has_broker = above.kind == SpanKind::Producer && above.peer != NULL_CODE;
                if is_from_other && !has_broker {
                    call(above.service, node.service, node.failed);
                }
            }
            (SpanKind::Consumer, None) => {}
            (SpanKind::Client | SpanKind::Producer, above) => {
                if let Some(above) = above.filter(|_| is_from_other) {
                    // The server between both is not known, nor whether it failed.
                    call(above.service, node.service, false);
                }
                let is_client = node.kind == SpanKind::Client;
                let is_known = if is_client { self.answered[place] } else { self.served[place] };
                if !is_known {
                    let own =
                        if node.service == NULL_CODE && is_client { above.map(|above| above.service) } else { None };
                    call(own.unwrap_or(node.service), node.peer, node.failed);
                }
            }
            (SpanKind::Internal | SpanKind::Unspecified, above) => {
                if let Some(above) = above.filter(|_| is_from_other) {
                    call(above.service, node.service, caller.map_or(node.failed, |caller| caller.failed));
                }
                if !self.has_children[place] {
                    call(node.service, node.peer, node.failed);
                }
            }
        }
    }
}
