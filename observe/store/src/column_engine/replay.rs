//! Opening: what the log holds and no segment does is taken again.
//!
//! One thread reads the disk and checks what it read. One says what of each record is needed, and into which head its samples go, which is in the
//! log's order. [`DECODERS`] decode samples of series, in turns. The caller takes all of it, in the log's order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use vitrine_platform_log::{Damage, Position, Record, Replay};

use crate::Signal;
use crate::column_engine::ingest::{Again, SeriesAgain};
use crate::column_engine::manifest::{Contents, signal_name};
use crate::column_engine::request_log::{LoggedRequest, WriteRecord, parse_record};
use crate::column_engine::series::LoggedHead;
use crate::column_engine::span_metrics::SpanTotals;
use crate::column_engine::{ColumnEngine, Context, Error};
use crate::engine::Tenant;

/// Records of the log that wait, read and checked, while one before them is decoded. A record may be large.
const READ_AHEAD: usize = 2;
/// Threads that decode samples of series, which takes most of the time.
const DECODERS: usize = 2;
/// Records that wait before, and behind, each of them.
const DECODED_AHEAD: usize = 1;

/// What the log had next.
enum LogItem {
    /// What cannot be read, and why.
    Trouble(String),
    Record {
        position: Position,
        logged: WriteRecord,
        again: Again,
        /// The head that expects its samples.
        head: Option<Arc<LoggedHead>>,
    },
}

/// The same with samples of series decoded.
type Decoded = (LogItem, Option<SeriesAgain>);

impl ColumnEngine {
    /// Reads what the log holds and no segment does.
    pub(super) fn replay(&self, contents: &Contents, replay: Replay) -> Result<(), Error> {
        let outcome = std::thread::scope(|scope| {
            let (sender, ahead) = sync_channel(READ_AHEAD);
            // Where the taking fails no one receives any more, and the reading ends with it.
            scope.spawn(move || replay.into_iter().try_for_each(|item| sender.send(item)));
            let (mut to_decode, mut decoded) = (Vec::new(), Vec::new());
            for _ in 0..DECODERS {
                let (sender, found) = sync_channel(DECODED_AHEAD);
                let (done, taken) = sync_channel(DECODED_AHEAD);
                to_decode.push(sender);
                decoded.push(taken);
                scope.spawn(move || self.decode(&found, &done));
            }
            let found = scope.spawn(move || self.find(contents, ahead, &to_decode));
            for taken in (0..DECODERS).cycle() {
                let Ok((found, series)) = decoded[taken].recv() else { break };
                self.take_again(found, series);
            }
            found.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        self.log.all_read();
        outcome
    }

    /// Says of each record what is needed of it, and passes it on to the decoder whose turn it is.
    fn find(
        &self,
        contents: &Contents,
        records: impl IntoIterator<Item = Result<Record, Damage>>,
        to_decode: &[SyncSender<LogItem>],
    ) -> Result<(), Error> {
        let memory = &self.context.memory;
        for (item, decoder) in records.into_iter().zip(to_decode.iter().cycle()) {
            if decoder.send(self.found(contents, item)).is_err() {
                break;
            }
            if memory.used() > memory.most / 2 {
                self.sealer.make_room(memory.most / 2);
                // What these wait for was passed on, and is being taken.
                self.sealer.seal_waiting(true)?;
            }
        }
        Ok(())
    }

    fn found(&self, contents: &Contents, item: Result<Record, Damage>) -> LogItem {
        let rows_through = |tenant: &Tenant, signal| {
            let tables = contents.tenants.get(tenant.name());
            tables.and_then(|tables| tables.get(signal_name(signal))).map_or(0, |t| t.through)
        };
        let series_through = |tenant: &Tenant| contents.series.get(tenant.name()).map_or(0, |series| series.through);
        let Record { position, kind, payload } = match item {
            Ok(record) => record,
            Err(damage) => return LogItem::Trouble(damage.to_string()),
        };
        let Some(logged) = parse_record(kind, &payload) else {
            return LogItem::Trouble(format!("the log's record at {position} is of no known kind"));
        };
        let signal = logged.request.signal();
        let again = Again {
            rows: signal != Signal::Metrics && position > Position::from(rows_through(&logged.tenant, signal)),
            series: signal == Signal::Metrics && position > Position::from(series_through(&logged.tenant)),
        };
        let head = again.series.then(|| self.ingester.expect_again(position, &logged)).flatten();
        LogItem::Record { position, logged, again, head }
    }

    /// Decodes samples of series.
    fn decode(&self, found: &Receiver<LogItem>, done: &SyncSender<Decoded>) {
        for mut found in found {
            let series = match &mut found {
                LogItem::Record { logged, head, .. } => {
                    head.take().map(|head| self.ingester.decode_again(logged, head))
                }
                LogItem::Trouble(_) => None,
            };
            if done.send((found, series)).is_err() {
                break;
            }
        }
    }

    /// Takes a record of the log again, as far as no segment has it.
    fn take_again(&self, found: LogItem, series: Option<SeriesAgain>) {
        let Context { troubles, .. } = &*self.context;
        let (position, logged, again) = match found {
            LogItem::Trouble(trouble) => return troubles.tell(trouble),
            LogItem::Record { position, logged, again, .. } => (position, logged, again),
        };
        let spans = self.recount(position, &logged);
        if (again.rows || series.is_some() || spans)
            && let Err(error) = self.ingester.add_again(position, logged, again, series)
        {
            troubles.tell(format!("the log's record at {position} cannot be read: {error}"));
        }
        self.log.read_to(position);
    }

    /// Takes totals of spans from the log. Returns whether the record has spans, which are counted again.
    fn recount(&self, position: Position, logged: &WriteRecord) -> bool {
        let table = || self.tables.get_or_create(&logged.tenant, Signal::Traces);
        match &logged.request {
            LoggedRequest::Otlp(Signal::Traces, _) => table().span_counts.is_some(),
            LoggedRequest::SpanTotals(bytes) => {
                match (SpanTotals::decode(bytes), &table().span_counts) {
                    (Some(totals), Some(counts)) => counts.restore(totals),
                    (None, _) => {
                        self.context.troubles.tell(format!("the log's totals of spans at {position} are damaged"));
                    }
                    _ => {}
                }
                false
            }
            _ => false,
        }
    }
}
