//! Targets out of a Kubernetes cluster. No API server can be had here: one of the test's own answers in the form of Kubernetes's API (lists in
//! pages, watches line by line, bookmarks, `410 Gone`), with objects as `kubectl get -o json` prints them.

#[path = "kubernetes/api.rs"]
mod api;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use api::Api;
use serde_json::{Value, json};
use vitrine_kit::clock::Clock;
use vitrine_observe_scrape::{Config, Scrape, Scraper, Sink};
use vitrine_observe_store::{TargetStatus, Targets};

/// How long anything may take to come about.
const WITHIN: Duration = Duration::from_secs(60);

/// Takes everything: these tests look at targets, which nobody serves.
struct Nowhere;

impl Sink for Nowhere {
    fn write(&self, _: Scrape) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        Box::pin(async { Ok(()) })
    }
}

fn start(config: &str) -> Scraper {
    let config = Config::read(config, std::path::Path::new(".")).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let scraper = Scraper::new(Arc::new(Nowhere), Clock::system(), 7);
    scraper.apply(&config).expect("a configuration that can be run");
    scraper
}

fn job(api: &Api, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 1h}}\nscrape_configs: [{{job_name: k, kubernetes_sd_configs: [{{api_server: '{}', bearer_token: s3cret, {more}}}]}}]",
        api.url()
    )
}

/// The targets as soon as this holds for them.
async fn until(scraper: &Scraper, holds: impl Fn(&[TargetStatus]) -> bool) -> Vec<TargetStatus> {
    let found = tokio::time::timeout(WITHIN, async {
        loop {
            let targets = scraper.targets().active;
            if holds(&targets) {
                return targets;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("not in time: {:?}", addresses(&scraper.targets().active)))
}

fn addresses(targets: &[TargetStatus]) -> Vec<&str> {
    let mut addresses: Vec<&str> = targets.iter().map(|target| target.discovered["__address__"].as_str()).collect();
    addresses.sort_unstable();
    addresses
}

/// The labels of Kubernetes, without what begins all of them.
fn meta(target: &TargetStatus) -> BTreeMap<&str, &str> {
    let own = target.discovered.iter();
    own.filter_map(|(name, value)| Some((name.strip_prefix("__meta_kubernetes_")?, value.as_str()))).collect()
}

fn named(kind: &str, name: &str) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": "u-1", "labels": {"app.io/x": "y"},
        "annotations": {"note": "n"}}})
}

fn with(mut object: Value, more: Value) -> Value {
    for (key, value) in more.as_object().expect("an object") {
        object[key] = value.clone();
    }
    object
}

fn pod(name: &str, ip: &str) -> Value {
    let mut pod = with(
        named("Pod", name),
        json!({
            "spec": {"nodeName": "n1",
                "containers": [
                    {"name": "web", "image": "web:1", "ports": [
                        {"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"containerPort": 9100, "protocol": "TCP"}]},
                    {"name": "quiet", "image": "quiet:1"}],
                "initContainers": [{"name": "init", "image": "init:1"}]},
            "status": {"podIP": ip, "hostIP": "10.0.0.9", "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "web", "containerID": "docker://abc"}]}
        }),
    );
    pod["metadata"]["ownerReferences"] = json!([{"kind": "ReplicaSet", "name": "web-1", "controller": true}]);
    pod
}

fn service() -> Value {
    let spec = json!({"type": "LoadBalancer", "clusterIP": "10.1.0.1", "ipFamilyPolicy": "PreferDualStack",
        "ipFamilies": ["IPv4", "IPv6"], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]});
    let status = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "x"}, {"ip": "192.0.2.2"}]}});
    with(named("Service", "web"), json!({"spec": spec, "status": status}))
}

fn node() -> Value {
    let mut node = with(
        named("Node", "n1"),
        json!({
            "spec": {"providerID": "cloud:///1"},
            "status": {
                "addresses": [{"type": "Hostname", "address": "n1.example"}, {"type": "InternalIP", "address": "10.0.0.9"},
                    {"type": "InternalIP", "address": "10.0.0.10"}],
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}
        }),
    );
    node["metadata"].as_object_mut().expect("metadata").remove("namespace");
    node
}

fn owner(kind: &str, name: &str, of: &str) -> Value {
    let mut owner = named(kind, name);
    owner["metadata"]["ownerReferences"] = json!([{"kind": of, "name": "above", "controller": true}]);
    owner
}

