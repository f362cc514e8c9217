//! Commits that the log of a folder has and a database has not.

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::apply::apply;
use super::{Collections, failed};
use crate::commit_log::{Record, Recovered, Write};
use crate::engine::{Batch, Expect, NewEvent, Op};
use crate::error::Error;

/// Counts a commit of the log, in the transaction that is open. Returns its sequence.
fn next_sequence(connection: &Connection) -> rusqlite::Result<u64> {
    let mut count = connection.prepare_cached("UPDATE commits SET sequence = sequence + 1 RETURNING sequence")?;
    count.query_row([], |row| row.get(0)).map(i64::unsigned_abs)
}

/// Puts on disk what was committed to a database: the end of it stands in the file beside it, which is named in the folder.
pub(super) fn sync(database: &Path) -> io::Result<()> {
    sync_file(database)?;
    database.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The same, where the folder is known to name the file.
pub(super) fn sync_file(database: &Path) -> io::Result<()> {
    let mut beside = database.as_os_str().to_owned();
    beside.push("-wal");
    match File::open(&beside) {
        Ok(file) => file.sync_data(),
        // All of it was moved to the database, and synced there.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes the commits that a log has and the database has not. Returns the sequence of the last one.
pub(super) fn replay(
    connection: &Connection,
    collections: &Collections,
    path: &Path,
    recovered: Recovered,
) -> Result<u64, Error> {
    let stood: i64 = connection.query_row("SELECT sequence FROM commits", [], |row| row.get(0)).map_err(failed)?;
    let mut sequence = stood.unsigned_abs();
    for (found, record) in recovered.into_iter().filter(|(found, _)| *found > stood.unsigned_abs()) {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        sequence = next_sequence(connection).map_err(failed)?;
        if found != sequence {
            let reason = format!(
                "its commits {sequence} to {} are missing in the log of commits beside it: restore the folder from a copy",
                found - 1
            );
            return Err(Error::Open { path: path.to_owned(), reason, source: None });
        }
        replay_record(connection, collections, record)?;
        connection.execute_batch("COMMIT").map_err(failed)?;
    }
    if sequence > stood.unsigned_abs() {
        let commits = sequence - stood.unsigned_abs();
        tracing::info!(database = %path.display(), commits, "commits were taken from the log");
    }
    Ok(sequence)
}

/// Makes a commit of the log once more, in the transaction that is open.
pub(super) fn replay_record(connection: &Connection, collections: &Collections, record: Record) -> Result<(), Error> {
    let mut batch = Batch::default();
    for Write { collection, id, body } in record.writes {
        // A collection that is no more has nobody who would read it.
        let Ok((schema, _)) = collections.get(&collection) else { continue };
        let (collection, expect) = (schema.name, Expect::Anything);
        batch.ops.push(match body {
            Some(body) => {
                let keys =
                    (schema.keys_of)(&body).map_err(|source| Error::Decode { collection, id: id.clone(), source })?;
                Op::Put { collection, id, body, keys, expect }
            }
            None => Op::Delete { collection, id, expect },
        });
    }
    batch.events = record.events.into_iter().map(NewEvent::from).collect();
    apply(connection, collections, &batch).map(drop)
}
