//! Samples that are refused: each is counted by what it met, and takes no memory.

use std::time::Duration;

use vitrine_kit::varint;
use vitrine_observe_store::model::metrics::{RemoteWrite, SeriesLimits, SeriesWrite, WriteCompression, WriteVersion};
use vitrine_observe_store::series::{Label, Labels};
use vitrine_observe_store::{ColumnEngine, Options, Reports, Series, SeriesIngest, Tenant};

use crate::series::{find, send, series};
use crate::support::{BEGIN_MS, open, options};

/// Values of labels that are sent, each once: so many series, so many labels of each, and so many series in a request.
const VALUES: usize = SERIES * LABELS;
const SERIES: usize = 1_000_000;
const LABELS: usize = 10;
const A_REQUEST: usize = 20_000;
/// Series that may be.
const LIMIT: usize = 1_000;

/// How many were refused for what.
fn refused(engine: &ColumnEngine) -> Vec<(&'static str, u64)> {
    let status = engine.status().series.refused;
    status.iter().filter(|(_, count)| *count > 0).map(|(refusal, count)| (refusal.name(), count)).collect()
}

fn labelled(name: &str, value: &str) -> SeriesWrite {
    SeriesWrite { labels: Labels::of([("__name__", "m"), (name, value)]), ..series("m", &[(0, 1.0), (1, 1.0)]) }
}

#[test]
fn each_is_counted_by_the_limit_that_it_met() {
    let long = "x".repeat(21);
    let limits = Options {
        series_limits: SeriesLimits { labels: 3, name_bytes: 10, value_bytes: 20 },
        retention: Some(Duration::from_secs(3_600)),
        max_series: 5,
        new_series_a_second: 1,
        ..options(std::path::Path::new(""))
    };
    let many = ["a", "b", "c"].map(|name| Label { name: name.into(), value: name.into() });
    let many = [Label { name: "__name__".into(), value: "m".into() }].into_iter().chain(many);
    let many = SeriesWrite { labels: Labels::new(many), ..series("m", &[(0, 1.0)]) };
    let six: Vec<SeriesWrite> = (0..6).map(|number| series(&format!("m{number}"), &[(0, 1.0)])).collect();
    let seventy: Vec<SeriesWrite> = (0..70).map(|number| series(&format!("m{number}"), &[(0, 1.0)])).collect();
    let (room, no_memory) = (
        Options { max_series: 100, ..limits.clone() },
        Options { memory_bytes: 1_400, seal_bytes: 700, ..limits.clone() },
    );
    for (options, request, expected) in [
        (&limits, vec![many], ("label_count", 1)),
        (&limits, vec![labelled(&long[..11], "v")], ("name_length", 2)),
        (&limits, vec![labelled("name", &long)], ("value_length", 2)),
        (&limits, vec![series("", &[(0, 1.0)])], ("invalid", 1)),
        (&limits, vec![series("m", &[(11 * 60_000, 1.0), (0, 1.0)])], ("too_far_ahead", 1)),
        (&limits, vec![series("m", &[(200 * 365 * 86_400_000, 1.0)])], ("too_far_ahead", 1)),
        (&limits, vec![series("m", &[(-3_600_001, 1.0), (-BEGIN_MS, 1.0)])], ("too_old", 2)),
        (&limits, six, ("active_series", 2)),
        (&room, seventy, ("new_series", 11)),
        (&no_memory, vec![series("m", &[(0, 1.0)]), series("n", &[(0, 1.0)])], ("name_memory", 2)),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, _clock) = open(Options { data: folder.path().to_owned(), ..options.clone() });
        let tenant = Tenant::default();
        send(&engine, &tenant, &[series("known", &[(0, 1.0)])]).expect("taken");
        let before = engine.status().series.refused.total();
        let written = send(&engine, &tenant, &request).expect("answered");
        assert_eq!(refused(&engine), [expected]);
        assert_eq!(written.refused.total() + before, expected.1, "{expected:?}");
        let stats = engine.series(&tenant).stats(10).expect("told");
        assert_eq!(stats.refused, [(expected.0.to_owned(), expected.1)]);
    }
}

/// A remote write of such series from a number on, without what making it of labels would cost.
fn many(first: usize) -> RemoteWrite {
    fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
        out.push(number << 3 | 2);
        varint::write(out, bytes.len() as u64);
        out.extend(bytes);
    }
    let mut body = Vec::new();
    let names = (0..LABELS).map(|label| format!("label_{label}"));
    let texts: Vec<String> = ["", "__name__", "m"].map(str::to_owned).into_iter().chain(names).collect();
    texts.iter().for_each(|text| field(&mut body, 4, text.as_bytes()));
    for value in first * LABELS..(first + A_REQUEST) * LABELS {
        let text: [u8; 8] = std::array::from_fn(|digit| b'a' + (value >> (4 * digit) & 15) as u8);
        field(&mut body, 4, &text);
    }
    let (mut series, mut places) = (Vec::new(), Vec::new());
    let sample = [&[2 << 3 | 2, 0][..], &[2 << 3]].concat();
    for number in 0..A_REQUEST {
        series.clear();
        places.clear();
        places.extend([1, 2]);
        for label in 0..LABELS {
            varint::write(&mut places, (texts.len() - LABELS + label) as u64);
            varint::write(&mut places, (texts.len() + number * LABELS + label) as u64);
        }
        field(&mut series, 1, &places);
        series.extend_from_slice(&sample);
        let length_at = series.len() - 2;
        varint::write(&mut series, BEGIN_MS as u64);
        series[length_at] = (series.len() - length_at - 1) as u8;
        field(&mut body, 5, &series);
    }
    RemoteWrite { version: WriteVersion::V2, compression: WriteCompression::None, body: body.into() }
}

#[test]
fn ten_million_values_of_labels_take_no_more_than_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _clock) = open(Options { max_series: LIMIT, ..options(folder.path()) });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let write = |request| runtime.block_on(engine.remote_write(&Tenant::default(), request)).expect("answered");
    let mut taken = 0;
    let mut names = 0;
    for first in (0..SERIES).step_by(A_REQUEST) {
        taken += write(many(first)).samples;
        let status = engine.status().series;
        assert_eq!(status.active, LIMIT as u64);
        names = if first == 0 { status.name_bytes } else { names };
        assert_eq!(status.name_bytes, names, "names take no more");
    }
    assert_eq!((taken, VALUES), (LIMIT as u64, 10_000_000));
    assert_eq!(refused(&engine), [("active_series", (SERIES - LIMIT) as u64)]);
    // Those that are known go on.
    assert_eq!(write(many(0)).samples, LIMIT as u64);
    assert_eq!(find(&engine, &Tenant::default(), "m").len(), LIMIT);
}
