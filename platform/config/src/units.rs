//! Times, sizes, addresses and choices as people write them, read once: at the edge.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use http::Uri;
use schemars::{Schema, json_schema};
use serde::Deserializer;
use serde::de::{self, Visitor};

/// Says that there is no limit.
const OFF: &str = "off";

/// A type that people write as a text.
pub trait Written: Sized + fmt::Display {
    /// What it is called in a schema.
    fn name() -> String;

    /// What is expected, in words that follow "expected".
    fn expected() -> String;

    /// Some that are right.
    fn examples() -> Vec<&'static str>;

    /// Whether there are no others than the examples.
    fn is_closed() -> bool {
        false
    }

    /// Reads one; none if the text is no such thing.
    fn read(text: &str) -> Option<Self>;
}

/// A time above zero such as `7d`, `12h`, `30m` or `90s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A number of bytes above zero such as `50GiB`, `500MB` or `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// Where a web server is: `http://HOST:PORT` or `https://HOST:PORT`, perhaps with a path. Empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseUrl(String);

/// Something, or "off".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrOff<T> {
    /// None.
    Off,
    /// This.
    At(T),
}

impl<T> OrOff<T> {
    /// What there is, if there is something.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::At(value) => Some(value),
        }
    }
}

impl Written for Time {
    fn name() -> String {
        "Time".to_owned()
    }

    fn expected() -> String {
        "a time such as 7d, 12h, 30m or 90s".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["7d", "12h", "90s"]
    }

    fn read(text: &str) -> Option<Self> {
        // There a month is an M and a minute an m: no one means months who writes 30M, or should not be believed.
        let time = humantime::parse_duration(text).ok().filter(|time| !time.is_zero() && !text.contains('M'))?;
        Some(Self(time))
    }
}

impl fmt::Display for Time {
    /// In the largest unit that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() > 0 {
            return write!(f, "{}", humantime::format_duration(self.0));
        }
        let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
        let (in_seconds, unit) =
            units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit)).unwrap_or((1, "s"));
        write!(f, "{}{unit}", seconds / in_seconds)
    }
}

/// Units of sizes; the first that divides a size is how it is written.
const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
    ("", 1),
];

impl Written for Size {
    fn name() -> String {
        "Size".to_owned()
    }

    fn expected() -> String {
        "a size such as 50GiB, 500MB or a number of bytes".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["50GiB", "500MB", "4096"]
    }

    fn read(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = (text[..end].parse::<u64>().ok()?, text[end..].trim());
        let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(*bytes).filter(|bytes| *bytes > 0).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) = SIZES.iter().find(|(_, bytes)| self.0.is_multiple_of(*bytes)).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl BaseUrl {
    /// The URL, without a slash at its end; empty for none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Written for BaseUrl {
    fn name() -> String {
        "BaseUrl".to_owned()
    }

    fn expected() -> String {
        "http://HOST:PORT or https://HOST:PORT, without a user, a query and a fragment".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["https://shop.example"]
    }

    fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let is_good = matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.host().is_empty()
            && !authority.as_str().contains('@')
            && !text.contains(['?', '#']);
        is_good.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

impl<T: Written> Written for OrOff<T> {
    fn name() -> String {
        format!("{}OrOff", T::name())
    }

    fn expected() -> String {
        format!("{}, or {OFF}", T::expected())
    }

    fn examples() -> Vec<&'static str> {
        T::examples().into_iter().chain([OFF]).collect()
    }

    fn read(text: &str) -> Option<Self> {
        if text == OFF { Some(Self::Off) } else { T::read(text).map(Self::At) }
    }
}

impl<T: Written> fmt::Display for OrOff<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str(OFF),
            Self::At(value) => value.fmt(f),
        }
    }
}

/// Reads a text, or a number or a truth value as if it were written in quotes.
struct Reader<T>(PhantomData<T>);

impl<T: Written> Reader<T> {
    fn read<E: de::Error>(text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::custom(format_args!("expected {}", T::expected())))
    }
}

impl<T: Written> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&T::expected())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Self::read(text)
    }

    fn visit_bool<E: de::Error>(self, is_true: bool) -> Result<T, E> {
        Self::read(if is_true { "true" } else { "false" })
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        Self::read(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Self::read(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        Self::read(&number.to_string())
    }
}

/// Has a [`Written`] read and written as a text by serde, and described as one.
#[macro_export]
macro_rules! written {
    ([$($generics:tt)*] $name:ty) => {
        impl<$($generics)*> $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de, $($generics)*> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::read_written(deserializer)
            }
        }

        impl<$($generics)*> $crate::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                <$name as $crate::Written>::name().into()
            }

            fn json_schema(_: &mut $crate::schemars::SchemaGenerator) -> $crate::schemars::Schema {
                $crate::describe::<$name>()
            }
        }
    };
}

/// Reads a [`Written`].
pub fn read<'de, T: Written, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Reader(PhantomData))
}

/// Describes a [`Written`].
pub fn describe<T: Written>() -> Schema {
    let kind = if T::is_closed() { "enum" } else { "examples" };
    json_schema!({ "type": "string", kind: T::examples() })
}

written!([] Time);
written!([] Size);
written!([] BaseUrl);
written!([T: Written] OrOff<T>);

#[cfg(test)]
mod tests {
    use super::{BaseUrl, OrOff, Size, Time, Written};

    fn written<T: Written>(text: &str) -> Option<String> {
        T::read(text).map(|value| value.to_string())
    }

    #[test]
    fn people_are_understood() {
        for (text, read) in [
            ("7d", Some("7d")),
            ("90 s", Some("90s")),
            ("48h", Some("2d")),
            ("1h 30m", Some("90m")),
            ("1500ms", Some("1s 500ms")),
            ("off", Some("off")),
            ("", None),
            ("7", None),
            ("7M", None),
            ("d", None),
            ("-1d", None),
            ("1.5h", Some("90m")),
            ("0s", None),
            ("OFF", None),
            ("99999999999999999999d", None),
            ("213503982334602d", None),
        ] {
            assert_eq!(written::<OrOff<Time>>(text).as_deref(), read, "{text}");
        }
        for (text, read) in [
            ("50GiB", Some("50GiB")),
            ("1024MiB", Some("1GiB")),
            ("1000", Some("1kB")),
            ("1001", Some("1001B")),
            ("500 MB", Some("500MB")),
            ("off", Some("off")),
            ("", None),
            ("GiB", None),
            ("1.5GiB", None),
            ("0", None),
            ("-5", None),
            ("99999999TiB", None),
            ("5 parsecs", None),
        ] {
            assert_eq!(written::<OrOff<Size>>(text).as_deref(), read, "{text}");
        }
        for (text, read) in [
            ("", Some("")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("https://shop.example/glass/", Some("https://shop.example/glass")),
            ("http://[::1]:1", Some("http://[::1]:1")),
            ("shop.example", None),
            ("ftp://shop.example", None),
            ("javascript:alert(1)", None),
            ("http://", None),
            ("http://ada:hunter2@shop.example", None),
            ("http://shop.example?a=b", None),
            ("http://shop.example/#a", None),
            ("http://shop example", None),
        ] {
            assert_eq!(written::<BaseUrl>(text).as_deref(), read, "{text}");
        }
    }
}
