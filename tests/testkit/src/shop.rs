//! A whole shop, as one process or as one for each service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_engines::free_port;

use crate::process::Process;
use crate::{Api, PATIENCE};

/// All listeners of `vitrine up` but the shop's own, each on a port that is free: a test must not take those that others use.
pub const ON_FREE_PORTS: [&str; 8] =
    ["--observe", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--flags", "127.0.0.1:0"];

/// Every service, in an order in which they can be started: each needs none of the later ones to become ready.
const SERVICES: &[&str] = &[
    "auth",
    "catalog",
    "currency",
    "shipping",
    "payments",
    "orders",
    "carts",
    "customers",
    "checkout",
    "email",
    "recommendations",
    "ads",
    "accounting",
    "fraud",
    "analytics",
    "gateway",
];

/// How a shop is spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// All in one: calls stay in the process.
    Local,
    /// One process for each service: calls go over gRPC.
    Grpc,
    /// One process for each service: calls go over NATS.
    Nats,
    /// Two processes for each service, which share its data: calls go over NATS.
    NatsTwice,
}

/// How a shop is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Journeys a second of the load generator; without it, there is none.
    pub load: Option<String>,
    /// Environment variables for every process.
    pub variables: Vec<(String, String)>,
    /// Whether processes of their own follow flags and faults.
    pub flags: bool,
    /// Where data is kept; without it, in a folder of its own that goes with the shop.
    pub data: Option<PathBuf>,
}

/// A shop that runs.
#[derive(Debug)]
pub struct Shop {
    /// Every process, by the service that it runs; "up" for the one that holds the observatory.
    pub processes: BTreeMap<String, Process>,
    /// Base URL of the shop.
    pub url: String,
    /// Base URLs of every gateway.
    pub urls: Vec<String>,
    /// Base URL of the observatory.
    pub observe: String,
    /// Base URL of the flags that its services follow; of a shop in many processes only where [`Options::flags`] says so.
    pub flags: String,
    /// Base URL of the page of another site that sells by the widget; empty where there is no demo.
    pub partner: String,
    /// Where OTLP comes in, over gRPC and over HTTP.
    pub otlp: [String; 2],
    /// A bearer token that may run the shop.
    pub admin_token: String,
    /// The arguments and variables of each process of a service.
    started: BTreeMap<String, Started>,
    binary: PathBuf,
    data: PathBuf,
    _folder: Option<TempDir>,
}

impl Placement {
    /// How many processes each service has.
    fn copies(self) -> usize {
        if self == Self::NatsTwice { 2 } else { 1 }
    }
}

/// How a process was started.
#[derive(Clone, Debug)]
struct Started {
    args: Vec<String>,
    variables: Vec<(String, String)>,
}

/// What a process of a service is called.
fn process_name(service: &str, copy: usize) -> String {
    if copy == 0 { service.to_owned() } else { format!("{service}-{}", copy + 1) }
}

impl Shop {
    /// Starts a shop without load, on ports of its own.
    pub async fn start(binary: &Path, placement: Placement, options: &Options) -> Result<Self> {
        let folder = if options.data.is_some() { None } else { Some(TempDir::new()?) };
        let data =
            options.data.clone().or_else(|| folder.as_ref().map(|f| f.path().to_owned())).context("a data folder")?;
        std::fs::create_dir_all(&data)?;
        let mut shop = Self {
            processes: BTreeMap::new(),
            url: String::new(),
            urls: Vec::new(),
            observe: String::new(),
            flags: String::new(),
            partner: String::new(),
            otlp: Default::default(),
            admin_token: String::new(),
            started: BTreeMap::new(),
            binary: binary.to_owned(),
            data,
            _folder: folder,
        };
        if placement == Placement::Local {
            shop.up(options)?;
        } else {
            // The process that holds the observatory runs a shop of its own: not on the others' servers.
            shop.up(&Options { variables: Vec::new(), ..options.clone() })?;
            shop.spread(placement, options).await?;
        }
        Ok(shop)
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process of `vitrine up`.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.processes.get_mut("up").context("there is no such process")
    }

    fn up(&mut self, options: &Options) -> Result<()> {
        let data = self.data.join("up");
        let args = ["up", "--quiet", "--listen", "127.0.0.1:0"].into_iter().chain(ON_FREE_PORTS);
        let mut args: Vec<String> = args.map(str::to_owned).collect();
        args.extend(["--data".to_owned(), data.display().to_string()]);
        args.extend(["--load".to_owned(), options.load.clone().unwrap_or_else(|| "off".to_owned())]);
        let process = Process::start(&self.binary, &args, &options.variables, &self.data.join("up.log"))?;
        let text = |key: &str| {
            process.ready[key].as_str().map(str::to_owned).with_context(|| format!("the ready file has no {key}"))
        };
        self.url = text("shop")?;
        self.urls = vec![self.url.clone()];
        self.observe = text("observe")?;
        self.flags = text("flags")?;
        self.partner = process.ready["partner"].as_str().unwrap_or_default().to_owned();
        self.otlp = [text("otlp_grpc")?, text("otlp_http")?];
        self.admin_token = text("admin_token")?;
        self.processes.insert("up".to_owned(), process);
        Ok(())
    }

