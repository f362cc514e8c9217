//! Settings that are one of a few words, or a number within bounds.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use vitrine_observe_store::{Fsync, SpanMetricNames};
use vitrine_platform_config::{Written, written};

/// Most journeys that the load generator starts, each second.
const MAX_RATE: f64 = 10_000.0;
/// How long what is acknowledged may not be on disk, where the settings say "second".
const SECOND: Duration = Duration::from_secs(1);

/// Whether accounts are made that everyone can sign in to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demo {
    /// Where only this machine reaches the shop.
    #[default]
    Auto,
    /// Wherever it is: someone said so.
    On,
    /// Nowhere.
    Off,
}

impl Demo {
    /// Whether a caller asked for them.
    pub fn is_asked_for(self) -> bool {
        self == Self::On
    }

    /// Whether a shop has them that listens here, and whose clients find it at this URL.
    pub fn within(self, listen: SocketAddr, url: &str) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Auto => listen.ip().is_loopback() && is_of_this_machine(url),
        }
    }

    /// Why a shop has none.
    pub fn why_not(self) -> &'static str {
        match self {
            Self::Auto => "others may reach this shop; --demo makes them all the same",
            Self::On | Self::Off => "shop.demo says so",
        }
    }
}

/// Whose names the host's metrics have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostNames {
    /// The node exporter's in `vitrine up`; elsewhere the host is not read.
    #[default]
    Auto,
    /// The node exporter's and cAdvisor's.
    NodeExporter,
    /// OpenTelemetry's.
    Otel,
    /// The host is not read.
    Off,
}

impl HostNames {
    /// As they are meant by a command that reads the host on its own, or does not.
    pub fn within(self, reads: bool) -> Option<vitrine_observe_host::Names> {
        match self {
            Self::NodeExporter => Some(vitrine_observe_host::Names::NodeExporter),
            Self::Auto if reads => Some(vitrine_observe_host::Names::NodeExporter),
            Self::Otel => Some(vitrine_observe_host::Names::OpenTelemetry),
            Self::Auto | Self::Off => None,
        }
    }
}

impl fmt::Display for HostNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::NodeExporter => "node_exporter",
            Self::Otel => "otel",
            Self::Off => "off",
        })
    }
}

impl Written for HostNames {
    fn name() -> String {
        "HostNames".to_owned()
    }

    fn expected() -> String {
        "auto, node_exporter, otel or off".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["auto", "node_exporter", "otel", "off"]
    }

    fn is_closed() -> bool {
        true
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "node_exporter" => Some(Self::NodeExporter),
            "otel" => Some(Self::Otel),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// Whether a URL leads to the machine of a caller that opens it.
fn is_of_this_machine(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

impl Written for Demo {
    fn name() -> String {
        "Demo".to_owned()
    }

    fn expected() -> String {
        "auto, on or off".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["auto", "on", "off"]
    }

    fn is_closed() -> bool {
        true
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "on" | "true" => Some(Self::On),
            "off" | "false" => Some(Self::Off),
            _ => None,
        }
    }
}

/// Journeys a second that the load generator starts; none if there is to be no load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub Option<f64>);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => rate.fmt(f),
            None => f.write_str("off"),
        }
    }
}

impl Written for Rate {
    fn name() -> String {
        "Rate".to_owned()
    }

    fn expected() -> String {
        format!("journeys a second, at most {MAX_RATE}, or 0 or off for none")
    }

    fn examples() -> Vec<&'static str> {
        vec!["5", "0.5", "off"]
    }

    fn read(text: &str) -> Option<Self> {
        if text == "off" {
            return Some(Self(None));
        }
        let rate = text.parse::<f64>().ok().filter(|rate| (0.0..=MAX_RATE).contains(rate))?;
        Some(Self((rate > 0.0).then_some(rate)))
    }
}

/// When the observatory's log is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before telemetry is acknowledged.
    #[default]
    Always,
    /// Once a second.
    Second,
    /// When the system does so.
    Never,
}

impl From<Sync> for Fsync {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Always => Self::Always,
            Sync::Second => Self::Every(SECOND),
            Sync::Never => Self::Never,
        }
    }
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::Second => "second",
            Self::Never => "never",
        })
    }
}

impl Written for Sync {
    fn name() -> String {
        "Sync".to_owned()
    }

    fn expected() -> String {
        "always, second or never".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["always", "second", "never"]
    }

