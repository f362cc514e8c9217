//! Spans, as far as calls go.

use std::borrow::Cow;
use std::net::IpAddr;

use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Columns, Dictionary, NULL_CODE, Segment, Texts};
use vitrine_observe_model::conventions::{PEER_SERVICE, SHARED};
use vitrine_observe_model::definitions::{ATTRIBUTES, spans};
use vitrine_observe_model::{SpanKind, StatusCode, UNKNOWN_SERVICE, Value};

use crate::column_engine::span_attributes::SpanAttributes;

/// Attributes that name the other end of a call, the surest first, and then others that are read. Those of databases and brokers are
/// OpenTelemetry's semantic conventions, of today and of before 2025.
const KEYS: [&str; 12] = [
    PEER_SERVICE,
    "service.peer.name",
    "db.system.name",
    "db.system",
    "messaging.system",
    "server.address",
    "net.peer.name",
    SHARED,
    "db.namespace",
    "db.name",
    "network.peer.address",
    "network.peer.port",
];
/// How many of them name the other end.
const PEERS: usize = 7;
/// How many of them name a service.
const SERVICES: usize = 2;
/// Where among them the broker's is.
const BROKER: usize = 4;
/// Where among them those begin that hold an address: only the name of a host counts.
const ADDRESSES: usize = 5;
/// Where it is said that both sides of a call have one id.
const SHARED_KEY: usize = 7;
/// Where the names of databases are, the most exact first, and last what they are.
const DATABASES: [usize; 4] = [8, 9, 3, 2];
/// Where the addresses of a database are, after the service that it is.
const SERVER_ADDRESS: usize = 5;
const PEER_ADDRESS: usize = 10;
const PEER_PORT: usize = 11;
/// The columns that calls are told from, beside attributes.
const COLUMNS: [&str; 7] = ["trace_id", "span_id", "parent_span_id", "start", "service", "kind", "status"];

/// A span, as far as calls go. Names are numbers in a dictionary, [`NULL_CODE`] where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub id: u64,
    /// 0 for none.
    pub parent: u64,
    pub kind: SpanKind,
    pub service: u32,
    /// The other end of the call, as this span names it.
    pub peer: u32,
    /// Whether it is the called side of a call whose calling side has the same id.
    pub is_shared: bool,
    pub failed: bool,
    /// In nanoseconds since 1970.
    pub start: i64,
}

impl Node {
    /// Whether it is one side of a call.
    pub(super) fn is_remote(&self) -> bool {
        !matches!(self.kind, SpanKind::Internal | SpanKind::Unspecified)
    }

    /// Takes over what another piece of the same span says.
    pub(super) fn unite(&mut self, other: &Self) {
        for (own, others) in [(&mut self.service, other.service), (&mut self.peer, other.peer)] {
            if *own == NULL_CODE {
                *own = others;
            }
        }
        if self.kind == SpanKind::Unspecified {
            self.kind = other.kind;
        }
        if self.parent == 0 {
            self.parent = other.parent;
        }
        self.failed |= other.failed;
        self.start = self.start.min(other.start);
    }
}

/// What a span says of the other end of its call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    /// The other end, by its number among [`KnownEnds::peers`]; [`NULL_CODE`] if the span does not name it.
    pub peer: u32,
    /// Whether it is the called side of a call whose calling side has the same id.
    pub is_shared: bool,
}

/// What a span says that says nothing.
const NO_ENDS: Ends = Ends { peer: NULL_CODE, is_shared: false };

/// What the spans of a memtable say of the other ends of their calls: it is read of their attributes once.
#[derive(Debug, Default)]
pub(crate) struct KnownEnds {
    peers: Dictionary,
    rows: Vec<Ends>,
}

impl KnownEnds {
    /// Reads a row, which comes behind all that were read before.
    pub(crate) fn read(&mut self, spans: &Spans<'_>, row: usize) -> Ends {
        let peer = spans.peer(row, spans.kind(row));
        let peer = peer.map_or(NULL_CODE, |peer| self.peers.intern(peer.as_bytes()));
        let ends = Ends { peer, is_shared: spans.is_shared(row) };
        // Rows between that were not read are seen by no one.
        self.rows.resize(row, NO_ENDS);
        self.rows.push(ends);
        ends
    }

    /// What a row says that was read.
    pub(crate) fn of(&self, row: usize) -> Ends {
        self.rows.get(row).copied().unwrap_or(NO_ENDS)
    }

    /// The names of the other ends.
    pub(crate) fn peers(&self) -> &Dictionary {
        &self.peers
    }

    /// Bytes of memory that grow with the rows.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Ends>()
    }
}

/// The columns of a segment that calls are told from.
pub(crate) fn columns_of(segment: &Segment) -> Vec<&str> {
    let mut wanted: Vec<String> = KEYS[..PEERS].iter().map(|key| format!("{ATTRIBUTE_PREFIX}{key}")).collect();
    wanted.push(format!("{ATTRIBUTE_PREFIX}{SHARED}:bool"));
    let list = spans::SPANS.lists[ATTRIBUTES].name;
    let own = segment.columns().map(|(name, ..)| &**name).filter(|name| wanted.iter().any(|wanted| wanted == name));
    COLUMNS.into_iter().chain([list]).chain(own).collect()
}

