//! What an administrator does with series.

use std::sync::Arc;
use std::time::Duration;

use vitrine_observe_store::series::{Budget, Filter, MatchOp, Matcher};
use vitrine_observe_store::{AdminError, SeriesAdmin, Tenant};

use crate::series::{SeriesSamples, find, named, send, series};
use crate::support::{BEGIN_MS, open, options};

fn budget() -> Arc<Budget> {
    Budget::new(1 << 20, 1000, Duration::from_secs(60))
}

/// Samples of series of these names in a time, in milliseconds since the clock's beginning.
fn filter(names: &[&str], start_ms: i64, end_ms: i64) -> Filter {
    let matcher = |name: &&str| vec![Matcher::new("__name__", MatchOp::Equal, name).expect("a sound matcher")];
    let matchers = names.iter().map(matcher).collect();
    Filter { matchers, start_ms: BEGIN_MS + start_ms, end_ms: BEGIN_MS + end_ms }
}

#[test]
fn deleted_samples_are_gone_at_once_and_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let left = [named("down", &[(0, 1.0)]), named("up", &[(0, 1.0), (30_000, 3.0)])].concat();
    {
        let (engine, _clock) = open(options(folder.path()));
        send(&engine, &tenant, &[series("up", &[(0, 1.0), (15_000, 2.0)]), series("down", &[(0, 1.0)])])
            .expect("taken");
        engine.seal().expect("written");
        send(&engine, &tenant, &[series("up", &[(20_000, 2.0), (30_000, 3.0)])]).expect("taken");
        let filter = filter(&["up", "absent"], 10_000, 20_000);
        assert_eq!(engine.delete_series(&tenant, &filter, &budget()).expect("deleted"), 1);
        assert_eq!(find(&engine, &tenant, ""), left);
        // What comes afterwards stays.
        send(&engine, &tenant, &[series("up", &[(15_000, 9.0)])]).expect("taken");
    }
    let back = [named("down", &[(0, 1.0)]), named("up", &[(0, 1.0), (15_000, 9.0), (30_000, 3.0)])].concat();
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(find(&engine, &tenant, ""), back);
    engine.seal().expect("written");
    engine.merge().expect("merged");
    assert_eq!(find(&engine, &tenant, ""), back);
    let manifest = std::fs::read_to_string(folder.path().join("catalogue.json")).expect("a manifest");
    assert!(manifest.contains("\"deleted\":[]"), "{manifest}");
}

fn sorted(mut samples: SeriesSamples) -> SeriesSamples {
    samples.sort_by(|a, b| a.0.cmp(&b.0));
    samples
}

#[test]
fn files_are_cleaned_of_what_was_deleted_when_that_is_wished() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(engine.clean_tombstones(&tenant), Ok(0), "there is nothing yet");
    send(&engine, &tenant, &[series("up", &[(0, 1.0), (15_000, 2.0)]), series("down", &[(0, 1.0)])]).expect("taken");
    engine.seal().expect("written");
    let samples = || engine.series_files(&tenant).iter().map(|file| file.samples).sum::<u64>();
    assert_eq!((engine.series_files(&tenant).len(), samples()), (1, 3));
    // Deleted, and too early for any file: such a tombstone has nothing to wait for.
    engine.delete_series(&tenant, &filter(&["up"], 10_000, 20_000), &budget()).expect("deleted");
    engine.delete_series(&tenant, &filter(&["up"], -20_000, -10_000), &budget()).expect("deleted");
    engine.clean_tombstones(&tenant).expect("cleaned");
    assert_eq!(samples(), 2, "the file itself has it no more");
    let manifest = std::fs::read_to_string(folder.path().join("catalogue.json")).expect("a manifest");
    assert!(manifest.contains("\"deleted\":[]"), "{manifest}");
    assert_eq!(engine.clean_tombstones(&tenant), Ok(0));
    let left = [named("down", &[(0, 1.0)]), named("up", &[(0, 1.0)])].concat();
    assert_eq!(find(&engine, &tenant, ""), left);
    // All of it.
    engine.delete_series(&tenant, &filter(&["up", "down"], 0, 20_000), &budget()).expect("deleted");
    engine.clean_tombstones(&tenant).expect("cleaned");
    assert!(engine.series_files(&tenant).is_empty());
}

#[test]
fn a_snapshot_is_a_data_folder_of_what_was_there_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let (engine, _clock) = open(options(folder.path()));
    send(&engine, &tenant, &[series("up", &[(0, 1.0), (15_000, 2.0)])]).expect("taken");
    send(&engine, &Tenant::new("other").expect("a tenant"), &[series("theirs", &[(0, 1.0)])]).expect("taken");
    engine.seal().expect("written");
    engine.delete_series(&tenant, &filter(&["up"], 0, 0), &budget()).expect("deleted");
    send(&engine, &tenant, &[series("late", &[(0, 1.0)])]).expect("taken");
    engine.snapshot(&tenant, "files", false).expect("copied");
    engine.snapshot(&tenant, "all", true).expect("copied");
    // What happens afterwards is in neither.
    engine.clean_tombstones(&tenant).expect("cleaned");
    engine.delete_series(&tenant, &filter(&["up", "late"], 0, 20_000), &budget()).expect("deleted");
    engine.clean_tombstones(&tenant).expect("cleaned");
    assert!(find(&engine, &tenant, "").is_empty());
    let up = named("up", &[(15_000, 2.0)]);
    for (name, expected) in [("files", up.clone()), ("all", [named("late", &[(0, 1.0)]), up].concat())] {
        let (copy, _clock) = open(options(&folder.path().join("snapshots").join(name)));
        assert_eq!(find(&copy, &tenant, ""), expected, "{name}");
        assert!(find(&copy, &Tenant::new("other").expect("a tenant"), "").is_empty());
        // It is as good as any other.
        send(&copy, &tenant, &[series("new", &[(0, 1.0)])]).expect("taken");
        copy.seal().expect("written");
        copy.merge().expect("merged");
        assert_eq!(find(&copy, &tenant, ""), sorted([expected, named("new", &[(0, 1.0)])].concat()), "{name}");
    }
    // The engine does not mind that they are there; what a crash left of another is removed.
    drop(engine);
    let left = folder.path().join("snapshots/left.tmp");
    std::fs::create_dir_all(left.join("segments")).expect("made");
    std::fs::write(left.join("segments/1.series"), "half").expect("written");
    let (engine, _clock) = open(options(folder.path()));
    assert!(!left.exists());
    engine.snapshot(&tenant, "left", true).expect("its name is free");
    assert_eq!(engine.snapshot(&tenant, "all", true), Err(AdminError::Exists("all".to_owned())));
    for name in ["", "..", "a/b", "a.tmp", &"a".repeat(65)] {
        assert_eq!(engine.snapshot(&tenant, name, true), Err(AdminError::Name(name.to_owned())));
    }
    engine.snapshot(&Tenant::new("nobody").expect("a tenant"), "empty", true).expect("nothing is copied");
}