fn cluster() -> Api {
    let mut bare = pod("bare", "10.0.0.2");
    bare["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "job-1", "controller": true}]);
    bare["spec"]["nodeName"] = json!("unknown");
    let mut namespace = named("Namespace", "shop");
    namespace["metadata"].as_object_mut().expect("metadata").remove("namespace");
    let reference = json!({"kind": "Pod", "name": "web-1-a", "namespace": "shop"});
    let endpoints = with(
        named("Endpoints", "web"),
        json!({"subsets": [{
            "addresses": [{"ip": "10.0.0.1", "nodeName": "n1", "targetRef": reference}],
            "notReadyAddresses": [{"ip": "10.0.0.7", "hostname": "h"}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}]}),
    );
    let mut slice = with(
        named("EndpointSlice", "web-x"),
        json!({"addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": null, "terminating": false},
                "nodeName": "n1", "zone": "z", "hostname": "h", "targetRef": reference, "deprecatedTopology": {"a/b": "c"}}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP", "appProtocol": "http2"}]}),
    );
    slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": "web"});
    let second = with(slice.clone(), json!({"addressType": "IPv6"}));
    let second = {
        let mut second = second;
        second["metadata"]["name"] = json!("web-y");
        second
    };
    let ingress = with(
        named("Ingress", "front"),
        json!({"spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["*.example"]}], "rules": [
            {"host": "shop.example", "http": {"paths": [{"path": "/a"}, {}]}}, {"host": "a.shop.example"}]}}),
    );
    let api = Api::start();
    for (path, objects) in [
        ("pods", vec![pod("web-1-a", "10.0.0.1"), bare, pod("starting", "")]),
        ("services", vec![service()]),
        ("nodes", vec![node()]),
        ("endpoints", vec![endpoints]),
        ("endpointslices", vec![slice, second]),
        ("ingresses", vec![ingress]),
        ("namespaces", vec![namespace]),
        ("replicasets", vec![owner("ReplicaSet", "web-1", "Deployment")]),
        ("jobs", vec![owner("Job", "job-1", "CronJob")]),
    ] {
        for object in objects {
            api.set(path, object);
        }
    }
    api
}

