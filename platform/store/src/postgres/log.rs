//! The outbox as a log. Transactions end in another order than they begin, so an event has no position when it is committed. Positions
//! are given afterwards, by one transaction at a time, in the order in which the events were written; what has one is never moved, and
//! whatever gets one later gets a higher one. docs/adr/0008-positions-after-the-commit.md says why this is enough.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::{Row, SimpleQueryMessage};
use vitrine_kit::{Backoff, Outage};

use super::pool::Values;
use super::server::{Connection, Fault};
use super::{PostgresInner, decoded, encoding};
use crate::engine::{Event, NewEvent};
use crate::error::Error;

/// Most events that get their positions in one transaction.
const MAX_ASSIGNED: u32 = 10_000;
/// Most events that are deleted in one statement.
const PRUNED_AT_ONCE: i64 = 10_000;
/// How often one who follows the log looks even when no one says that there is anything: for events whose writer ended between its
/// commit and giving them positions, and for a server that does not answer any more.
const LOOK: Duration = Duration::from_secs(5);
/// The first pause before one who follows the log connects again; doubles with each failure, and is jittered from half to all of it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// Tells a position, unless a later one is known.
fn publish_position(latest: &watch::Sender<u64>, position: u64) {
    latest.send_if_modified(|known| {
        let newer = position > *known;
        *known = position.max(*known);
        newer
    });
}

/// What gives events their positions: the lock is held to the end of the transaction, and the statement behind it sees everything that was
/// committed before it was had.
fn assigning_positions(shared: &PostgresInner) -> String {
    let (outbox, state, lock) = (shared.names.outbox(), shared.names.state(), shared.names.lock("positions"));
    let channel = shared.names.channel();
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;
         SELECT pg_advisory_xact_lock({lock});
         WITH waiting AS (
             SELECT seq, row_number() OVER (ORDER BY seq) AS nth FROM {outbox} WHERE position IS NULL
             ORDER BY seq LIMIT {MAX_ASSIGNED}
         ), placed AS (
             UPDATE {outbox} o SET position = s.position + w.nth FROM waiting w, {state} s WHERE o.seq = w.seq
             RETURNING o.position
         ), last AS (SELECT max(position) AS position FROM placed)
         UPDATE {state} s SET position = last.position FROM last WHERE last.position IS NOT NULL
         RETURNING pg_notify('{channel}', s.position::text);
         SELECT position, EXISTS (SELECT FROM {outbox} WHERE position IS NULL) FROM {state};
         COMMIT"
    )
}

/// Gives positions to all committed events that have none.
async fn assign_positions_on(shared: &PostgresInner, connection: &Connection) -> Result<(), Fault> {
    let sql = assigning_positions(shared);
    loop {
        let said = shared.pool.server.within(connection.client.simple_query(&sql)).await?;
        let last = said.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?.parse().ok()?, row.get(1)? == "t")),
            _ => None,
        });
        let (position, more): (u64, bool) = last.unwrap_or_default();
        publish_position(&shared.latest, position);
        if !more {
            return Ok(());
        }
    }
}

/// Gives positions to all committed events that have none, with a connection of the pool: however many there are, some at a time.
pub(crate) async fn assign_positions(shared: &PostgresInner) -> Result<(), Error> {
    loop {
        let mut lease = shared.pool.lease().await?;
        lease.sound = false;
        match assign_positions_on(shared, &lease.connection.clone()).await {
            Ok(()) => {
                lease.sound = true;
                return Ok(());
            }
            Err(fault) if lease.is_stale(&fault) => {}
            Err(fault) => return Err(shared.pool.server.fault(fault)),
        }
    }
}

