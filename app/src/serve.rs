//! `vitrine serve`: some of the services in this process, the others elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_contracts::services::{ALL, GATEWAY};
use vitrine_platform_host::{DRAIN, Running};
use vitrine_platform_http::{Listener, bind, serve as serve_http, with_grpc};
use vitrine_platform_mesh::{Limits, Mesh, Placement, Registration};
use vitrine_platform_telemetry::Telemetry;
use vitrine_platform_tls as tls;

use crate::cli::ServeArgs;
use crate::engines::Engines;
use crate::operations::{Door, Operations};
use crate::settings::Settings;
use crate::{Usage, console, engines, folder, identity, process, settings, topology};

/// Some services that run in this process.
pub struct Served {
    /// Where they answer, gRPC and HTTP alike.
    pub address: SocketAddr,
    /// `http` or `https`.
    scheme: &'static str,
    /// Base URL of the operations listener.
    health: String,
    operations: Operations,
    telemetry: Telemetry,
    running: Running,
    registration: Option<Registration>,
    stop_export: CancellationToken,
    exporting: TaskTracker,
    _lock: Option<folder::Lock>,
}

/// Which services, where, and where the others are.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names of the services to run here.
    pub names: Vec<String>,
    /// Where the others are.
    pub places: Vec<(String, Placement)>,
    /// Where to answer.
    pub listen: SocketAddr,
    /// Where data is kept.
    pub data: PathBuf,
}

fn check(plan: &Plan) -> Result<Vec<&str>, Usage> {
    let known = |name: &str| ALL.contains(&name);
    let unknown: Vec<&str> =
        plan.names.iter().chain(plan.places.iter().map(|(n, _)| n)).map(String::as_str).filter(|n| !known(n)).collect();
    if !unknown.is_empty() {
        return Err(Usage(format!(
            "there is no service {}: expected names out of {}",
            unknown.join(", "),
            ALL.join(", ")
        )));
    }
    let mut names: Vec<&str> = plan.names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if let Some((twice, _)) = plan.places.iter().find(|(n, p)| names.contains(&n.as_str()) && *p != Placement::Local) {
        return Err(Usage(format!("{twice} is to run here and elsewhere: leave out one")));
    }
    Ok(names)
}

/// Where the others are. With NATS nobody has to say so.
fn everywhere(plan: &Plan, nats: bool) -> Vec<(String, Placement)> {
    let mut places = plan.places.clone();
    if nats {
        let known = |name: &str| plan.names.iter().chain(places.iter().map(|(n, _)| n)).any(|known| known == name);
        let rest: Vec<_> = ALL.iter().filter(|name| !known(name)).collect();
        places.extend(rest.into_iter().map(|name| ((*name).to_owned(), Placement::Nats)));
    }
    places
}

