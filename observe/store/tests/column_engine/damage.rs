//! What a crash leaves, and what a bad disk does.

use std::path::{Path, PathBuf};

use vitrine_kit::clock::Clock;
use vitrine_observe_store::{ColumnEngine, Error, Options, Reports, Services};

use crate::support::{Sent, all, open, options, send};

/// Options under which nothing is merged by itself.
fn apart(folder: &Path) -> Options {
    Options { fan_in: 1000, ..options(folder) }
}

/// Files of segments whose names end so, in order.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("segments/default/traces")) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(end));
    paths.sort();
    paths
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("copied");
        }
    }
}

fn spans(round: u64) -> Vec<Sent> {
    (1..=30).map(|span| Sent::new(round as u8, round * 100 + span)).collect()
}

/// What happens to a file.
type Damage = fn(&Path);

/// Three segments, and a few spans in the log.
fn fill(folder: &Path) -> Vec<Sent> {
    let (engine, _) = open(apart(folder));
    let mut sent = Vec::new();
    for round in 0..4 {
        send(&engine, &spans(round));
        sent.extend(spans(round));
        if round < 3 {
            engine.seal().expect("sealed");
        }
    }
    sent.sort();
    sent
}

fn without(sent: &[Sent], round: u8) -> Vec<Sent> {
    sent.iter().filter(|span| span.trace != round).cloned().collect()
}

#[test]
fn damaged_segments_are_put_aside_and_the_rest_is_served() {
    let damages: [(&str, Damage); 4] = [
        ("missing", |path| std::fs::remove_file(path).expect("removed")),
        ("truncated", |path| {
            let bytes = std::fs::read(path).expect("read");
            std::fs::write(path, &bytes[..bytes.len() - 100]).expect("written");
        }),
        ("flipped at the end", |path| {
            let mut bytes = std::fs::read(path).expect("read");
            let place = bytes.len() - 30;
            bytes[place] ^= 0x10;
            std::fs::write(path, bytes).expect("written");
        }),
        ("empty", |path| std::fs::write(path, "").expect("written")),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().expect("a folder");
        let sent = fill(folder.path());
        damage(&files(folder.path(), ".parquet")[1]);
        for _ in 0..2 {
            let (engine, _) = open(apart(folder.path()));
            assert_eq!(all(&engine), without(&sent, 1), "{what}");
            assert_eq!(engine.services(&vitrine_observe_store::Tenant::default()).expect("read").len(), 3);
            assert!(what == "missing" || engine.status().quarantined == 1);
        }
        let aside = files(folder.path(), ".damaged").len();
        assert_eq!(aside, if what == "missing" { 2 } else { 3 }, "{what}");
    }
}

#[test]
fn flipped_bits_are_found_when_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let sent = fill(folder.path());
    let path = &files(folder.path(), ".parquet")[1];
    let whole = std::fs::read(path).expect("read");
    // In the pages, not in the footer.
    for place in (4..whole.len() / 2).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        let copied = tempfile::tempdir().expect("a folder");
        copy(folder.path(), copied.path());
        std::fs::write(&files(copied.path(), ".parquet")[1], bytes).expect("written");
        let (engine, _) = open(apart(copied.path()));
        let found = all(&engine);
        // A flipped bit may stand where nothing is read.
        if found != sent {
            assert_eq!(found, without(&sent, 1), "at {place}");
            let status = engine.status();
            assert_eq!(status.quarantined, 1, "{status:?}");
            assert!(status.troubles.iter().any(|trouble| trouble.contains("segment 1 of default/traces")));
            assert_eq!(all(&engine), found);
        }
    }
}

#[test]
fn a_damaged_input_keeps_nothing_from_being_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let sent = fill(folder.path());
    let path = &files(folder.path(), ".parquet")[1];
    let mut bytes = std::fs::read(path).expect("read");
    let place = bytes.len() / 4;
    bytes[place] ^= 0x40;
    std::fs::write(path, bytes).expect("written");
    let (engine, _) = open(Options { fan_in: 2, ..options(folder.path()) });
    engine.merge().expect("merged");
    let found = all(&engine);
    assert!(found == sent || found == without(&sent, 1));
    assert_eq!(engine.status().traces.segments, 1);
}

