//! The host and its containers as metrics: processors, memory, disks, file systems, networks, pressure, cgroups.
//!
//! A [`Host`] reads the kernel's files below its [`Roots`] and returns [`MetricFamily`]s of samples, by the names of Prometheus's node exporter and
//! cAdvisor or by those of OpenTelemetry ([`Names`]). It keeps nothing. A [`Docker`] says what containers are called; a [`Pusher`] sends what
//! is read as OTLP ([`otlp`]), for whoever wants it pushed.
//!
//! What it does not read, since no safe library has the system call: the kernel's clock discipline (`node_timex_*`), and the address family of
//! interfaces over netlink.
//!
//! ```
//! use vitrine_observe_host::{Host, Options};
//!
//! let families = Host::new(Options::default()).read();
//! let load = families.iter().find(|family| family.name == "node_load1").expect("every Linux has it");
//! assert!(load.samples[0].value >= 0.0);
//! ```

mod cgroups;
mod docker;
mod facts;
mod families;
mod files;
mod names;
mod otlp;
mod push;
mod textfile;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

pub use docker::{Container, Containers, DOCKER_SOCKET, Docker};
pub use families::{MetricFamily, Sample, exposition};
pub use otlp::otlp;
pub use push::Pusher;

use crate::families::Families;
use crate::files::Files;

/// Where the kernel's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// What is prepended to mount points and `/etc`: where the host's root is seen from within a container.
    pub root: PathBuf,
}

/// The host's name, as `uname -n` has it.
pub fn host_name() -> String {
    nix::sys::utsname::uname().map_or_else(|_| String::new(), |system| system.nodename().to_string_lossy().into_owned())
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), root: "/".into() }
    }
}

/// Whose names metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// Those of the node exporter and of cAdvisor.
    #[default]
    NodeExporter,
    /// Those of OpenTelemetry's semantic conventions.
    OpenTelemetry,
}

/// What is read, and how it is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Where the kernel's files are.
    pub roots: Roots,
    /// Whose names metrics have.
    pub names: Names,
    /// A folder whose `*.prom` files are taken into the metrics; none by default.
    pub textfiles: Option<PathBuf>,
    /// Whether cgroups are read, too.
    pub containers: bool,
}

/// Reads a host.
#[derive(Debug)]
pub struct Host {
    options: Options,
    files: Files,
    containers: Mutex<Arc<Containers>>,
}

/// A part of a host that is read on its own: if it fails, the others are read nevertheless.
type Collector = (&'static str, fn(&Files, Names, &mut Families) -> Result<(), files::Error>);

/// All of them, in the order in which they are read.
const COLLECTORS: [Collector; 21] = [
    ("arp", names::network::arp),
    ("conntrack", names::network::conntrack),
    ("cpu", names::cpu::cpu),
    ("cpufreq", names::cpu::cpufreq),
    ("diskstats", names::disk::disks),
    ("entropy", names::system::entropy),
    ("filefd", names::system::files),
    ("filesystem", names::disk::filesystems),
    ("hwmon", names::sensors::hwmon),
    ("loadavg", names::cpu::load),
    ("meminfo", names::memory::memory),
    ("netclass", names::network::classes),
    ("netdev", names::network::devices),
    ("netstat", names::network::protocols),
    ("os", names::system::os),
    ("pressure", names::system::pressure),
    ("schedstat", names::cpu::schedule),
    ("sockstat", names::network::sockets),
    ("softnet", names::network::softnet),
    ("thermal_zone", names::sensors::thermal_zones),
    ("vmstat", names::memory::vmstat),
];

impl Host {
    /// A host with these options.
    pub fn new(options: Options) -> Self {
        let files = Files::new(options.roots.clone());
        Self { options, files, containers: Mutex::default() }
    }

    /// Notes what is known of containers: from now on they are told of by their names.
    pub fn set_containers(&self, containers: Containers) {
        *self.containers.lock() = Arc::new(containers);
    }

    /// Reads all there is. It blocks, for as long as the kernel takes.
    pub fn read(&self) -> Vec<MetricFamily> {
        let mut families = Families::default();
        for (name, collect) in COLLECTORS {
            self.collect(name, &mut families, |families| collect(&self.files, self.options.names, families));
        }
        self.collect("uname", &mut families, |families| names::system::uname(self.options.names, families));
        if self.options.containers {
            self.collect("cgroups", &mut families, |families| {
                let containers = self.containers.lock().clone();
                cgroups::collect(&self.files, self.options.names, &containers, families)
            });
        }
        if let Some(folder) = &self.options.textfiles {
            textfile::collect(folder, &mut families);
        }
        families.into_families()
    }

    fn collect(
        &self,
        name: &str,
        families: &mut Families,
        collect: impl FnOnce(&mut Families) -> Result<(), files::Error>,
    ) {
        let began = Instant::now();
        let outcome = collect(families);
        // What this kernel does not have is no failure, as the node exporter sees it; it says 0 all the same.
        if let Err(error) = &outcome
            && !error.is_missing()
        {
            tracing::warn!(collector = name, %error, "a part of the host cannot be read");
        }
        if self.options.names == Names::NodeExporter {
            let labels = [("collector", name)];
            let took = began.elapsed().as_secs_f64();
            families.gauge(
                "node_scrape_collector_duration_seconds",
                "node_exporter: Duration of a collector scrape.",
                &labels,
                took,
            );
            let succeeded = f64::from(u8::from(outcome.is_ok()));
            families.gauge(
                "node_scrape_collector_success",
                "node_exporter: Whether a collector succeeded.",
                &labels,
                succeeded,
            );
        }
    }
}
