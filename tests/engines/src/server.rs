//! A server process, from its start to its end.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::free_port;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end when it is asked to.
const STOP: Duration = Duration::from_secs(20);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often another port is tried, because another caller may take one between looking and starting.
const PORTS: usize = 3;

/// Where a server is to run.
pub(crate) struct ServerDir<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) port: u16,
}

impl ServerDir<'_> {
    /// A second port, for DNS, that stays the same when the server is started again.
    pub(crate) fn dns_port(&self) -> Result<u16> {
        let file = dns_port_file(self.folder);
        if let Ok(known) = std::fs::read_to_string(&file) {
            return Ok(known.parse()?);
        }
        let port = free_port()?;
        std::fs::write(file, port.to_string())?;
        Ok(port)
    }
}

fn dns_port_file(folder: &Path) -> PathBuf {
    folder.join("dns-port")
}

type Make = Box<dyn Fn(&ServerDir<'_>) -> Result<Command> + Send>;

/// How a kind of server is started.
pub struct Recipe {
    kind: &'static str,
    command: Make,
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Recipe {
    pub(crate) fn new(
        kind: &'static str,
        command: impl Fn(&ServerDir<'_>) -> Result<Command> + Send + 'static,
    ) -> Self {
        Self { kind, command: Box::new(command) }
    }

    /// Starts it on a free port with a folder that goes when the server goes.
    pub fn start(self) -> Result<Server> {
        let temporary = tempfile::Builder::new().prefix(&format!("vitrine-{}-", self.kind)).tempdir()?;
        let folder = temporary.path().to_owned();
        let mut server = Server { recipe: self, folder, port: 0, child: None, _temporary: Some(temporary) };
        let mut tries = 1;
        loop {
            server.port = free_port()?;
            match server.up() {
                Ok(()) => return Ok(server),
                Err(e) if tries == PORTS => return Err(e),
                Err(_) => tries += 1,
            }
        }
    }

    /// Starts it on this port with this folder, which stays.
    pub fn start_at(self, folder: &Path, port: u16) -> Result<Server> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let taken = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok();
        ensure!(!taken, "somebody else listens on port {port}, where {} should be", self.kind);
        let folder = folder.canonicalize()?;
        let mut server = Server { recipe: self, folder, port, child: None, _temporary: None };
        server.up()?;
        Ok(server)
    }
}

/// A server that ends with its owner.
pub struct Server {
    recipe: Recipe,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
    _temporary: Option<tempfile::TempDir>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("kind", &self.recipe.kind).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Server {
    /// What it is: `nats`, `postgres`, `redis`, `consul`, `prometheus`, `node-exporter`, `victoria-metrics`,
    /// `vmagent`, `dnsmasq`.
    pub fn kind(&self) -> &'static str {
        self.recipe.kind
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where Consul answers DNS, on 127.0.0.1.
    pub fn dns_port(&self) -> Result<u16> {
        let file = dns_port_file(self.folder());
        let known = std::fs::read_to_string(&file).with_context(|| format!("{} has no DNS", self.kind()))?;
        Ok(known.parse()?)
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        let port = self.port;
        match self.recipe.kind {
            "postgres" => format!("postgres://{}@127.0.0.1:{port}/postgres", crate::POSTGRES_USER),
            "consul" | "prometheus" | "node-exporter" | "victoria-metrics" | "vmagent" => {
                format!("http://127.0.0.1:{port}")
            }
            kind => format!("{kind}://127.0.0.1:{port}"),
        }
    }

    /// The id of its process; none when it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.join("output.log")).unwrap_or_default()
    }

    /// Starts it, again, with its port and its folder, and waits until it answers.
    pub fn up(&mut self) -> Result<()> {
        let place = ServerDir { folder: &self.folder, port: self.port };
        let made = (self.recipe.command)(&place)?;
        // It ends with us even when we are killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(made.get_program()).args(made.get_args());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("output.log"))?;
        let child = command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        self.child = Some(child);
        let began = Instant::now();
        while !self.answers() {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = ended {
                bail!("{} ended with {status}:\n{}", self.recipe.kind, self.output());
            }
            if began.elapsed() > START {
                bail!("{} did not answer within {START:?}:\n{}", self.recipe.kind, self.output());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether it answers in its own protocol.
    fn answers(&self) -> bool {
        let holds = |said: &[u8], words: &[u8]| said.windows(words.len()).any(|part| part == words);
        match self.recipe.kind {
            "nats" => holds(&self.ask(b"", false), b"INFO "),
            "redis" => holds(&self.ask(b"PING\r\n", false), b"\r\n"),
            // A start-up message; the answer is about authentication as soon as it takes connections, and an error before.
            "postgres" => {
                self.ask(b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0", false).starts_with(b"R")
            }
            "node-exporter" => self.ask(b"GET / HTTP/1.0\r\n\r\n", true).starts_with(b"HTTP/1.0 200"),
            "victoria-metrics" | "vmagent" => self.ask(b"GET /health HTTP/1.0\r\n\r\n", true).ends_with(b"OK"),
            "prometheus" => self.ask(b"GET /-/ready HTTP/1.0\r\n\r\n", true).starts_with(b"HTTP/1.0 200"),
            // A question for the address of "x", which has the number 1; so has the answer.
            "dnsmasq" => {
                let question = b"\0\x13\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01x\0\0\x01\0\x01";
                self.ask(question, false).get(2..4) == Some(&[0, 1])
            }
            // Quoted, and empty until there is one.
            _ => holds(&self.ask(b"GET /v1/status/leader HTTP/1.0\r\n\r\n", true), b"\"127.0.0.1:"),
        }
    }

    /// What it says to this: the first of it, or all until it closes the connection. Nothing when it cannot be asked.
    fn ask(&self, question: &[u8], all: bool) -> Vec<u8> {
        let ask = || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(question)?;
            let mut said = Vec::new();
            if all {
                stream.read_to_end(&mut said)?;
            } else {
                said.resize(4096, 0);
                let read = stream.read(&mut said)?;
                said.truncate(read);
            }
            Ok(said)
        };
        ask().unwrap_or_default()
    }

    /// Signals it and all its descendants: PostgreSQL's have process groups of their own.
    fn signal(&self, signal: Signal) -> Result<Vec<u32>> {
        let Some(child) = &self.child else { bail!("{} does not run", self.recipe.kind) };
        let mut family = vec![child.id()];
        let mut next = 0;
        while let Some(parent) = family.get(next) {
            family.extend(children(*parent));
            next += 1;
        }
        for id in &family {
            match kill(Pid::from_raw(i32::try_from(*id)?), signal) {
                // Gone meanwhile.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(family)
    }

    /// Ends it, and all its processes, in the middle of whatever they do: SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        let family = self.signal(Signal::SIGKILL)?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        let began = Instant::now();
        while family.iter().any(|id| lives(*id)) {
            ensure!(began.elapsed() < STOP, "a process of {} outlives SIGKILL", self.recipe.kind);
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM; PostgreSQL: SIGINT, because it would wait for its clients) and waits until it has.
    pub fn stop(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        let signal = if self.recipe.kind == "postgres" { Signal::SIGINT } else { Signal::SIGTERM };
        kill(Pid::from_raw(i32::try_from(child.id())?), signal)?;
        let began = Instant::now();
        while child.try_wait()?.is_none() {
            if began.elapsed() > STOP {
                bail!("{} did not end within {STOP:?}:\n{}", self.recipe.kind, self.output());
            }
            std::thread::sleep(LOOK);
        }
        self.child = None;
        Ok(())
    }

    /// Lets it hang: SIGSTOP. Its connections stay open and nothing is answered.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP).map(drop)
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT).map(drop)
    }
}

/// The children of a process, whichever of its threads started them.
fn children(id: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Whether a process is there and not merely waiting to be collected.
fn lives(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.kill();
    }
}
