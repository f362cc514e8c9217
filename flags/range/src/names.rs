//! What others call a fault.

use std::collections::BTreeMap;

use vitrine_platform_faults::field::KINDS;
use vitrine_platform_faults::{At, Effect, Fault};

/// A time to live that any document may have.
const ANY_TTL_S: u32 = 60;

/// Returns the names of a fault's kind elsewhere, by benchmark: the first there that is the same effect at the same kind of place.
///
/// Sources: [`KINDS`], and rcabench-platform 0.4.46's `FAULT_TYPES` for OpenRCA 2.0.
pub fn elsewhere(fault: &Fault) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let is_same = |document: &String| {
        let other = Fault::from_json(document.as_bytes());
        other.is_ok_and(|other| other.what.name() == fault.what.name() && other.target.at == fault.target.at)
    };
    for kind in KINDS {
        let benchmark = kind.benchmark.to_lowercase();
        if !names.contains_key(&benchmark) && kind.document(ANY_TTL_S).as_ref().is_some_and(is_same) {
            names.insert(benchmark, kind.name.to_owned());
        }
    }
    if let Some(name) = openrca2(fault) {
        names.insert("openrca2".to_owned(), name.to_owned());
    }
    names
}

/// The kind of OpenRCA 2.0 that does the same; none where it has none.
pub fn openrca2(fault: &Fault) -> Option<&'static str> {
    Some(match (&fault.what, fault.target.at) {
        (Effect::Delay(_), At::Caller) => "NetworkDelay",
        (Effect::Bandwidth { .. }, At::Caller) => "NetworkBandwidth",
        (Effect::Lose { .. }, _) => "NetworkLoss",
        (Effect::Partition { .. } | Effect::Refuse, _) => "NetworkPartition",
        (Effect::Duplicate { .. }, _) => "NetworkDuplicate",
        (Effect::Reset { .. }, At::Caller) => "HTTPRequestAbort",
        (Effect::Reset { .. }, _) => "HTTPResponseAbort",
        (Effect::Delay(_) | Effect::Hang { .. }, At::Callee) => "JVMLatency",
        (Effect::Delay(_), At::Edge) => "HTTPResponseDelay",
        (Effect::Error { .. }, At::Callee) => "JVMException",
        (Effect::Error { .. }, At::Edge) => "HTTPResponseReplaceCode",
        (Effect::Value(_), _) => "JVMReturn",
        (Effect::Truncate { .. }, _) => "HTTPResponseReplaceBody",
        (Effect::Hold { .. }, At::Callee | At::Process) => "JVMGarbageCollector",
        (Effect::Delay(_) | Effect::Lock { .. }, At::Store) => "JVMMySQLLatency",
        (Effect::Error { .. } | Effect::InDoubt, At::Store) => "JVMMySQLException",
        (Effect::Cpu { .. }, _) => "CPUStress",
        (Effect::Memory(_), _) => "MemoryStress",
        (Effect::Clock { .. }, _) => "TimeSkew",
        (Effect::Unready, _) => "PodFailure",
        (Effect::Exit { .. }, _) => "PodKill",
        _ => return None,
    })
}