pub(crate) async fn read(
    shared: &PostgresInner,
    after: u64,
    topics: &[String],
    limit: usize,
) -> Result<(Vec<Event>, u64), Error> {
    let (outbox, state) = (shared.names.outbox(), shared.names.state());
    // One statement sees one moment: all positions up to the last one are there, and the events that wait for theirs are, too.
    let sql = format!(
        "SELECT s.position, EXISTS (SELECT FROM {outbox} WHERE position IS NULL),
                e.position, e.id, e.topic, e.key, e.occurred_at_ms, e.payload, e.traceparent, e.baggage
         FROM {state} s LEFT JOIN LATERAL (
             SELECT * FROM {outbox} WHERE position > $1 AND topic = ANY($2) ORDER BY position LIMIT $3
         ) e ON true ORDER BY e.position"
    );
    let topics: Vec<String> = topics.iter().map(|topic| encoding::text(topic).into_owned()).collect();
    let values: Values = vec![
        Box::new(i64::try_from(after).unwrap_or(i64::MAX)),
        Box::new(topics),
        Box::new(i64::try_from(limit).unwrap_or(i64::MAX)),
    ];
    let server = &shared.pool.server;
    let asked = async {
        let rows = shared.pool.query(&sql, &values).await?;
        if let Some(first) = rows.first()
            && decoded::<bool>(first, 1)?
        {
            assign_positions(shared).await?;
            return shared.pool.query(&sql, &values).await;
        }
        Ok(rows)
    };
    let rows = server.call(asked).await.map_err(|late| server.late(&late))??;
    let last = rows.first().map_or(Ok(0), |row| decoded::<i64>(row, 0))?.unsigned_abs();
    publish_position(&shared.latest, last);
    let events = rows.iter().filter_map(|row| event(row).transpose()).collect::<Result<Vec<_>, _>>()?;
    let looked = if events.len() < limit { last } else { events.last().map_or(after, |e| e.position) };
    Ok((events, looked.max(after)))
}

/// The event of a row; none in the one row that says only where the log ends.
fn event(row: &Row) -> Result<Option<Event>, Error> {
    let Some(position) = decoded::<Option<i64>>(row, 2)? else { return Ok(None) };
    let text = |column| decoded(row, column).map(encoding::read_text);
    let event = NewEvent {
        id: text(3)?,
        topic: text(4)?,
        key: text(5)?,
        occurred_at_ms: decoded(row, 6)?,
        payload: decoded(row, 7)?,
        traceparent: text(8)?,
        baggage: text(9)?,
    };
    Ok(Some(Event { position: position.unsigned_abs(), event }))
}

pub(crate) async fn prune(shared: &PostgresInner, before_ms: i64) -> Result<u64, Error> {
    // An event is not forgotten before it could be read.
    assign_positions(shared).await?;
    let outbox = shared.names.outbox();
    let sql = format!(
        "WITH gone AS (DELETE FROM {outbox} WHERE seq IN (
             SELECT seq FROM {outbox} WHERE occurred_at_ms < $1 AND position IS NOT NULL LIMIT $2
         ) RETURNING 1) SELECT count(*) FROM gone"
    );
    let mut pruned = 0;
    loop {
        let rows = shared.pool.query(&sql, &vec![Box::new(before_ms), Box::new(PRUNED_AT_ONCE)]).await?;
        let gone = rows.first().map_or(Ok(0), |row| decoded::<i64>(row, 0))?;
        pruned += gone.unsigned_abs();
        if gone < PRUNED_AT_ONCE {
            return Ok(pruned);
        }
    }
}

/// Gives positions to what is committed here, and hears of what is committed elsewhere, until it is aborted.
pub(crate) async fn follow(shared: Arc<PostgresInner>) {
    let server = &shared.pool.server;
    let mut following = Following { backoff: Backoff::new(FIRST_PAUSE, MAX_PAUSE), outage: Outage::default() };
    loop {
        let heard = shared.clone();
        let hear = move |payload: &str| {
            if let Ok(position) = payload.parse() {
                publish_position(&heard.latest, position);
            }
        };
        let error = match server.connect(hear).await {
            Ok(mut connection) => match listen(&shared, &mut connection, &mut following).await {
                Ok(()) => None,
                Err(fault) => Some(server.fault(fault)),
            },
            Err(e) => Some(e),
        };
        if following.outage.begins() {
            let cause = error.as_ref().and_then(std::error::Error::source).map(ToString::to_string);
            tracing::warn!(server = server.name, cause, "the log of events cannot be followed at the moment");
        }
        tokio::time::sleep(following.backoff.equal_jitter()).await;
    }
}

/// How following the log goes.
struct Following {
    backoff: Backoff,
    outage: Outage,
}

/// Returns when the connection ends.
async fn listen(shared: &PostgresInner, connection: &mut Connection, following: &mut Following) -> Result<(), Fault> {
    let listen = format!("LISTEN \"{}\"", shared.names.channel());
    shared.pool.server.within(connection.client.batch_execute(&listen)).await?;
    loop {
        // Also at first: no one was heard before.
        assign_positions_on(shared, connection).await?;
        following.backoff.reset();
        if following.outage.ends() {
            tracing::info!(server = shared.pool.server.name, "the log of events is followed again");
        }
        tokio::select! {
            () = shared.committed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = connection.ended() => return Ok(()),
        }
    }
}
