//! The kinds of faults that other benchmarks have, each as one of ours, or refused with the reason.
//!
//! Sources: RCAEval 1.8.1 (its three sets' folders); microsoft/AIOpsLab, `orchestrator/problems/registry.py`; itbench-hub/ITBench-Scenarios,
//! `sre/roles/faults`.

/// What becomes of a kind here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// A fault: what it does, and where, as a document has them. Who runs it chooses the service and the size.
    Fault {
        /// What it does.
        what: &'static str,
        /// Where.
        target: &'static str,
        /// How it is the same, or not quite.
        how: &'static str,
    },
    /// The demo's flag of this key.
    Demo(&'static str),
    /// It makes no sense here, for this reason.
    Refused(&'static str),
}

/// A kind of fault of someone else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Whose.
    pub benchmark: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it is here.
    pub ours: Ours,
}

const CHECKOUT: &str = r#""at": "process", "service": ["checkout"]"#;
const TO_CARTS: &str = r#""at": "caller", "service": ["carts"]"#;
const CARTS: &str = r#""at": "callee", "service": ["carts"]"#;
const CARTS_STORE: &str = r#""at": "store", "service": ["carts"]"#;
const LOAD: &str = r#""at": "load", "service": ["load"]"#;

const NOT_DEPLOYED: &str = "it is a fault of how containers are deployed, and a process of ours deploys none";
const REQUESTS: &str =
    "a request is not changed on its way: its callee would refuse it by name, and the answer would tell the cause";
const NO_OPERATOR: &str = "there is no operator of Kubernetes here";

const fn fault(what: &'static str, target: &'static str, how: &'static str) -> Ours {
    Ours::Fault { what, target, how }
}

const fn kind(benchmark: &'static str, name: &'static str, ours: Ours) -> Kind {
    Kind { benchmark, name, ours }
}

const fn rcaeval(name: &'static str, ours: Ours) -> Kind {
    kind("RCAEval", name, ours)
}

const fn aiopslab(name: &'static str, ours: Ours) -> Kind {
    kind("AIOpsLab", name, ours)
}

const fn itbench(name: &'static str, ours: Ours) -> Kind {
    kind("ITBench", name, ours)
}

const AT_THE_PORT: &str = "nobody listens where its callers look";
const NO_REPLICA: &str = "no replica can be called, as when none is there";
const OUT_OF_REACH: &str = "the database does not let the service in; it sees one that is out of reach";

