//! A few connections that are shared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::server::{Connection, Fault, Server};
use crate::counted::Counted;
use crate::engine::Pool as Status;
use crate::error::Error;

/// How long one waits for a connection that others use; then it is [`Error::Busy`].
const WAIT: Duration = Duration::from_secs(3);

/// A value of a statement.
pub(crate) type Value = Box<dyn ToSql + Sync + Send>;

/// Values of a statement.
pub(crate) type Values = Vec<Value>;

pub(crate) struct Pool {
    pub(crate) server: Server,
    slots: Semaphore,
    max: usize,
    idle: Mutex<Vec<Arc<Connection>>>,
    /// Those who wait for a connection.
    waiting: AtomicU64,
    /// Those who waited in vain.
    timeouts: AtomicU64,
}

/// A connection for a while. It goes back when this is dropped, unless it is broken or in the middle of something.
pub(crate) struct Lease<'a> {
    pub(crate) connection: Arc<Connection>,
    pool: &'a Pool,
    /// Whether it was made for this lease: then a restart of the server before is no reason for it to break.
    pub(crate) fresh: bool,
    /// Whether it may go back.
    pub(crate) sound: bool,
    _slot: SemaphorePermit<'a>,
}

impl Pool {
    pub(crate) fn new(server: Server, max_connections: u32) -> Self {
        let max = usize::try_from(max_connections.max(1)).unwrap_or(1);
        let (waiting, timeouts) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { server, slots: Semaphore::new(max), max, idle: Mutex::default(), waiting, timeouts }
    }

    /// What the connections do.
    pub(crate) fn status(&self, name: &str) -> Status {
        Status {
            name: name.to_owned(),
            idle: self.idle.lock().len() as u64,
            used: self.max.saturating_sub(self.slots.available_permits()) as u64,
            max: Some(self.max as u64),
            pending: self.waiting.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
        }
    }

    /// Adds a connection that another caller has made.
    pub(crate) fn add(&self, connection: Connection) {
        self.idle.lock().push(Arc::new(connection));
    }

    /// A connection: one that is idle, or a new one.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, Error> {
        let waiting = Counted::new(&self.waiting);
        let slot = match tokio::time::timeout(WAIT, self.slots.acquire()).await {
            Ok(slot) => slot.map_err(|_| Error::Closed)?,
            Err(_) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                return Err(Error::Busy);
            }
        };
        drop(waiting);
        let idle = {
            let mut idle = self.idle.lock();
            idle.retain(|connection| !connection.client.is_closed());
            idle.pop()
        };
        let fresh = idle.is_none();
        let connection = match idle {
            Some(connection) => connection,
            None => Arc::new(self.server.connect(|_| ()).await?),
        };
        Ok(Lease { connection, pool: self, fresh, sound: true, _slot: slot })
    }

    /// Rows of a statement that only reads. It is asked once more when the server was restarted since the connection was last used.
    pub(crate) async fn query(&self, sql: &str, values: &Values) -> Result<Vec<Row>, Error> {
        let tries = async {
            loop {
                let mut lease = self.lease().await?;
                match lease.query(sql, values).await {
                    Err(fault) if lease.is_stale(&fault) => {}
                    done => return done.map_err(|fault| self.server.fault(fault)),
                }
            }
        };
        self.server.call(tries).await.map_err(|late| self.server.late(&late))?
    }
}

impl Lease<'_> {
    /// The rows of one statement.
    pub(crate) async fn query(&mut self, sql: &str, values: &Values) -> Result<Vec<Row>, Fault> {
        let server = &self.pool.server;
        let rows = async {
            let statement = self.connection.statement(server, sql).await?;
            server.within(self.connection.client.query(&statement, &borrowed(values))).await
        };
        // A caller that stops waiting leaves it in the middle of something.
        self.sound = false;
        let done = rows.await;
        self.sound = !done.as_ref().is_err_and(Fault::is_broken);
        done
    }

    /// Whether the connection broke because it is from before a restart of the server. All that are as old are given up then.
    pub(crate) fn is_stale(&self, fault: &Fault) -> bool {
        let stale = !self.fresh && fault.is_broken() && !matches!(fault, Fault::Timeout(_));
        if stale {
            self.pool.idle.lock().clear();
        }
        stale
    }
}

/// Values as the client takes them.
pub(crate) fn borrowed(values: &Values) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value.as_ref() as &(dyn ToSql + Sync)).collect()
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.sound && !self.connection.client.is_closed() {
            self.pool.idle.lock().push(self.connection.clone());
        }
    }
}
