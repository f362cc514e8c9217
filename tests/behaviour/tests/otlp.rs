//! A program that knows nothing of Vitrine: Python with the stock OpenTelemetry SDK sends spans over gRPC and over HTTP, and
//! finds them through Jaeger's query API.

use std::path::Path;

use anyhow::ensure;
use tokio::process::Command;
use vitrine_tests_testkit::{Options, Placement, Shop, python_sdk, succeed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_python_sdk_sends_spans_and_finds_them() {
    let check = async {
        let python = python_sdk(Path::new(env!("CARGO_TARGET_TMPDIR"))).await?;
        let mut shop =
            Shop::start(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), Placement::Local, &Options::default())
                .await?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otlp/send_and_find.py");
        let told =
            succeed(Command::new(python).arg(script).args([&shop.otlp[0], &shop.otlp[1], &shop.observe])).await?;
        ensure!(told.contains("found grpc") && told.contains("found http"), "{told}");
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the SDK's spans are found");
}
