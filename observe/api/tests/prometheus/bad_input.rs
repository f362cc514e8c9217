//! What must not hurt: samples that contradict each other or are of no sensible time, series without end, requests that lie, and queries over
//! everything.

use anyhow::{Result, ensure};
use vitrine_kit::clock::Clock;
use vitrine_observe_api::PrometheusOptions;
use vitrine_observe_store::model::metrics::{SeriesWrite, encode_remote_write};
use vitrine_observe_store::series::{Labels, MetricType, Value};

use crate::client::{HttpRequest, HttpResponse, ask};
use crate::data;
use crate::ours::Ours;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

fn series(name: &str, label: &str, samples: &[(i64, f64)]) -> SeriesWrite {
    SeriesWrite {
        labels: Labels::of([("__name__", name), ("of", label)]),
        kind: MetricType::Gauge,
        help: String::new(),
        unit: String::new(),
        samples: samples.iter().map(|(time_ms, value)| (*time_ms, 0, Value::Float(value.to_bits()))).collect(),
        exemplars: Vec::new(),
    }
}

async fn write_raw(port: u16, body: Vec<u8>) -> Result<HttpResponse> {
    let asked = HttpRequest { method: "POST", target: "/api/v1/write".to_owned(), headers: Vec::new(), body }
        .with("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    ask(port, &asked).await
}

async fn write(port: u16, all: &[SeriesWrite]) -> Result<HttpResponse> {
    write_raw(port, snap::raw::Encoder::new().compress_vec(&encode_remote_write(all))?).await
}

async fn found(port: u16, query: &str, at_ms: i64) -> Result<String> {
    let at = at_ms as f64 / 1000.0;
    Ok(ask(port, &HttpRequest::get(format!("/api/v1/query?query={query}&time={at}"))).await?.text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contradicting_samples_and_odd_times_have_stated_answers() -> Result<()> {
    let ours = Ours::start().await?;
    let now_ms = Clock::system().now_ms();
    // The same once more is one sample; of two values the later request counts, in whatever order times come.
    for (samples, status) in [
        (&[(now_ms, 1.0)][..], 204),
        (&[(now_ms, 1.0)], 204),
        (&[(now_ms, 2.0), (now_ms - 60_000, 5.0)], 204),
        (&[(now_ms - 30_000, 7.0)], 204),
        // Within a request, too.
        (&[(now_ms - 45_000, 1.0), (now_ms - 45_000, 6.0)], 204),
    ] {
        ensure!(write(ours.port, &[series("up", "a", samples)]).await?.status == status, "{samples:?}");
    }
    let all = found(ours.port, "up%5B2m%5D", now_ms).await?;
    for value in ["\"5\"]", "\"6\"]", "\"7\"]", "\"2\"]"] {
        ensure!(all.contains(value), "{value}: {all}");
    }
    ensure!(all.matches("\"]").count() == 4, "{all}");
    // The far past is taken where nothing is too old; what is to come is not, and the rest is.
    let (past, future) = (DAY_MS, now_ms + 200 * 365 * DAY_MS);
    let partly = write(ours.port, &[series("up", "b", &[(past, 3.0), (future, 4.0)])]).await?;
    ensure!(partly.status == 400 && partly.header("x-prometheus-remote-write-samples-written") == "1", "{partly:?}");
    ensure!(partly.text().starts_with("1 of 2 samples and exemplars were not taken"), "{}", partly.text());
    ensure!(found(ours.port, "up%7Bof=%22b%22%7D", past).await?.contains("\"3\"]"));
    ensure!(!found(ours.port, "up%7Bof=%22b%22%7D", future).await?.contains("\"4\"]"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_without_end_are_refused_and_counted() -> Result<()> {
    let ours = Ours::with(PrometheusOptions::default(), |options| options.max_series = 100).await?;
    let now_ms = Clock::system().now_ms();
    let many: Vec<SeriesWrite> =
        (0..5_000).map(|number| series("many", &number.to_string(), &[(now_ms, 1.0)])).collect();
    let partly = write(ours.port, &many).await?;
    ensure!(partly.status == 400 && partly.header("x-prometheus-remote-write-samples-written") == "100", "{partly:?}");
    ensure!(partly.text().starts_with("4900 of 5000 samples and exemplars were not taken"), "{}", partly.text());
    // Those that are known go on.
    ensure!(write(ours.port, &many[..100]).await?.status == 204);
    ensure!(found(ours.port, "count(many)", now_ms).await?.contains("\"100\"]"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_lie_cost_nothing() -> Result<()> {
    let ours = Ours::start().await?;
    // It says that it is 4 GiB; it says that it is 40 MiB; it ends too early; its texts are elsewhere.
    let mut huge = Vec::new();
    vitrine_kit::varint::write(&mut huge, u64::from(u32::MAX));
    let mut large = Vec::new();
    vitrine_kit::varint::write(&mut large, 40 << 20);
    let cut = snap::raw::Encoder::new().compress_vec(&encode_remote_write(&data::seeded()))?;
    // One symbol, and a series whose labels are at places 8 and 9, with a sample.
    let astray = [&[0x22, 0][..], &[0x2A, 17, 0x0A, 2, 8, 9, 0x12, 11, 9, 0, 0, 0, 0, 0, 0, 0, 0, 16, 1]].concat();
    let astray = snap::raw::Encoder::new().compress_vec(&astray)?;
    for (body, part) in [
        (huge, "decompressed"),
        (large, "expected at most 33554432"),
        (cut[..cut.len() / 2].to_vec(), "snappy"),
        (astray, "1 of 1 samples and exemplars were not taken"),
        (vec![0xFF; 64], "snappy"),
    ] {
        let refused = write_raw(ours.port, body).await?;
        ensure!(refused.status == 400 && refused.text().contains(part), "{part}: {refused:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_over_everything_is_refused_before_it_hurts() -> Result<()> {
    let few = PrometheusOptions { max_samples: 1_000, ..PrometheusOptions::default() };
    let small = PrometheusOptions { query_bytes: 20_000, ..PrometheusOptions::default() };
    let end_ms = (data::START_S + data::SAMPLES * data::STEP_S) * 1000;
    for (options, part) in [(few, "too many samples"), (small, "bytes of memory")] {
        let ours = Ours::with(options, |_| {}).await?;
        data::write(ours.port, &data::seeded()).await?;
        let everything = found(ours.port, "%7B__name__=~%22.%2B%22%7D%5B1000d%5D", end_ms).await?;
        ensure!(everything.contains("\"errorType\":\"execution\"") && everything.contains(part), "{everything}");
        // Others are answered as before.
        ensure!(found(ours.port, "1%2B1", end_ms).await?.contains("\"2\"]"));
    }
    Ok(())
}