/// The columns of a number of spans.
pub(crate) struct Spans<'a> {
    traces: &'a [u128],
    ids: &'a [u64],
    parents: &'a [u64],
    starts: &'a [i64],
    services: &'a Texts,
    kinds: &'a [i64],
    statuses: &'a [i64],
    attributes: SpanAttributes<'a>,
    /// Numbers of services' names in the nodes' dictionary, by the columns' numbers.
    known: Vec<u32>,
}

impl<'a> Spans<'a> {
    /// None if they are no spans.
    pub(crate) fn of(columns: &'a Columns) -> Option<Self> {
        Some(Self {
            traces: filled(columns.ids16("trace_id")?, columns.rows)?,
            ids: filled(columns.ids8("span_id")?, columns.rows)?,
            parents: columns.ids8("parent_span_id")?,
            starts: columns.ints("start")?,
            services: columns.texts("service")?,
            kinds: columns.ints("kind")?,
            statuses: columns.ints("status")?,
            attributes: SpanAttributes::of(columns, &KEYS)?,
            known: Vec::new(),
        })
    }

    /// A row's trace.
    pub(crate) fn trace(&self, row: usize) -> u128 {
        self.traces[row]
    }

    /// A row's span.
    pub(crate) fn id(&self, row: usize) -> u64 {
        self.ids[row]
    }

    /// The span that a row is part of; 0 for none.
    pub(crate) fn parent(&self, row: usize) -> u64 {
        self.parents[row]
    }

    /// A row, with its names in this dictionary, which must be the same for all rows.
    pub(crate) fn node(&mut self, row: usize, names: &mut Dictionary) -> Node {
        let peer = self.peer(row, self.kind(row));
        let peer = peer.map_or(NULL_CODE, |peer| names.intern(peer.as_bytes()));
        self.node_with(row, names, peer, self.is_shared(row))
    }

    /// The same where it is known whom the row calls, by its number, and whether it shares its id.
    pub(crate) fn node_with(&mut self, row: usize, names: &mut Dictionary, peer: u32, is_shared: bool) -> Node {
        Node {
            id: self.ids[row],
            parent: self.parents[row],
            kind: self.kind(row),
            service: self.service(row, names),
            peer,
            is_shared,
            failed: StatusCode::from_number(byte(self.statuses, row)) == StatusCode::Error,
            start: self.starts[row],
        }
    }

    /// A row's kind.
    pub(crate) fn kind(&self, row: usize) -> SpanKind {
        SpanKind::from_number(byte(self.kinds, row))
    }

    /// The name of a row's service, if it is known.
    pub(crate) fn service_name(&self, row: usize) -> Option<&'a str> {
        self.services.get(row).filter(|name| *name != UNKNOWN_SERVICE)
    }

    fn service(&mut self, row: usize, names: &mut Dictionary) -> u32 {
        let Some(name) = self.service_name(row) else { return NULL_CODE };
        if self.known.is_empty() {
            self.known = vec![NULL_CODE; self.services.dictionary.len()];
        }
        let known = &mut self.known[self.services.codes[row] as usize];
        if *known == NULL_CODE {
            *known = names.intern(name.as_bytes());
        }
        *known
    }

    /// Whether it is the called side of a call whose calling side has the same id.
    pub(crate) fn is_shared(&self, row: usize) -> bool {
        self.attributes.value(row, SHARED_KEY) == Some(Value::Bool(true))
    }

    /// The other end of the call, as a span of this kind may name it.
    pub(crate) fn peer(&self, row: usize, kind: SpanKind) -> Option<Cow<'a, str>> {
        let says = |place: &usize| match kind {
            SpanKind::Client => true,
            SpanKind::Producer => *place < SERVICES || *place >= BROKER,
            SpanKind::Consumer => *place < SERVICES || *place == BROKER,
            // What else these say is of themselves.
            SpanKind::Server | SpanKind::Internal | SpanKind::Unspecified => *place < SERVICES,
        };
        (0..PEERS).filter(says).find_map(|place| {
            let name = self.attributes.text(row, place)?;
            let is_name = place < ADDRESSES || (name.parse::<IpAddr>().is_err() && name != "localhost");
            is_name.then_some(name)
        })
    }

    /// What the database is called that a span asks, if it asks one: the service that it is, its address, or its own name.
    pub(crate) fn database(&self, row: usize) -> Option<Cow<'a, str>> {
        let text = |place| self.attributes.text(row, place);
        let name = DATABASES.into_iter().find_map(text)?;
        let address = || {
            let address = text(PEER_ADDRESS)?;
            let port = self.attributes.value(row, PEER_PORT).map(|port| port.text());
            Some(port.map_or(address.clone(), |port| Cow::Owned(format!("{address}:{port}"))))
        };
        text(0).or_else(|| text(SERVER_ADDRESS)).or_else(address).or(Some(name))
    }
}

/// The number of a kind or a status.
fn byte(values: &[i64], row: usize) -> u8 {
    u8::try_from(values[row]).unwrap_or(0)
}

/// A column, unless it was not read.
fn filled<T>(values: &[T], rows: usize) -> Option<&[T]> {
    (values.len() >= rows).then_some(values)
}
