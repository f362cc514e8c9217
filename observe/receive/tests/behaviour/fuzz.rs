//! Mutations of a corpus of JSON: whatever comes, the answer is one of those that are stated, and what reaches the
//! engine is sound protobuf.

use std::time::{Duration, Instant};

use axum::Router;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use vitrine_observe_store::Signal;

use crate::common::{JSON, Recorder, open, post, text};

/// Mutations of each document; some seconds altogether.
const ROUNDS: u64 = 4_000;
/// Changes to one document.
const MAX_CHANGES: usize = 6;
/// How long one answer may take. It takes less than a millisecond, but the machine may be busy.
const MAX_TIME: Duration = Duration::from_secs(5);
/// What is put into documents: what JSON, numbers, ids and depth are made of.
const PIECES: &[&str] = &[
    "",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "-",
    "-1",
    "0",
    "1e999",
    "1e18",
    "0.5",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "\"NaN\"",
    "\"\"",
    "\"0\"",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "ä",
    "{\"arrayValue\":{\"values\":[",
    "[[[[[[[[",
    "\"name\":\"x\",",
    "\"traceId\":",
    "\"intValue\":",
    "{}",
    "[]",
    "\"error\":\"x\",",
];

#[tokio::test]
async fn otlp_json() {
    let documents = [
        ("/v1/traces", include_str!("../corpus/otlp/traces.json")),
        ("/v1/logs", include_str!("../corpus/otlp/logs.json")),
        ("/v1/metrics", include_str!("../corpus/otlp/metrics.json")),
    ];
    for (path, document) in documents {
        fuzz(path, document, 1).await;
    }
}

#[tokio::test]
async fn zipkin_json() {
    fuzz("/api/v2/spans", include_str!("../corpus/zipkin/spans.json"), 2).await;
}

async fn fuzz(path: &str, document: &str, seed: u64) {
    let engine = Recorder::new();
    let router = open(engine.clone());
    let (mut taken, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let mut random = SmallRng::seed_from_u64(seed << 32 | round);
        let body = mutated(document.as_bytes(), &mut random);
        match answer(&router, path, body.clone()).await {
            200 | 202 => taken += 1,
            400 => refused += 1,
            other => panic!("{path}, round {round}: {other} for {}", String::from_utf8_lossy(&body)),
        }
        for (_, signal, request) in engine.seen.lock().drain(..) {
            let sound = match signal {
                Signal::Traces => ExportTraceServiceRequest::decode(request).map(drop),
                Signal::Logs => ExportLogsServiceRequest::decode(request).map(drop),
                Signal::Metrics => ExportMetricsServiceRequest::decode(request).map(drop),
            };
            sound.unwrap_or_else(|error| panic!("{path}, round {round}: {error}"));
        }
    }
    // Both ways were gone.
    assert!(taken > ROUNDS / 100 && refused > ROUNDS / 100, "{taken} taken, {refused} refused");
}

async fn answer(router: &Router, path: &str, body: Vec<u8>) -> u16 {
    let begun = Instant::now();
    let response = post(router.clone(), path, &[("content-type", JSON)], body).await;
    let status = response.status().as_u16();
    assert!(text(response).await.len() < 8 << 10, "a long answer");
    assert!(begun.elapsed() < MAX_TIME, "a slow answer");
    status
}

/// The document with some places changed: bytes flipped, pieces put in or in the place of others, parts copied or cut.
fn mutated(document: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let mut body = document.to_vec();
    for _ in 0..random.random_range(1..=MAX_CHANGES) {
        if body.is_empty() {
            break;
        }
        let at = random.random_range(0..body.len());
        let end = body.len().min(at + random.random_range(0..40));
        match random.random_range(0..6) {
            0 => body[at] ^= 1 << random.random_range(0..8),
            1 => drop(body.splice(at..at, PIECES.choose(random).expect("not empty").bytes())),
            2 => drop(body.splice(at..end, PIECES.choose(random).expect("not empty").bytes())),
            3 => {
                let part = body[at..end].to_vec();
                let to = random.random_range(0..body.len());
                body.splice(to..to, part);
            }
            4 => number(&mut body, at, random),
            _ if random.random_bool(0.1) => body.truncate(at),
            _ => number(&mut body, at, random),
        }
    }
    body
}

/// Changes the next digit or letter into another, which often leaves sound JSON.
fn number(body: &mut [u8], at: usize, random: &mut SmallRng) {
    if let Some(byte) = body[at..].iter_mut().find(|byte| byte.is_ascii_alphanumeric()) {
        *byte =
            if byte.is_ascii_digit() { b'0' + random.random_range(0..10) } else { b'a' + random.random_range(0..26) };
    }
}
