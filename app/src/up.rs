//! `vitrine up`: the whole shop, the observatory and a load generator in one process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_contracts::auth::v1::IssueTokenRequest;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::services::{ALL, AUTH};
use vitrine_observe_store::Kept;
use vitrine_platform_host::{DRAIN, Host, Running};
use vitrine_platform_http::{Listener, bind, serve};
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_telemetry::Telemetry;
use vitrine_shop_auth::machine::{ASSERTION_TYPE, KeyPair};
use vitrine_shop_load::{Load, Report, Weights};

use crate::cli::UpArgs;
use crate::observatory::{Addresses, Observatory};
use crate::operations::{Door, Operations};
use crate::process::PROCESS;
use crate::runfile::{self, DemoCustomer, RunFile};
use crate::settings::{CLI_CLIENT, DEMO_EMAIL, DEMO_PASSWORD, DEMO_PROMOTER_EMAIL, Settings};
use crate::{console, engines, folder, identity, process, settings, topology};

/// A shop that runs in this process.
pub struct Up {
    /// Where it is, and how to get in.
    pub run: RunFile,
    data: PathBuf,
    telemetry: Telemetry,
    running: Running,
    load: Option<Load>,
    loading: Option<tokio::task::JoinHandle<Report>>,
    stop_load: CancellationToken,
    stop_observatory: CancellationToken,
    observing: TaskTracker,
    engine: Arc<Kept>,
    operations: Operations,
    _lock: folder::Lock,
}

/// Brings everything up; it is ready when this answers.
pub async fn up(data: &Path, mut settings: Settings) -> Result<Up> {
    let rate = settings.up.rate()?;
    let telemetry_config = process::telemetry_config()?;
    let bounds = process::bounds(&settings.http, Observatory::listeners(&settings.observatory) + 1)?;
    folder::make(data)?;
    let lock = folder::lock(data, ALL)?;
    let listener = bind(settings.up.listen).await?;
    let door = Door::open(settings.operations.listen).await?;
    let observatory = Observatory::open(data, &settings.observatory).await?;
    let Addresses { observe, otlp_grpc, otlp_http } = observatory.addresses()?;
    let address = listener.local_addr()?;
    let shop = if settings.shop.url.is_empty() { format!("http://{address}") } else { settings.shop.url.clone() };
    let key = folder::cli_key(data)?;
    settings.settle(&shop, key.public_jwk());
    if settings.services.gateway.observe_url.is_empty() {
        settings.services.gateway.observe_url.clone_from(&observe);
    }

    let exporter = process::exporter(&telemetry_config, Some(observatory.engine()))?;
    let telemetry = Telemetry::new(telemetry_config);
    process::log_to(&telemetry);
    let mesh = Mesh::new(Limits::default()).with_identity(identity::identity(data, &settings, None)?);
    let (host, _) = engines::host(data, &settings, &telemetry, mesh).await?;
    let components = topology::build_all(ALL, &settings.services, &host)?;
    let running = host.start(components).await?;

    let (stop_observatory, observing) = (CancellationToken::new(), TaskTracker::new());
    let engine = observatory.serve(&bounds, &telemetry, &stop_observatory, &observing)?;
    if let Some(exporter) = exporter {
        let (pipeline, stop) = (telemetry.clone(), stop_observatory.clone());
        observing.spawn(async move { pipeline.run(exporter, stop).await });
    }
    let listener = Listener::from(listener).with_bounds(bounds);
    running.tracker().spawn(serve(listener, running.http(), running.stop_token(), DRAIN));

    let admin_token = admin_token(&host, &key, &shop).await?;
    let demo = || DemoCustomer { email: DEMO_EMAIL.to_owned(), password: DEMO_PASSWORD.to_owned() };
    let demo_customer = settings.shop.demo.then(demo);
    let (pid, url) = (std::process::id(), door.url.clone());
    let run = RunFile { shop, observe, otlp_grpc, otlp_http, operations: url, pid, demo_customer, admin_token };
    let operations = door.serve(running.health());
    run.write(&runfile::path(data))?;

    let stop_load = CancellationToken::new();
    let load = rate.map(|rate| load(&run, rate, settings.shop.seed)).transpose()?;
    let loading = load.clone().map(|load| {
        let stop = stop_load.clone();
        tokio::spawn(async move { load.run(stop.cancelled_owned()).await })
    });
    let data = data.to_owned();
    Ok(Up {
        run,
        data,
        telemetry,
        running,
        load,
        loading,
        stop_load,
        stop_observatory,
        observing,
        engine,
        operations,
        _lock: lock,
    })
}

