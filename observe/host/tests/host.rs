//! This host as the node exporter sees it, and cgroups of both versions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use vitrine_observe_host::{Containers, Docker, Host, MetricFamily, Names, Options, Roots};

/// Values by metric and labels.
fn values(families: &[MetricFamily]) -> BTreeMap<(String, Vec<(String, String)>), f64> {
    let each = families.iter().flat_map(|family| {
        family.samples.iter().map(|sample| ((family.name.clone(), sample.labels.clone()), sample.value))
    });
    each.collect()
}

fn value(families: &[MetricFamily], name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|family| family.name == name)?;
    let holds = |labels: &[(String, String)]| {
        wanted.iter().all(|(k, v)| labels.iter().any(|(key, value)| key == k && value == v))
    };
    family.samples.iter().find(|sample| holds(&sample.labels)).map(|sample| sample.value)
}

/// What the node exporter tells and this does not, or otherwise: said on the crate's front page, or of the exporter itself.
const LEFT_OUT: [&str; 12] = [
    // An interface that does not know its speed has a negative one there.
    "node_network_speed",
    "node_exporter_",
    "node_timex_",
    "node_selinux_",
    "node_kernel_hung",
    "node_time_clocksource",
    "node_time_zone",
    "node_udp_queues",
    "node_nf_conntrack_stat",
    "node_filesystem_purgeable",
    "node_network_device_id",
    "node_scrape_collector",
];

/// The metrics at an address.
fn get(url: &str) -> String {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn it_tells_what_the_node_exporter_tells() {
    let exporter = vitrine_tests_engines::node_exporter().expect("a node exporter");
    let theirs = get(&exporter.url());
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Host::new(Options { textfiles: Some(folder.path().to_owned()), ..Options::default() }).read();
    let names = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| line.starts_with("node_"));
        lines.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned()).collect()
    };
    let known: BTreeSet<String> = ours.iter().map(|family| family.name.clone()).collect();
    let is_left_out = |name: &&String| LEFT_OUT.iter().any(|start| name.starts_with(start));
    let missing: Vec<String> =
        names(&theirs).into_iter().filter(|name| !known.contains(name)).filter(|name| !is_left_out(&name)).collect();
    assert!(missing.is_empty(), "not told: {missing:?}");
    let text = vitrine_observe_host::exposition(&ours);
    let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.rsplit_once(' ')).collect();
    let mut compared = 0;
    for line in theirs.lines() {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let is_steady = [
            "node_uname_info",
            "node_os_",
            "node_memory_MemTotal",
            "node_boot_time",
            "node_filefd_maximum",
            "node_network_mtu",
            "node_network_info",
            "node_entropy",
            "node_filesystem_size",
            "node_filesystem_readonly",
            "node_network_up",
            "node_network_flags",
        ]
        .iter()
        .any(|start| series.starts_with(start));
        if !is_steady {
            continue;
        }
        let ours = lines.get(series).unwrap_or_else(|| panic!("{series} is not told"));
        let (ours, theirs): (f64, f64) = (ours.parse().expect("a number"), value.parse().expect("a number"));
        assert_eq!(ours, theirs, "{series}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
    let types = |text: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE node_")?.split_once(' '));
        lines.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
    };
    let theirs = types(&theirs);
    for (name, kind) in types(&text) {
        assert!(theirs.get(&name).is_none_or(|known| *known == kind), "{name}: {kind}, not {:?}", theirs.get(&name));
    }
}

#[test]
fn open_telemetrys_names() {
    let options = Options { names: Names::OpenTelemetry, ..Options::default() };
    let families = Host::new(options).read();
    for name in [
        "system.cpu.time",
        "system.memory.usage",
        "system.disk.io",
        "system.network.io",
        "system.filesystem.usage",
        "system.paging.faults",
        "system.cpu.load_average.1m",
    ] {
        assert!(families.iter().any(|family| family.name == name), "{name}");
    }
    assert!(families.iter().all(|family| !family.name.starts_with("node_")));
    let seconds = values(&families);
    let modes: BTreeSet<&str> = seconds
        .keys()
        .filter(|(name, _)| name == "system.cpu.time")
        .flat_map(|(_, labels)| labels.iter().filter(|(key, _)| key == "cpu.mode").map(|(_, mode)| mode.as_str()))
        .collect();
    assert_eq!(modes, BTreeSet::from(["idle", "interrupt", "iowait", "nice", "steal", "system", "user"]));
}

/// Writes files below a folder.
fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
}

fn of_cgroups(files: &[(&str, &str)], names: Names) -> Vec<MetricFamily> {
    of_known_cgroups(files, names, Containers::new())
}

