//! What was acknowledged survives `kill -9`, and the loss of power. The benchmark does the same two hundred times.

use std::path::Path;

use vitrine_tests_testkit::{Loss, crash, flags_crash, messages_crash, shippers_crash};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nobody_is_charged_twice() {
    let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
    let crashes = crash(binary, Loss::Process, 4, 2, 7).await.expect("the audit passes");
    assert!(crashes.acknowledged > 0, "nothing was bought between the crashes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_that_were_not_on_disk_are_made_whole_by_their_log() {
    let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
    let crashes = crash(binary, Loss::Power, 4, 2, 11).await.expect("the audit passes");
    assert!(crashes.acknowledged > 0, "nothing was bought between the crashes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_change_of_flags_is_lost_and_what_is_planned_is_made_once() {
    let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
    let crashes = flags_crash(binary, 20, 13).await.expect("the audit passes");
    assert!(crashes.acknowledged > 0 && crashes.scheduled > 0, "nothing was changed between the crashes: {crashes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_message_is_lost_and_none_is_handed_on_twice() {
    let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
    let crashes = messages_crash(binary, 4, 17).await.expect("the audit passes");
    assert!(crashes.acknowledged > 0, "nothing was sent between the crashes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_record_is_lost_that_a_shipper_was_told_is_kept() {
    let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
    let crashes = shippers_crash(binary, 4, 2, 19).await.expect("the audit passes");
    assert!(
        crashes.acknowledged.iter().all(|records| *records > 0),
        "nothing was sent between the crashes: {crashes:?}"
    );
}
