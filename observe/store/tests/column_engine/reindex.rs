//! Series that are called otherwise when settings change.

use vitrine_observe_store::model::metrics::{Promotion, Strategy, Translation};
use vitrine_observe_store::{ColumnEngine, Options, Signal, Tenant};

use crate::series::find;
use crate::support::{BEGIN_NS, SECOND, metric_request, open, options, write};

const OLD: &str = r#"{__name__="queue_length", job="shop"}"#;
const NEW: &str = r#"{__name__="queue.length", job="shop", service.name="shop"}"#;

/// Writes points at these seconds.
fn send(engine: &ColumnEngine, seconds: std::ops::Range<u64>) {
    for second in seconds {
        let request = metric_request("shop", "queue.length", BEGIN_NS + second * SECOND, second as i64);
        write(engine, &Tenant::default(), Signal::Metrics, request).expect("taken");
    }
    engine.seal().expect("sealed");
}

/// Series and their values, in order of labels.
fn found(engine: &ColumnEngine) -> Vec<(String, Vec<f64>)> {
    let series = find(engine, &Tenant::default(), "queue");
    series
        .into_iter()
        .map(|(labels, samples)| (labels, samples.into_iter().map(|(_, value)| value).collect()))
        .collect()
}

fn named(folder: &std::path::Path) -> Options {
    let promotion = Promotion::These(vec!["service.name".to_owned()]);
    let translation = Translation { strategy: Strategy::NoTranslation, promotion, ..Translation::default() };
    Options { translation, ..options(folder) }
}

#[test]
fn files_are_indexed_again_when_series_are_called_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let (engine, _clock) = open(options(folder.path()));
        send(&engine, 0..3);
        assert_eq!(found(&engine), [(OLD.to_owned(), vec![0.0, 1.0, 2.0])]);
        assert_eq!(engine.reindex().expect("done"), 0, "they are called what they are");
    }
    let (engine, _clock) = open(named(folder.path()));
    assert_eq!(found(&engine), [(OLD.to_owned(), vec![0.0, 1.0, 2.0])], "as it was written");
    assert_eq!(engine.reindex().expect("done"), 1);
    assert_eq!(found(&engine), [(NEW.to_owned(), vec![0.0, 1.0, 2.0])]);
    assert_eq!(engine.reindex().expect("done"), 0);
    send(&engine, 3..5);
    assert_eq!(found(&engine), [(NEW.to_owned(), vec![0.0, 1.0, 2.0, 3.0, 4.0])], "it is the same series");
    drop(engine);
    // And back, with what the manifest remembers.
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(engine.reindex().expect("done"), 2);
    assert_eq!(found(&engine), [(OLD.to_owned(), vec![0.0, 1.0, 2.0, 3.0, 4.0])]);
}

#[test]
fn merging_indexes_again_what_it_merges() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let (engine, _clock) = open(options(folder.path()));
        // One less than are merged.
        (0..2).for_each(|second| send(&engine, second..second + 1));
    }
    let (engine, _clock) = open(named(folder.path()));
    send(&engine, 2..3);
    // The engine may merge by itself, too.
    engine.merge().expect("merged");
    assert_eq!(found(&engine), [(NEW.to_owned(), vec![0.0, 1.0, 2.0])]);
    assert_eq!(engine.reindex().expect("done"), 0, "nothing is left to be done");
}
