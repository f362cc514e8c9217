//! flagd's evaluation over gRPC, as a client.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::wire::{self, PIPELINE, Rate};

/// Where a text is resolved.
pub(super) const RESOLVE: &str = "/flagd.evaluation.v2.Service/ResolveString";
/// Where changes are told.
pub(super) const EVENTS: &str = "/flagd.evaluation.v1.Service/EventStream";

/// `ResolveStringRequest` of `flagd.evaluation.v2`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ResolveRequest {
    #[prost(string, tag = "1")]
    pub(crate) flag_key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) context: Option<Struct>,
}

/// `EventStreamRequest`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct EventStreamRequest {}

/// `EventStreamResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EventStreamResponse {
    #[prost(string, tag = "1")]
    pub(super) r#type: String,
    #[prost(message, optional, tag = "2")]
    pub(super) data: Option<Struct>,
}

impl EventStreamResponse {
    /// The flags that changed.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        let flags =
            self.data.iter().filter_map(|data| data.fields.get("flags")).filter_map(|flags| flags.kind.as_ref());
        let maps = flags.filter_map(|kind| if let Kind::StructValue(map) = kind { Some(map) } else { None });
        maps.flat_map(|map| map.fields.keys())
    }
}

fn message() -> ResolveRequest {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let fields = [("targetingKey", text("cus_4711")), ("country", text("CH"))];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ResolveRequest { flag_key: "simple-7".to_owned(), context: Some(Struct { fields }) }
}

pub(super) async fn channel(address: &str) -> Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?)
}

/// The rate of a method that takes a [`ResolveRequest`], with as many calls under way on each connection as requests elsewhere. A reply is read as the
/// message of the request: both begin with a text.
pub(super) async fn calls(pid: u32, address: &str, path: &'static str, turn: Duration) -> Result<Rate> {
    let asking = |until: Instant| {
        let address = address.to_owned();
        async move {
            let channel = channel(&address).await?;
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..PIPELINE {
                let mut client = Grpc::new(channel.clone());
                calls.spawn(async move {
                    let mut count = 0_usize;
                    while Instant::now() < until {
                        client.ready().await?;
                        let codec = ProstCodec::<ResolveRequest, Reply>::default();
                        let path = http::uri::PathAndQuery::from_static(path);
                        let reply = client.unary(tonic::Request::new(message()), path, codec).await?.into_inner();
                        ensure!(!reply.text.is_empty(), "it said nothing");
                        count += 1;
                    }
                    Ok::<_, anyhow::Error>(count)
                });
            }
            let mut count = 0;
            while let Some(done) = calls.join_next().await {
                count += done?.context("a call")?;
            }
            Ok(count)
        }
    };
    wire::rate(pid, turn, asking).await
}

/// The text with which a reply begins.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Reply {
    #[prost(string, tag = "1")]
    text: String,
}
