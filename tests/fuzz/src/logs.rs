//! Log records as others send them: whatever comes, the answer is one that is stated, and what reaches the engine is sound.

use std::future::ready;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use vitrine_observe_model::{Builder as Table, LogRow, Signal, elastic};
use vitrine_observe_receive::{
    Access, ELASTIC_VERSION, Ingest, Intake, elastic_intake_router, journal_router, loki_push_router,
};
use vitrine_observe_search::Definitions;
use vitrine_observe_store::{Accepted, Receipt, Tenant};
use vitrine_platform_http::Router;

/// When inputs arrive.
const NOW_NS: u64 = 1_800_000_000_000_000_000;

/// Reads what comes as the engine would, and each record as a document.
struct Reader;

impl Ingest for Reader {
    fn write(&self, _: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        let mut table = Table::new(signal);
        table.append(&request, NOW_NS).expect("sound OTLP");
        for row in 0..table.columns().rows {
            elastic::source(&LogRow::from_columns(table.columns(), row));
        }
        Receipt::new(ready(Ok(Accepted::default())))
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
    let definitions = Arc::new(Definitions::open(folder.path()).expect("definitions"));
    let intake = Intake::new(Arc::new(Reader), Access::open());
    let router = elastic_intake_router(&intake, definitions, ELASTIC_VERSION)
        .merge(loki_push_router(&intake))
        .merge(journal_router(&intake));
    Served { runtime, router, _folder: folder }
});

fn post(path: &str, content_type: &str, body: &[u8]) {
    let request = Request::post(path).header("content-type", content_type);
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
    let response = SERVED.runtime.block_on(SERVED.router.clone().oneshot(request)).expect("an answer");
    assert!(!response.status().is_server_error(), "{path}: {}", response.status());
}

/// Documents.
pub(crate) fn bulk(input: &[u8]) {
    post("/logs/_bulk", "application/x-ndjson", input);
}

/// Streams: JSON if they begin so, else protobuf as if it were what snappy packed, and packed.
pub(crate) fn loki_push(input: &[u8]) {
    if input.starts_with(b"{") {
        return post("/loki/api/v1/push", "application/json", input);
    }
    post("/loki/api/v1/push", "application/x-protobuf", input);
    let literal = snappy_literal(input);
    post("/loki/api/v1/push", "application/x-protobuf", &literal);
}

/// A journal.
pub(crate) fn journal(input: &[u8]) {
    post("/upload", "application/vnd.fdo.journal", input);
}

/// What snappy may pack bytes as: one literal. <https://github.com/google/snappy/blob/main/format_description.txt>
fn snappy_literal(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    vitrine_kit::varint::write(&mut packed, plain.len() as u64);
    if let Some(last) = u32::try_from(plain.len()).ok().and_then(|length| length.checked_sub(1)) {
        packed.push(63 << 2);
        packed.extend(last.to_le_bytes());
        packed.extend(plain);
    }
    packed
}
