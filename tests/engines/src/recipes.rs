//! How each kind of server is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{POSTGRES_USER, Recipe, free_port, install};

/// Who PostgreSQL runs as when root starts it, which it refuses to be (Debian's nobody).
const NOBODY: &str = "65534";

/// The library of zstd in its package.
const ZSTD: &str = "usr/lib/x86_64-linux-gnu/libzstd.so.1";

/// Flags that a recipe keeps.
fn owned(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|flag| (*flag).to_owned()).collect()
}

/// NATS with JetStream. `more` are further flags, such as `--user` or `--config`.
pub fn nats(more: &[&str]) -> Result<Recipe> {
    let program = install::program("nats-server", &[], "nats-server")?;
    let more = owned(more);
    Ok(Recipe::new("nats", move |at| {
        let mut command = Command::new(&program);
        command.args(["-a", "127.0.0.1", "-p", &at.port.to_string(), "-js", "-sd"]).arg(at.folder).args(&more);
        Ok(command)
    }))
}

/// PostgreSQL with a database `postgres` of the user [`POSTGRES_USER`](crate::POSTGRES_USER). `settings` go into `postgresql.conf`.
pub fn postgres(settings: &[(&str, &str)]) -> Result<Recipe> {
    let folders = ["/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin"];
    let program = install::program("postgres", &folders, "postgresql")?;
    let initdb = program.with_file_name("initdb");
    let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Ok(Recipe::new("postgres", move |at| {
        let data = at.folder.join("data");
        if !data.join("PG_VERSION").exists() {
            if nix::unistd::Uid::effective().is_root() {
                install::succeed(Command::new("chown").arg(NOBODY).arg(at.folder))?;
            }
            let mut init = as_nobody(&initdb);
            init.args(["--no-sync", "-A", "trust", "-U", POSTGRES_USER, "-E", "UTF8", "--locale=C", "-D"]).arg(&data);
            install::succeed(&mut init)?;
        }
        let mut command = as_nobody(&program);
        command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &at.port.to_string(), "-k"]).arg(at.folder);
        for setting in &settings {
            command.arg("-c").arg(setting);
        }
        Ok(command)
    }))
}

/// A command as a user that PostgreSQL accepts.
fn as_nobody(program: &Path) -> Command {
    if !nix::unistd::Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // Changing the user would take back that it ends with us.
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--pdeathsig", "KILL"]).arg(program);
    command
}

/// Redis that keeps nothing on disk. `more` are further flags.
pub fn redis(more: &[&str]) -> Result<Recipe> {
    let program = install::program("redis-server", &[], "redis-server")?;
    let more = owned(more);
    Ok(Recipe::new("redis", move |at| {
        let mut command = Command::new(&program);
        command.args(["--bind", "127.0.0.1", "--port", &at.port.to_string(), "--save", "", "--dir"]).arg(at.folder);
        command.args(&more);
        Ok(command)
    }))
}

/// A Consul agent in development mode. [`Server::port`] is its HTTP API's.
pub fn consul() -> Result<Recipe> {
    let program = install::unpacked("consul", "bullseye", "usr/bin/consul")?;
    Ok(Recipe::new("consul", move |at| {
        let mut command = Command::new(&program);
        command.args(["agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1"]);
        command
            .arg(format!("-http-port={}", at.port))
            .arg("-grpc-port=-1")
            .arg(format!("-dns-port={}", at.dns_port()?))
            .arg(format!("-data-dir={}", at.folder.display()));
        for flag in ["-serf-lan-port", "-serf-wan-port", "-server-port"] {
            command.arg(format!("{flag}={}", free_port()?));
        }
        Ok(command)
    }))
}

/// Prometheus with nothing to scrape, that takes remote write and all of PromQL that is behind a flag. `more` are further flags.
pub fn prometheus(more: &[&str]) -> Result<Recipe> {
    prometheus_with("global: {}\n", more)
}

