//! A gateway and analytics in this process, and receivers on loopback.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response as HttpResponse};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_contracts::analytics::v1::analytics_service_client::AnalyticsServiceClient;
use vitrine_contracts::analytics::v1::{
    Actor, CreateSourceRequest, Destination, ListMessagesRequest, ListUndeliveredRequest, Message,
    PutDestinationRequest, ReplayDestinationRequest, Undelivered,
};
use vitrine_contracts::common::v1::PageRequest;
use vitrine_contracts::limits::MAX_PAGE;
use vitrine_contracts::services::{ANALYTICS, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Host, Running};
use vitrine_platform_http::{Router, bind, serve};
use vitrine_platform_mesh::{Limits, Mesh, Replicas, Transport};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_gateway::Config;
use vitrine_shop_load::http::{Call, Client, Response};

use crate::{NOWHERE, deps};

pub(super) use vitrine_contracts::analytics::v1::Source;

/// What a source's key looks like in a header.
pub(crate) fn basic(write_key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{write_key}:")))
}

/// A gateway with analytics behind it.
pub(super) struct Analytics {
    pub(super) url: String,
    client: Client,
    service: AnalyticsServiceClient<Transport>,
    running: Running,
    pub(super) data: Arc<TempDir>,
}

fn admin() -> Option<Actor> {
    Some(Actor { owner_id: "adm_test".to_owned(), is_admin: true })
}

impl Analytics {
    pub(super) async fn start(gateway: Config) -> Result<Self> {
        Self::in_folder(Arc::new(TempDir::new()?), gateway, vitrine_shop_analytics::Config::default()).await
    }

    /// With data that is there already, or stays.
    pub(super) async fn in_folder(
        data: Arc<TempDir>,
        gateway: Config,
        analytics: vitrine_shop_analytics::Config,
    ) -> Result<Self> {
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let mesh = Mesh::new(Limits::default());
        for other in vitrine_contracts::services::ALL.iter().filter(|name| ![ANALYTICS, GATEWAY].contains(name)) {
            mesh.place_remote(other, &Replicas::At(vec![NOWHERE.parse()?]))?;
        }
        let host = Host::new(data.path(), Clock::system(), 1, telemetry, mesh);
        let analytics = vitrine_shop_analytics::build(analytics, &Flags::of_code(), &host)?;
        let components = vec![analytics, vitrine_shop_gateway::build(gateway, deps(&host), &Flags::of_code(), &host)?];
        let running = host.start(components).await?;
        let listener = bind("127.0.0.1:0".parse()?).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, running.http(), running.stop_token(), Duration::ZERO));
        let service = AnalyticsServiceClient::new(host.transport(GATEWAY, ANALYTICS));
        Ok(Self { client: Client::new(&url)?, url, service, running, data })
    }

    pub(super) async fn stop(self) -> Result<()> {
        ensure!(self.running.stop().await, "nothing had to be cut");
        Ok(())
    }

    pub(super) fn post(&self, path: &str, body: &str) -> Call {
        Call::new(Method::POST, path).raw(body)
    }

    pub(super) async fn send(&self, call: Call) -> Result<Response> {
        Ok(self.client.send(call).await?)
    }

    /// Sends messages, which must be taken.
    pub(super) async fn batch(&self, source: &Source, messages: Value) -> Result<Value> {
        let body = json!({ "batch": messages }).to_string();
        let call = self.post("/v1/batch", &body).header(AUTHORIZATION, &basic(&source.write_key));
        let answer = self.send(call).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.json());
        Ok(answer.json())
    }

    pub(super) async fn source(&self) -> Result<Source> {
        self.source_that(false).await
    }

    pub(super) async fn source_that(&self, needs_consent: bool) -> Result<Source> {
        let request = CreateSourceRequest { actor: admin(), name: "Pages".to_owned(), needs_consent };
        Ok(self.service.clone().create_source(request).await?.into_inner())
    }

    /// All that came, also what was refused, or only that.
    pub(super) async fn messages(&self, source: &Source, only_refused: bool) -> Result<Vec<Message>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = Some(PageRequest { size: MAX_PAGE, cursor });
            let request = ListMessagesRequest { source_id: source.id.clone(), actor: admin(), only_refused, page };
            let found = self.service.clone().list_messages(request).await?.into_inner();
            all.extend(found.messages);
            cursor = found.page.unwrap_or_default().next_cursor;
            if cursor.is_empty() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn send_to(&self, source: &Source, destination: Destination) -> Result<()> {
        let request =
            PutDestinationRequest { source_id: source.id.clone(), actor: admin(), destination: Some(destination) };
        self.service.clone().put_destination(request).await?;
        Ok(())
    }

    pub(super) async fn replay(&self, source: &Source, kind: &str) -> Result<()> {
        let (source_id, kind) = (source.id.clone(), kind.to_owned());
        let request = ReplayDestinationRequest { source_id, actor: admin(), kind, since_unix_ms: 0 };
        self.service.clone().replay_destination(request).await?;
        Ok(())
    }

    pub(super) async fn undelivered(&self, source: &Source, kind: &str) -> Result<Vec<Undelivered>> {
        let (source_id, kind) = (source.id.clone(), kind.to_owned());
        let request = ListUndeliveredRequest { source_id, actor: admin(), kind };
        Ok(self.service.clone().list_undelivered(request).await?.into_inner().undelivered)
    }
}

/// A request that a receiver was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

type Canned = (StatusCode, &'static str);

/// Someone who is told of messages.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    /// What the next requests are answered; then all is well.
    answers: Arc<Mutex<VecDeque<Canned>>>,
    pub(crate) address: String,
}

impl Receiver {
    pub(crate) async fn start(answers: &[Canned]) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let receiver = Self { answers, address, ..Self::default() };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(receiver)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("whole").clone()
    }
}

async fn take(State(receiver): State<Receiver>, request: Request) -> HttpResponse {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let path = head.uri.to_string();
    receiver.received.lock().expect("whole").push(Received { path, headers: head.headers, body });
    let answer = receiver.answers.lock().expect("whole").pop_front();
    answer.unwrap_or((StatusCode::OK, "{}")).into_response()
}
