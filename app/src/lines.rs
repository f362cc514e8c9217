//! What an observatory answers in lines of JSON, as it comes.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http::Uri;
use serde_json::Value;
use vitrine_platform_fetch::{Client, Error, Request, Settings, Streaming};

use crate::Usage;
use crate::cli::AskArgs;
use crate::promql::{authorized, tls_files};

/// How long an observatory may say nothing before it answers: much longer than it lets a question take, which it bounds itself.
const SILENCE: Duration = Duration::from_secs(3_600);
/// Longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Longest message about an error that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// An observatory, and who asks it.
pub(crate) struct RemoteObservatory {
    client: Client,
    url: String,
    authority: String,
    args: AskArgs,
}

/// An answer, line by line. Dropping it ends what the observatory does for it.
pub(crate) struct Lines {
    answer: Streaming,
    /// What came of the answer and was not taken yet.
    waiting: Vec<u8>,
    silence: Duration,
}

impl RemoteObservatory {
    /// The one that a command asks, at "http://HOST:PORT" or "https://HOST:PORT".
    pub(crate) fn new(args: &AskArgs) -> Result<Self> {
        let url = args.url();
        let expected = || Usage(format!("--url {url}: expected http://HOST:PORT or https://HOST:PORT"));
        let uri: Uri = url.parse().map_err(|_| expected())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(expected().into());
        }
        // What nobody waits for any more ends with its connection.
        let settings = Settings { tls: tls_files(args), refuses_http2: true, ..Settings::default() };
        Ok(Self {
            client: Client::new(&settings)?,
            authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
            url: url.trim_end_matches('/').to_owned(),
            args: args.clone(),
        })
    }

    /// Where it is, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks by a request to a path of it; an error is told as the observatory says it.
    pub(crate) async fn ask(&self, path: &str, request: impl FnOnce(String) -> Request) -> Result<Lines> {
        let request = authorized(request(format!("{}{path}", self.url)), &self.args)?;
        let mut answer = self.client.open(request, SILENCE).await.map_err(|error| self.unreachable(error))?;
        if answer.status.is_success() {
            return Ok(Lines { answer, waiting: Vec::new(), silence: SILENCE });
        }
        let mut text = Vec::new();
        while let Ok(Some(part)) = answer.next(SILENCE).await
            && text.len() < MAX_ERROR_BYTES
        {
            text.extend_from_slice(&part);
        }
        match serde_json::from_slice::<Value>(&text).ok().as_ref().and_then(|error| error["error"].as_str()) {
            Some(error) => bail!("{error}"),
            None => bail!("{} answered {}", self.authority, answer.status),
        }
    }

    fn unreachable(&self, error: Error) -> anyhow::Error {
        let reason = reason(error);
        let is_unknown = reason.contains("certificate");
        let hint = if is_unknown { " (--ca FILE names the authorities to trust)".to_owned() } else { self.args.hint() };
        anyhow!("{} cannot be reached: {reason}{hint}", self.authority)
    }
}

impl Lines {
    /// With so long a silence between two lines.
    pub(crate) fn with_silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// The next line; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.waiting[looked_at..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.waiting.drain(..=looked_at + end).collect();
                line.pop();
                return Ok(Some(line));
            }
            looked_at = self.waiting.len();
            if looked_at > MAX_LINE_BYTES {
                bail!("a line is longer than {MAX_LINE_BYTES} bytes");
            }
            let part = self.answer.next(self.silence).await;
            match part.map_err(|error| anyhow!("the answer broke off: {}", reason(error)))? {
                Some(part) => self.waiting.extend_from_slice(&part),
                None => return Ok(None),
            }
        }
    }

    /// Whether a line has come that was not taken yet.
    pub(crate) fn has_more(&self) -> bool {
        self.waiting.contains(&b'\n')
    }
}

/// Reads a line; the last of an answer that breaks off says why.
pub(crate) fn value(line: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(line).context("the answer is not one of an observatory")?;
    match value.get("error").and_then(Value::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(value),
    }
}

/// The cause alone, where there is one.
fn reason(error: Error) -> String {
    match error {
        Error::Unreachable(cause) => cause,
        error => error.to_string(),
    }
}
