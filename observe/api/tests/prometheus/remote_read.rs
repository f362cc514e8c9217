//! A real Prometheus reads from ours, and finds what it would have had itself.

use anyhow::{Context, Result, ensure};
use vitrine_tests_engines::recipes::prometheus_with;

use crate::client::{HttpRequest, ask};
use crate::data::{self, SAMPLES, START_S, STEP_S};
use crate::ours::Ours;

/// A message of protobuf with one field of bytes.
fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    vitrine_kit::varint::write(&mut out, value.len() as u64);
    out.extend_from_slice(value);
    out
}

/// A `ReadRequest` for all series of a metric, answered in one of these forms.
fn request(metric: &str, accepted: &[u8]) -> Result<Vec<u8>> {
    let matcher = [bytes(2, b"__name__"), bytes(3, metric.as_bytes())].concat();
    let mut query = vec![1 << 3];
    vitrine_kit::varint::write(&mut query, (START_S * 1000) as u64);
    query.push(2 << 3);
    vitrine_kit::varint::write(&mut query, ((START_S + SAMPLES * STEP_S) * 1000) as u64);
    query.extend(bytes(3, &matcher));
    let message = [bytes(1, &query), bytes(2, accepted)].concat();
    Ok(snap::raw::Encoder::new().compress_vec(&message)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_reads_chunks_of_all_kinds() -> Result<()> {
    let ours = Ours::start().await?;
    data::write(ours.port, &data::seeded()).await?;
    let config = format!("remote_read: [{{url: '{}/api/v1/read', read_recent: true}}]\n", ours.url());
    let theirs = tokio::task::spawn_blocking(move || prometheus_with(&config, &[])?.start()).await??;
    let end = START_S + (SAMPLES - 1) * STEP_S;
    for query in [
        "up",
        "%7B%22http.size%22%7D",
        "gone%5B1h%5D",
        "requests_total%5B1h%5D",
        "native%5B1h%5D",
        "native_gauge%5B1h%5D",
        "rate(native%5B5m%5D)",
        "rate(requests_total%5B5m%5D)",
        "sum(up)%20by%20(job)",
        "nope",
        "histogram_quantile(0.9,rate(latency_bucket%5B5m%5D))",
    ] {
        let asked = HttpRequest::get(format!("/api/v1/query?query={query}&time={end}"));
        let (mine, read) = (ask(ours.port, &asked).await?, ask(theirs.port(), &asked).await?);
        ensure!(mine.text() == read.text(), "{query}\nours: {}\nread: {}", mine.text(), read.text());
        ensure!(query == "nope" || mine.text().len() > 150, "{query} finds nothing: {}", mine.text());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_chooses_the_form_of_the_answer() -> Result<()> {
    let ours = Ours::start().await?;
    data::write(ours.port, &data::seeded()).await?;
    let read = async |body: Vec<u8>| {
        let asked = HttpRequest { method: "POST", target: "/api/v1/read".to_owned(), headers: Vec::new(), body };
        ask(ours.port, &asked).await
    };
    for (accepted, kind) in [
        (&[][..], "application/x-protobuf"),
        (&[0, 1], "application/x-protobuf"),
        (&[1, 0], "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"),
    ] {
        let answer = read(request("up", accepted)?).await?;
        ensure!((answer.status, answer.header("content-type")) == (200, kind), "{answer:?}");
        let body = match accepted {
            [1, ..] => answer.body,
            _ => snap::raw::Decoder::new().decompress_vec(&answer.body)?,
        };
        ensure!(body.windows(3).any(|part| part == b"a:1"), "{accepted:?}");
    }
    // Nothing found is an empty stream.
    let none = read(request("nope", &[1])?).await?;
    ensure!((none.status, none.body.len()) == (200, 0));
    for (body, part) in [
        (b"no snappy".to_vec(), "snappy"),
        (request("up", &[9])?, "server does not support any of the requested response types"),
        (snap::raw::Encoder::new().compress_vec(b"\x0a\x7f")?, "expected a prometheus.ReadRequest"),
    ] {
        let refused = read(body).await?;
        ensure!(refused.status == 400 && refused.text().contains(part), "{part}: {refused:?}");
        refused.json().context("an error as JSON")?;
    }
    Ok(())
}
