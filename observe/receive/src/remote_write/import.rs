//! What VictoriaMetrics imports: samples as lines of JSON (`/api/v1/import`), and as Prometheus's text (`/api/v1/import/prometheus`).
//!
//! The source is VictoriaMetrics's documentation, "How to import time series data". A request is taken as a whole or not at all: every
//! line is read before the first sample is written.

mod lines;
mod text;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, post};
use http::{HeaderMap, StatusCode, header};
use vitrine_kit::percent;
use vitrine_observe_store::model::metrics::{RemoteWrite, SeriesWrite, Written};
use vitrine_observe_store::series::{Label, Labels};

use crate::body::Encodings;
use crate::budget::Buffer;
use crate::error::Error;
use crate::remote_write::{Writer, answer};

/// Where each comes in, also below `/prometheus`.
const LINES_PATHS: [&str; 2] = ["/api/v1/import", "/prometheus/api/v1/import"];
const TEXT_PATHS: [&str; 2] = ["/api/v1/import/prometheus", "/prometheus/api/v1/import/prometheus"];
/// Labels that a request may add to all of its series.
const MAX_EXTRA_LABELS: usize = 32;
/// Samples that are written at a time: what they are rewritten as stays well below what one remote write may have.
const MAX_SAMPLES: usize = 100_000;

/// Imports that are read and written at a time; others wait. Each takes some 100 MB at worst.
pub(super) const MAX_IMPORTS: usize = 2;

/// How a body is read: labels that all series get, when samples are of that do not say it, and the bytes.
type Read = fn(&Parameters, &[u8]) -> Result<Vec<SeriesWrite>, String>;

/// What the address says.
#[derive(Debug, Default)]
struct Parameters {
    extra: Vec<Label>,
    /// Milliseconds since 1970.
    time_ms: i64,
}

pub(super) fn routes() -> Router<Writer> {
    let mut router = Router::new();
    for path in LINES_PATHS {
        router = router.route(path, imports(lines::read));
    }
    for path in TEXT_PATHS {
        router = router.route(path, imports(text::read));
    }
    router
}

fn imports(read: Read) -> MethodRouter<Writer> {
    let take = move |State(writer): State<Writer>, RawQuery(query): RawQuery, headers: HeaderMap, body: Body| async move {
        match import(&writer, read, query.as_deref().unwrap_or_default(), &headers, body).await {
            Ok(written) => answer(&written),
            Err(Refused::Body(why)) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
            Err(Refused::Around(error)) => error.text(),
        }
    };
    post(take).put(take)
}

/// Why nothing was taken.
enum Refused {
    /// What the address or the body says cannot be read.
    Body(String),
    Around(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Around(error)
    }
}

async fn import(writer: &Writer, read: Read, query: &str, headers: &HeaderMap, body: Body) -> Result<Written, Refused> {
    let tenant = writer.intake.tenant(headers)?;
    let parameters = parameters(query).map_err(Refused::Body)?;
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let body: Buffer = writer.intake.read(headers, body).await?;
    let plain = writer.intake.work(encodings, body, 0, |_, plain| Ok(plain)).await?;
    // What is read of it can be some times its bytes.
    let _turn = writer.imports.clone().acquire_owned().await.map_err(|_| Error::Stopped)?;
    let (bytes, _hold) = plain.into_parts();
    let work = move || read(&parameters, &bytes).map(requests);
    let requests = tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?.map_err(Refused::Body)?;
    let mut all = Written::default();
    for request in requests {
        let written = writer.write(&tenant, request).await?;
        all.samples += written.samples;
        all.histograms += written.histograms;
        all.exemplars += written.exemplars;
        all.refused.add(&written.refused);
        all.reasons.extend(written.reasons);
    }
    Ok(all)
}

/// Remote writes of at most so many samples each.
fn requests(series: Vec<SeriesWrite>) -> Vec<RemoteWrite> {
    let (mut requests, mut part, mut samples) = (Vec::new(), Vec::new(), 0);
    for mut series in series {
        // So that no part copies more than its own.
        let of_series = std::mem::take(&mut series.samples);
        for chunk in of_series.chunks(MAX_SAMPLES) {
            if samples + chunk.len() > MAX_SAMPLES {
                requests.push(RemoteWrite::of(&std::mem::take(&mut part)));
                samples = 0;
            }
            samples += chunk.len();
            part.push(SeriesWrite { samples: chunk.to_vec(), ..series.clone() });
        }
    }
    if !part.is_empty() {
        requests.push(RemoteWrite::of(&part));
    }
    requests
}

fn parameters(query: &str) -> Result<Parameters, String> {
    let mut found = Parameters { extra: Vec::new(), time_ms: vitrine_kit::clock::Clock::system().now_ms() };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent::decode(&value.replace('+', " ")).ok_or_else(|| format!("{name}: not percent-encoded"))?;
        match name {
            "extra_label" => {
                let expected = || format!("extra_label={value}: expected name=value");
                let (name, value) = value.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(expected)?;
                if found.extra.len() == MAX_EXTRA_LABELS {
                    return Err(format!("extra_label: expected at most {MAX_EXTRA_LABELS}"));
                }
                found.extra.push(Label { name: name.into(), value: value.into() });
            }
            "timestamp" => {
                found.time_ms =
                    value.parse().map_err(|_| format!("timestamp={value}: expected milliseconds since 1970"))?;
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Labels, and those that all series get in their place.
fn with_extra(labels: impl Iterator<Item = Label>, extra: &[Label]) -> Labels {
    let own = labels.filter(|label| !extra.iter().any(|extra| extra.name == label.name));
    Labels::new(own.chain(extra.iter().cloned()))
}
