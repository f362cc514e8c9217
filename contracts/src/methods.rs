//! What each method says of itself in its `.proto`: who may call it, and what may be done with a call.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One method of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// As gRPC has it: `/vitrine.carts.v1.CartsService/GetCart`.
    pub path: &'static str,
    /// The services that may call it, and no one else.
    pub callers: &'static [&'static str],
    /// Whether a call whose answer did not come may be made again: it changes nothing, or nothing more than the first time.
    pub repeatable: bool,
    /// How long a call may take when its caller does not say, in milliseconds; 0 when the contract does not say either.
    pub deadline_ms: u32,
    /// How often a repeatable call is tried; 0 when the contract does not say.
    pub attempts: u32,
    /// Whether calls have spans and durations.
    pub observed: bool,
    /// Whether faults may be injected.
    pub may_be_faulted: bool,
}

/// Every method of every contract.
pub const METHODS: &[Method] = include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// Returns the method of a request's path; none for a path that no contract has.
///
/// ```
/// let method = vitrine_contracts::method("/vitrine.carts.v1.CartsService/AddItem").expect("a method of the contract");
/// assert!(!method.repeatable && method.callers == ["gateway"]);
/// assert_eq!(vitrine_contracts::method("/vitrine.carts.v1.CartsService/Steal"), None);
/// ```
pub fn method(path: &str) -> Option<&'static Method> {
    static BY_PATH: LazyLock<HashMap<&str, &Method>> =
        LazyLock::new(|| METHODS.iter().map(|method| (method.path, method)).collect());
    BY_PATH.get(path).copied()
}
