//! `vitrine serve`: some of the services in this process, the others elsewhere.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;
use vitrine_contracts::services::{ALL, FLAGS, GATEWAY};
use vitrine_platform_host::{Error as HostError, Host};
use vitrine_platform_http::{Listener, bind};
use vitrine_platform_mesh::{Limits, Mesh, Placement, Registration};
use vitrine_platform_nats::Nats;
use vitrine_platform_tls as tls;

use crate::cli::ServeArgs;
use crate::following::Follower;
use crate::process::{Process, World};
use crate::say::say;
use crate::settings::Settings;
use crate::{Usage, engines, folder, identity, settings, topology};

/// Where a listener is of which no one said where: a free port of this machine.
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Some services that run in this process.
pub struct Served {
    /// Where they answer each other, over gRPC; none where only the gateway runs.
    pub internal: Option<SocketAddr>,
    /// Where the gateway answers customers, over HTTP; none where it does not run.
    pub public: Option<SocketAddr>,
    /// `http` or `https`, of the internal address.
    scheme: &'static str,
    process: Process,
}

/// Which services, where, and where the others are.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Names of the services to run here.
    pub names: Vec<String>,
    /// Where the others are.
    pub places: Vec<(String, Placement)>,
    /// Where services answer each other.
    pub listen: Option<SocketAddr>,
    /// Where the gateway answers customers.
    pub public: Option<SocketAddr>,
    /// Where data is kept.
    pub data: PathBuf,
}

fn check(plan: &Plan) -> Result<Vec<&str>, Usage> {
    let known = |name: &str| ALL.contains(&name);
    // Flags are kept elsewhere: `vitrine flags serve`.
    let places = plan.places.iter().map(|(name, _)| name).filter(|name| *name != FLAGS);
    let unknown: Vec<&str> = plan.names.iter().chain(places).map(String::as_str).filter(|n| !known(n)).collect();
    if !unknown.is_empty() {
        return Err(Usage(format!(
            "there is no service {}: expected names out of {}",
            unknown.join(", "),
            ALL.join(", ")
        )));
    }
    let mut names: Vec<&str> = plan.names.iter().map(String::as_str).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Usage(format!("{} is named twice: once is enough", twice[0])));
    }
    if let Some((twice, _)) = plan.places.iter().find(|(n, p)| names.contains(&n.as_str()) && *p != Placement::Local) {
        return Err(Usage(format!("{twice} is to run here and elsewhere: leave out one")));
    }
    match (plan.listen, plan.public) {
        (_, Some(address)) if !names.contains(&GATEWAY) => Err(Usage(format!(
            "--public {address}: the gateway answers there, and it does not run here: leave it out, or name gateway"
        ))),
        (Some(address), _) if names == [GATEWAY] => Err(Usage(format!(
            "--listen {address}: services answer each other there, and only the gateway runs here, which customers call: \
             say where with --public"
        ))),
        _ => Ok(names),
    }
}

/// Where the others are. With NATS no one has to say so.
fn everywhere(plan: &Plan, nats: bool) -> Vec<(String, Placement)> {
    let mut places = plan.places.clone();
    if nats {
        let known = |name: &str| plan.names.iter().chain(places.iter().map(|(n, _)| n)).any(|known| known == name);
        let rest: Vec<_> = ALL.iter().chain(&[FLAGS]).filter(|name| !known(name)).collect();
        places.extend(rest.into_iter().map(|name| ((*name).to_owned(), Placement::Nats)));
    }
    places
}

/// The addresses of a process; each is taken only for the services that it is for.
struct Taken {
    internal: Option<TcpListener>,
    public: Option<TcpListener>,
}

impl Taken {
    /// Whether there is something for services, and something for customers.
    fn needs(names: &[&str]) -> [bool; 2] {
        [names.iter().any(|name| *name != GATEWAY), names.contains(&GATEWAY)]
    }

    async fn take(plan: &Plan, names: &[&str]) -> Result<Self> {
        let [has_internal, has_public] = Self::needs(names);
        let (mut internal, mut public) = (None, None);
        if has_internal {
            internal = Some(bind(plan.listen.unwrap_or(ANYWHERE)).await?);
        }
        if has_public {
            public = Some(bind(plan.public.unwrap_or(ANYWHERE)).await?);
        }
        Ok(Self { internal, public })
    }

    fn addresses(&self) -> Result<[Option<SocketAddr>; 2]> {
        let address = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
        Ok([address(&self.internal)?, address(&self.public)?])
    }

    /// TLS is for services among themselves: customers have no certificates.
    fn listeners(self, tls: Option<tls::Server>) -> Vec<(World, Listener)> {
        let internal = self.internal.map(|tcp| (World::Internal, Listener::from(tcp).with_tls(tls)));
        internal.into_iter().chain(self.public.map(|tcp| (World::Public, Listener::from(tcp)))).collect()
    }
}

