//! `vitrine up`: the whole shop, the observatory and a load generator in one process.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use vitrine_contracts::services::{ALL, FLAGS};
use vitrine_observe_store::Right;
use vitrine_platform_config::{BaseUrl, Written};
use vitrine_platform_host::Host;
use vitrine_platform_http::{Listener, bind};
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_shop_load::{Load, Report, Weights};

use crate::cli::UpArgs;
use crate::flags::Flags;
use crate::following::Follower;
use crate::observatory::{Addresses, Observatory};
use crate::partner::Partner;
use crate::process::{Process, World};
use crate::runfile::{self, DemoCustomer, RunFile};
use crate::say::say;
use crate::settings::{DEMO_EMAIL, DEMO_PASSWORD, DEMO_PROMOTER, DEMO_PROMOTER_EMAIL, Settings};
use crate::{engines, folder, identity, settings, shop_console, shop_flags, topology};

/// A shop that runs in this process.
pub struct Up {
    /// Where it is, and how to get in.
    pub run: RunFile,
    /// What everyone may do with flags, in words; none if a token is needed.
    flags_are_open: Option<&'static str>,
    /// Whether everyone who reaches the console runs the shop.
    console_is_open: bool,
    process: Process,
    load: Option<Load>,
    loading: Option<tokio::task::JoinHandle<Report>>,
    stop_load: CancellationToken,
}

/// Brings everything up; it is ready when this returns. Where it is is said in the data folder, and in another file if one is named.
pub async fn up(data: &Path, mut settings: Settings, ready_file: Option<&Path>) -> Result<Up> {
    let rate = settings.up.load.0;
    // The shop's own, the partner's, and those of the flags.
    let listeners = Observatory::listeners(&settings.observatory) + 2 + Flags::listeners(&settings.flags);
    let opened = Process::open(data, &settings, listeners, &[ALL, &[FLAGS]].concat()).await?;
    let listener = bind(settings.up.listen).await?;
    let observatory = Observatory::open(data, &settings.observatory, true).await?;
    let Addresses { observe, otlp_grpc, otlp_http, .. } = observatory.addresses()?;
    if settings.flags.observatory.is_empty() {
        settings.flags.observatory = BaseUrl::read(&observe).unwrap_or_default();
    }
    let flags = Flags::open(data, &settings.flags).await?;
    let (flags_url, flags_are_open) = (flags.url()?, flags.open_to_all());
    let address = listener.local_addr()?;
    let shop = if settings.shop.url.is_empty() { format!("http://{address}") } else { settings.shop.url.to_string() };
    let demo = settings.shop.demo.within(address, &shop);
    let key = folder::cli_key(data)?;
    settings.settle(&shop, key.public_jwk(), demo);
    let console = observatory.console();
    let is_for_everyone = shop_console::is_for_everyone(&settings, demo);
    if !is_for_everyone {
        shop_console::sign_in_by_shop(&console, &mut settings, &shop);
    }
    let partner = if demo { Some(Partner::open(settings.up.partner).await?) } else { None };
    settings.services.auth.promoter_keys.extend(partner.as_ref().map(|partner| partner.key(DEMO_PROMOTER)));
    if settings.services.gateway.observe_url.is_empty() {
        settings.services.gateway.observe_url = BaseUrl::read(&observe).unwrap_or_default();
    }
    tell_of_visitors(&mut settings, &otlp_http);

    let mut process = opened.start(Some(observatory))?;
    let mesh = Mesh::new(Limits::default()).with_identity(identity::identity(data, &settings, None)?);
    let (host, _) = engines::host(data, ALL, &settings, process.telemetry(), mesh).await?;
    let read = vitrine_flags_client::Flags::new(host.clock(), env!("CARGO_PKG_VERSION"));
    let follower = Follower::new(&host, &read, ALL);
    let mut components = topology::build_all(ALL, &settings.services, &read, &host)?;
    shop_flags::begin(&read, flags.store(), process.telemetry().instance_id(), demo).await?;
    components.push(flags.component());
    process.serve_flags(flags);
    process.run(&host, components, Duration::ZERO, vec![(World::Public, Listener::from(listener))]).await?;
    process.follow(follower);
    shop_console::show(&console, &host, &shop, &flags_url, is_for_everyone.then(|| key.clone()));
    let partner_url = partner.as_ref().map(Partner::url);
    if let Some(partner) = partner {
        process.serve_partner(partner, &shop);
    }

    let admin_token = shop_console::admin_token(&host, &key, &shop).await?;
    let customer = || DemoCustomer { email: DEMO_EMAIL.to_owned(), password: DEMO_PASSWORD.to_owned() };
    let demo_customer = demo.then(customer);
    let (pid, operations) = (std::process::id(), process.operations().to_owned());
    let (flags, partner) = (flags_url, partner_url);
    let run =
        RunFile { shop, observe, otlp_grpc, otlp_http, flags, operations, pid, partner, demo_customer, admin_token };
    process.ready(&run, Some(runfile::path(data)), ready_file)?;

    let stop_load = CancellationToken::new();
    let load = rate.map(|rate| load(&run, rate, settings.shop.seed, &host)).transpose()?;
    let loading = load.clone().map(|load| {
        let stop = stop_load.clone();
        tokio::spawn(async move { load.run(stop.cancelled_owned()).await })
    });
    Ok(Up { run, flags_are_open, console_is_open: is_for_everyone, process, load, loading, stop_load })
}

