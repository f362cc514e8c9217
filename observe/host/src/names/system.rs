//! The system as a whole.

use nix::sys::utsname;
use vitrine_observe_series::MetricType;

use crate::Names;
use crate::families::Families;
use crate::files::{Error, Files, number, read};

/// Seconds in a microsecond.
const MICRO: f64 = 0.000_001;

/// Open files.
pub(crate) fn files(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let text = files.proc("sys/fs/file-nr")?;
    let mut words = text.split_whitespace();
    let (allocated, most) = (number(words.next()), number(words.nth(1)));
    match names {
        Names::NodeExporter => {
            families.gauge("node_filefd_allocated", "File descriptor statistics: allocated.", &[], allocated);
            families.gauge("node_filefd_maximum", "File descriptor statistics: maximum.", &[], most);
        }
        Names::OpenTelemetry => {
            let help = "Open files of the whole system";
            families.add("system.linux.file_handle.count", MetricType::Gauge, help, "{file_handle}", &[], allocated);
        }
    }
    Ok(())
}

/// Randomness: only by the node exporter's names.
pub(crate) fn entropy(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::NodeExporter {
        let available = files.proc("sys/kernel/random/entropy_avail")?;
        let size = files.proc("sys/kernel/random/poolsize")?;
        families.gauge("node_entropy_available_bits", "Bits of available entropy.", &[], number(Some(&available)));
        families.gauge("node_entropy_pool_size_bits", "Bits of entropy pool.", &[], number(Some(&size)));
    }
    Ok(())
}

/// How long processes waited.
pub(crate) fn pressure(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    for resource in ["cpu", "io", "memory", "irq"] {
        // Interrupts are told of by newer kernels only.
        let text = match files.proc(&format!("pressure/{resource}")) {
            Ok(text) => text,
            Err(_) if resource == "irq" => continue,
            Err(error) => return Err(error),
        };
        for line in text.lines() {
            let Some((kind, rest)) = line.split_once(' ') else { continue };
            let total = rest.split(' ').find_map(|pair| pair.strip_prefix("total="));
            let seconds = number(total) * MICRO;
            let (state, help) = match (resource, kind) {
                ("cpu", "some") => ("waiting", "Total time in seconds that processes have waited for CPU time"),
                ("io", "some") => ("waiting", "Total time in seconds that processes have waited due to IO congestion"),
                ("io", "full") => {
                    ("stalled", "Total time in seconds no process could make progress due to IO congestion")
                }
                ("memory", "some") => ("waiting", "Total time in seconds that processes have waited for memory"),
                ("memory", "full") => {
                    ("stalled", "Total time in seconds no process could make progress due to memory congestion")
                }
                ("irq", "full") => {
                    ("stalled", "Total time in seconds no process could make progress due to IRQ congestion")
                }
                _ => continue,
            };
            match names {
                Names::NodeExporter => {
                    families.counter(&format!("node_pressure_{resource}_{state}_seconds_total"), help, &[], seconds);
                }
                Names::OpenTelemetry => {
                    let labels = [("linux.psi.resource", resource), ("linux.psi.state", state)];
                    families.add(
                        "system.linux.psi.time",
                        MetricType::Counter,
                        "Time for which processes waited for a resource",
                        "s",
                        &labels,
                        seconds,
                    );
                }
            }
        }
    }
    Ok(())
}

/// Which system it is: only by the node exporter's names; OpenTelemetry has it in resources.
pub(crate) fn os(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    let root = &files.roots.root;
    let text = read(&root.join("etc/os-release")).or_else(|_| read(&root.join("usr/lib/os-release")))?;
    let get = |wanted: &str| {
        let value = text.lines().find_map(|line| line.split_once('=').filter(|(key, _)| *key == wanted));
        value.map_or("", |(_, value)| value.trim().trim_matches(['"', '\'']))
    };
    let labels = [
        ("build_id", get("BUILD_ID")),
        ("id", get("ID")),
        ("id_like", get("ID_LIKE")),
        ("image_id", get("IMAGE_ID")),
        ("image_version", get("IMAGE_VERSION")),
        ("name", get("NAME")),
        ("pretty_name", get("PRETTY_NAME")),
        ("variant", get("VARIANT")),
        ("variant_id", get("VARIANT_ID")),
        ("version", get("VERSION")),
        ("version_codename", get("VERSION_CODENAME")),
        ("version_id", get("VERSION_ID")),
    ];
    let help = "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, \
                pretty_name, variant, variant_id, version, version_codename, version_id.";
    families.gauge("node_os_info", help, &labels, 1.0);
    let mut parts = get("VERSION_ID").splitn(3, '.');
    let short = [parts.next(), parts.next()].into_iter().flatten().collect::<Vec<_>>().join(".");
    if let Ok(version) = short.parse::<f64>() {
        let labels = [("id", get("ID")), ("id_like", get("ID_LIKE")), ("name", get("NAME"))];
        let help = "Metric containing the major.minor part of the OS version.";
        families.gauge("node_os_version", help, &labels, version);
    }
    Ok(())
}

/// The kernel, and the time.
pub(crate) fn uname(names: Names, families: &mut Families) -> Result<(), Error> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    families.gauge("node_time_seconds", "System time in seconds since epoch (1970).", &[], since.as_secs_f64());
    let Ok(system) = utsname::uname() else { return Ok(()) };
    let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
    let (domain, machine, node) = (text(system.domainname()), text(system.machine()), text(system.nodename()));
    let (release, kernel, version) = (text(system.release()), text(system.sysname()), text(system.version()));
    let labels = [
        ("domainname", domain.as_str()),
        ("machine", machine.as_str()),
        ("nodename", node.as_str()),
        ("release", release.as_str()),
        ("sysname", kernel.as_str()),
        ("version", version.as_str()),
    ];
    families.gauge("node_uname_info", "Labeled system information as provided by the uname system call.", &labels, 1.0);
    Ok(())
}
