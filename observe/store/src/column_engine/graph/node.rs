//! Spans, as far as calls go.

use std::net::IpAddr;

use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Columns, Data, Dictionary, List, NULL_CODE, Segment, Texts};
use vitrine_observe_model::conventions::{PEER_SERVICE, SHARED};
use vitrine_observe_model::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES, spans};
use vitrine_observe_model::{SpanKind, StatusCode, UNKNOWN_SERVICE, Value, json_value};

/// Attributes that name the other end of a call, the surest first. Those of databases and brokers are OpenTelemetry's
/// semantic conventions, of today and of before 2025.
const PEERS: [&str; 7] = [
    PEER_SERVICE,
    "service.peer.name",
    "db.system.name",
    "db.system",
    "messaging.system",
    "server.address",
    "net.peer.name",
];
/// How many of them name a service.
const SERVICES: usize = 2;
/// Where among them the broker's is.
const BROKER: usize = 4;
/// Where among them those begin that hold an address: only the name of a host counts.
const ADDRESSES: usize = 5;
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

fn attribute(key: &str) -> String {
    format!("{ATTRIBUTE_PREFIX}{key}")
}

/// The columns of a segment that calls are told from.
pub(crate) fn columns_of(segment: &Segment) -> Vec<&str> {
    let wanted: Vec<String> =
        PEERS.map(attribute).into_iter().chain([format!("{ATTRIBUTE_PREFIX}{SHARED}:bool")]).collect();
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
    /// The columns of [`PEERS`] that there are.
    peers: [Option<&'a Texts>; PEERS.len()],
    shared: Option<&'a [u8]>,
    rare: Rare<'a>,
    /// Numbers of services' names in the nodes' dictionary, by the columns' numbers.
    known: Vec<u32>,
}

/// The map of attributes that have no column of their own.
struct Rare<'a> {
    list: &'a List,
    keys: &'a Texts,
    values: &'a Texts,
    /// The numbers of [`PEERS`] among the keys.
    peers: [Option<u32>; PEERS.len()],
    shared: Option<u32>,
}

impl<'a> Rare<'a> {
    fn of(columns: &'a Columns) -> Option<Self> {
        let list = columns.lists.get(ATTRIBUTES)?;
        let (Data::Text(keys), Data::Text(values)) =
            (&list.children[ATTRIBUTE_KEY].data, &list.children[ATTRIBUTE_VALUE].data)
        else {
            return None;
        };
        let number = |key: &str| keys.dictionary.find(key.as_bytes());
        Some(Self { list, keys, values, peers: PEERS.map(number), shared: number(SHARED) })
    }

    /// The value of a key in a row.
    fn value(&self, row: usize, key: Option<u32>) -> Option<Value> {
        let element = self.list.range(row).find(|element| Some(self.keys.codes[*element]) == key)?;
        key.and_then(|_| self.values.get(element)).map(json_value)
    }
}

impl<'a> Spans<'a> {
    /// None if they are no spans.
    pub(crate) fn of(columns: &'a Columns) -> Option<Self> {
        let services = columns.texts("service")?;
        let shared = match columns.column(&format!("{ATTRIBUTE_PREFIX}{SHARED}:bool")).map(|column| &column.data) {
            Some(Data::Bool(values)) => Some(values.as_slice()),
            _ => None,
        };
        Some(Self {
            traces: columns.ids16("trace_id")?,
            ids: columns.ids8("span_id")?,
            parents: columns.ids8("parent_span_id")?,
            starts: columns.ints("start")?,
            services,
            kinds: columns.ints("kind")?,
            statuses: columns.ints("status")?,
            peers: PEERS.map(|key| columns.texts(&attribute(key))),
            shared,
            rare: Rare::of(columns)?,
            known: vec![NULL_CODE; services.dictionary.len()],
        })
    }

    /// A row's trace.
    pub(crate) fn trace(&self, row: usize) -> u128 {
        self.traces[row]
    }

    /// A row, with its names in this dictionary, which must be the same for all rows.
    pub(crate) fn node(&mut self, row: usize, names: &mut Dictionary) -> Node {
        let byte = |values: &[i64]| u8::try_from(values[row]).unwrap_or(0);
        let kind = SpanKind::from_number(byte(self.kinds));
        let peer = self.peer(row, kind);
        Node {
            id: self.ids[row],
            parent: self.parents[row],
            kind,
            service: self.service(row, names),
            peer: peer.map_or(NULL_CODE, |peer| names.intern(peer.as_bytes())),
            is_shared: self.is_shared(row),
            failed: StatusCode::from_number(byte(self.statuses)) == StatusCode::Error,
            start: self.starts[row],
        }
    }

    fn service(&mut self, row: usize, names: &mut Dictionary) -> u32 {
        let code = self.services.codes[row];
        let name = self.services.get(row).filter(|name| *name != UNKNOWN_SERVICE);
        let Some(name) = name else { return NULL_CODE };
        let known = &mut self.known[code as usize];
        if *known == NULL_CODE {
            *known = names.intern(name.as_bytes());
        }
        *known
    }

    fn is_shared(&self, row: usize) -> bool {
        let column = self.shared.and_then(|values| values.get(row)).is_some_and(|value| *value == 1);
        column || (self.rare.shared.is_some() && self.rare.value(row, self.rare.shared) == Some(Value::Bool(true)))
    }

    /// The other end of the call, as a span of this kind may name it.
    fn peer(&self, row: usize, kind: SpanKind) -> Option<String> {
        let says = |place: &usize| match kind {
            SpanKind::Client => true,
            SpanKind::Producer => *place < SERVICES || *place >= BROKER,
            SpanKind::Consumer => *place < SERVICES || *place == BROKER,
            // What else these say is of themselves.
            SpanKind::Server | SpanKind::Internal | SpanKind::Unspecified => *place < SERVICES,
        };
        (0..PEERS.len()).filter(says).find_map(|place| {
            let name = self.peer_text(row, place).filter(|name| !name.is_empty())?;
            let is_name = place < ADDRESSES || (name.parse::<IpAddr>().is_err() && name != "localhost");
            is_name.then_some(name)
        })
    }

    fn peer_text(&self, row: usize, place: usize) -> Option<String> {
        let column = self.peers[place].filter(|texts| row < texts.codes.len()).and_then(|texts| texts.get(row));
        if let Some(text) = column {
            return Some(text.to_owned());
        }
        self.rare.peers[place]?;
        match self.rare.value(row, self.rare.peers[place]) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}