/// Brings the services up; they are ready when this answers.
pub async fn serve(plan: &Plan, mut settings: Settings) -> Result<Served> {
    let names = check(plan)?;
    let telemetry_config = process::telemetry_config()?;
    let bounds = process::bounds(&settings.http, 1)?;
    folder::make(&plan.data)?;
    // Data that is on a server may have several processes.
    let shared = Engines::parse(&settings.shop.engines)?.share_data();
    let lock = if shared { None } else { Some(folder::lock(&plan.data, &names)?) };
    let files = Some(&settings.tls).filter(|files| files.is_set());
    let connector = files.map(tls::Client::new).transpose()?;
    let acceptor = files.filter(|_| settings.serve.tls).map(tls::Server::new).transpose()?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let listener = bind(plan.listen).await?;
    let address = listener.local_addr()?;
    let door = Door::open(settings.operations.listen).await?;
    let url = match settings.shop.url.as_str() {
        "" if names.contains(&GATEWAY) => format!("{scheme}://{address}"),
        "" => vitrine_shop_auth::Config::default().issuer,
        url => url.to_owned(),
    };
    settings.settle(&url, folder::cli_key(&plan.data)?.public_jwk());

    let exporter = process::exporter(&telemetry_config, None)?;
    let telemetry = Telemetry::new(telemetry_config);
    process::log_to(&telemetry);
    let identity = identity::identity(&plan.data, &settings, Some(plan.listen))?;
    let mesh = Mesh::new(Limits::default()).with_identity(identity).with_remotes(settings.discovery.clone(), connector);
    let (host, nats) = engines::host(&plan.data, &settings, &telemetry, mesh).await?;
    for (name, placement) in everywhere(plan, nats.is_some()) {
        match placement {
            Placement::Local => {}
            Placement::Grpc(replicas) => host.mesh().place_remote(&name, &replicas)?,
            Placement::Nats => {
                let missing = || Usage(format!("--place {name}=nats: NATS is not used: add it to --engines"));
                host.mesh().place_outside(&name, nats.as_ref().ok_or_else(missing)?.transport(&name)?)?;
            }
        }
    }
    let components = topology::build_all(&names, &settings.services, &host)?;
    let lame_duck = Duration::from_millis(settings.serve.lame_duck_ms.into());
    let running = host.start(components).await?.with_lame_duck(lame_duck);
    let (stop_export, exporting) = (CancellationToken::new(), TaskTracker::new());
    if let Some(exporter) = exporter {
        let (pipeline, stop) = (telemetry.clone(), stop_export.clone());
        exporting.spawn(async move { pipeline.run(exporter, stop).await });
    }
    let router = with_grpc(running.grpc(), running.http());
    let listener = Listener::from(listener).with_tls(acceptor).with_bounds(bounds);
    running.tracker().spawn(serve_http(listener, router, running.stop_token(), DRAIN));
    let registration = if settings.discovery.register {
        Some(Registration::begin(&settings.discovery, &names, address).await?)
    } else {
        None
    };
    let (health, operations) = (door.url.clone(), door.serve(running.health()));
    Ok(Served {
        address,
        scheme,
        health,
        operations,
        telemetry,
        running,
        registration,
        stop_export,
        exporting,
        _lock: lock,
    })
}

impl Served {
    /// Lets what is in flight end, and flushes telemetry. Answers whether all ended in time.
    pub async fn stop(self) -> bool {
        if let Some(registration) = self.registration {
            registration.end().await;
        }
        let drained = self.running.stop().await;
        self.stop_export.cancel();
        self.exporting.close();
        self.exporting.wait().await;
        self.operations.stop().await;
        drained
    }
}

fn parse_place(text: &str) -> Result<(String, Placement), Usage> {
    let wrong = |why: &str| Usage(format!("--place {text}: {why}"));
    let missing = "there is no =: expected NAME=grpc://HOST:PORT or another placement";
    let (name, place) = text.split_once('=').ok_or_else(|| wrong(missing))?;
    let placement = place.parse::<Placement>().map_err(|e| wrong(&e.to_string()))?;
    Ok((name.to_owned(), placement))
}

/// The command.
pub async fn run(args: ServeArgs) -> Result<()> {
    let mut flags = args.run.flags();
    flags.push(("--insecure", "identity.insecure", args.insecure.then(|| "true".to_owned())));
    let settings = settings::read(args.run.config.config.as_deref(), &flags)?.settings;
    let insecure = settings.identity.insecure;
    let places = args.places.iter().map(|p| parse_place(p)).collect::<Result<_, _>>()?;
    let plan = Plan { names: args.services, places, listen: args.listen, data: args.run.data.data };
    let served = serve(&plan, settings).await?;
    if let Some(path) = &args.ready_file {
        ready(path, &served, &plan.names)?;
    }
    let Served { address, health, .. } = &served;
    println!("{} at grpc://{address} (health at {health}/readyz)", plan.names.join(", "));
    if insecure {
        println!("  insecure: whoever reaches {address} may call every service here");
    }
    let drawing = async {
        if args.run.quiet {
            std::future::pending::<()>().await;
        }
        console::draw(served.telemetry.clone(), None).await;
    };
    tokio::select! {
        stopped = process::stopped() => stopped?,
        () = drawing => {}
    }
    if !served.stop().await {
        anyhow::bail!("some work had to be cut after {} s", DRAIN.as_secs());
    }
    Ok(())
}

fn ready(path: &Path, served: &Served, names: &[String]) -> Result<()> {
    let text = serde_json::json!({
        "address": format!("{}://{}", served.scheme, served.address),
        "operations": served.health,
        "services": names,
        "pid": std::process::id(),
    });
    folder::write_private(path, &text.to_string()).with_context(|| format!("{} cannot be written", path.display()))
}