fn load(run: &RunFile, rate: f64, seed: i64) -> Result<Load> {
    let (base_url, seed) = (run.shop.clone(), seed.unsigned_abs());
    Ok(Load::new(vitrine_shop_load::Config { base_url, rate, seed, duration: None, weights: Weights::default() })?)
}

/// A token for those who run the shop, by the command line's key.
async fn admin_token(host: &Host, key: &KeyPair, shop: &str) -> Result<String> {
    let audience = format!("{shop}/oauth2/token");
    let request = IssueTokenRequest {
        grant_type: "client_credentials".to_owned(),
        client_id: CLI_CLIENT.to_owned(),
        client_assertion_type: ASSERTION_TYPE.to_owned(),
        client_assertion: key.assertion(CLI_CLIENT, &audience, host.clock().now_ms())?,
        audience,
        ..IssueTokenRequest::default()
    };
    let issued = AuthServiceClient::new(host.transport(PROCESS, AUTH)).issue_token(request).await;
    Ok(issued.context("the admin's token could not be issued")?.into_inner().access_token)
}

impl Up {
    /// Ends the load, lets what is in flight end, flushes telemetry. Answers whether all ended in time.
    pub async fn stop(self) -> bool {
        self.stop_load.cancel();
        if let Some(loading) = self.loading {
            // The load's own report is for `vitrine load`; here it only has to end.
            let _ = loading.await;
        }
        let drained = self.running.stop().await;
        self.stop_observatory.cancel();
        self.observing.close();
        self.observing.wait().await;
        let engine = self.engine;
        // What waits is written before the process ends.
        let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
        // Gone already is as good.
        let _ = std::fs::remove_file(runfile::path(&self.data));
        self.operations.stop().await;
        drained
    }
}

fn flags(args: &UpArgs) -> Vec<settings::Flag> {
    let mut flags = args.run.flags();
    flags.extend(args.keep.flags());
    flags.extend([
        ("--listen", "up.listen", args.listen.map(|a| a.to_string())),
        ("--observe", "observatory.listen", args.observe.map(|a| a.to_string())),
        ("--load", "up.load", args.load.clone()),
    ]);
    flags
}

/// The command.
pub async fn run(args: UpArgs) -> Result<()> {
    let began = std::time::Instant::now();
    let settings = settings::read(args.run.config.config.as_deref(), &flags(&args))?.settings;
    let demo = settings.shop.demo;
    let up = up(&args.run.data.data, settings).await?;
    if let Some(path) = &args.ready_file {
        up.run.write(path)?;
    }
    let RunFile { shop, observe, otlp_grpc, otlp_http, operations, .. } = &up.run;
    println!("Vitrine is up after {:.2} s, data in {}", began.elapsed().as_secs_f64(), args.run.data.data.display());
    println!("  shop       {shop}");
    println!("  observe    {observe}  (Jaeger below /jaeger, Zipkin below /zipkin, SQL: vitrine sql)");
    println!("  OTLP       {otlp_grpc} (gRPC), {otlp_http} (HTTP)");
    println!("  operations {operations}  (health)");
    if demo {
        println!(
            "  demo       this is a demo: {DEMO_EMAIL} and {DEMO_PROMOTER_EMAIL} have the password {DEMO_PASSWORD}"
        );
    }
    println!("  token      vitrine token (a customer's), vitrine token --admin; stop with Ctrl-C or vitrine down");
    let drawing = async {
        if args.run.quiet {
            std::future::pending::<()>().await;
        }
        console::draw(up.telemetry.clone(), up.load.clone()).await;
    };
    tokio::select! {
        stopped = process::stopped() => stopped?,
        () = drawing => {}
    }
    if !args.run.quiet {
        println!("stopping: what is in flight may end");
    }
    if !up.stop().await {
        anyhow::bail!("some work had to be cut after {} s", DRAIN.as_secs());
    }
    Ok(())
}
