//! What a shop says of itself is what `docs/guide/telemetry.md` says that it does: name by name, both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Customer, Options, Placement, Shop, eventually, order_body};

/// What the guide says of a metric.
#[derive(Debug)]
struct Reported {
    instrument: String,
    unit: String,
    /// Those that are always there.
    attributes: BTreeSet<String>,
    /// Those that may be.
    optional: BTreeSet<String>,
    in_trouble: bool,
}

fn guide(heading: &str) -> Result<Vec<Vec<String>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/telemetry.md");
    let guide = std::fs::read_to_string(path)?;
    let section = guide.split("\n## ").find(|section| section.starts_with(heading)).context(heading.to_owned())?;
    let cells = |line: &str| {
        let line = line.replace("\\|", "/");
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    Ok(section.lines().filter(|line| line.starts_with('|')).skip(2).map(cells).collect())
}

/// What stands between backticks, by whether it is in parentheses.
fn names(cell: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let parts: Vec<&str> = cell.split('`').collect();
    let (optional, always): (Vec<usize>, Vec<usize>) =
        (1..parts.len()).step_by(2).partition(|n| parts[n - 1].ends_with('('));
    let named = |all: Vec<usize>| all.into_iter().map(|n| parts[n].to_owned()).collect();
    (named(always), named(optional))
}

fn metrics() -> Result<BTreeMap<String, Reported>> {
    let told = |row: Vec<String>| {
        let (attributes, optional) = names(&row[3]);
        let (instrument, unit, in_trouble) = (row[1].clone(), row[2].clone(), row[4] == "in trouble");
        (row[0].trim_matches('`').to_owned(), Reported { instrument, unit, attributes, optional, in_trouble })
    };
    Ok(guide("Metrics")?.into_iter().map(told).collect())
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_default()
}

