//! One order is one trace, across all services, read back through Jaeger's query API.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use http::{HeaderName, Method};
use serde_json::Value;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Customer, Shop, eventually, order_body};

/// Services that take part in the order's own trace.
const WITHIN: &[&str] = &["gateway", "checkout", "carts", "catalog", "currency", "shipping", "payments", "orders"];
/// Services that follow, in traces of their own that link to it or in the same one.
const AFTER: &[&str] = &["email", "accounting", "fraud"];

fn service<'a>(trace: &'a Value, span: &Value) -> &'a str {
    span["processID"].as_str().and_then(|id| trace["processes"][id]["serviceName"].as_str()).unwrap_or_default()
}

fn spans(trace: &Value) -> &[Value] {
    trace["spans"].as_array().map_or(&[], Vec::as_slice)
}

fn tag<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
    span["tags"].as_array()?.iter().find(|t| t["key"] == key).map(|t| &t["value"])
}

/// Returns the id of a span's parent.
fn parent(span: &Value) -> Option<&str> {
    let parent = span["references"].as_array()?.iter().find(|r| r["refType"] == "CHILD_OF")?;
    parent["spanID"].as_str()
}

/// Returns the spans that have no parent.
fn roots(trace: &Value) -> Vec<&Value> {
    spans(trace).iter().filter(|span| parent(span).is_none()).collect()
}

/// Returns the spans whose parent is not in the trace.
fn orphans(trace: &Value) -> Vec<&Value> {
    let ids: BTreeSet<&str> = spans(trace).iter().filter_map(|s| s["spanID"].as_str()).collect();
    spans(trace).iter().filter(|span| parent(span).is_some_and(|id| !ids.contains(id))).collect()
}

pub(crate) async fn one_order_is_one_trace(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    customer.add("prd_storm-vase", 1).await?;
    let call = Call::new(Method::POST, "/api/v1/orders")
        .header(HeaderName::from_static("idempotency-key"), "traced")
        .header(HeaderName::from_static("baggage"), "session.id=s-1,synthetic_request=true")
        .json(&order_body("USD", "4242424242424242"));
    let answer = customer.api.send(call).await?;
    ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.body));
    let id = answer.header("x-trace-id").context("the trace's id")?.to_owned();

    let observatory = shop.observatory()?;
    // Each process sends its own spans, in no order.
    let trace = eventually("the whole trace", async || {
        let found = observatory.send(Call::new(Method::GET, &format!("/jaeger/api/traces/{id}"))).await?.json();
        let trace = found["data"][0].clone();
        let seen: BTreeSet<&str> = spans(&trace).iter().map(|s| service(&trace, s)).collect();
        let whole =
            WITHIN.iter().all(|name| seen.contains(name)) && roots(&trace).len() == 1 && orphans(&trace).is_empty();
        Ok(whole.then_some(trace))
    })
    .await?;
    let root = roots(&trace)[0];
    ensure!(service(&trace, root) == "gateway" && root["operationName"] == "POST /api/v1/orders", "{root}");
    for span in spans(&trace) {
        let text = span.to_string();
        ensure!(!text.contains("4242424242424242") && !text.contains(&customer.email), "something private in {text}");
    }
    for (key, value) in [("session.id", "s-1"), ("synthetic_request", "true")] {
        let carriers = spans(&trace).iter().filter(|s| tag(s, key).is_some_and(|v| v == value)).count();
        ensure!(carriers == spans(&trace).len(), "{key} is on {carriers} of {} spans", spans(&trace).len());
    }

    // Those who follow link to the span that published.
    for name in AFTER {
        eventually(&format!("a linked span of {name}"), async || {
            let found = observatory.get(&format!("/jaeger/api/traces?service={name}&limit=200")).await?;
            let traces = found["data"].as_array().context("traces")?;
            let linked = traces.iter().any(|t| {
                spans(t).iter().filter(|s| service(t, s) == *name).any(|s| {
                    s["references"].as_array().is_some_and(|r| {
                        r.iter().any(|r| r["traceID"] == id.as_str() && r["refType"] == "FOLLOWS_FROM")
                    })
                })
            });
            Ok(linked.then_some(()))
        })
        .await?;
    }
    let services = observatory.get("/jaeger/api/services").await?;
    for name in WITHIN.iter().chain(AFTER) {
        ensure!(services["data"].as_array().is_some_and(|s| s.iter().any(|s| s == name)), "{name} is no service");
    }
    Ok(())
}