/// Each role: its targets' addresses, and of the first of them some labels.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_has_its_targets_and_labels() {
    let api = cluster();
    let marks = |role: &str| {
        [
            ("label_app_io_x", "y"),
            ("labelpresent_app_io_x", "true"),
            ("annotation_note", "n"),
            ("annotationpresent_note", "true"),
        ]
        .map(|(name, value)| (format!("{role}_{name}"), value))
    };
    let of_pod = [
        ("pod_name", "web-1-a"),
        ("pod_ip", "10.0.0.1"),
        ("pod_ready", "true"),
        ("pod_phase", "Running"),
        ("pod_uid", "u-1"),
        ("pod_node_name", "n1"),
        ("pod_host_ip", "10.0.0.9"),
        ("pod_controller_kind", "ReplicaSet"),
        ("pod_controller_name", "web-1"),
        ("pod_container_name", "web"),
        ("pod_container_image", "web:1"),
        ("pod_container_port_name", "http"),
        ("pod_container_port_number", "8080"),
        ("pod_container_port_protocol", "TCP"),
        ("pod_container_init", "false"),
    ];
    let of_node = [
        ("node_name", "n1"),
        ("node_provider_id", "cloud:///1"),
        ("node_address_InternalIP", "10.0.0.9"),
        ("node_address_Hostname", "n1.example"),
        ("node_condition_ready", "true"),
        ("node_condition_diskpressure", "false"),
    ];
    let of_service = [
        ("namespace", "shop"),
        ("service_name", "web"),
        ("service_port_name", "http"),
        ("service_port_number", "80"),
        ("service_port_protocol", "TCP"),
        ("service_cluster_ip", "10.1.0.1"),
        ("service_type", "LoadBalancer"),
        ("service_loadbalancer_ip", "192.0.2.1,192.0.2.2"),
    ];
    let of_endpoints = [
        ("namespace", "shop"),
        ("endpoints_name", "web"),
        ("service_name", "web"),
        ("endpoint_port_name", "http"),
        ("endpoint_port_protocol", "TCP"),
        ("endpoint_ready", "true"),
        ("endpoint_node_name", "n1"),
        ("endpoint_address_target_kind", "Pod"),
        ("endpoint_address_target_name", "web-1-a"),
    ];
    let of_slice = [
        ("namespace", "shop"),
        ("endpointslice_name", "web-x"),
        ("service_name", "web"),
        ("endpointslice_address_type", "IPv4"),
        ("endpointslice_port", "8080"),
        ("endpointslice_port_name", "http"),
        ("endpointslice_port_protocol", "TCP"),
        ("endpointslice_port_app_protocol", "http2"),
        ("endpointslice_endpoint_conditions_ready", "true"),
        ("endpointslice_endpoint_conditions_terminating", "false"),
        ("endpointslice_endpoint_hostname", "h"),
        ("endpointslice_endpoint_node_name", "n1"),
        ("endpointslice_endpoint_zone", "z"),
        ("endpointslice_address_target_kind", "Pod"),
        ("endpointslice_endpoint_topology_a_b", "c"),
        ("endpointslice_endpoint_topology_present_a_b", "true"),
    ];
    let of_ingress = [
        ("namespace", "shop"),
        ("ingress_name", "front"),
        ("ingress_class_name", "nginx"),
        ("ingress_scheme", "https"),
        ("ingress_host", "shop.example"),
        ("ingress_path", "/a"),
    ];
    let pods = ["10.0.0.1", "10.0.0.1", "10.0.0.1:8080", "10.0.0.1:9100"];
    let all_pods = [
        "10.0.0.1",
        "10.0.0.1",
        "10.0.0.1:8080",
        "10.0.0.1:9100",
        "10.0.0.2",
        "10.0.0.2",
        "10.0.0.2:8080",
        "10.0.0.2:9100",
    ];
    let attached = [("node_name", "n1"), ("pod_deployment_name", "above"), ("pod_container_id", "docker://abc")];
    let namespace = ["namespace_label_app_io_x", "namespace_annotation_note"];
    for (role, more, expected, address, labels) in [
        ("node", "", &["10.0.0.9:10250"][..], "10.0.0.9:10250", &of_node[..]),
        ("pod", "", &all_pods[..], "10.0.0.1:8080", &of_pod[..]),
        (
            "pod",
            ", attach_metadata: {node: true, namespace: true, deployment: true}",
            &pods[..],
            "10.0.0.1:8080",
            &attached[..],
        ),
        (
            "pod",
            ", attach_metadata: {job: true, cronjob: true}",
            &all_pods[..],
            "10.0.0.2:8080",
            &[("pod_job_name", "job-1"), ("pod_cronjob_name", "above")][..],
        ),
        (
            "service",
            ", attach_metadata: {namespace: true}",
            &["web.shop.svc:80"][..],
            "web.shop.svc:80",
            &of_service[..],
        ),
        (
            "endpoints",
            ", attach_metadata: {node: true}",
            &["10.0.0.1:8080", "10.0.0.1:9100", "10.0.0.7:8080"][..],
            "10.0.0.1:8080",
            &of_endpoints[..],
        ),
        ("endpointslice", "", &["10.0.0.1:8080", "10.0.0.1:9100"][..], "10.0.0.1:8080", &of_slice[..]),
        ("ingress", "", &["a.shop.example", "shop.example", "shop.example"][..], "shop.example", &of_ingress[..]),
    ] {
        let scraper = start(&job(&api, &format!("role: {role}{more}")));
        let targets = until(&scraper, |targets| targets.len() >= expected.len().min(2)).await;
        // Two that are told in the same way are one target, such as the two containers without ports.
        let found: std::collections::BTreeSet<&str> = addresses(&targets).into_iter().collect();
        assert_eq!(found, expected.iter().copied().collect(), "{role}{more}");
        let target = targets.iter().rfind(|target| target.discovered["__address__"] == address).expect("a target");
        let meta = meta(target);
        for (name, value) in labels {
            assert_eq!(meta.get(name), Some(value), "{role}{more}: {name}: {meta:?}");
        }
        if !more.contains("attach") && role != "endpointslice" {
            for (name, value) in marks(role) {
                assert_eq!(meta.get(name.as_str()), Some(&value), "{role}: {name}");
            }
        }
        for name in namespace {
            assert_eq!(meta.contains_key(name), more.contains("namespace"), "{role}{more}: {name}");
        }
        if role == "node" {
            assert_eq!(target.labels["instance"], "n1");
        }
        scraper.stop().await;
    }
    assert!(api.asked().iter().all(|asked| asked.authorization == "Bearer s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_and_what_is_forgotten_is_listed_again() {
    let api = Api::start();
    api.set("pods", pod("a", "10.0.0.1"));
    let has = |ip: &'static str| move |targets: &[TargetStatus]| addresses(targets).contains(&ip);
    let lacks = |ip: &'static str| move |targets: &[TargetStatus]| !addresses(targets).contains(&ip);
    let more =
        "role: pod, namespaces: {names: [shop]}, selectors: [{role: pod, label: 'app=x', field: 'spec.nodeName=n1'}]";
    let scraper = start(&job(&api, more));
    until(&scraper, has("10.0.0.1:8080")).await;
    api.set("pods", pod("b", "10.0.0.2"));
    until(&scraper, has("10.0.0.2:8080")).await;
    api.set("pods", pod("b", "10.0.0.3"));
    until(&scraper, has("10.0.0.3:8080")).await;
    api.remove("pods", "shop", "a");
    until(&scraper, lacks("10.0.0.1:8080")).await;
    assert!(lacks("10.0.0.2:8080")(&scraper.targets().active));
    // A bookmark is where the next watch begins, after the connection broke.
    api.bookmark("pods");
    api.break_watches();
    api.set("pods", pod("c", "10.0.0.4"));
    until(&scraper, has("10.0.0.4:8080")).await;
    let asked = api.asked();
    assert_eq!(asked.iter().filter(|asked| !asked.is_watch()).count(), 1, "one list: {asked:?}");
    assert!(asked.iter().all(|asked| asked.line.starts_with("/api/v1/namespaces/shop/pods?")), "{asked:?}");
    assert!(
        asked.iter().all(|asked| asked.line.contains("labelSelector=app%3Dx&fieldSelector=spec.nodeName%3Dn1")),
        "{asked:?}"
    );
    assert!(asked.iter().filter(|asked| asked.is_watch()).all(|asked| asked.line.contains("allowWatchBookmarks=true")));
    // What changed while nobody watched, and is forgotten: both ways of saying so lead to a list.
    for (ip, in_stream) in [("10.0.0.5:8080", true), ("10.0.0.6:8080", false)] {
        api.break_watches();
        api.forget(in_stream);
        api.set("pods", pod("d", ip.split(':').next().expect("an address")));
        until(&scraper, has(ip)).await;
    }
    assert!(api.asked().iter().filter(|asked| !asked.is_watch()).count() >= 3);
    // While it fails, the last targets stay.
    api.fail(true);
    api.break_watches();
    tokio::time::timeout(WITHIN, async {
        let before = api.asked().len();
        while api.asked().len() < before + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it is asked again");
    assert!(has("10.0.0.6:8080")(&scraper.targets().active));
    api.fail(false);
    api.set("pods", pod("e", "10.0.0.8"));
    until(&scraper, has("10.0.0.8:8080")).await;
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_changes_changes_its_endpoints() {
    let api = cluster();
    let scraper = start(&job(&api, "role: endpoints"));
    until(&scraper, |targets| targets.len() == 3).await;
    let mut changed = pod("web-1-a", "10.0.0.1");
    changed["status"]["phase"] = json!("Failed");
    changed["spec"]["containers"][0]["ports"][1]["containerPort"] = json!(9200);
    api.set("pods", changed);
    until(&scraper, |targets| addresses(targets).contains(&"10.0.0.1:9200")).await;
    api.remove("services", "shop", "web");
    api.remove("pods", "shop", "web-1-a");
    until(&scraper, |targets| targets.len() == 2).await;
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_never_ends_is_given_up() {
    let api = Api::start();
    api.set("pods", pod("a", "10.0.0.1"));
    api.babble(true);
    let scraper = start(&job(&api, "role: pod"));
    until(&scraper, |targets| !targets.is_empty()).await;
    let lists = || api.asked().iter().filter(|asked| !asked.is_watch()).count();
    // What cannot be read is left behind by another list, which says what is.
    tokio::time::timeout(WITHIN, async {
        while lists() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it is listed again");
    assert!(api.babbled() < 64 << 20, "{} bytes were read of one line", api.babbled());
    api.babble(false);
    api.set("pods", pod("b", "10.0.0.2"));
    until(&scraper, |targets| addresses(targets).contains(&"10.0.0.2:8080")).await;
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_pods_are_read_in_pages() {
    const PODS: usize = 100_000;
    let api = Api::start();
    for number in 0..PODS {
        let ip = format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
        let mut small = json!({"metadata": {"name": format!("p{number}"), "namespace": "shop"}, "status": {"podIP": ip},
            "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}});
        if number % 10_000 == 0 {
            small["metadata"]["annotations"] = json!({"scrape": "true"});
        }
        api.set("pods", small);
    }
    let config = job(&api, "role: pod").replace(
        "job_name: k,",
        "job_name: k, keep_dropped_targets: 1, relabel_configs: [{source_labels: [__meta_kubernetes_pod_annotation_scrape], regex: 'true', action: keep}],",
    );
    let scraper = start(&config);
    until(&scraper, |targets| targets.len() == PODS / 10_000).await;
    let status = scraper.targets();
    assert_eq!((status.dropped_counts[0].1, status.dropped.len()), (PODS - PODS / 10_000, 1));
    assert_eq!(api.asked().iter().filter(|asked| !asked.is_watch()).count(), PODS / 500);
    // A change costs what has changed.
    api.set("pods", pod("new", "10.9.9.9"));
    api.set("pods", {
        let mut marked = pod("marked", "10.9.9.8");
        marked["metadata"]["annotations"] = json!({"scrape": "true"});
        marked
    });
    until(&scraper, |targets| addresses(targets).contains(&"10.9.9.8:8080")).await;
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_says_where_and_who() {
    let (api, folder) = (Api::start(), tempfile::tempdir().expect("a folder"));
    api.set("nodes", node());
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- {{name: there, context: {{cluster: x, user: y}}}}\n- {{name: here, context: {{cluster: c, user: u, namespace: shop}}}}\nclusters: [{{name: c, cluster: {{server: '{}/'}}}}]\nusers: [{{name: u, user: {{tokenFile: token}}}}]\n",
        api.url()
    );
    std::fs::write(folder.path().join("token"), "s3cret\n").expect("written");
    std::fs::write(folder.path().join("config"), &kubeconfig).expect("written");
    let text = "scrape_configs: [{job_name: k, kubernetes_sd_configs: [{role: node, kubeconfig_file: config}]}]";
    let config = Config::read(text, folder.path()).expect("a configuration");
    let scraper = Scraper::new(Arc::new(Nowhere), Clock::system(), 7);
    scraper.apply(&config).expect("a configuration that can be run");
    let found = until(&scraper, |targets| !targets.is_empty()).await;
    assert_eq!(addresses(&found), ["10.0.0.9:10250"]);
    assert!(api.asked().iter().all(|asked| asked.authorization == "Bearer s3cret"));
    scraper.stop().await;
    for (from, to, told) in [
        ("current-context: here", "current-context: nowhere", "there is no \"nowhere\" among contexts"),
        ("name: u,", "name: v,", "there is no \"u\" among users"),
        ("tokenFile: token", "exec: {command: aws}", "exec: programs that give tokens are not run"),
        ("tokenFile: token", "client-key-data: '%'", "client-key-data: expected PEM in base64"),
        ("server: ", "servers: ", "the field \"server\" is missing"),
    ] {
        std::fs::write(folder.path().join("config"), kubeconfig.replace(from, to)).expect("written");
        let mistakes = Config::read(text, folder.path()).expect_err(told);
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(mistakes.join("\n").contains(told), "{told}: {mistakes:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_told() {
    for (text, told) in [
        ("{}", "the field \"role\" is missing"),
        ("{role: pods}", "role: expected one of pod, service, endpoints, endpointslice, node, ingress, not \"pods\""),
        ("{role: pod}", "this is no pod: KUBERNETES_SERVICE_HOST is not set"),
        ("{role: pod, bearer_token: x}", "please provide the 'api_server' URL explicitly"),
        (
            "{role: pod, api_server: 'http://a', kubeconfig_file: f}",
            "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
        ),
        ("{role: pod, kubeconfig_file: f, bearer_token: x}", "cannot use a custom HTTP client configuration"),
        ("{role: pod, kubeconfig_file: nowhere}", "nowhere: No such file"),
        (
            "{role: pod, api_server: 'http://a', namespaces: {own_namespace: true}}",
            "cannot use 'namespaces.own_namespace'",
        ),
        (
            "{role: pod, api_server: 'http://a', selectors: [{role: service}]}",
            "pod role supports only pod, node selectors",
        ),
        ("{role: pod, api_server: 'http://a', selectors: [{role: pod}, {role: pod}]}", "duplicated selector role: pod"),
        ("{role: pod, api_server: 'a'}", "api_server: expected a URL"),
    ] {
        let text = format!("scrape_configs: [{{job_name: k, kubernetes_sd_configs: [{text}]}}]");
        let mistakes = Config::read(&text, std::path::Path::new(".")).expect_err(told);
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(mistakes.join("\n").contains(told), "{told}: {mistakes:?}");
    }
}
