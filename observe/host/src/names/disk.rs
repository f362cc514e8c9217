//! Disks and file systems.

use vitrine_observe_series::MetricType;

use crate::Names;
use crate::facts::disks::{self, Disk, SECTOR};
use crate::facts::mounts::{self, Mount};
use crate::families::Families;
use crate::files::{Error, Files};

/// Seconds in a millisecond.
const MILLI: f64 = 0.001;

/// The node exporter's metrics in the order of the file's counts: name, help, factor, whether it falls.
const COUNTS: [(&str, &str, f64, bool); 17] = [
    ("node_disk_reads_completed_total", "The total number of reads completed successfully.", 1.0, false),
    ("node_disk_reads_merged_total", "The total number of reads merged.", 1.0, false),
    ("node_disk_read_bytes_total", "The total number of bytes read successfully.", SECTOR, false),
    ("node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.", MILLI, false),
    ("node_disk_writes_completed_total", "The total number of writes completed successfully.", 1.0, false),
    ("node_disk_writes_merged_total", "The number of writes merged.", 1.0, false),
    ("node_disk_written_bytes_total", "The total number of bytes written successfully.", SECTOR, false),
    ("node_disk_write_time_seconds_total", "This is the total number of seconds spent by all writes.", MILLI, false),
    ("node_disk_io_now", "The number of I/Os currently in progress.", 1.0, true),
    ("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", MILLI, false),
    ("node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.", MILLI, false),
    ("node_disk_discards_completed_total", "The total number of discards completed successfully.", 1.0, false),
    ("node_disk_discards_merged_total", "The total number of discards merged.", 1.0, false),
    ("node_disk_discarded_sectors_total", "The total number of sectors discarded successfully.", 1.0, false),
    (
        "node_disk_discard_time_seconds_total",
        "This is the total number of seconds spent by all discards.",
        MILLI,
        false,
    ),
    ("node_disk_flush_requests_total", "The total number of flush requests completed successfully", 1.0, false),
    (
        "node_disk_flush_requests_time_seconds_total",
        "This is the total number of seconds spent by all flush requests.",
        MILLI,
        false,
    ),
];

/// What disks have done.
pub(crate) fn disks(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    for disk in disks::read(files)? {
        match names {
            Names::NodeExporter => node_exporter(files, &disk, families),
            Names::OpenTelemetry => open_telemetry(&disk, families),
        }
    }
    Ok(())
}

fn node_exporter(files: &Files, disk: &Disk, families: &mut Families) {
    let rotational = files.sys(&format!("block/{}/queue/rotational", disk.name)).unwrap_or_default();
    let labels = [
        ("device", disk.name.as_str()),
        ("major", disk.major.as_str()),
        ("minor", disk.minor.as_str()),
        ("rotational", rotational.trim()),
    ];
    families.gauge("node_disk_info", "Info of /sys/block/<block_device>.", &labels, 1.0);
    let labels = [("device", disk.name.as_str())];
    for ((name, help, factor, falls), count) in COUNTS.iter().zip(&disk.counts) {
        let kind = if *falls { MetricType::Gauge } else { MetricType::Counter };
        families.add(name, kind, help, "", &labels, count * factor);
    }
}

fn open_telemetry(disk: &Disk, families: &mut Families) {
    let count = |place: usize| disk.counts.get(place).copied().unwrap_or_default();
    let mut add = |name: &str, help: &str, unit: &'static str, read: f64, written: f64| {
        for (direction, value) in [("read", read), ("write", written)] {
            let labels = [("disk.io.direction", direction), ("system.device", disk.name.as_str())];
            families.add(name, MetricType::Counter, help, unit, &labels, value);
        }
    };
    add("system.disk.io", "Disk bytes transferred", "By", count(2) * SECTOR, count(6) * SECTOR);
    add("system.disk.operations", "Disk operations", "{operation}", count(0), count(4));
    add(
        "system.disk.operation_time",
        "Sum of the time each operation took to complete",
        "s",
        count(3) * MILLI,
        count(7) * MILLI,
    );
    add("system.disk.merged", "Disk operations merged into a single one", "{operation}", count(1), count(5));
    let labels = [("system.device", disk.name.as_str())];
    families.add(
        "system.disk.io_time",
        MetricType::Counter,
        "Time disk spent activated",
        "s",
        &labels,
        count(9) * MILLI,
    );
}

/// How full file systems are.
pub(crate) fn filesystems(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    for mount in mounts::read(files)? {
        match names {
            Names::NodeExporter => filesystem(files, &mount, families),
            Names::OpenTelemetry => usage(files, &mount, families),
        }
    }
    Ok(())
}

fn filesystem(files: &Files, mount: &Mount, families: &mut Families) {
    let stat = files.stat(&mount.point);
    let error = stat.as_ref().err().map_or("", String::as_str);
    let labels = [
        ("device", mount.device.as_str()),
        ("device_error", error),
        ("fstype", mount.kind.as_str()),
        ("mountpoint", mount.point.as_str()),
    ];
    let mut gauge =
        |name: &str, help: &str, value: f64| families.gauge(&format!("node_filesystem_{name}"), help, &labels, value);
    let failed = f64::from(u8::from(stat.is_err()));
    gauge("device_error", "Whether an error occurred while getting statistics for the given device.", failed);
    gauge("readonly", "Filesystem read-only status.", f64::from(u8::from(mount.is_readonly)));
    if let Ok(stat) = &stat {
        let block = stat.fragment_size() as f64;
        gauge("size_bytes", "Filesystem size in bytes.", stat.blocks() as f64 * block);
        gauge("free_bytes", "Filesystem free space in bytes.", stat.blocks_free() as f64 * block);
        gauge(
            "avail_bytes",
            "Filesystem space available to non-root users in bytes.",
            stat.blocks_available() as f64 * block,
        );
        gauge("files", "Filesystem total file nodes.", stat.files() as f64);
        gauge("files_free", "Filesystem total free file nodes.", stat.files_free() as f64);
    }
    let labels = [
        ("device", mount.device.as_str()),
        ("major", mount.major.as_str()),
        ("minor", mount.minor.as_str()),
        ("mountpoint", mount.point.as_str()),
    ];
    families.gauge("node_filesystem_mount_info", "Filesystem mount information.", &labels, 1.0);
}

fn usage(files: &Files, mount: &Mount, families: &mut Families) {
    let Ok(stat) = files.stat(&mount.point) else { return };
    let block = stat.fragment_size() as f64;
    let (size, free, available) =
        (stat.blocks() as f64 * block, stat.blocks_free() as f64 * block, stat.blocks_available() as f64 * block);
    let mode = if mount.is_readonly { "ro" } else { "rw" };
    for (state, value) in [("used", size - free), ("free", available), ("reserved", free - available)] {
        let labels = [
            ("system.device", mount.device.as_str()),
            ("system.filesystem.mode", mode),
            ("system.filesystem.mountpoint", mount.point.as_str()),
            ("system.filesystem.state", state),
            ("system.filesystem.type", mount.kind.as_str()),
        ];
        let help = "Filesystem's space usage across different states";
        families.add("system.filesystem.usage", MetricType::Gauge, help, "By", &labels, value);
    }
}
