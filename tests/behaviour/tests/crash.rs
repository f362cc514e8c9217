//! What was acknowledged survives `kill -9`. The benchmark does the same two hundred times.

use std::path::Path;

use vitrine_tests_testkit::crash;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nobody_is_charged_twice() {
    let crashes = crash(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), 4, 2, 7).await.expect("the audit passes");
    assert!(crashes.acknowledged > 0, "nothing was bought between the crashes");
}