/// The same with a configuration.
pub fn prometheus_with(config: &str, more: &[&str]) -> Result<Recipe> {
    let text = config.to_owned();
    let program = install::unpacked("prometheus", "sid", "usr/bin/prometheus")?;
    let more = owned(more);
    Ok(Recipe::new("prometheus", move |at| {
        let config = at.folder.join("prometheus.yml");
        std::fs::write(&config, &text)?;
        let mut command = Command::new(&program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", at.folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", at.port))
            .arg("--web.enable-remote-write-receiver")
            .arg("--enable-feature=native-histograms,promql-experimental-functions,promql-duration-expr,exemplar-storage")
            .args(&more);
        Ok(command)
    }))
}

/// Prometheus's node exporter, with its default collectors.
pub fn node_exporter() -> Result<Recipe> {
    let program = install::unpacked("prometheus-node-exporter", "sid", "usr/bin/prometheus-node-exporter")?;
    Ok(Recipe::new("node-exporter", move |at| {
        let mut command = Command::new(&program);
        command.arg(format!("--web.listen-address=127.0.0.1:{}", at.port));
        Ok(command)
    }))
}

/// Returns one of VictoriaMetrics's programs, and the folder of the library that it is linked with.
fn victoria(program: &str) -> Result<(PathBuf, PathBuf)> {
    let program = install::unpacked("victoria-metrics", "sid", program)?;
    let zstd = install::unpacked("libzstd1", "sid", ZSTD)?;
    Ok((program, zstd.parent().unwrap_or(Path::new("/")).to_owned()))
}

/// VictoriaMetrics's agent, which scrapes as this configuration says and writes to this address. `more` are further flags.
pub fn vmagent(config: &str, remote_write: &str, more: &[&str]) -> Result<Recipe> {
    let (program, libraries) = victoria("usr/bin/vmagent")?;
    let (text, url) = (config.to_owned(), remote_write.to_owned());
    let more = owned(more);
    Ok(Recipe::new("vmagent", move |at| {
        let config = at.folder.join("scrape.yml");
        std::fs::write(&config, &text)?;
        let mut command = Command::new(&program);
        command
            .env("LD_LIBRARY_PATH", &libraries)
            .arg(format!("-promscrape.config={}", config.display()))
            .arg(format!("-remoteWrite.url={url}"))
            .arg(format!("-remoteWrite.tmpDataPath={}", at.folder.join("waiting").display()))
            .arg("-remoteWrite.flushInterval=200ms")
            .arg(format!("-httpListenAddr=127.0.0.1:{}", at.port))
            .args(&more);
        Ok(command)
    }))
}

/// VictoriaMetrics on its own. `more` are further flags.
pub fn victoria_metrics(more: &[&str]) -> Result<Recipe> {
    let (program, libraries) = victoria("usr/bin/victoria-metrics")?;
    let more = owned(more);
    Ok(Recipe::new("victoria-metrics", move |at| {
        let mut command = Command::new(&program);
        command
            .env("LD_LIBRARY_PATH", &libraries)
            .arg(format!("-storageDataPath={}", at.folder.join("data").display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{}", at.port))
            .args(&more);
        Ok(command)
    }))
}

/// A name server that knows what these flags of dnsmasq say, and asks no other. [`Server::port`] is its port of DNS.
pub fn name_server(records: &[&str]) -> Result<Recipe> {
    let program = install::program("dnsmasq", &[], "dnsmasq-base")?;
    let records = owned(records);
    Ok(Recipe::new("dnsmasq", move |at| {
        let mut command = Command::new(&program);
        command.args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=", "--pid-file="]);
        command.args(["--bind-interfaces", "--listen-address=127.0.0.1"]).arg(format!("--port={}", at.port));
        if nix::unistd::Uid::effective().is_root() {
            command.args(["--user=root", "--group=root"]);
        }
        command.args(&records);
        Ok(command)
    }))
}
