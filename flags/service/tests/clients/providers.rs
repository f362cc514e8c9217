//! flagd's provider scenarios with stock providers.
//!
//! Each scenario is run by each client whose tags it has. What cannot run with a client is named with the reason, and counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;
use vitrine_tests_conformance::gherkin::{Case, scenarios};
use vitrine_tests_conformance::suite;
use vitrine_tests_testkit::{node, python, succeed};

use crate::launchpad::Launchpad;

/// Scenarios as of testbed 3.9.0.
const SCENARIOS: usize = 416;

/// Why a scenario is not for a client: words that it has among its tags, its file, its name and its steps, all of them where `&` stands between,
/// and the reason.
type Reasons = &'static [(&'static str, &'static str)];

/// A client, and what of the scenarios is not for it.
struct ClientCase {
    name: &'static str,
    /// The tag of its scenarios.
    tag: &'static str,
    excluded: &'static [Reasons],
}

const DEPRECATED: Reasons = &[(
    "@deprecated",
    "deprecated by the testbed: the protocol's second version says DEFAULT where the first one says FLAG_NOT_FOUND",
)];
const NO_TARGET: Reasons =
    &[("@targetURI", "the provider has no targetUri"), ("config: & targetUri", "the provider has no targetUri")];
const DEFAULTS: Reasons = &[
    ("Default Config &\"retryBackoffMaxMs\"", "the provider's own default is another"),
    ("Default Config &\"retryGracePeriod\"", "the provider's own default is another"),
];
const PYTHON: Reasons = &[("@unixsocket", "the provider has no socketPath")];
const PYTHON_BUCKETS: Reasons = &[
    ("@fractional-v1", "the client evaluates, and draws buckets as fractional v3"),
    ("@fractional-v2", "the client evaluates, and draws buckets as fractional v3"),
];
const NODE: Reasons = &[
    ("Default Config &\"fatalStatusCodes\"", "the provider's own default is another"),
    ("Stale and Error stage", "the provider empties its cache as soon as its stream is gone"),
];
const NODE_IN_PROCESS: Reasons = &[
    ("\"providerId\"", "the provider has no providerId"),
    ("@fractional-v1", "the client evaluates, and draws buckets as fractional v2"),
    ("@fractional-v3", "the client evaluates, and draws buckets as fractional v2"),
];
const NODE_FILE: Reasons = &[
    ("offlinePollIntervalMs", "the provider watches its file and has no interval"),
    ("Default Config File", "the provider has no resolver of its own for files"),
    ("File Backwards compatibility", "the provider has no resolver of its own for files"),
    ("special file case", "the provider has no resolver of its own for files"),
    ("the connection is lost", "the provider tells of no file that is gone"),
];
const FILE: Reasons = &[("ready -> stale", "a file that is gone is an error at once for the provider")];
/// Of clients that are not flagd's own providers.
const OTHERS: Reasons = &[
    ("config:", "the options are those of flagd's providers"),
    ("@caching&CACHED", "the provider says CACHED of nothing while it is connected"),
    ("@unixsocket", "the provider has no socketPath"),
    ("the connection is lost", "the provider tells of lost connections in its own way"),
    ("Provider forbidden", "the provider has no fatalStatusCodes"),
    ("invalid implicit inputs&\"targetingKey\"", "the protocol has targeting keys of text alone"),
];
/// Of OFREP's providers for servers, which ask for each evaluation and have no stream.
const REQUESTS: Reasons = &[
    ("Provider unavailable", "the provider asks nothing before the first evaluation"),
    ("the flag was modified", "the provider hears of no change"),
];
/// Of flagd's provider for browsers, which asks for all flags at once.
const BROWSER: Reasons = &[
    ("error-code should be", "flagd's ResolveAll leaves out what cannot be evaluated"),
    ("the flag should be part of the event payload", "the provider names no flags in its events"),
];
const ABSENT: Reasons = &[
    (
        "@disabled&DISABLED",
        "the provider takes a value that is not there for one of another type, and the default is used",
    ),
    (
        "@no-default-variant&DEFAULT",
        "the provider takes a value that is not there for one of another type, and the default is used",
    ),
];

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// All scenarios, each with the file that it stands in.
fn all(folder: &Path) -> Vec<(String, Case)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.join("gherkin")).expect("scenarios").map(|e| e.expect("a file").path()).collect();
    files.sort();
    let cases = files.iter().flat_map(|file| {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("text");
        scenarios(&text).into_iter().map(move |case| (name.clone(), case))
    });
    cases.collect()
}

