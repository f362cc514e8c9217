//! Definitions of flags, contexts, and whole requests of clients.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use vitrine_flags_engine::{Attributes, Mode, Snapshot, json};
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{Access, Author, FlagStore, Import, NoObservatory, error_format, router};
use vitrine_kit::clock::Clock;
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;

/// When inputs arrive.
const NOW_S: u64 = 1_800_000_000;
/// Flags whose rules read a context in every way.
const FLAGS: &str = include_str!("../corpus/flag_definitions/all");

/// A request that an input is the body of: its path, and its content type.
const REQUESTS: [(&str, &str); 8] = [
    ("/ofrep/v1/evaluate/flags/rule", "application/json"),
    ("/ofrep/v1/evaluate/flags", "application/json"),
    ("/flagd.evaluation.v1.Service/ResolveString", "application/json"),
    ("/flagd.evaluation.v1.Service/ResolveAll", "application/json"),
    ("/flagd.evaluation.v1.Service/EventStream", "application/connect+json"),
    ("/flagd.evaluation.v1.Service/ResolveAll", "application/grpc"),
    ("/flagd.evaluation.v2.Service/ResolveObject", "application/grpc"),
    ("/flagd.sync.v1.FlagSyncService/SyncFlags", "application/grpc"),
];

/// Whatever is taken is evaluated, projected for clients, and taken again.
pub(crate) fn flag_definitions(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for mode in [Mode::Strict, Mode::Lenient] {
        let Ok(taken) = Snapshot::read(text, mode) else { continue };
        let context = [("targetingKey", "u".into()), ("country", "CH".into())];
        taken.read.evaluate_all(&Attributes(&context), NOW_S).for_each(drop);
        let payload = taken.read.sync_payload();
        let again = Snapshot::read(&payload, Mode::Lenient);
        assert!(again.is_ok(), "{text:?} is sent as {payload:?}, which is refused: {again:?}");
    }
}

/// A context never fails an evaluation but by a rule's own error.
pub(crate) fn flag_contexts(input: &[u8]) {
    static SNAPSHOT: LazyLock<Snapshot> =
        LazyLock::new(|| Snapshot::read(FLAGS, Mode::Strict).expect("flags of our own").read);
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(context) = json::read(text) else { return };
    for flag in SNAPSHOT.flags() {
        let first = SNAPSHOT.evaluate(flag.key(), &context, NOW_S);
        assert_eq!(format!("{first:?}"), format!("{:?}", SNAPSHOT.evaluate(flag.key(), &context, NOW_S)));
        let _ = SNAPSHOT.explain(flag.key(), &context, NOW_S);
    }
}

struct Served {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let router = runtime.block_on(async {
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), Clock::system()).await.expect("opened");
        let author = Author { who: "fuzz".to_owned(), why: "fuzz".to_owned() };
        flags.import(author, FLAGS, Import::Merge, Mode::Strict).await.expect("imported");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        nowhere(router(&flags, &access, &faults), error_format)
    });
    Served { runtime, router, _folder: folder }
});

/// The first byte says which request the rest is the body of. None is this side's fault.
pub(crate) fn flag_requests(input: &[u8]) {
    let Some((which, body)) = input.split_first() else { return };
    let (path, content_type) = REQUESTS[usize::from(*which) % REQUESTS.len()];
    let request = Request::post(path).header("content-type", content_type).header("te", "trailers");
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
    let response = SERVED.runtime.block_on(SERVED.router.clone().oneshot(request)).expect("an answer");
    assert!(!response.status().is_server_error(), "{path}: {}", response.status());
}
