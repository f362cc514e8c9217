//! Segments in an object store.

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use vitrine_observe_store::{ObjectStorage, Options, Reports, SegmentStorage, Services, Tenant};

use crate::support::{Sent, all, open, options, send};

fn names(objects: &ObjectStorage) -> Vec<String> {
    let mut names = objects.list().expect("a list");
    names.sort();
    names
}

#[test]
fn segments_are_kept_in_an_object_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let objects = ObjectStorage::new(store.clone(), "vitrine/one").expect("threads");
    let remote = Options {
        segments: Some(Arc::new(objects.clone())),
        fan_in: 3,
        retention: Some(Duration::from_secs(3600)),
        ..options(folder.path())
    };
    let (engine, _) = open(remote.clone());
    let mut sent = Vec::new();
    for round in 0..7u64 {
        let spans: Vec<Sent> = (1..=20).map(|span| Sent::new(round as u8, round * 100 + span)).collect();
        send(&engine, &spans);
        engine.seal().expect("sealed");
        sent.extend(spans);
    }
    engine.merge().expect("merged");
    assert_eq!(all(&engine), sent);
    drop(engine);
    assert!(!folder.path().join("segments").exists());

    let (engine, _) = open(remote.clone());
    assert_eq!(all(&engine), sent);
    assert_eq!(engine.services(&Tenant::default()).expect("read").len(), 3);
    let before = names(&objects);
    assert!(before.iter().all(|name| name.starts_with("default/traces/")));
    assert_eq!(before.len() as u64, 3 * engine.status().traces.segments);
    let other = ObjectStorage::new(store.clone(), "vitrine/other").expect("threads");
    assert!(names(&other).is_empty());
    drop(engine);

    // What is damaged there is put aside there, and what no one lists is removed.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let damaged = before.iter().find(|name| name.ends_with(".parquet")).expect("a segment");
    for name in [damaged.as_str(), "default/traces/0000009999.parquet"] {
        let path = Path::from(format!("vitrine/one/{name}"));
        runtime.block_on(store.put(&path, "nothing".into())).expect("put");
    }
    let (engine, _) = open(remote);
    assert!(all(&engine).len() < sent.len());
    assert_eq!(engine.status().quarantined, 1);
    let after = names(&objects);
    assert!(after.contains(&format!("{damaged}.damaged")) && !after.iter().any(|name| name.contains("9999")));
}
