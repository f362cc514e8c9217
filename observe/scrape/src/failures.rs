//! Failed scrapes, written down: `scrape_failure_log_file`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use vitrine_kit::clock::rfc3339;

/// Adds a line to a file: when, which job, which target, and what was wrong. The file is opened each time, so that it can be moved away.
pub(crate) async fn note(path: &Path, time_ms: i64, job: &str, target: &str, error: &str) {
    let line = json!({
        "time": rfc3339(time_ms), "level": "error", "msg": error, "job_name": job, "target": target,
    });
    let file = path.to_owned();
    let write = move || -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        file.write_all(format!("{line}\n").as_bytes())
    };
    let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten();
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "a failed scrape cannot be written down");
    }
}