/// Tells the mesh where others are.
pub(crate) fn place(places: Vec<(String, Placement)>, host: &Host, nats: Option<&Nats>) -> Result<()> {
    for (name, placement) in places {
        match placement {
            Placement::Local => {}
            Placement::Grpc(replicas) => host.mesh().place_remote(&name, &replicas)?,
            Placement::Nats => {
                let missing = || Usage(format!("--place {name}=nats: NATS is not used: add it to --engines"));
                host.mesh().place_outside(&name, nats.ok_or_else(missing)?.transport(&name)?)?;
            }
        }
    }
    Ok(())
}

/// What the plan leaves out is a mistake in it.
fn of_the_plan(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(HostError::Unplaced(_)) => Usage(error.to_string()).into(),
        _ => error,
    }
}

/// What a process reaches others with, and proves to them who it is. Discovery is given the process's own TLS files where it has none.
pub(crate) fn mesh(data: &Path, settings: &mut Settings, internal: Option<SocketAddr>) -> Result<Mesh> {
    let identity = identity::identity(data, settings, internal)?;
    let connector = Some(&settings.tls).filter(|files| files.is_set()).map(tls::Client::new).transpose()?;
    if !settings.discovery.tls.is_set() {
        settings.discovery.tls = settings.tls.clone();
    }
    Ok(Mesh::new(Limits::default()).with_identity(identity).with_remotes(settings.discovery.clone(), connector))
}

/// Brings the services up; they are ready when this returns.
pub async fn serve(plan: &Plan, mut settings: Settings) -> Result<Served> {
    let names = check(plan)?;
    // Data that is on a server may have several processes.
    let shared = settings.shop.engines.share_data();
    let listeners = Taken::needs(&names).into_iter().map(u64::from).sum();
    let opened = Process::open(&plan.data, &settings, listeners, if shared { &[] } else { &names }).await?;
    let acceptor = Some(&settings.tls).filter(|files| files.is_set()).map(tls::Server::new).transpose()?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let taken = Taken::take(plan, &names).await?;
    let [internal, public] = taken.addresses()?;
    let url = match (settings.shop.url.as_str(), public) {
        ("", Some(address)) => format!("http://{address}"),
        ("", None) => vitrine_shop_auth::Config::default().issuer,
        (url, _) => url.to_owned(),
    };
    let demo = settings.shop.demo.is_asked_for();
    settings.settle(&url, folder::cli_key(&plan.data)?.public_jwk(), demo);

    let mut process = opened.start(None)?;
    let mesh = mesh(&plan.data, &mut settings, internal)?;
    let (host, nats) = engines::host(&plan.data, &names, &settings, process.telemetry(), mesh).await?;
    place(everywhere(plan, nats.is_some()), &host, nats.as_ref())?;
    let follows = nats.is_some() || plan.places.iter().any(|(name, _)| name == FLAGS);
    let flags = vitrine_flags_client::Flags::new(host.clock(), env!("CARGO_PKG_VERSION"));
    let follower = if follows { Follower::new(&host, &flags, &names) } else { None };
    let components = topology::build_all(&names, &settings.services, &flags, &host)?;
    let lame_duck = Duration::from_millis(settings.serve.lame_duck_ms.into());
    process.run(&host, components, lame_duck, taken.listeners(acceptor)).await.map_err(of_the_plan)?;
    process.follow(follower);
    if settings.discovery.register {
        let (gateway, services): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| **name == GATEWAY);
        for (names, address) in [(services, internal), (gateway, public)] {
            if let Some(address) = address {
                process.registered(Registration::begin(&settings.discovery, &names, address).await?);
            }
        }
    }
    Ok(Served { internal, public, scheme, process })
}

impl Served {
    /// Lets what is in flight end, and flushes telemetry. An error says that some work had to be cut.
    pub async fn stop(self) -> Result<()> {
        self.process.stop().await
    }
}

/// Reads `NAME=PLACEMENT`.
pub(crate) fn parse_place(text: &str) -> Result<(String, Placement), Usage> {
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
    let (insecure, demo) = (settings.identity.insecure, settings.shop.demo.is_asked_for());
    let places = args.places.iter().map(|p| parse_place(p)).collect::<Result<_, _>>()?;
    let ServeArgs { services: names, listen, public, .. } = args;
    let plan = Plan { names, places, listen, public, data: args.run.data.data };
    let mut served = serve(&plan, settings).await?;
    let operations = served.process.operations().to_owned();
    let internal = served.internal.map(|address| format!("{}://{address}", served.scheme));
    let public = served.public.map(|address| format!("http://{address}"));
    let ready = serde_json::json!({
        "internal": internal,
        "public": public,
        "operations": operations,
        "services": plan.names,
        "pid": std::process::id(),
    });
    served.process.ready(&ready, None, args.ready_file.as_deref())?;
    say!("{}", plan.names.join(", "));
    if let Some(internal) = internal {
        say!("  internal   {internal}  (gRPC)");
    }
    if let Some(public) = public {
        say!("  public     {public}  (HTTP)");
    }
    say!("  operations {operations}  (health, metrics)");
    if let Some(address) = served.internal.filter(|_| insecure) {
        say!("  insecure   any client that reaches {address} may call every service here");
    }
    if demo {
        say!("  demo       anyone who reaches the shop may sign in to the demo accounts: their password is published");
    }
    served.process.until_stopped(None, args.run.quiet).await?;
    served.stop().await
}