#[test]
fn figures_and_indexes_that_are_damaged() {
    for end in [".rollup", ".index"] {
        let folder = tempfile::tempdir().expect("a folder");
        let sent = fill(folder.path());
        let path = &files(folder.path(), end)[1];
        let mut bytes = std::fs::read(path).expect("read");
        let place = bytes.len() / 2;
        bytes[place] ^= 4;
        std::fs::write(path, bytes).expect("written");
        let (engine, _) = open(apart(folder.path()));
        let services = engine.services(&vitrine_observe_store::Tenant::default()).expect("read");
        assert_eq!(services, ["service 0", "service 1", "service 2"]);
        // Figures are rebuilt; a segment without its index is put aside.
        let found = all(&engine);
        assert_eq!(found, if end == ".rollup" { sent } else { without(&sent, 1) });
    }
}

#[test]
fn a_torn_log_costs_what_was_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let sent = fill(folder.path());
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder.path().join("log"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.metadata().expect("a file").len() > 200)
        .collect();
    logs.sort();
    let last = logs.last().expect("a log");
    let bytes = std::fs::read(last).expect("read");
    std::fs::write(last, &bytes[..bytes.len() - 9]).expect("written");
    let (engine, _) = open(apart(folder.path()));
    assert_eq!(all(&engine), without(&sent, 3));
    assert!(!engine.status().troubles.is_empty());
}

/// A crash between any two steps of sealing or merging leaves one of these: the new files without the new manifest, or
/// the new manifest with the old files, or the new manifest with the old log.
#[test]
fn a_crash_between_two_steps_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = tempfile::tempdir().expect("a folder");
    let sent = fill(folder.path());
    copy(folder.path(), before.path());
    for work in ["seal", "merge"] {
        let options = Options { fan_in: if work == "merge" { 2 } else { 1000 }, ..options(folder.path()) };
        let (engine, _) = open(options);
        if work == "seal" {
            engine.seal().expect("sealed");
        } else {
            assert!(engine.merge().is_ok());
        }
        assert_eq!(all(&engine), sent);
        drop(engine);
        let (old, new) = (before.path(), folder.path());
        for (manifest, log, files) in
            [(old, old, new), (old, old, old), (new, old, new), (new, new, new), (new, old, old), (old, new, new)]
        {
            // A later log never comes with an earlier manifest, unless nothing was cut.
            if manifest == old && log == new && work == "seal" {
                continue;
            }
            let state = tempfile::tempdir().expect("a folder");
            copy(&log.join("log"), &state.path().join("log"));
            std::fs::copy(manifest.join("catalogue.json"), state.path().join("catalogue.json")).expect("copied");
            // Old files are removed last, so both are there.
            copy(&old.join("segments"), &state.path().join("segments"));
            if files == new || manifest == new {
                copy(&new.join("segments"), &state.path().join("segments"));
            }
            std::fs::create_dir_all(state.path().join("temporary")).expect("made");
            std::fs::write(state.path().join("temporary/9"), "half a segment").expect("written");
            std::fs::write(state.path().join("catalogue.json.tmp"), "{\"ver").expect("written");
            let (engine, _) = open(apart(state.path()));
            assert_eq!(all(&engine), sent, "{work}");
            let status = engine.status();
            assert_eq!(status.quarantined, 0);
            // What no one lists is removed.
            assert_eq!(self::files(state.path(), ".parquet").len() as u64, status.traces.segments);
        }
        let again = tempfile::tempdir().expect("a folder");
        copy(folder.path(), again.path());
        std::fs::remove_dir_all(before.path()).expect("removed");
        copy(again.path(), before.path());
    }
}

#[test]
fn a_damaged_catalogue_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    let path = folder.path().join("catalogue.json");
    let whole = std::fs::read(&path).expect("read");
    let before = files(folder.path(), ".parquet");
    let refused = || {
        let error = ColumnEngine::open(apart(folder.path()), Clock::system()).expect_err("refused");
        assert!(matches!(error, Error::Manifest { .. }), "{error}");
        assert_eq!(files(folder.path(), ".parquet"), before);
    };
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    std::fs::write(&path, flipped).expect("written");
    refused();
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    refused();
    std::fs::remove_file(&path).expect("removed");
    refused();
    std::fs::write(&path, &whole).expect("written");
    open(apart(folder.path()));
}
