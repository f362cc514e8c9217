//! GraphQL: what REST can do, asked for by shape. It translates, and keeps nothing.
//!
//! Where to start reading: `query`, `mutation` and `subscription` are the schema's roots, and each type has a file; `session` is who asks
//! by one operation and what was read for it; `loader` makes one call of many fields. `request` and `documents` read what is asked,
//! `limits` and `cost` bound it, `error` says what is a refusal and what a failure. `routes` has the ways in: `http`, `socket`, `events`, `explorer`;
//! `feed` is where subscriptions hear of changes. The schema stands in `schema.graphql`, and a test holds it to that.

mod admin;
mod analytics;
mod cart;
mod challenge;
mod cost;
mod customer;
mod documents;
mod error;
mod events;
mod explorer;
mod extras;
mod feed;
mod http;
mod limits;
mod loader;
mod money;
mod mutation;
mod order;
mod page;
mod product;
mod promoter_key;
mod query;
mod request;
mod routes;
mod scalars;
mod seats;
mod session;
mod socket;
mod subscription;

#[cfg(test)]
mod counterparts;
#[cfg(test)]
mod crowd;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Request, SDLExportOptions, Schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::bus::v1::event_log_service_client::EventLogServiceClient;
use vitrine_platform_host::{Component, Host};

pub use documents::Accepted;

use crate::Gateway;
use cost::{Costs, DryRun, Progress};
use documents::Documents;
use feed::{Feed, SOURCES, Tail};
use limits::MAX_RECURSION;
use mutation::Mutation;
use query::Query;
use seats::Seats;
use subscription::Subscriptions;

pub(crate) use http::{GUEST, error_format, is_graphql, with_graphql_errors};
pub(crate) use routes::router;

/// What GraphQL takes, and what it tells of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which documents are executed: "any", or "trusted" for those of `trusted` only.
    pub documents: Accepted,
    /// A JSON file of documents that clients name by `documentId`: an object of "sha256:" and the SHA-256 of each, to its text. Empty
    /// for none.
    pub trusted: String,
    /// Documents of the shop's own pages, which are trusted, too. The composition root knows them.
    #[serde(skip)]
    pub pages: HashMap<String, String>,
    /// Whether the schema can be asked for, and mistakes in names are answered with what was perhaps meant: in a demo. The composition
    /// root knows it.
    #[serde(skip)]
    pub introspection: bool,
}

type GraphSchema = Schema<Query, Mutation, Subscriptions>;

/// The schema, and what is around it.
pub(crate) struct Graph {
    schema: GraphSchema,
    documents: Documents,
    /// Where subscriptions hear of changes.
    pub(crate) feed: Feed,
    seats: Seats,
    introspection: bool,
}

/// The schema as SDL.
pub fn sdl() -> String {
    let schema = Schema::build(Query, Mutation::default(), Subscriptions).finish();
    schema.sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}

impl Graph {
    /// Reads the trusted documents. A problem names what is wrong with them.
    pub(crate) fn new(config: &Config) -> Result<Self, Problem> {
        let mut trusted = read_trusted(&config.trusted)?;
        trusted.extend(config.pages.clone());
        let documents = Documents::new(config.documents, trusted).map_err(|e| wrong_document(&e))?;
        let mut schema = Schema::build(Query, Mutation::default(), Subscriptions)
            .extension(Costs)
            .limit_recursive_depth(MAX_RECURSION);
        if !config.introspection {
            schema = schema.disable_introspection().disable_suggestions();
        }
        let (feed, seats) = (Feed::default(), Seats::default());
        Ok(Self { schema: schema.finish(), documents, feed, seats, introspection: config.introspection })
    }

    /// Refuses trusted documents that the schema does not take.
    async fn check_trusted(&self) -> Result<(), Problem> {
        for (hash, document) in self.documents.trusted() {
            let mut request = Request::new("").data(DryRun).data(Progress::new(true));
            request.set_parsed_query(document.parsed.clone());
            let response = self.schema.execute(request).await;
            if let Some(error) = response.errors.first() {
                let whose = document.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
                return Err(wrong_document(&format!("sha256:{hash}{whose}: {}", error.message)));
            }
        }
        Ok(())
    }
}

fn wrong_document(message: &str) -> Problem {
    let expected = "documents of this schema, each by its SHA-256; those of the shop's pages are made by `make web`";
    Problem::invalid("gateway.graphql.trusted", expected, message)
}

fn read_trusted(path: &str) -> Result<HashMap<String, String>, Problem> {
    if path.is_empty() {
        return Ok(HashMap::new());
    }
    let expected = "a JSON file with an object of documents, each by its SHA-256";
    let wrong = |message: &str| Problem::invalid("gateway.graphql.trusted", expected, message);
    let text = std::fs::read_to_string(path).map_err(|e| wrong(&format!("{path} cannot be read: {e}")))?;
    serde_json::from_str(&text).map_err(|e| wrong(&format!("{path}: {e}")))
}

/// Adds what a component does for GraphQL beside answering.
pub(crate) fn follow(component: Component, gateway: &Arc<Gateway>, host: &Host) -> Component {
    let (checked, stopped) = (gateway.clone(), gateway.clone());
    let mut component = component.before_ready(async move { checked.graph.check_trusted().await }).task(
        "end of what is followed",
        async move |stop| {
            stop.cancelled().await;
            stopped.graph.feed.stop();
        },
    );
    for source in SOURCES {
        let client = EventLogServiceClient::new(host.transport(vitrine_contracts::services::GATEWAY, source));
        let gateway = gateway.clone();
        component = component.task("changes", async move |stop| {
            let tail = Tail { source, client };
            tail.run(&gateway.graph.feed, &gateway.browse, stop).await;
        });
    }
    component
}

/// What sockets of GraphQL call their protocol.
const PROTOCOL: &str = ALL_WEBSOCKET_PROTOCOLS[0];

#[cfg(test)]
mod tests {
    use super::{Config, Graph, PROTOCOL, sdl};

    /// The schema on record, by which clients are written and types are generated.
    #[test]
    fn the_schema_is_the_one_on_record() {
        let record = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
        let schema = sdl();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(record, &schema).expect("written");
        }
        let known = std::fs::read_to_string(record).expect("the record");
        assert!(
            known == schema,
            "the schema has changed. If that is meant: UPDATE=1 cargo test -p vitrine-shop-gateway --lib"
        );
    }

    #[test]
    fn sockets_speak_the_protocol_of_now() {
        assert_eq!(PROTOCOL, "graphql-transport-ws");
    }

    #[tokio::test]
    async fn trusted_documents_are_of_this_schema() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("documents.json");
        let graph = |document: &str| {
            let name = format!("sha256:{}", super::documents::digest(document));
            let json = serde_json::json!({ name: document }).to_string();
            std::fs::write(&file, json).expect("written");
            Graph::new(&Config { trusted: file.to_string_lossy().into_owned(), ..Config::default() }).expect("read")
        };
        assert!(graph("query($id: ID!) { product(id: $id) { name } }").check_trusted().await.is_ok());
        let refused = graph("{ nothing }").check_trusted().await.expect_err("refused");
        assert_eq!(refused.field.as_deref(), Some("gateway.graphql.trusted"));
        assert!(refused.message.contains("nothing"), "{}", refused.message);
        let missing = Config { trusted: "/nowhere.json".to_owned(), ..Config::default() };
        assert!(Graph::new(&missing).is_err());
    }
}