fn of_known_cgroups(files: &[(&str, &str)], names: Names, known: Containers) -> Vec<MetricFamily> {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), files);
    write(
        folder.path(),
        &[
            ("proc/stat", "cpu  1 1 1 1\ncpu0 1 1 1 1 1 1 1 1 1 1\n"),
            ("proc/meminfo", "MemTotal: 2 kB\n"),
            ("proc/schedstat", "version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 2000000000 500000000 7\ndomain0 3 1 1\n"),
            ("proc/77/net/dev", "Inter-|\n face |\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n"),
        ],
    );
    let roots = Roots { proc: folder.path().join("proc"), sys: folder.path().join("sys"), root: "/".into() };
    let host = Host::new(Options { roots, names, containers: true, ..Options::default() });
    host.set_containers(known);
    host.read()
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn cgroups_of_version_2() {
    let scope = format!("sys/fs/cgroup/system.slice/docker-{ID}.scope");
    let file = |name: &str| format!("{scope}/{name}");
    let paths: Vec<(String, &str)> = vec![
        ("sys/fs/cgroup/cgroup.controllers".to_owned(), "cpu memory io\n"),
        ("sys/fs/cgroup/cpu.stat".to_owned(), "usage_usec 9000000\nuser_usec 5000000\nsystem_usec 4000000\n"),
        (
            file("cpu.stat"),
            "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 500000\n",
        ),
        (file("cpu.max"), "50000 100000\n"),
        (file("cpu.weight"), "39\n"),
        (file("memory.current"), "1000\n"),
        (file("memory.peak"), "1500\n"),
        (file("memory.max"), "max\n"),
        (file("memory.swap.current"), "7\n"),
        (file("memory.stat"), "anon 300\nfile 600\nfile_mapped 50\ninactive_file 200\npgfault 11\npgmajfault 2\n"),
        (file("memory.events"), "low 0\nmax 3\noom_kill 1\n"),
        (file("io.stat"), "8:0 rbytes=100 wbytes=200 rios=1 wios=2\n"),
        (file("pids.current"), "5\n"),
        (file("cpu.pressure"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=250000\nfull avg10=0 total=0\n"),
        (file("cgroup.procs"), "77\n78\n"),
    ];
    let files: Vec<(&str, &str)> = paths.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let families = of_cgroups(&files, Names::NodeExporter);
    let own = [("name", ID)];
    for (name, labels, expected) in [
        ("container_cpu_usage_seconds_total", vec![], 3.0),
        ("container_cpu_cfs_throttled_seconds_total", vec![], 0.5),
        ("container_memory_working_set_bytes", vec![], 800.0),
        ("container_memory_rss", vec![], 300.0),
        ("container_memory_max_usage_bytes", vec![], 1500.0),
        ("container_memory_failures_total", vec![("failure_type", "pgmajfault")], 2.0),
        ("container_oom_events_total", vec![], 1.0),
        ("container_fs_writes_bytes_total", vec![("device", "8:0")], 200.0),
        ("container_network_receive_bytes_total", vec![("interface", "eth0")], 1000.0),
        ("container_network_transmit_packets_dropped_total", vec![("interface", "eth0")], 4.0),
        ("container_pressure_cpu_waiting_seconds_total", vec![], 0.25),
        ("container_spec_memory_limit_bytes", vec![], 0.0),
        ("container_spec_cpu_quota", vec![], 50_000.0),
        ("container_spec_cpu_shares", vec![], 998.0),
        ("container_processes", vec![], 2.0),
    ] {
        let labels: Vec<(&str, &str)> = own.into_iter().chain(labels).collect();
        assert_eq!(value(&families, name, &labels), Some(expected), "{name}");
    }
    assert_eq!(value(&families, "container_cpu_usage_seconds_total", &[("id", "/")]), Some(9.0));
    assert_eq!(value(&families, "machine_memory_bytes", &[]), Some(2048.0));
    for (name, expected) in [("running_seconds", 2.0), ("waiting_seconds", 0.5), ("timeslices", 7.0)] {
        let name = format!("node_schedstat_{name}_total");
        assert_eq!(value(&families, &name, &[("cpu", "0")]), Some(expected), "{name}");
    }

    let families = of_cgroups(&files, Names::OpenTelemetry);
    let own = [("container.id", ID)];
    assert_eq!(value(&families, "container.memory.working_set", &own), Some(800.0));
    assert_eq!(value(&families, "container.network.io", &[own[0], ("network.io.direction", "transmit")]), Some(2000.0));
    assert_eq!(value(&families, "container.cpu.time", &[own[0], ("cpu.mode", "system")]), Some(1.0));
}

#[test]
fn cgroups_of_version_1() {
    let at = |controller: &str, name: &str| format!("sys/fs/cgroup/{controller}/docker/{ID}/{name}");
    let paths = [
        (at("cpuacct", "cpuacct.usage"), "3000000000\n"),
        (at("cpuacct", "cpuacct.stat"), "user 200\nsystem 100\n"),
        (at("cpu", "cpu.stat"), "nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\n"),
        (at("cpu", "cpu.cfs_quota_us"), "-1\n"),
        (at("memory", "memory.usage_in_bytes"), "1000\n"),
        (at("memory", "memory.limit_in_bytes"), "9223372036854771712\n"),
        (
            at("memory", "memory.stat"),
            "rss 1\ntotal_rss 300\ntotal_cache 600\ntotal_inactive_file 200\ntotal_pgfault 11\n",
        ),
        (at("memory", "memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        (at("memory", "cgroup.procs"), "77\n"),
        (at("blkio", "blkio.throttle.io_service_bytes"), "8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\nTotal 300\n"),
    ];
    let files: Vec<(&str, &str)> = paths.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let families = of_cgroups(&files, Names::NodeExporter);
    let own = [("name", ID)];
    for (name, expected) in [
        ("container_cpu_usage_seconds_total", Some(3.0)),
        ("container_cpu_user_seconds_total", Some(2.0)),
        ("container_cpu_cfs_throttled_seconds_total", Some(0.5)),
        ("container_memory_working_set_bytes", Some(800.0)),
        ("container_memory_rss", Some(300.0)),
        ("container_oom_events_total", Some(2.0)),
        ("container_fs_reads_bytes_total", Some(100.0)),
        ("container_network_transmit_bytes_total", Some(2000.0)),
        ("container_spec_memory_limit_bytes", Some(0.0)),
        ("container_spec_cpu_quota", None),
    ] {
        assert_eq!(value(&families, name, &own), expected, "{name}");
    }
}

#[tokio::test]
async fn docker_says_what_containers_are_called() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("docker.sock");
    let docker = Docker::new(&socket, vec!["com.example/app".to_owned(), "none".to_owned()]).expect("a client");
    assert!(docker.containers().await.is_err(), "nobody listens");
    let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
    let body = format!(
        r#"[{{"Id": "{ID}", "Names": ["/web"], "Image": "web:1", "Labels": {{"com.example/app": "shop", "secret": "x"}}}}]"#
    );
    let serve = async |status: &str, body: &str| {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        assert!(head.starts_with(b"GET /containers/json "), "{}", String::from_utf8_lossy(&head));
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.expect("answered");
    };
    let (known, ()) = tokio::join!(docker.containers(), serve("200 OK", &body));
    let known = known.expect("containers");
    let scope = format!("sys/fs/cgroup/system.slice/docker-{ID}.scope");
    let files = [
        ("sys/fs/cgroup/cgroup.controllers".to_owned(), "cpu\n"),
        (format!("{scope}/cpu.stat"), "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\n"),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let families = of_known_cgroups(&files, Names::NodeExporter, known.clone());
    let wanted = [("name", "web"), ("image", "web:1"), ("container_label_com_example_app", "shop")];
    assert_eq!(value(&families, "container_cpu_usage_seconds_total", &wanted), Some(3.0));
    assert!(!vitrine_observe_host::exposition(&families).contains("secret"), "a label that nobody wants");
    let families = of_known_cgroups(&files, Names::OpenTelemetry, known);
    let wanted =
        [("container.id", ID), ("container.name", "web"), ("container.image.name", "web:1"), ("cpu.mode", "user")];
    assert_eq!(value(&families, "container.cpu.time", &wanted), Some(2.0));
    for (status, body, told) in [("500 Broken", "", "Docker answered 500"), ("200 OK", "{}", "Docker's answer: ")] {
        let (answer, ()) = tokio::join!(docker.containers(), serve(status, body));
        assert!(answer.is_err_and(|error| error.starts_with(told)), "{told}");
    }
}

#[test]
fn text_files_are_taken_and_wrong_ones_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        folder.path(),
        &[
            (
                "backup.prom",
                "# HELP backup_age_seconds How old.\n# TYPE backup_age_seconds gauge\nbackup_age_seconds{db=\"a\"} 12\n",
            ),
            ("broken.prom", "x y\n"),
            ("timed.prom", "z 1 5\n"),
            ("other.txt", "no 1\n"),
        ],
    );
    let families = Host::new(Options { textfiles: Some(folder.path().to_owned()), ..Options::default() }).read();
    assert_eq!(value(&families, "backup_age_seconds", &[("db", "a")]), Some(12.0));
    assert_eq!(value(&families, "node_textfile_scrape_error", &[]), Some(1.0));
    let file = folder.path().join("backup.prom").display().to_string();
    assert!(value(&families, "node_textfile_mtime_seconds", &[("file", &file)]).is_some_and(|seconds| seconds > 1e9));
    assert!(!families.iter().any(|family| matches!(family.name.as_str(), "x" | "z" | "no")));
}
