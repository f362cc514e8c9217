//! Streams: one for each service that publishes, kept by JetStream.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, RequestErrorKind};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use serde::de::IgnoredAny;

use crate::connection::{CallError, Nats};
use crate::error::Error;
use crate::wire::ROOT;

/// The name of a service's stream.
pub(crate) fn name(source: &str) -> String {
    format!("{ROOT}-{source}")
}

/// The subject of a topic's events.
pub(crate) fn subject(source: &str, topic: &str) -> String {
    format!("{ROOT}.events.{source}.{topic}")
}

impl Nats {
    pub(crate) fn jetstream(&self) -> &Context {
        &self.0.jetstream
    }

    /// Makes sure that events of these services can travel over JetStream: that it is there, and their streams with it.
    pub async fn prepare_events(&self, sources: impl IntoIterator<Item = &str>) -> Result<(), Error> {
        let unavailable = |reason: String| Err(Error::NoJetStream { servers: self.servers().to_owned(), reason });
        // Not `query_account`: it wants more of the answer than a server before 2.10 says.
        let asking = self.jetstream().request::<_, _, Response<IgnoredAny>>("INFO", &());
        match self.answered(|denied| denied == "$JS.API.INFO", asking).await {
            Ok(Ok(Response::Ok(_))) => {}
            Ok(Ok(Response::Err { error })) => return unavailable(error.to_string()),
            Ok(Err(e)) if e.kind() == RequestErrorKind::NoResponders => {
                return unavailable("its API does not answer".to_owned());
            }
            Ok(Err(_)) => return Err(self.silent("the JetStream API")),
            Err(call_error) => return Err(self.untold(call_error, "the JetStream API")),
        }
        for source in sources {
            self.ensure_stream(source).await?;
        }
        Ok(())
    }

    /// Makes a service's stream, unless it is there.
    pub(crate) async fn ensure_stream(&self, source: &str) -> Result<(), Error> {
        let stream = name(source);
        if self.0.streams.lock().contains(&stream) {
            return Ok(());
        }
        let (events, subjects) = (&self.0.events, subject(source, ">"));
        let config = Config {
            name: stream.clone(),
            description: Some(format!("Events of {source}, from its outbox")),
            subjects: vec![subjects.clone()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            max_age: Duration::from_secs(u64::from(events.max_age_h) * 3600),
            duplicate_window: Duration::from_secs(u64::from(events.duplicate_window_s)),
            num_replicas: usize::try_from(events.replicas).unwrap_or(1),
            // A full stream refuses, and the relay says so and waits: no event goes before its time.
            discard: DiscardPolicy::New,
            ..Config::default()
        };
        let concerns = |denied: &str| denied.starts_with("$JS.API.STREAM.") && denied.ends_with(&stream);
        let made = self.answered(concerns, self.jetstream().get_or_create_stream(config)).await;
        let unusable = |reason: String| Error::Stream { stream: stream.clone(), reason };
        match made {
            Ok(Ok(found)) if found.cached_info().config.subjects.contains(&subjects) => {}
            Ok(Ok(_)) => return Err(unusable(format!("it exists and does not keep {subjects}: delete it"))),
            Ok(Err(e)) => {
                return Err(match e.kind() {
                    CreateStreamErrorKind::JetStream(error) => unusable(advised(&error)),
                    CreateStreamErrorKind::TimedOut => self.silent("the JetStream API"),
                    _ => unusable(e.to_string()),
                });
            }
            Err(call_error) => return Err(self.untold(call_error, "the JetStream API")),
        }
        self.0.streams.lock().insert(stream);
        Ok(())
    }

    /// Looks at a service's stream again when it is needed next: something is wrong with it.
    pub(crate) fn doubt_stream(&self, source: &str) {
        self.0.streams.lock().remove(&name(source));
    }

    fn untold(&self, call_error: CallError, question: &str) -> Error {
        match call_error {
            CallError::Disconnected => self.silent(question),
            CallError::Denied(denied) => self.no_permission(denied),
        }
    }
}

/// What JetStream says, and what to do about it.
pub(crate) fn advised(error: &async_nats::jetstream::Error) -> String {
    let advice = match error.error_code() {
        ErrorCode::STREAM_SUBJECT_OVERLAP => ": another stream keeps its subjects: delete that one",
        ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS => {
            ": set nats.events.replicas to no more than the servers of the cluster"
        }
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::MAXIMUM_STREAMS_LIMIT
        | ErrorCode::MAXIMUM_CONSUMERS_LIMIT
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::STREAM_STORE_FAILED => ": raise the limits of the stream, of the account or of the server",
        _ => "",
    };
    format!("{error}{advice}")
}
