//! What the least of a server costs, in a process of its own so that its processor time is told apart: an axum handler that reads a body and responds
//! with one, and a tonic method that returns what it was sent.

use std::convert::Infallible;
use std::future::ready;
use std::net::Ipv4Addr;
use std::process::Stdio;

use anyhow::{Context, Result};
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::routing::{post, post_service};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::flags::ResolveRequest;

/// Where the axum handler is.
pub(crate) const ANSWER: &str = "/answer";
/// Where the tonic method is.
pub(crate) const ECHO: &str = "/bench.Echo/Echo";
/// The argument with which this program is such a server.
pub(crate) const ARGUMENT: &str = "--as-peer";
/// As long as the answer of an evaluation.
const TEXT: &str =
    r#"{"key":"simple-7","value":"green","reason":"TARGETING_MATCH","variant":"b","metadata":{"flagSetId":"x"}}"#;

/// Serves until whoever started it is gone.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    let echo = service_fn(|request: axum::extract::Request| async {
        let method = service_fn(|message: tonic::Request<ResolveRequest>| {
            ready(Ok::<_, tonic::Status>(tonic::Response::new(message.into_inner())))
        });
        let mut grpc = tonic::server::Grpc::new(ProstCodec::<ResolveRequest, ResolveRequest>::default());
        Ok::<_, Infallible>(grpc.unary(method, request).await.map(Body::new))
    });
    let answer = async |body: Bytes| ([(CONTENT_TYPE, "application/json")], if body.is_empty() { "" } else { TEXT });
    let router = axum::Router::new().route(ANSWER, post(answer)).route(ECHO, post_service(echo));
    let gone = async {
        // It ends, or fails, when the other side is gone.
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    };
    Ok(axum::serve(listener, router).with_graceful_shutdown(gone).await?)
}

/// Such a server. It ends with its owner.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: String,
}

impl Peer {
    pub(crate) async fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = BufReader::new(child.stdout.take().context("its output")?).lines().next_line().await?;
        Ok(Self { child, address: said.context("it said no address")? })
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("it has ended")
    }
}
