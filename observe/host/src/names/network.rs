//! Networks.

use vitrine_observe_series::MetricType;

use crate::Names;
use crate::families::Families;
use crate::files::{Error, Files, number};

/// Columns of `/proc/net/dev`, by the names that the node exporter gives them.
const COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];
/// Bytes in a megabit.
const MEGABIT: f64 = 125_000.0;
/// Bytes of a page of memory, as the kernel counts sockets' memory.
const PAGE: f64 = 4_096.0;

/// Bytes, packets and errors by interface.
pub(crate) fn devices(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let text = files.proc("net/dev")?;
    for line in text.lines().skip(2) {
        let Some((device, rest)) = line.split_once(':') else { continue };
        let device = device.trim();
        let values: Vec<f64> = rest.split_whitespace().map(|word| number(Some(word))).collect();
        if names == Names::NodeExporter {
            for (column, value) in COLUMNS.iter().zip(&values) {
                let help = format!("Network device statistic {column}.");
                families.counter(&format!("node_network_{column}_total"), &help, &[("device", device)], *value);
            }
            let nohandler = files.sys(&format!("class/net/{device}/statistics/rx_nohandler"));
            if let Ok(text) = nohandler {
                let help = "Network device statistic receive_nohandler.";
                families.counter(
                    "node_network_receive_nohandler_total",
                    help,
                    &[("device", device)],
                    number(Some(&text)),
                );
            }
            continue;
        }
        let value = |place: usize| values.get(place).copied().unwrap_or_default();
        for (name, help, unit, received, sent) in [
            ("system.network.io", "The number of bytes transmitted and received", "By", value(0), value(8)),
            ("system.network.packet.count", "The number of packets transferred", "{packet}", value(1), value(9)),
            ("system.network.errors", "Count of network errors detected", "{error}", value(2), value(10)),
            (
                "system.network.packet.dropped",
                "Count of packets that are dropped or discarded",
                "{packet}",
                value(3),
                value(11),
            ),
        ] {
            for (direction, value) in [("receive", received), ("transmit", sent)] {
                let labels = [("network.interface.name", device), ("network.io.direction", direction)];
                families.add(name, MetricType::Counter, help, unit, &labels, value);
            }
        }
    }
    Ok(())
}

/// What interfaces are: only by the node exporter's names.
pub(crate) fn classes(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    for device in files.sys_names("class/net")? {
        let text =
            |file: &str| files.sys(&format!("class/net/{device}/{file}")).map(|text| text.trim().to_owned()).ok();
        let Some(operstate) = text("operstate") else { continue };
        let or_empty = |file: &str| text(file).unwrap_or_default();
        let flags = text("flags").and_then(|flags| u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok());
        let is_up = flags.is_some_and(|flags| flags & 1 == 1);
        let (address, broadcast) = (or_empty("address"), or_empty("broadcast"));
        let (duplex, alias) = (or_empty("duplex"), or_empty("ifalias"));
        let labels = [
            ("address", address.as_str()),
            ("adminstate", if is_up { "up" } else { "down" }),
            ("broadcast", broadcast.as_str()),
            ("device", device.as_str()),
            ("duplex", duplex.as_str()),
            ("ifalias", alias.as_str()),
            ("operstate", operstate.as_str()),
        ];
        let help = "Non-numeric data from /sys/class/net/<iface>, value is always 1.";
        families.gauge("node_network_info", help, &labels, 1.0);
        let labels = [("device", device.as_str())];
        let help = "Value is 1 if operstate is 'up', 0 otherwise.";
        families.gauge("node_network_up", help, &labels, f64::from(u8::from(operstate == "up")));
        if let Some(flags) = flags {
            families.gauge("node_network_flags", "Network device property: flags", &labels, f64::from(flags));
        }
        properties(&device, text, families);
    }
    Ok(())
}

fn properties(device: &str, text: impl Fn(&str) -> Option<String>, families: &mut Families) {
    let labels = [("device", device)];
    for (file, name, is_counter) in [
        ("addr_assign_type", "address_assign_type", false),
        ("carrier", "carrier", false),
        ("carrier_changes", "carrier_changes_total", true),
        ("carrier_up_count", "carrier_up_changes_total", true),
        ("carrier_down_count", "carrier_down_changes_total", true),
        ("dormant", "dormant", false),
        ("ifindex", "iface_id", false),
        ("iflink", "iface_link", false),
        ("link_mode", "iface_link_mode", false),
        ("mtu", "mtu_bytes", false),
        ("name_assign_type", "name_assign_type", false),
        ("netdev_group", "net_dev_group", false),
        ("type", "protocol_type", false),
        ("tx_queue_len", "transmit_queue_length", false),
    ] {
        let Some(value) = text(file).and_then(|text| text.parse::<f64>().ok()) else { continue };
        let help = format!("Network device property: {}", name.trim_end_matches("_total"));
        let kind = if is_counter { MetricType::Counter } else { MetricType::Gauge };
        families.add(&format!("node_network_{name}"), kind, &help, "", &labels, value);
    }
    // Interfaces without a speed say -1.
    if let Some(speed) = text("speed").and_then(|text| text.parse::<f64>().ok()).filter(|speed| *speed >= 0.0) {
        families.gauge("node_network_speed_bytes", "Network device property: speed_bytes", &labels, speed * MEGABIT);
    }
}

