//! OTLP requests straight from the wire into columns.
//!
//! No struct is built for a span or a record: each field goes where it belongs as it is met. What a resource and
//! a scope say is read once for all of their rows.

mod log;
mod origin;
mod span;

use vitrine_observe_columns::Columns;

use crate::attributes::Attributes;
use crate::cells::clamp;
use crate::rejected::Rejected;
use crate::signal::Signal;
use crate::wire::{Fault, Malformed, Reader, fields, length};

pub use origin::UNKNOWN_SERVICE;
pub(crate) use origin::{RESOURCE_DROPPED, RESOURCE_SCHEMA_URL, SCOPE_DROPPED, SCOPE_SCHEMA_URL};

/// Bytes of scratch that are kept from one row to the next.
const KEPT_SCRATCH_BYTES: usize = 1 << 20;
/// Bytes of requests of which nothing was taken, after which an empty table forgets the texts that it learned from them.
const MAX_LOST_BYTES: usize = 16 << 20;
const RESOURCES: u64 = fields(&[1]);

/// A table that grows with requests.
pub struct Builder {
    signal: Signal,
    table: Table,
    /// Bytes of requests of which nothing was taken, since the table was cleared.
    lost: usize,
}

/// The columns, and what is needed to fill them.
pub(crate) struct Table {
    pub(crate) columns: Columns,
    pub(crate) attributes: Attributes,
    /// Bytes of each row's message on the wire; only of spans.
    pub(crate) sizes: Vec<u32>,
    /// For texts that are put together.
    pub(crate) text: Vec<u8>,
    /// For templates of messages.
    pub(crate) template: String,
    /// When the request that is being read arrived, in nanoseconds since 1970: the time of whatever has none.
    pub(crate) arrival: i64,
}

/// What became of a request's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Rows taken.
    pub taken: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Why the first refused row was refused.
    pub reason: Option<Rejected>,
}

impl Appended {
    pub(crate) fn refuse(&mut self, reason: Rejected) {
        self.rejected += 1;
        self.reason.get_or_insert(reason);
    }
}

impl Builder {
    /// An empty table. That of [metrics](Signal::Metrics) stays empty: their points are series.
    pub fn new(signal: Signal) -> Self {
        let columns = Columns::new(signal.definition());
        Self {
            signal,
            table: Table {
                columns,
                attributes: Attributes::default(),
                sizes: Vec::new(),
                text: Vec::new(),
                template: String::new(),
                arrival: 0,
            },
            lost: 0,
        }
    }

    /// The signal that it is for.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Adds the rows of an OTLP export request in protobuf. When the request is malformed, the table has the same rows
    /// as before.
    ///
    /// A time of 0 means that the sender does not know it. `arrival_ns`, when the request arrived in nanoseconds since
    /// 1970, then stands in for it, or what is known better: the other end of a span, the start of an event's span, the
    /// time at which a record was observed. The same request and arrival give the same rows.
    ///
    /// One table takes less than 4 GiB of texts in one column, and four billion elements in one list: clear it by
    /// [`Self::bytes`], not by its rows alone. Texts of rows that were refused count, too.
    pub fn append(&mut self, request: &[u8], arrival_ns: u64) -> Result<Appended, Malformed> {
        self.table.arrival = clamp(arrival_ns);
        let before = self.table.columns.rows;
        let outcome = self.read(request);
        if outcome.is_err() {
            self.truncate(before);
        }
        // Columns that got no value lag behind.
        self.table.columns.fill();
        if self.table.text.capacity() > KEPT_SCRATCH_BYTES {
            self.table.text = Vec::new();
        }
        if self.table.columns.rows == before {
            self.lost += request.len();
            if before == 0 && self.lost > MAX_LOST_BYTES {
                self.clear();
            }
        }
        outcome.map_err(|fault| fault.within(request))
    }

    fn read(&mut self, request: &[u8]) -> Result<Appended, Fault> {
        let mut appended = Appended::default();
        let mut reader = Reader::new(request);
        while let Some(key) = reader.key()? {
            if key == length(1) {
                self.table.resource_rows(self.signal, reader.bytes()?, &mut appended)?;
            } else {
                reader.skip(key, RESOURCES)?;
            }
        }
        Ok(appended)
    }

    /// The table.
    pub fn columns(&self) -> &Columns {
        &self.table.columns
    }

    /// Bytes that each span took in its request; nothing for other signals.
    pub fn sizes(&self) -> &[u32] {
        &self.table.sizes
    }

    /// Cuts off rows at the end.
    pub fn truncate(&mut self, rows: usize) {
        self.table.columns.truncate(rows);
        self.table.sizes.truncate(rows);
    }

    /// Removes all rows. Memory is kept, and so are the columns of attributes that were used.
    pub fn clear(&mut self) {
        self.lost = 0;
        self.table.sizes.clear();
        self.table.attributes.clear(&mut self.table.columns);
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let sizes = self.table.sizes.capacity() * size_of::<u32>();
        self.table.columns.bytes() + self.table.attributes.bytes() + self.table.text.capacity() + sizes
    }
}

/// An id of 16 bytes; 0 when it has another length.
#[inline]
pub(crate) fn id16(bytes: &[u8]) -> u128 {
    bytes.try_into().map_or(0, u128::from_be_bytes)
}

/// An id of 8 bytes; 0 when it has another length.
#[inline]
pub(crate) fn id8(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}