/// Runs a client's scenarios; prints counts, and everything that did not run or pass.
async fn run(client: &ClientCase, command: impl AsyncFnOnce(&Path, &str) -> Command) {
    let Some(folder) = suite("flagd-testbed") else { return };
    let all = all(&folder);
    assert!(all.len() >= SCENARIOS, "{} scenarios", all.len());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    for (n, (file, case)) in all.iter().enumerate() {
        if !case.tags.iter().any(|tag| tag == client.tag) {
            continue;
        }
        let steps: Vec<&str> = case.steps.iter().map(|(step, _)| step.as_str()).collect();
        let text = format!("{} {file}: {} {}", case.tags.join(" "), case.name, steps.join("; "));
        let mut excluded = client.excluded.iter().copied().flatten();
        match excluded.find(|(words, _)| words.split('&').all(|word| text.contains(word))) {
            Some((_, reason)) => *reasons.entry(reason).or_default() += 1,
            None => chosen.push(json!({"n": n, "name": case.name, "tags": case.tags, "steps": case.steps})),
        }
    }
    let (launchpad, file) = (Launchpad::start(&folder).await, tempfile::NamedTempFile::new().expect("a file"));
    std::fs::write(file.path(), json!(chosen).to_string()).expect("written");
    let mut command = command(file.path(), &launchpad.url).await;
    // Clients without an option for it believe this authority, too.
    command.env("NODE_EXTRA_CA_CERTS", &launchpad.authority).env("REQUESTS_CA_BUNDLE", &launchpad.authority);
    let told = succeed(&mut command).await.expect("the runner ends");
    let outcomes: Vec<Value> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome["passed"] != true)
        .map(|outcome| {
            let at = usize::try_from(outcome["n"].as_u64().expect("a number")).expect("small");
            format!("{}: {}: {} {}", all[at].0, all[at].1.name, outcome["step"], outcome["problem"])
        })
        .collect();
    println!("{}: {} of {} scenarios passed", client.name, outcomes.len() - failed.len(), chosen.len());
    reasons.iter().for_each(|(reason, count)| println!("  {count} not run: {reason}"));
    assert_eq!(outcomes.len(), chosen.len(), "{told}");
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

/// A command that runs PyPI's providers.
async fn pypi(scenarios: &Path, launchpad: &str, kind: &str) -> Command {
    let packages =
        ["openfeature-sdk==0.10.0", "openfeature-provider-flagd==0.6.1", "openfeature-provider-ofrep==0.3.0"];
    let python = python(&cache(), "flagd-0.6.1-ofrep-0.3.0", &packages).await.expect("packages");
    let mut command = Command::new(python);
    command.arg(script("provider.py")).arg(scenarios).args([launchpad, kind]);
    command
}

/// A command that runs npm's providers.
async fn npm(name: &str, packages: &[&str], scenarios: &Path, launchpad: &str, kind: &str) -> Command {
    let folder = node(&cache(), name, packages).await.expect("packages");
    let mut command = Command::new("node");
    command.arg(script("provider.mjs")).arg(folder).arg(scenarios).args([launchpad, kind]);
    command
}

const FLAGD_NODE: (&str, &[&str]) = (
    "flagd-node-0.16.1",
    &["@openfeature/server-sdk@1.23.0", "@openfeature/flagd-provider@0.16.1", "@grpc/grpc-js@1.14.0"],
);
const WEB: (&str, &[&str]) = (
    "flagd-web-0.7.4",
    &["@openfeature/web-sdk@1.10.0", "@openfeature/flagd-web-provider@0.7.4", "@openfeature/ofrep-web-provider@0.4.3"],
);
const OFREP_NODE: (&str, &[&str]) = (
    "ofrep-node-0.1.3",
    &["@openfeature/server-sdk@1.23.0", "@openfeature/ofrep-core@0.1.4", "@openfeature/ofrep-provider@0.1.3"],
);

macro_rules! clients {
    ($($test:ident: $name:literal, $tag:literal, $excluded:expr, |$file:ident, $url:ident| $command:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let client = ClientCase { name: $name, tag: $tag, excluded: &$excluded };
                run(&client, async |$file, $url| $command.await).await;
            }
        )*
    };
}

clients! {
    the_provider_for_python_over_rpc: "python rpc", "@rpc", [DEPRECATED, NO_TARGET, DEFAULTS, PYTHON],
        |file, url| pypi(file, url, "rpc");
    the_provider_for_python_in_process: "python in-process", "@in-process", [DEPRECATED, NO_TARGET, DEFAULTS, PYTHON, PYTHON_BUCKETS],
        |file, url| pypi(file, url, "in-process");
    the_provider_for_python_from_a_file: "python file", "@file", [DEPRECATED, PYTHON, PYTHON_BUCKETS, FILE],
        |file, url| pypi(file, url, "file");
    the_provider_for_python_over_ofrep: "python ofrep", "@rpc", [DEPRECATED, NO_TARGET, OTHERS, REQUESTS],
        |file, url| pypi(file, url, "ofrep");
    the_provider_for_node_over_rpc: "node rpc", "@rpc", [DEPRECATED, NO_TARGET, DEFAULTS, NODE],
        |file, url| npm(FLAGD_NODE.0, FLAGD_NODE.1, file, url, "rpc");
    the_provider_for_node_in_process: "node in-process", "@in-process", [DEPRECATED, NO_TARGET, DEFAULTS, NODE, NODE_IN_PROCESS],
        |file, url| npm(FLAGD_NODE.0, FLAGD_NODE.1, file, url, "in-process");
    the_provider_for_node_from_a_file: "node file", "@file", [DEPRECATED, NODE, NODE_IN_PROCESS, NODE_FILE],
        |file, url| npm(FLAGD_NODE.0, FLAGD_NODE.1, file, url, "file");
    the_provider_for_node_over_ofrep: "node ofrep", "@rpc", [DEPRECATED, NO_TARGET, OTHERS, REQUESTS, ABSENT],
        |file, url| npm(OFREP_NODE.0, OFREP_NODE.1, file, url, "ofrep");
    the_provider_for_browsers_over_connect: "web connect", "@rpc", [DEPRECATED, NO_TARGET, OTHERS, ABSENT, BROWSER],
        |file, url| npm(WEB.0, WEB.1, file, url, "connect");
    the_provider_for_browsers_over_ofrep: "web ofrep", "@rpc", [DEPRECATED, NO_TARGET, OTHERS],
        |file, url| npm(WEB.0, WEB.1, file, url, "ofrep-web");
}
