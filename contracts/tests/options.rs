//! A method that does not say who may call it, and whether it may be repeated, does not build.

#[path = "../table.rs"]
mod table;

use std::path::Path;

/// What the build makes of a service with one method that has these options.
fn built(options: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let proto = format!(
        "syntax = \"proto3\";\npackage vitrine.test.v1;\nimport \"vitrine/options/v1/options.proto\";\nmessage Nothing {{}}\n\
         service TestService {{ rpc Do(Nothing) returns (Nothing) {{ {options} }} }}\n"
    );
    std::fs::write(folder.path().join("test.proto"), proto).expect("written");
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut compiler = protox::Compiler::new([folder.path(), &contracts]).expect("folders");
    compiler.open_file("test.proto").map_err(|e| e.to_string())?;
    table::methods(&compiler.descriptor_pool()).map_err(|e| e.to_string())
}

#[test]
fn a_method_says_all_that_the_fence_must_know() {
    const LEVEL: &str = "option idempotency_level = IDEMPOTENT;";
    const CALLERS: &str = "option (vitrine.options.v1.method) = { callers: [\"gateway\"] };";
    for (options, told) in [
        ("", "/vitrine.test.v1.TestService/Do does not say its idempotency_level"),
        (CALLERS, "/vitrine.test.v1.TestService/Do does not say its idempotency_level"),
        (LEVEL, "/vitrine.test.v1.TestService/Do does not say who may call it: option (vitrine.options.v1.method)"),
    ] {
        assert_eq!(built(options).expect_err(options), told);
    }
    assert!(built("option (vitrine.options.v1.method) = { caller: [\"gateway\"] };").is_err(), "no such option");
    // One that names no caller has none: the Fence lets nobody in.
    let nobody = built(&format!("{LEVEL} option (vitrine.options.v1.method) = {{}};")).expect("it builds");
    assert!(nobody.contains("callers: &[], repeatable: true, deadline_ms: 0"), "{nobody}");
    let all = "option idempotency_level = IDEMPOTENCY_UNKNOWN; option (vitrine.options.v1.method) = \
               { callers: [\"gateway\", \"checkout\"], deadline_ms: 500, attempts: 2, unobserved: true, never_faulted: true };";
    let row = "callers: &[\"gateway\", \"checkout\"], repeatable: false, deadline_ms: 500, attempts: 2, observed: false, \
               may_be_faulted: false }";
    assert!(built(all).expect("it builds").contains(row));
}
