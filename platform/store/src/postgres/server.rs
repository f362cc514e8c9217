//! A PostgreSQL server: how it is reached, and what its errors mean.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, NoTls, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresConfig;
use crate::error::Error;
use crate::storage::{LONGEST, time};

/// How much longer than the server we wait for a statement: a caller that does not say by then that it took too long,
/// hangs.
const GRACE: Duration = Duration::from_millis(500);
/// How much longer than a statement a call may take, whatever it consists of.
const CALL_GRACE: Duration = Duration::from_secs(1);
/// How much longer than a statement a transaction may be idle: its owner is gone then, and what it locked must become free.
const IDLE_FACTOR: u32 = 4;
/// Most prepared statements that a connection keeps; there are some for each collection and index.
const MAX_STATEMENTS: usize = 512;

/// Where a server is, and how long it may take.
pub(crate) struct Server {
    /// As it is told to people: without its password.
    pub(crate) name: String,
    config: Config,
    tls: Option<Arc<vitrine_platform_tls::ClientConfig>>,
    connect_timeout: Duration,
    statement_timeout: Duration,
    /// How long making tables and indexes may take.
    pub(crate) migration_timeout: Duration,
}

impl Server {
    pub(crate) fn new(settings: &PostgresConfig, service: &str) -> Result<Self, Error> {
        // What is wrong with a URL is told without the URL, because it may hold a password.
        let mut config: Config = settings.url.expose().parse().map_err(|e| Error::Unusable {
            server: "postgres".to_owned(),
            reason: "its address is malformed: set postgres.url to postgres://user:password@host:5432/database"
                .to_owned(),
            source: Some(Box::new(e)),
        })?;
        config.application_name(format!("vitrine {service}"));
        let name = name(&config);
        let refuse = |reason: &str, source| Error::Unusable { server: name.clone(), reason: reason.to_owned(), source };
        if config.get_hosts().is_empty() {
            return Err(refuse(
                "its address names no host: set postgres.url to postgres://user:password@host:5432/database",
                None,
            ));
        }
        let tls = settings.tls.is_set().then(|| vitrine_platform_tls::client(&settings.tls)).transpose();
        let tls = tls.map_err(|e| {
            refuse("the files in postgres.tls cannot be used: set ca, certificate and key", Some(e.into()))
        })?;
        match (config.get_ssl_mode(), &tls) {
            (SslMode::Prefer, Some(_)) if !settings.url.expose().contains("sslmode=") => {
                config.ssl_mode(SslMode::Require);
            }
            (SslMode::Require, None) => {
                let reason =
                    "postgres.url says sslmode=require: set postgres.tls.ca to the certificate of its authority";
                return Err(refuse(reason, None));
            }
            _ => {}
        }
        Ok(Self {
            name,
            config,
            tls,
            connect_timeout: time(settings.connect_timeout_ms),
            statement_timeout: time(settings.statement_timeout_ms),
            migration_timeout: time(settings.migration_timeout_ms),
        })
    }

    /// The database: the user's own where the address names none.
    pub(crate) fn database(&self) -> &str {
        self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or_default()
    }

    /// A new connection. What the server notifies it of is given to `hear`.
    pub(crate) async fn connect(&self, hear: impl Fn(&str) + Send + 'static) -> Result<Connection, Error> {
        self.connect_raw(hear).await.map_err(|e| match e {
            ConnectError::Postgres(e) => self.failed(e),
            ConnectError::Timeout(e) => self.unavailable(e),
        })
    }

    /// The first connection: what keeps it from being made is told to a person.
    pub(crate) async fn connect_first(&self) -> Result<Connection, Error> {
        self.connect_raw(|_| ()).await.map_err(|e| match e {
            ConnectError::Postgres(e) => self.unusable(self.advice(&e), e),
            ConnectError::Timeout(e) => self.unusable(
                "it does not answer: see that it runs, that postgres.url names it, and that postgres.connect_timeout_ms is long enough"
                    .to_owned(),
                e,
            ),
        })
    }

