//! A MongoDB replica set: how it is reached, how long it may take, and what its failures mean to the caller.

use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use ::mongodb::Client;
use ::mongodb::bson::doc;
use ::mongodb::error::Error as MongoError;
use ::mongodb::options::{ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, ServerAddress, WriteConcern};
use tokio::time::{Instant, sleep_until};

use super::fault::{Meaning, meaning};
use super::outage::Outage;
use crate::error::Error;
use crate::storage::{MongoDbConfig, time};

/// How often the driver looks for each server, unless the URL says otherwise: so soon after an outage it goes on.
const HEARTBEAT: Duration = Duration::from_secs(1);

pub(crate) struct Server {
    /// As it is told to people: without its password.
    pub(crate) name: String,
    pub(crate) client: Client,
    outage: Outage,
    /// How long a call may take, whatever it consists of.
    pub(crate) timeout: Duration,
    /// How long making collections and indexes may take.
    pub(crate) migration_timeout: Duration,
}

/// Why something was not waited for any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error("it took more than {0:?}")]
    TimedOut(Duration),
    #[error("no server can be reached: {0}")]
    Gone(String),
}

fn unusable(name: &str, reason: &str, source: Option<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::Unusable { server: name.to_owned(), reason: reason.to_owned(), source }
}

impl Server {
    /// Connects for the first time: what keeps it from being reached is told to a person.
    pub(crate) async fn connect(config: &MongoDbConfig, database: &str) -> Result<Self, Error> {
        let timeout = time(config.timeout_ms);
        let malformed = "its url is malformed: set mongodb.url to mongodb://user:password@host:27017/?replicaSet=rs0";
        let mut options = match tokio::time::timeout(timeout, ClientOptions::parse(config.url.expose())).await {
            Ok(parsed) => parsed.map_err(|e| unusable("mongodb", malformed, Some(e.into())))?,
            Err(_) => return Err(unusable("mongodb", "the servers in mongodb.url cannot be looked up", None)),
        };
        let hosts: Vec<String> = options.hosts.iter().map(ServerAddress::to_string).collect();
        let name = format!("mongodb://{}/{database}", hosts.join(","));
        let outage = Outage::default();
        options.app_name = Some("vitrine".to_owned());
        options.max_pool_size = Some(config.max_connections.max(1));
        options.server_selection_timeout = Some(timeout);
        options.connect_timeout = Some(timeout);
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.sdam_event_handler = Some(outage.handler());
        // What is read was committed for good, and what is committed survives the loss of a server.
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let client = Client::with_options(options).map_err(|e| unusable(&name, malformed, Some(e.into())))?;
        let server = Self { name, client, outage, timeout, migration_timeout: time(config.migration_timeout_ms) };
        server.greet().await?;
        Ok(server)
    }

    /// Sees that it is there, and has transactions.
    async fn greet(&self) -> Result<(), Error> {
        let admin = self.client.database("admin");
        let hello = self.until(Instant::now() + self.timeout, admin.run_command(doc! { "hello": 1 }).into_future());
        let away = "it cannot be reached, or does not answer: start it, set mongodb.url to where it is, or raise mongodb.timeout_ms";
        let hello = match hello.await {
            Ok(Ok(said)) => said,
            Ok(Err(e)) => {
                let reason = match meaning(&e) {
                    Meaning::Refused => "it refuses the user or the password: set both in mongodb.url",
                    Meaning::Gone => away,
                    _ => "it refuses to talk: see that it is MongoDB, and what it says",
                };
                return Err(self.unusable(reason, e));
            }
            Err(late) => return Err(self.unusable(away, late)),
        };
        if !hello.contains_key("setName") && !hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            let alone = "it is no replica set and so has no transactions: start it with --replSet and rs.initiate()";
            return Err(unusable(&self.name, alone, None));
        }
        Ok(())
    }

    /// Waits for something until a moment, and no longer than there is a server.
    pub(crate) async fn until<T>(&self, moment: Instant, work: impl Future<Output = T>) -> Result<T, WaitError> {
        let began = Instant::now();
        tokio::select! {
            biased;
            cause = self.outage.lasting() => Err(WaitError::Gone(cause)),
            done = work => Ok(done),
            () = sleep_until(moment) => Err(WaitError::TimedOut(moment - began)),
        }
    }

    /// Waits for a call to the server as long as one may take.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = Result<T, MongoError>>) -> Result<T, Error> {
        match self.until(Instant::now() + self.timeout, work).await {
            Ok(done) => done.map_err(|e| self.failed(e)),
            Err(late) => Err(self.unavailable(late)),
        }
    }

    /// What a failure means to the caller.
    pub(crate) fn failed(&self, error: MongoError) -> Error {
        match meaning(&error) {
            Meaning::Gone => self.unavailable(error),
            Meaning::Collision | Meaning::TooLong => {
                tracing::warn!(server = self.name, cause = %error.kind, "the database cannot take more");
                Error::Busy
            }
            Meaning::Duplicate(_) | Meaning::Refused | Meaning::Other => Error::Engine(Box::new(error)),
        }
    }

    pub(crate) fn unavailable(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Unavailable { server: self.name.clone(), source: source.into() }
    }

    pub(crate) fn unknown(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Unknown { server: self.name.clone(), source: source.into() }
    }

    pub(crate) fn unusable(&self, reason: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        unusable(&self.name, reason, Some(source.into()))
    }
}