/// Has analytics tell the observatory of this process, unless that has certificates of its own, or the settings say otherwise.
fn tell_of_visitors(settings: &mut Settings, otlp_http: &str) {
    let (analytics, observatory) = (&mut settings.services.analytics, &settings.observatory);
    if analytics.observatory.is_empty() && !observatory.tls.is_set() {
        analytics.observatory = BaseUrl::read(otlp_http).unwrap_or_default();
        let writes = observatory.tokens.iter().find(|token| token.rights.contains(&Right::Write));
        analytics.observatory_token = writes.map(|token| token.token.clone()).unwrap_or_default();
    }
}

fn load(run: &RunFile, rate: f64, seed: i64, host: &Host) -> Result<Load> {
    let (base_url, seed) = (run.shop.clone(), seed.unsigned_abs());
    let config = vitrine_shop_load::Config { base_url, rate, seed, duration: None, weights: Weights::default() };
    Ok(Load::with_faults(config, host.faults())?)
}

impl Up {
    /// Ends the load, lets what is in flight end, and flushes telemetry. An error says that some work had to be cut.
    pub async fn stop(self) -> Result<()> {
        self.stop_load.cancel();
        if let Some(loading) = self.loading {
            // The load's own report is for `vitrine load`; here it only has to end.
            let _ = loading.await;
        }
        self.process.stop().await
    }

    /// Where everything is, who gets in, and what lets in everyone.
    fn print(&self, settings: &Settings, data: &Path) {
        let data = runfile::data_flag(data);
        let RunFile { shop, observe, otlp_grpc, otlp_http, flags, operations, partner, demo_customer, .. } = &self.run;
        say!("  shop       {shop}");
        say!(
            "  console    {observe}  (APIs below /jaeger, /zipkin, /prometheus, /alertmanager, /elastic, /loki; vitrine sql{data}, vitrine promql{data}, vitrine logs{data})"
        );
        say!("  OTLP       {otlp_grpc} (gRPC), {otlp_http} (HTTP)");
        say!("  flags      {flags}  (pages, OFREP below /ofrep/v1; vitrine flags list{data})");
        say!("  operations {operations}  (health, metrics)");
        if let Some(partner) = partner {
            say!("  partner    {partner}  (another site, which sells by the widget)");
        }
        let flags_open = self.flags_are_open.map_or_else(String::new, |open| format!("{open}; "));
        let console_open = if self.console_is_open { "console: to run the shop; " } else { "" };
        say!(
            "  open       shop: the catalog, and signing up; {console_open}{flags_open}{}",
            settings.observatory.open()
        );
        if demo_customer.is_some() {
            say!(
                "  demo       this is a demo: {DEMO_EMAIL} and {DEMO_PROMOTER_EMAIL} have the password {DEMO_PASSWORD}"
            );
        } else {
            say!("  demo       no demo accounts ({})", settings.shop.demo.why_not());
        }
        say!("  token      vitrine token{data} (a customer's), vitrine token --admin{data}");
        say!("  stop       Ctrl-C, or vitrine down{data}");
    }
}

fn flags(args: &UpArgs) -> Vec<settings::Flag> {
    let mut flags = args.run.flags();
    flags.extend(args.keep.flags());
    flags.extend([
        ("--listen", "up.listen", args.listen.map(|a| a.to_string())),
        ("--observe", "observatory.listen", args.observe.map(|a| a.to_string())),
        ("--flags", "flags.listen", args.flags.map(|a| a.to_string())),
        ("--load", "up.load", args.load.clone()),
    ]);
    flags
}

/// The command.
pub async fn run(args: UpArgs) -> Result<()> {
    let began = std::time::Instant::now();
    let settings = settings::read(args.run.config.config.as_deref(), &flags(&args))?.settings;
    let data = &args.run.data.data;
    let mut up = up(data, settings.clone(), args.ready_file.as_deref()).await?;
    say!("Vitrine is up after {:.2} s, data in {}", began.elapsed().as_secs_f64(), data.display());
    up.print(&settings, data);
    up.process.until_stopped(up.load.clone(), args.run.quiet).await?;
    if !args.run.quiet {
        say!("stopping: what is in flight may end");
    }
    up.stop().await
}
