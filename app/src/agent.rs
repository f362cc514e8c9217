//! `vitrine agent host`: the host's metrics, for a scraper and pushed.

use std::sync::Arc;

use anyhow::Result;
use http::HeaderName;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_observe_host::{Host, Names, Options, Pusher, Roots, exposition, otlp};
use vitrine_platform_fetch::{Settings, secret_value};
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{Bounds, Listener, bind, health_routes, metrics_routes, nowhere, plain_errors, serve};
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::cli::{AgentCommand, AgentHostArgs};
use crate::process::StopSignals;
use crate::say::say;
use crate::watching::{HOST_JOB, host_instance, name_containers};

/// The command.
pub async fn run(command: AgentCommand) -> Result<()> {
    let AgentCommand::Host(args) = command;
    let pusher = pusher(&args)?;
    let root = args.root;
    let roots = Roots { proc: root.join("proc"), sys: root.join("sys"), root };
    let containers = !args.no_containers;
    let options = Options { roots, names: Names::NodeExporter, textfiles: args.textfiles, containers };
    let host = Arc::new(Host::new(options));
    let listener = bind(args.listen).await?;
    let mut signals = StopSignals::listen()?;
    say!("metrics of this host at http://{}/metrics; stop with Ctrl-C", listener.local_addr()?);
    let stop = CancellationToken::new();
    if containers {
        tokio::spawn(stop.clone().run_until_cancelled_owned(name_containers(
            host.clone(),
            args.docker,
            args.container_label,
        )));
    }
    if let Some(pusher) = pusher {
        let (sending, reading) = (pusher.clone(), host.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move { sending.run().await }));
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            let mut turns = tokio::time::interval(args.push_interval);
            turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                turns.tick().await;
                push(&reading, &pusher).await;
            }
        }));
    }
    let routes = health_routes(|| true).merge(metrics_routes(move || exposition(&host.read())));
    let listener = Listener::from(listener).with_bounds(Bounds::operations());
    let serving = tokio::spawn(serve(listener, nowhere(routes, plain_errors), stop.clone(), DRAIN));
    signals.received().await;
    stop.cancel();
    serving.await?;
    Ok(())
}

fn pusher(args: &AgentHostArgs) -> Result<Option<Pusher>> {
    let Some(url) = &args.push else { return Ok(None) };
    let uri: http::Uri = url.parse().map_err(|e| Usage(format!("--push {url}: {e}")))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(Usage(format!("--push {url}: expected http://HOST:PORT/v1/metrics, or https://…")).into());
    }
    let mut headers = Vec::new();
    for text in &args.push_header {
        let header = text.split_once('=').and_then(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            let value = secret_value(name.clone(), value).ok()?;
            Some((name, value))
        });
        // What was given is not repeated: it may be a secret.
        headers.push(header.ok_or_else(|| Usage("--push-header: expected NAME=VALUE".to_owned()))?);
    }
    let files = tls::Files { ca: args.push_ca.clone().unwrap_or_default(), ..tls::Files::default() };
    let settings = Settings { tls: files, ..Settings::default() };
    Ok(Some(Pusher::new(url, headers, &settings)?))
}

/// Reads the host, and has it sent.
async fn push(host: &Arc<Host>, pusher: &Pusher) {
    let (host, pusher) = (host.clone(), pusher.clone());
    let pushed = tokio::task::spawn_blocking(move || {
        let time_ms = Clock::system().now_ms();
        let (instance, name) = (host_instance(), vitrine_observe_host::host_name());
        // The same job and instance as when it is scraped.
        let resource =
            [("service.name", HOST_JOB), ("service.instance.id", instance.as_str()), ("host.name", name.as_str())];
        pusher.push(&otlp(host.read(), &resource, time_ms))
    });
    if let Ok(Err(error)) = pushed.await {
        tracing::warn!(%error, "what the host says cannot be packed");
    }
}
