//! Times and sizes as people write them.

use std::time::Duration;

use crate::Usage;

/// Says that there is no limit.
const OFF: &str = "off";

/// A number and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

/// A time such as `7d`, `12h`, `30m` or `90s`; none for `off`.
pub fn time(key: &str, text: &str) -> Result<Option<Duration>, Usage> {
    if text == OFF {
        return Ok(None);
    }
    let seconds = split(text).and_then(|(number, unit)| {
        let unit = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        number.checked_mul(unit).filter(|seconds| *seconds > 0)
    });
    let wrong = || Usage(format!("{key} = {text:?}: expected a time such as 7d, 12h, 30m or 90s, or off"));
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(wrong)
}

/// A size such as `50GiB`, `500MB` or a number of bytes; none for `off`.
pub fn size(key: &str, text: &str) -> Result<Option<u64>, Usage> {
    if text == OFF {
        return Ok(None);
    }
    let bytes = split(text).and_then(|(number, unit)| {
        let unit: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => return None,
        };
        number.checked_mul(unit).filter(|bytes| *bytes > 0)
    });
    bytes
        .map(Some)
        .ok_or_else(|| Usage(format!("{key} = {text:?}: expected a size such as 50GiB, 500MB or bytes, or off")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{size, time};

    #[test]
    fn people_are_understood() {
        assert_eq!(time("k", "7d").ok(), Some(Some(Duration::from_secs(7 * 86_400))));
        assert_eq!(time("k", "90 s").ok(), Some(Some(Duration::from_secs(90))));
        assert_eq!(time("k", "off").ok(), Some(None));
        assert_eq!(size("k", "50GiB").ok(), Some(Some(50 << 30)));
        assert_eq!(size("k", "1000").ok(), Some(Some(1000)));
        assert_eq!(size("k", "500 MB").ok(), Some(Some(500_000_000)));
        for wrong in ["", "7", "d", "-1d", "1.5h", "0s", "99999999999999999999d"] {
            assert!(
                time("observatory.retention", wrong).is_err_and(|e| e.0.contains("observatory.retention")),
                "{wrong}"
            );
        }
        for wrong in ["", "GiB", "1.5GiB", "0", "99999999TiB", "5 parsecs"] {
            assert!(size("observatory.max_bytes", wrong).is_err_and(|e| e.0.contains("50GiB")), "{wrong}");
        }
    }
}