/// Counters of protocols: only by the node exporter's names, and only those that it takes.
pub(crate) fn protocols(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    let mut add = |protocol: &str, name: &str, value: &str| {
        if is_taken(protocol, name) {
            let help = format!("Statistic {protocol}{name}.");
            families.untyped(&format!("node_netstat_{protocol}_{name}"), &help, &[], number(Some(value)));
        }
    };
    for file in ["net/netstat", "net/snmp"] {
        let text = files.proc(file)?;
        let mut lines = text.lines();
        while let (Some(keys), Some(values)) = (lines.next(), lines.next()) {
            let Some((protocol, keys)) = keys.split_once(':') else { continue };
            let values = values.split_once(':').map_or("", |(_, values)| values);
            for (key, value) in keys.split_whitespace().zip(values.split_whitespace()) {
                add(protocol, key, value);
            }
        }
    }
    // Not where IPv6 is off.
    for line in files.proc("net/snmp6").unwrap_or_default().lines() {
        let mut words = line.split_whitespace();
        let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
        if let Some(end) = key.find('6') {
            let (protocol, name) = key.split_at(end + 1);
            add(protocol, name, value);
        }
    }
    Ok(())
}

/// The node exporter's default.
fn is_taken(protocol: &str, name: &str) -> bool {
    if matches!(name, "InErrors" | "InErrs") {
        return true;
    }
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    match protocol {
        "Ip" => name == "Forwarding",
        "Ip6" | "IpExt" => matches!(name, "InOctets" | "OutOctets"),
        "Icmp" | "Icmp6" => matches!(name, "InMsgs" | "OutMsgs"),
        "TcpExt" => {
            starts(&["Listen", "Syncookies"])
                || matches!(name, "TCPSynRetrans" | "TCPTimeouts" | "TCPOFOQueue" | "TCPRcvQDrop")
        }
        "Tcp" => matches!(
            name,
            "ActiveOpens" | "InSegs" | "OutSegs" | "OutRsts" | "PassiveOpens" | "RetransSegs" | "CurrEstab"
        ),
        "Udp" | "Udp6" => {
            matches!(name, "InDatagrams" | "OutDatagrams" | "NoPorts" | "RcvbufErrors" | "SndbufErrors")
        }
        _ => false,
    }
}

/// Sockets by protocol and state.
pub(crate) fn sockets(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let text = files.proc("net/sockstat")? + &files.proc("net/sockstat6").unwrap_or_default();
    for line in text.lines() {
        let Some((protocol, rest)) = line.split_once(':') else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        for (state, value) in words.chunks_exact(2).map(|pair| (pair[0], number(Some(pair[1])))) {
            if names == Names::OpenTelemetry {
                if state == "inuse" && matches!(protocol, "TCP" | "TCP6" | "UDP" | "UDP6") {
                    let (transport, kind) = protocol.split_at(3);
                    let kind = if kind.is_empty() { "ipv4" } else { "ipv6" };
                    let transport = transport.to_lowercase();
                    let labels = [("network.transport", transport.as_str()), ("network.type", kind)];
                    let help = "Sockets in use";
                    families.add(
                        "system.network.connection.count",
                        MetricType::Gauge,
                        help,
                        "{connection}",
                        &labels,
                        value,
                    );
                }
                continue;
            }
            if protocol == "sockets" {
                families.gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.", &[], value);
                continue;
            }
            let help = |state: &str| format!("Number of {protocol} sockets in state {state}.");
            families.gauge(&format!("node_sockstat_{protocol}_{state}"), &help(state), &[], value);
            if state == "mem" {
                families.gauge(&format!("node_sockstat_{protocol}_mem_bytes"), &help("mem_bytes"), &[], value * PAGE);
            }
        }
    }
    Ok(())
}

/// Packets that processors took from interfaces: only by the node exporter's names.
pub(crate) fn softnet(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    let text = files.proc("net/softnet_stat")?;
    for (row, line) in text.lines().enumerate() {
        let words: Vec<u64> =
            line.split_whitespace().map(|word| u64::from_str_radix(word, 16).unwrap_or_default()).collect();
        // Newer kernels say which processor a row is of.
        let processor = words.get(12).copied().unwrap_or(row as u64).to_string();
        for (place, name, help, is_counter) in [
            (0, "processed_total", "Number of processed packets", true),
            (1, "dropped_total", "Number of dropped packets", true),
            (2, "times_squeezed_total", "Number of times processing packets ran out of quota", true),
            (
                8,
                "cpu_collision_total",
                "Number of collision occur while obtaining device lock while transmitting",
                true,
            ),
            (9, "received_rps_total", "Number of times cpu woken up received_rps", true),
            (10, "flow_limit_count_total", "Number of times flow limit has been reached", true),
            (11, "backlog_len", "Softnet backlog status", false),
        ] {
            let Some(value) = words.get(place) else { continue };
            let kind = if is_counter { MetricType::Counter } else { MetricType::Gauge };
            families.add(&format!("node_softnet_{name}"), kind, help, "", &[("cpu", &processor)], *value as f64);
        }
    }
    Ok(())
}

/// Neighbours that are known: only by the node exporter's names.
pub(crate) fn arp(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    let text = files.proc("net/arp")?;
    let mut devices: std::collections::BTreeMap<&str, f64> = std::collections::BTreeMap::new();
    for device in text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(5)) {
        *devices.entry(device).or_default() += 1.0;
    }
    for (device, count) in devices {
        families.gauge("node_arp_entries", "ARP entries by device", &[("device", device)], count);
    }
    Ok(())
}

/// Connections that the kernel tracks: only by the node exporter's names.
pub(crate) fn conntrack(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    let count = files.proc("sys/net/netfilter/nf_conntrack_count")?;
    let most = files.proc("sys/net/netfilter/nf_conntrack_max")?;
    let help = "Number of currently allocated flow entries for connection tracking.";
    families.gauge("node_nf_conntrack_entries", help, &[], number(Some(&count)));
    families.gauge(
        "node_nf_conntrack_entries_limit",
        "Maximum size of connection tracking table.",
        &[],
        number(Some(&most)),
    );
    Ok(())
}