/// Every kind.
pub const KINDS: &[Kind] = &[
    rcaeval("cpu", fault(r#"{"cpu": {"cores": 1}}"#, CHECKOUT, "measured against the processor time that was given")),
    rcaeval("mem", fault(r#"{"memory": {"mib_s": 20, "cap_mib": 512}}"#, CHECKOUT, "touched, so that it is resident")),
    rcaeval("disk", fault(r#"{"disk": {"mib_s": 50}}"#, CHECKOUT, "written through to the disk")),
    rcaeval("socket", fault(r#"{"limits": {"in_flight": 1}}"#, TO_CARTS, "calls wait for a place, as for a socket")),
    rcaeval("delay", fault(r#"{"delay": {"ms": 200}}"#, TO_CARTS, "")),
    rcaeval("loss", fault(r#"{"lose": {"leg": "request"}}"#, TO_CARTS, "whole messages, not packets; give it a share")),
    rcaeval("f1", Ours::Refused(REQUESTS)),
    rcaeval("f2", Ours::Refused(REQUESTS)),
    rcaeval("f3", Ours::Refused("a call that is not made is the caller's own code, and no site sees it")),
    rcaeval("f4", fault(r#"{"value": {"field": "version", "scale": 2}}"#, CARTS, "a wrong value is returned")),
    rcaeval("f5", fault(r#"{"error": {"code": "INTERNAL"}}"#, CARTS, "what an exception that no one catches ends in")),
    aiopslab("k8s_target_port-misconfig", fault(r#""refuse""#, TO_CARTS, AT_THE_PORT)),
    aiopslab("auth_miss_mongodb", fault(r#"{"error": {"code": "UNAVAILABLE"}}"#, CARTS_STORE, OUT_OF_REACH)),
    aiopslab("revoke_auth_mongodb", fault(r#"{"error": {"code": "UNAVAILABLE"}}"#, CARTS_STORE, OUT_OF_REACH)),
    aiopslab("user_unregistered_mongodb", fault(r#"{"error": {"code": "UNAVAILABLE"}}"#, CARTS_STORE, OUT_OF_REACH)),
    aiopslab("misconfig_app_hotel_res", Ours::Refused("it is another build of one service of another shop")),
    aiopslab("scale_pod_zero_social_net", fault(r#""refuse""#, TO_CARTS, NO_REPLICA)),
    aiopslab("assign_to_non_existent_node_social_net", fault(r#""refuse""#, TO_CARTS, NO_REPLICA)),
    aiopslab(
        "container_kill",
        fault(r#"{"exit": {"code": 137}}"#, CHECKOUT, "whoever watches over it starts it again"),
    ),
    aiopslab("pod_failure_hotel_res", fault(r#""unready""#, CHECKOUT, "alive, and not to be used")),
    aiopslab(
        "pod_kill_hotel_res",
        fault(r#"{"exit": {"code": 137}}"#, CHECKOUT, "whoever watches over it starts it again"),
    ),
    aiopslab(
        "network_loss_hotel_res",
        fault(r#"{"lose": {"leg": "request"}}"#, TO_CARTS, "whole messages, not packets"),
    ),
    aiopslab("network_delay_hotel_res", fault(r#"{"delay": {"ms": 100}}"#, TO_CARTS, "")),
    aiopslab("noop", fault(r#"{"delay": {"ms": 0}}"#, TO_CARTS, "a control: it hits, and nothing happens")),
    aiopslab(
        "kernel_fault_hotel_reservation",
        Ours::Refused("it needs a kernel to break; there it is switched off, too"),
    ),
    aiopslab("disk_woreout", Ours::Refused("it needs a block device to break; there it is switched off, too")),
    aiopslab("astronomy_shop_ad_service_failure", Ours::Demo("adFailure")),
    aiopslab("astronomy_shop_ad_service_high_cpu", Ours::Demo("adHighCpu")),
    aiopslab("astronomy_shop_ad_service_manual_gc", Ours::Demo("adManualGc")),
    aiopslab("astronomy_shop_cart_service_failure", Ours::Demo("cartFailure")),
    aiopslab("astronomy_shop_image_slow_load", Ours::Demo("imageSlowLoad")),
    aiopslab("astronomy_shop_kafka_queue_problems", Ours::Demo("kafkaQueueProblems")),
    aiopslab("astronomy_shop_loadgenerator_flood_homepage", Ours::Demo("loadGeneratorFloodHomepage")),
    aiopslab("astronomy_shop_payment_service_failure", Ours::Demo("paymentFailure")),
    aiopslab("astronomy_shop_payment_service_unreachable", Ours::Demo("paymentUnreachable")),
    aiopslab("astronomy_shop_product_catalog_service_failure", Ours::Demo("productCatalogFailure")),
    aiopslab("astronomy_shop_recommendation_service_cache_failure", Ours::Demo("recommendationCacheFailure")),
    aiopslab("redeploy_without_PV", Ours::Refused(NOT_DEPLOYED)),
    aiopslab("wrong_bin_usage", Ours::Refused(NOT_DEPLOYED)),
    aiopslab("operator_overload_replicas", Ours::Refused(NO_OPERATOR)),
    aiopslab("operator_non_existent_storage", Ours::Refused(NO_OPERATOR)),
    aiopslab("operator_invalid_affinity_toleration", Ours::Refused(NO_OPERATOR)),
    aiopslab("operator_security_context_fault", Ours::Refused(NO_OPERATOR)),
    aiopslab("operator_wrong_update_strategy", Ours::Refused(NO_OPERATOR)),
    aiopslab("flower_node_stop", Ours::Refused("nothing here learns in a federation")),
    aiopslab("flower_model_misconfig", Ours::Refused("nothing here learns in a federation")),
    itbench("otel_demo_flagd", Ours::Demo("recommendationCacheFailure")),
    itbench("chaos_mesh: http abort", fault(r#"{"reset": {}}"#, TO_CARTS, "the connection breaks")),
    itbench("chaos_mesh: http tamper", Ours::Refused(REQUESTS)),
    itbench(
        "chaos_mesh: network delay",
        fault(r#"{"delay": {"ms": 200, "jitter_ms": 50, "dist": "normal"}}"#, TO_CARTS, ""),
    ),
    itbench("chaos_mesh: network partition", fault(r#"{"partition": {"both": true}}"#, TO_CARTS, "")),
    itbench("chaos_mesh: memory stress", fault(r#"{"memory": {"mib_s": 50, "cap_mib": 1024}}"#, CHECKOUT, "")),
    itbench(
        "chaos_mesh: clock skew",
        fault(r#"{"clock": {"offset_ms": -600000, "telemetry": true}}"#, CHECKOUT, "the shop's clock, and telemetry's"),
    ),
    itbench("api_request_surge", fault(r#"{"surge": {"factor": 10}}"#, LOAD, "")),
    itbench("signing_request_surge", Ours::Refused("certificates are signed by no service of ours")),
    itbench("authorization_policy_deny", fault(r#"{"error": {"code": "PERMISSION_DENIED"}}"#, CARTS, "")),
    itbench("disable_ambient_mode", Ours::Refused("there is no service mesh outside of the processes")),
    itbench(
        "strict_mutual_tls",
        fault(r#"{"reset": {}}"#, TO_CARTS, "callers without TLS find their connections broken"),
    ),
    itbench("expired_tls_certificates", fault(r#"{"reset": {}}"#, TO_CARTS, "no connection comes about")),
    itbench("dns_misconfiguration", fault(r#""refuse""#, TO_CARTS, NO_REPLICA)),
    itbench(
        "misconfigured_network_policy",
        fault(r#"{"partition": {}}"#, TO_CARTS, "what is not let through gets no answer"),
    ),
    itbench("misconfigured_service_port", fault(r#""refuse""#, TO_CARTS, AT_THE_PORT)),
    itbench("elasticsearch_bad_password", fault(r#"{"error": {"code": "UNAVAILABLE"}}"#, CARTS_STORE, OUT_OF_REACH)),
    itbench(
        "valkey_invalid_password",
        fault(
            r#"{"error": {"code": "UNAVAILABLE"}}"#,
            r#""at": "cache", "service": ["gateway"]"#,
            "the cache does not answer",
        ),
    ),
    itbench(
        "valkey_fill_storage",
        fault(r#""evict""#, r#""at": "cache", "service": ["gateway"]"#, "what was kept makes room at once"),
    ),
    itbench(
        "misconfigured_limits",
        fault(r#"{"hold": {"ms": 80, "every_ms": 100}}"#, CHECKOUT, "throttled as by a quota of processor time"),
    ),
    itbench("modify_environment_variables", Ours::Refused(NOT_DEPLOYED)),
    itbench("remove_environment_variables", Ours::Refused(NOT_DEPLOYED)),
    itbench("init_container_hang", Ours::Refused(NOT_DEPLOYED)),
    itbench("insufficient_namespace_resources", Ours::Refused(NOT_DEPLOYED)),
    itbench("invalid_command", Ours::Refused(NOT_DEPLOYED)),
    itbench("invalid_image", Ours::Refused(NOT_DEPLOYED)),
    itbench("unsupported_image", Ours::Refused(NOT_DEPLOYED)),
    itbench("invalid_node_selector", Ours::Refused(NOT_DEPLOYED)),
    itbench("misconfigured_horizontal_pod_autoscaler", Ours::Refused(NOT_DEPLOYED)),
    itbench("misconfigured_persistent_volume_claim", Ours::Refused(NOT_DEPLOYED)),
    itbench("misconfigured_resource_quota", Ours::Refused(NOT_DEPLOYED)),
    itbench("pdb_blocking_drain", Ours::Refused(NOT_DEPLOYED)),
    itbench("pod_anti_affinity_rescheduling", Ours::Refused(NOT_DEPLOYED)),
    itbench(
        "pod_priority_eviction",
        fault(r#"{"exit": {"code": 143}}"#, CHECKOUT, "whoever watches over it starts it again"),
    ),
];

impl Kind {
    /// The document of the fault that it is, with a time to live; none if it is none.
    pub fn document(&self, ttl_s: u32) -> Option<String> {
        match self.ours {
            Ours::Fault { what, target, .. } => {
                Some(format!(r#"{{"what": {what}, "where": {{{target}}}, "timing": {{"ttl_s": {ttl_s}}}}}"#))
            }
            Ours::Demo(_) | Ours::Refused(_) => None,
        }
    }
}