/// The keys of a row's attributes, as the statements below give them: with commas between.
fn keys(row: &Value) -> BTreeSet<String> {
    text(row, "keys").split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

const METRICS: &str = "SELECT DISTINCT name, kind, unit, coalesce(monotonic, false) AS monotonic, \
                       array_to_string(map_keys(attributes), ',') AS keys FROM metrics \
                       WHERE attr(resource, 'service.name') IS NOT NULL";

/// What is wrong with what was emitted, by the guide.
fn differences(told: &BTreeMap<String, Reported>, seen: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in seen {
        let name = text(row, "name");
        let Some(told) = told.get(name) else {
            wrong.push(format!("{name} is not in the guide"));
            continue;
        };
        let instrument = match (text(row, "kind"), row["monotonic"] == true) {
            ("sum", true) => "counter",
            ("sum", false) => "updowncounter",
            (other, _) => other,
        };
        if (instrument, text(row, "unit")) != (&told.instrument, &told.unit) {
            wrong.push(format!("{row}: the guide says {} in {}", told.instrument, told.unit));
        }
        let keys = keys(row);
        let unknown = keys.iter().filter(|key| !told.attributes.contains(*key) && !told.optional.contains(*key));
        wrong.extend(unknown.map(|key| format!("{name} has {key}, which the guide does not say")));
        let absent = told.attributes.difference(&keys);
        wrong.extend(absent.map(|key| format!("{name} is without {key}: {row}")));
    }
    wrong
}

/// Looks at a page, and tells of it as a browser does.
async fn tell_of_a_page(api: &Api) -> Result<()> {
    let page = api.send(Call::new(Method::GET, "/p/storm-vase")).await?;
    let told = page.headers.get_all("server-timing").iter().filter_map(|timing| timing.to_str().ok());
    let traceparent = told.filter_map(|timing| timing.strip_prefix("traceparent;desc=")).next();
    let parts: Vec<&str> =
        traceparent.context("the page has no trace: make web")?.trim_matches('"').split('-').collect();
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos().to_string();
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let number = |key: &&str| json!({"key": format!("vitrine.web_vital.{key}"), "value": {"doubleValue": 0.5}});
    let mut attributes: Vec<Value> = ["ttfb", "fcp", "lcp", "inp", "cls"].iter().map(number).collect();
    attributes.extend([
        text("url.path", "/p/storm-vase"),
        text("vitrine.page.cache", "miss"),
        text("vitrine.page.navigation", "navigate"),
        text("error.type", "TypeError"),
    ]);
    let span = json!({"traceId": parts[1], "spanId": "00f067aa0ba902b7", "parentSpanId": parts[2], "name": "documentLoad",
        "startTimeUnixNano": at, "endTimeUnixNano": at, "attributes": attributes});
    let export = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let own = (HeaderName::from_static("sec-fetch-site"), "same-origin");
    let taken = api.send(Call::new(Method::POST, "/telemetry/v1/traces").json(&export).header(own.0, own.1)).await?;
    ensure!(taken.json() == json!({"partialSuccess": {}}), "{} {}", taken.status, taken.json());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_guide_tells_is_emitted_and_nothing_else() {
    let check = async {
        let variables = vec![("OTEL_METRIC_EXPORT_INTERVAL".to_owned(), "500".to_owned())];
        let options = Options { load: Some("20".to_owned()), variables, ..Options::default() };
        let mut shop =
            Shop::start(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), Placement::Local, &options).await?;
        let customer = Customer::new(&shop.anybody()?).await?;
        customer.add("prd_storm-vase", 1).await?;
        customer.buy("told", &order_body("USD", "4242424242424242")).await?;
        // A visitor who agreed to be measured.
        let consent = serde_json::json!({"consent": {"categoryPreferences": {"analytics": true}}});
        let seen = serde_json::json!({"writeKey": "vitrine-shop", "anonymousId": "vis_1", "context": consent});
        shop.anybody()?.expect(200, Method::POST, "/v1/page", Some(&seen)).await?;
        // Where no route is, and what a service refuses.
        for path in ["/nowhere", "/api/v1/products/prd_none"] {
            let answer = customer.api.send(Call::new(Method::GET, path)).await?;
            ensure!(answer.status == 404, "{path}: {}", answer.status);
        }

        tell_of_a_page(&customer.api).await?;

        let observatory = shop.observatory()?;
        let told = metrics()?;
        eventually("every metric of the guide", async || {
            let seen = observatory.sql(METRICS).await?;
            let wrong = differences(&told, &seen);
            ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
            let names: BTreeSet<&str> = seen.iter().map(|row| text(row, "name")).collect();
            let expected = told.iter().filter(|(_, told)| !told.in_trouble).map(|(name, _)| name.as_str());
            let missing: Vec<&str> = expected.filter(|name| !names.contains(name)).collect();
            Ok(missing.is_empty().then_some(()))
        })
        .await?;

        let rows: Vec<Vec<String>> = guide("Attributes")?.into_iter().filter(|row| row[1].contains("spans")).collect();
        let named = |rows: &mut dyn Iterator<Item = &Vec<String>>| -> BTreeSet<String> {
            rows.map(|row| row[0].trim_matches('`').to_owned()).collect()
        };
        let of_spans = named(&mut rows.iter());
        // Nobody is told of this shop's alerts.
        let expected = named(&mut rows.iter().filter(|row| !row[1].contains("where someone is told")));
        eventually("every attribute of spans", async || {
            let rows = observatory
                .sql("SELECT DISTINCT array_to_string(map_keys(attributes), ',') AS keys FROM spans")
                .await?;
            let seen: BTreeSet<String> = rows.iter().flat_map(keys).collect();
            let unknown: Vec<&String> = seen.difference(&of_spans).collect();
            ensure!(unknown.is_empty(), "on spans, and not in the guide: {unknown:?}");
            Ok(expected.is_subset(&seen).then_some(()))
        })
        .await?;

        let of_logs: BTreeSet<String> =
            guide("Logs")?.into_iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
        // Visitors' events are told of in the guide to analytics.
        let rows = observatory
            .sql(
                "SELECT DISTINCT array_to_string(map_keys(attributes), ',') AS keys FROM logs WHERE event_name IS NULL",
            )
            .await?;
        let seen: BTreeSet<String> = rows.iter().flat_map(keys).collect();
        let unknown: Vec<&String> = seen.difference(&of_logs).collect();
        ensure!(unknown.is_empty(), "in logs, and not in the guide: {unknown:?}");
        let scopes = observatory.sql("SELECT DISTINCT scope_name FROM logs WHERE body = 'order placed'").await?;
        ensure!(scopes.iter().all(|row| text(row, "scope_name").starts_with("vitrine_shop_orders")), "{scopes:?}");
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the guide is true");
}
