//! `vitrine agent host`: the host's metrics for a scraper.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use vitrine_observe_host::{Host, Names, Options, Roots, exposition};
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{Bounds, Listener, bind, health_routes, metrics_routes, nowhere, plain_errors, serve};

use crate::cli::{AgentCommand, AgentHostArgs};
use crate::process::stopped;
use crate::say::say;

/// The command.
pub async fn run(command: AgentCommand) -> Result<()> {
    let AgentCommand::Host(AgentHostArgs { listen, root, textfiles, no_containers }) = command;
    let roots = Roots { proc: root.join("proc"), sys: root.join("sys"), root };
    let options = Options { roots, names: Names::NodeExporter, textfiles, containers: !no_containers };
    let host = Arc::new(Host::new(options));
    let listener = bind(listen).await?;
    say!("metrics of this host at http://{}/metrics; stop with Ctrl-C", listener.local_addr()?);
    let routes = health_routes(|| true).merge(metrics_routes(move || exposition(&host.read())));
    let stop = CancellationToken::new();
    let listener = Listener::from(listener).with_bounds(Bounds::operations());
    let serving = tokio::spawn(serve(listener, nowhere(routes, plain_errors), stop.clone(), DRAIN));
    stopped().await?;
    stop.cancel();
    serving.await?;
    Ok(())
}