    /// Starts every service as a process, or as several; what `up` started stays as their observatory.
    async fn spread(&mut self, placement: Placement, options: &Options) -> Result<()> {
        let mut ports: BTreeMap<(&str, usize), u16> = BTreeMap::new();
        for copy in 0..placement.copies() {
            for name in SERVICES {
                ports.insert((name, copy), free_port()?);
            }
        }
        let gateways = ports.iter().filter(|((name, _), _)| *name == "gateway");
        self.urls = gateways.map(|(_, port)| format!("http://127.0.0.1:{port}")).collect();
        self.url.clone_from(&self.urls[0]);
        let mut variables = options.variables.clone();
        variables.push(("VITRINE_SHOP__URL".to_owned(), self.url.clone()));
        variables.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), self.otlp[0].clone()));
        // Merchants are played, too.
        variables.push(("VITRINE_SHOP__DEMO".to_owned(), "on".to_owned()));
        let data = self.data.join("spread");
        let follows = if options.flags { self.serve_flags(&data, &variables)? } else { String::new() };
        for copy in 0..placement.copies() {
            for name in SERVICES {
                let mut args = vec!["serve".to_owned(), (*name).to_owned(), "--quiet".to_owned()];
                let listener = if *name == "gateway" { "--public" } else { "--listen" };
                args.extend([listener.to_owned(), format!("127.0.0.1:{}", ports[&(*name, copy)])]);
                args.extend(["--data".to_owned(), data.display().to_string()]);
                if placement == Placement::Grpc {
                    if options.flags {
                        args.extend(["--place".to_owned(), format!("flags={follows}")]);
                    }
                    // No one calls the gateway but customers.
                    let others = ports.iter().filter(|((other, _), _)| other != name && *other != "gateway");
                    for ((other, _), port) in others {
                        args.extend(["--place".to_owned(), format!("{other}=grpc://127.0.0.1:{port}")]);
                    }
                }
                self.serve(&process_name(name, copy), args, variables.clone())?;
            }
        }
        let args = ["token", "--admin", "--url", &self.url, "--data", &data.display().to_string()].map(str::to_owned);
        let issued = tokio::process::Command::new(&self.binary).args(args).output();
        let issued = tokio::time::timeout(PATIENCE, issued).await??;
        anyhow::ensure!(issued.status.success(), "no token: {}", String::from_utf8_lossy(&issued.stderr));
        self.admin_token = String::from_utf8(issued.stdout)?.trim().to_owned();
        Ok(())
    }

    /// Starts the flags that the others follow; returns where they do, over gRPC.
    fn serve_flags(&mut self, data: &Path, variables: &[(String, String)]) -> Result<String> {
        let internal = format!("127.0.0.1:{}", free_port()?);
        let data = data.display().to_string();
        let args = ["flags", "serve", "--quiet", "--listen", "127.0.0.1:0", "--internal", &internal, "--data", &data];
        let mut variables = variables.to_vec();
        variables.push(("VITRINE_FLAGS__OBSERVATORY".to_owned(), self.observe.clone()));
        self.serve("flags", args.map(str::to_owned).to_vec(), variables)?;
        Ok(format!("grpc://{internal}"))
    }

    fn serve(&mut self, name: &str, args: Vec<String>, variables: Vec<(String, String)>) -> Result<()> {
        let process = Process::start(&self.binary, &args, &variables, &self.data.join(format!("{name}.log")))?;
        if let Some(flags) = process.ready["flags"].as_str() {
            flags.clone_into(&mut self.flags);
        }
        self.processes.insert(name.to_owned(), process);
        self.started.insert(name.to_owned(), Started { args, variables });
        Ok(())
    }

    /// Lets people come by themselves, so many journeys a second, from a process of their own that follows the flags.
    pub fn load(&mut self, rate: &str) -> Result<()> {
        let data = self.data.join("spread").display().to_string();
        let internal = self.processes.get("flags").and_then(|flags| flags.ready["internal"].as_str());
        let internal = internal.context("no flags are served that it could follow")?;
        let place = format!("flags={}", internal.replacen("http://", "grpc://", 1));
        let args = ["load", "--url", &self.url, "--rate", rate, "--place", &place, "--data", &data];
        let args = args.map(str::to_owned).to_vec();
        self.serve("load", args, Vec::new())
    }

    /// Starts a process of a service again that was killed, as it was started before.
    pub fn restart(&mut self, name: &str) -> Result<()> {
        let Started { args, variables } =
            self.started.get(name).cloned().with_context(|| format!("{name} never ran"))?;
        self.serve(name, args, variables)
    }

    /// Someone without a token.
    pub fn anybody(&self) -> Result<Api> {
        Api::new(&self.url, None)
    }

    /// Someone who runs the shop.
    pub fn admin(&self) -> Result<Api> {
        Api::new(&self.url, Some(self.admin_token.clone()))
    }

    /// A client of the flags that its services follow.
    pub fn flags(&self) -> Result<Api> {
        Api::new(&self.flags, None)
    }

    /// A client of the observatory.
    pub fn observatory(&self) -> Result<Api> {
        Api::new(&self.observe, None)
    }

    /// Kills the one process of the shop and starts it again on its data.
    pub fn kill_and_restart(&mut self, options: &Options) -> Result<()> {
        self.process()?.kill()?;
        self.up(options)
    }

    /// Whether the gateway answers.
    pub async fn is_ready(&self) -> bool {
        let Ok(client) = Client::new(&self.url) else { return false };
        client.send(Call::new(http::Method::GET, "/readyz")).await.is_ok_and(|answer| answer.status == 200)
    }
}