    fn is_closed() -> bool {
        true
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "always" => Some(Self::Always),
            "second" => Some(Self::Second),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// What series that are made of spans are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanNames {
    /// As Grafana Tempo calls them.
    #[default]
    Tempo,
    /// As OpenTelemetry's connector does.
    Connector,
    /// Both.
    Both,
    /// None are made.
    Off,
}

impl SpanNames {
    /// As the engine has them; none where none are made.
    pub fn names(self) -> Option<SpanMetricNames> {
        match self {
            Self::Tempo => Some(SpanMetricNames::Tempo),
            Self::Connector => Some(SpanMetricNames::Connector),
            Self::Both => Some(SpanMetricNames::Both),
            Self::Off => None,
        }
    }
}

impl fmt::Display for SpanNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tempo => "tempo",
            Self::Connector => "connector",
            Self::Both => "both",
            Self::Off => "off",
        })
    }
}

impl Written for SpanNames {
    fn name() -> String {
        "SpanNames".to_owned()
    }

    fn expected() -> String {
        "tempo, connector, both or off".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["tempo", "connector", "both", "off"]
    }

    fn is_closed() -> bool {
        true
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "tempo" => Some(Self::Tempo),
            "connector" => Some(Self::Connector),
            "both" => Some(Self::Both),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// A bucket of an object store, and a prefix in it. Empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket(String);

impl Bucket {
    /// The URL, if there is a bucket.
    pub fn url(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|url| !url.is_empty())
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Written for Bucket {
    fn name() -> String {
        "Bucket".to_owned()
    }

    fn expected() -> String {
        "s3://BUCKET/PREFIX".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["s3://telemetry/shop"]
    }

    fn read(text: &str) -> Option<Self> {
        let bucket = text.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
        let is_good = text.is_empty() || bucket.is_some_and(|bucket| !bucket.is_empty());
        is_good.then(|| Self(text.to_owned()))
    }
}

written!([] Demo);
written!([] HostNames);
written!([] Rate);
written!([] Sync);
written!([] SpanNames);
written!([] Bucket);

#[cfg(test)]
mod tests {
    use vitrine_platform_config::Written;

    use super::{Bucket, Demo, Rate, Sync};

    #[test]
    fn the_demo_is_for_this_machine() {
        let here = "http://127.0.0.1:8080";
        for (demo, listen, url, expected) in [
            (Demo::Auto, "127.0.0.1:8080", here, true),
            (Demo::Auto, "127.7.7.7:8080", "http://localhost:8080", true),
            (Demo::Auto, "[::1]:8080", "http://[::1]:8080", true),
            (Demo::Auto, "0.0.0.0:8080", here, false),
            (Demo::Auto, "[::]:8080", here, false),
            (Demo::Auto, "192.0.2.1:8080", here, false),
            // Behind something that others reach.
            (Demo::Auto, "127.0.0.1:8080", "https://shop.example", false),
            (Demo::Auto, "127.0.0.1:8080", "https://localhost.example", false),
            (Demo::Auto, "127.0.0.1:8080", "nowhere at all", false),
            (Demo::On, "0.0.0.0:8080", "https://shop.example", true),
            (Demo::Off, "127.0.0.1:8080", here, false),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(demo.within(listen, url), expected, "{demo:?} {listen} {url}");
        }
    }

    #[test]
    fn words_and_numbers_are_read() {
        for (load, rate_per_s) in [
            ("off", None),
            ("0", None),
            ("0.0", None),
            ("-0", None),
            ("5", Some(5.0)),
            ("0.5", Some(0.5)),
            ("10000", Some(1e4)),
        ] {
            assert_eq!(Rate::read(load), Some(Rate(rate_per_s)), "{load}");
        }
        for bad in ["", "-1", "10001", "NaN", "inf", "fast", "5/s", "Off"] {
            assert_eq!(Rate::read(bad), None, "{bad}");
        }
        for word in Sync::examples() {
            assert_eq!(Sync::read(word).map(|sync| sync.to_string()).as_deref(), Some(word));
        }
        for word in Demo::examples() {
            assert_eq!(Demo::read(word).map(|demo| demo.to_string()).as_deref(), Some(word));
        }
        assert_eq!((Sync::read("sometimes"), Demo::read("perhaps")), (None, None));
        assert_eq!(Bucket::read("").map(|bucket| bucket.url().is_some()), Some(false));
        assert_eq!(
            Bucket::read("s3://a/b").and_then(|bucket| bucket.url().map(str::to_owned)).as_deref(),
            Some("s3://a/b")
        );
        for bad in ["a", "http://a/b", "s3://", "s3:///b"] {
            assert_eq!(Bucket::read(bad), None, "{bad}");
        }
    }
}