    async fn connect_raw(&self, hear: impl Fn(&str) + Send + 'static) -> Result<Connection, ConnectError> {
        let connect = async {
            let (client, driver) = match &self.tls {
                Some(tls) => {
                    let (client, connection) =
                        self.config.connect(MakeRustlsConnect::new(tls.as_ref().clone())).await?;
                    (client, drive(connection, hear))
                }
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    (client, drive(connection, hear))
                }
            };
            let connection = Connection { client, statements: Mutex::default(), driver };
            let statement = self.statement_timeout.as_millis();
            let idle = LONGEST.min(self.statement_timeout * IDLE_FACTOR).as_millis();
            let settings = format!(
                "SET default_transaction_isolation = 'read committed'; SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {idle}; SET client_min_messages = warning"
            );
            connection.client.batch_execute(&settings).await?;
            Ok(connection)
        };
        match tokio::time::timeout(self.connect_timeout, connect).await {
            Ok(connected) => connected.map_err(ConnectError::Postgres),
            Err(_) => Err(ConnectError::Timeout(timed_out("connecting", self.connect_timeout))),
        }
    }

    /// Waits for what a connection was asked, as long as the server may take. After an error that is not the server's own the
    /// connection must not be used again.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let limit = self.statement_timeout + GRACE;
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done.map_err(Fault::Postgres),
            Err(_) => Err(Fault::Timeout(timed_out("a statement", limit))),
        }
    }

    /// Waits for all that a call consists of, waiting for a connection and trying again included, hardly longer than for a statement.
    pub(crate) async fn call<T>(&self, work: impl Future<Output = T>) -> Result<T, io::Error> {
        let limit = self.statement_timeout + CALL_GRACE;
        tokio::time::timeout(limit, work).await.map_err(|_| timed_out("a call", limit))
    }

    /// What a call comes to that took too long as a whole, while no single statement did.
    pub(crate) fn late(&self, late: &io::Error) -> Error {
        tracing::warn!(server = self.name, cause = %late, "the database cannot take more");
        Error::Busy
    }

    /// What a failure means to the caller.
    pub(crate) fn fault(&self, fault: Fault) -> Error {
        match fault {
            Fault::Postgres(e) => self.failed(e),
            Fault::Timeout(e) => self.unavailable(e),
        }
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        match error.code() {
            Some(code) if is_gone(code) => self.unavailable(error),
            // It takes too long, or too much is open: later it may go.
            Some(code)
                if *code == SqlState::QUERY_CANCELED
                    || *code == SqlState::LOCK_NOT_AVAILABLE
                    || *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                tracing::warn!(server = self.name, cause = %cause(&error), "the database cannot take more");
                Error::Busy
            }
            Some(_) => Error::Engine(Box::new(error)),
            None if is_broken(&error) => self.unavailable(error),
            None => Error::Engine(Box::new(error)),
        }
    }

    fn unavailable(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Unavailable { server: self.name.clone(), source: source.into() }
    }

    pub(crate) fn unknown(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Unknown { server: self.name.clone(), source: source.into() }
    }

    pub(crate) fn unusable(&self, reason: String, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Unusable { server: self.name.clone(), reason, source: Some(source.into()) }
    }

    /// What to do about a connection that is refused.
    fn advice(&self, error: &tokio_postgres::Error) -> String {
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        match error.code() {
            Some(code) if *code == SqlState::INVALID_PASSWORD => {
                "it refuses the user or the password: set both in postgres.url".to_owned()
            }
            Some(code) if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "it refuses the user, or one without TLS: set the user in postgres.url, and postgres.tls.ca if it wants TLS".to_owned()
            }
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
                format!("it has no database {database}: create it (createdb {database}), or name another one in postgres.url")
            }
            Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
                "it takes no more connections: raise its max_connections, or lower ours".to_owned()
            }
            Some(code) if is_gone(code) => "it is starting or stopping: try again soon".to_owned(),
            Some(_) => "it refuses the connection".to_owned(),
            // The client tells what failed only in words.
            None if error.to_string().contains("TLS") => {
                "TLS with it fails: see that it speaks TLS, that postgres.tls.ca signed its certificate, and that the certificate is for the host in postgres.url"
                    .to_owned()
            }
            None if self.config.get_password().is_none() && !is_broken(error) => {
                "it wants a password: set one in postgres.url".to_owned()
            }
            None => "it cannot be reached: start it, or set postgres.url to where it is".to_owned(),
        }
    }
}

/// A server as it is told to people.
fn name(config: &Config) -> String {
    let mut name = format!("postgres://{}@", config.get_user().unwrap_or_default());
    for (at, host) in config.get_hosts().iter().enumerate() {
        let host = match host {
            Host::Tcp(host) => host.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string never fails.
        let _ = write!(name, "{comma}{host}:{port}");
    }
    let _ = write!(name, "/{}", config.get_dbname().unwrap_or_default());
    name
}

enum ConnectError {
    Postgres(tokio_postgres::Error),
    Timeout(io::Error),
}

/// What went wrong while a connection was used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Timeout(io::Error),
}

impl Fault {
    /// Whether the connection is of no use any more.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Postgres(e) => e.code().map_or_else(|| is_broken(e), is_gone),
            Self::Timeout(_) => true,
        }
    }

    /// Whether the same transaction may succeed when it is tried again, because others were in its way.
    pub(crate) fn is_collision(&self) -> bool {
        let Self::Postgres(e) = self else { return false };
        e.code().is_some_and(|c| *c == SqlState::T_R_SERIALIZATION_FAILURE || *c == SqlState::T_R_DEADLOCK_DETECTED)
    }
}

fn timed_out(what: &str, limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took more than {limit:?}"))
}

/// Whether the server says that it is not there for us: it stops, starts, was replaced, or has no room.
fn is_gone(code: &SqlState) -> bool {
    let code = code.code();
    // Connection exceptions, shutdowns, too many connections, and a server that has become a standby.
    code.starts_with("08") || code.starts_with("57P") || code == "53300" || code == "25006"
}

/// Whether the connection broke.
fn is_broken(error: &tokio_postgres::Error) -> bool {
    let by_io = error.source().is_some_and(|s| s.is::<io::Error>());
    error.is_closed() || by_io
}

/// What is behind an error of the client, which by itself says little.
fn cause(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn drive<T>(
    mut connection: tokio_postgres::Connection<Socket, T>,
    hear: impl Fn(&str) + Send + 'static,
) -> JoinHandle<()>
where
    T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // A caller that waits for an answer is told how it ended.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message {
                hear(notification.payload());
            }
        }
    })
}

/// A connection and the statements that are prepared on it. It is closed when it is dropped.
pub(crate) struct Connection {
    pub(crate) client: Client,
    statements: Mutex<HashMap<String, Statement>>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// A statement, prepared when it is first asked for.
    pub(crate) async fn statement(&self, server: &Server, sql: &str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.lock().get(sql) {
            return Ok(statement.clone());
        }
        let statement = server.within(self.client.prepare(sql)).await?;
        let mut statements = self.statements.lock();
        if statements.len() >= MAX_STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Returns when the connection is closed.
    pub(crate) async fn ended(&mut self) {
        // However its driver ended.
        let _ = (&mut self.driver).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
