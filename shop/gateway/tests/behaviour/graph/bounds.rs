//! How much one may ask for, which documents are executed, and what is said over HTTP of what is not.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::ACCEPT;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vitrine_shop_gateway::Config;
use vitrine_shop_gateway::graph::Accepted;
use vitrine_shop_load::http::Call;

use super::world::{ISSUER, World, demo};

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_by_name() -> Result<()> {
    let world = World::start().await?;
    let anybody = &world.anybody;
    let deep =
        |n: usize| format!("{{ categories {}id{} }}", "{ products { nodes { category ".repeat(n), "} } } ".repeat(n));
    let aliases: String = (0..51).map(|i| format!("a{i}: announcement ")).collect();
    let directives = "@include(if: true) ".repeat(1);
    let many: String = (0..17).map(|i| format!("f{i}: announcement {directives}")).collect();
    let bomb: String = (0..20).map(|i| format!("fragment F{i} on Query {{ ...F{} ...F{} }} ", i + 1, i + 1)).collect();
    for (query, code) in [
        (deep(5), "DEPTH_LIMIT"),
        (format!("{{ {aliases} }}"), "ALIAS_LIMIT"),
        (format!("{{ {many} }}"), "DIRECTIVE_LIMIT"),
        (format!("{{ ...F0 }} {bomb} fragment F20 on Query {{ announcement }}"), "FIELD_LIMIT"),
        ("query A { announcement } query B { announcement }".to_owned(), "OPERATION_LIMIT"),
        ("{ products(first: 100) { nodes { id name description price { text } available sold tags picture slug version } } }".to_owned(), "COMPLEXITY_LIMIT"),
        ("{ products(first: -1) { nodes { id } } }".to_owned(), "INVALID_FIELD"),
        ("{ nothing }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("{".to_owned(), "GRAPHQL_PARSE_FAILED"),
        ("subscription { offers { kind } }".to_owned(), "SUBSCRIPTION_NOT_SUPPORTED"),
    ] {
        let shown: String = query.chars().take(80).collect();
        let told = anybody.refused(&query, json!({})).await.with_context(|| shown.clone())?;
        ensure!(told == code, "{shown}: {told} instead of {code}");
    }
    let customer = anybody.sign_up("ada@test.vitrine.example").await?;
    let dear = "{ products(first: 100) { nodes { id name description price { text } available sold tags picture slug version } } }";
    let (status, told) = customer.post(&json!({ "query": dear })).await?;
    let cost = &told["extensions"]["cost"];
    ensure!(
        status == 200 && cost["maximum"] == 5000 && cost["requested"].as_u64().is_some_and(|n| n > 1000),
        "{status} {cost}"
    );
    bodies(&world).await
}

async fn bodies(world: &World) -> Result<()> {
    let post = |body: &str| {
        Call::new(Method::POST, "/graphql").raw(body).header(http::header::CONTENT_TYPE, "application/json")
    };
    let large = json!({ "query": "{ announcement }", "variables": { "a": "x".repeat(70_000) } }).to_string();
    for (body, status, code) in [
        (large.as_str(), 413, "BODY_TOO_LARGE"),
        ("[{\"query\": \"{ announcement }\"}]", 400, "BAD_REQUEST"),
        ("{\"query\": \"{ announcement }\", \"variables\": []}", 400, "BAD_REQUEST"),
        ("not json", 400, "BAD_REQUEST"),
    ] {
        let answer = world.anybody.send(post(body)).await?;
        let told = answer.json();
        ensure!(
            answer.status == status && told["errors"][0]["extensions"]["code"] == code,
            "{}: {told}",
            answer.status
        );
        ensure!(told.get("data").is_none() && told["errors"][0]["message"].is_string(), "{told}");
    }
    let wrong = Call::new(Method::POST, "/graphql").raw("{}").header(http::header::CONTENT_TYPE, "text/plain");
    ensure!(world.anybody.send(wrong).await?.status == 415);
    let answer = world.anybody.with_token("not.a.token").send(post("{\"query\": \"{ announcement }\"}")).await?;
    ensure!(
        answer.status == 401 && answer.json()["errors"][0]["extensions"]["code"] == "INVALID_TOKEN",
        "{}",
        answer.json()
    );
    ensure!(answer.header("www-authenticate").is_some());
    let by_get = Call::new(Method::GET, "/graphql?query=mutation%7BclearCart%7B__typename%7D%7D")
        .header(ACCEPT, "application/json");
    let answer = world.anybody.send(by_get).await?;
    ensure!(answer.status == 405 && answer.header("allow") == Some("POST"), "{}", answer.status);
    let picky = Call::new(Method::GET, "/graphql?query=%7B__typename%7D").header(ACCEPT, "image/png");
    ensure!(world.anybody.send(picky).await?.status == 406);
    explorer(world).await
}

async fn explorer(world: &World) -> Result<()> {
    let page = Call::new(Method::GET, "/graphql").header(ACCEPT, "text/html,*/*;q=0.8");
    let page = world.anybody.send(page).await?;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    ensure!(page.status == 200 && html.contains("data-introspection=\"on\""), "{}", page.status);
    let policy = page.header("content-security-policy").context("a policy")?.to_owned();
    ensure!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for part in ["/graphql/explorer.js", "/graphql/explorer.css"] {
        ensure!(html.contains(part) && world.anybody.send(Call::new(Method::GET, part)).await?.status == 200, "{part}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_named_by_their_hash() -> Result<()> {
    let world = World::start().await?;
    let query = "query($id: ID!) { product(id: $id) { id } }";
    let variables = json!({ "id": "prd_tall-vase" });
    let by_hash = json!({ "variables": variables, "extensions": { "persistedQuery": { "version": 1, "sha256Hash": sha256(query) } } });
    let (_, told) = world.anybody.post(&by_hash).await?;
    ensure!(told["errors"][0]["message"] == "PersistedQueryNotFound", "{told}");
    ensure!(told["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND", "{told}");
    let mut with_text = by_hash.clone();
    with_text["query"] = query.into();
    for request in [&with_text, &by_hash] {
        let (status, told) = world.anybody.post(request).await?;
        ensure!(status == 200 && told["data"]["product"]["id"] == "prd_tall-vase", "{status} {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_only_trusted_documents_are_executed_nothing_else_is_and_nothing_is_told_of_the_schema() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let query = "query($id: ID!) { product(id: $id) { id } }";
    let name = format!("sha256:{}", sha256(query));
    let file = folder.path().join("documents.json");
    std::fs::write(&file, json!(HashMap::from([(&name, query)])).to_string())?;
    let mut config = Config { issuer: ISSUER.to_owned(), ..demo() };
    config.graphql.documents = Accepted::Trusted;
    config.graphql.trusted = file.to_string_lossy().into_owned();
    config.graphql.introspection = false;
    let world = World::with(config).await?;
    let uri =
        format!("/graphql?documentId={}&variables=%7B%22id%22%3A%22prd_tall-vase%22%7D", name.replace(':', "%3A"));
    let answer = world.anybody.send(Call::new(Method::GET, &uri).header(ACCEPT, "application/json")).await?;
    ensure!(answer.json()["data"]["product"]["id"] == "prd_tall-vase", "{}", answer.json());
    ensure!(
        answer.header("cache-control").is_some_and(|c| c.contains("s-maxage=1")),
        "shared caches may keep it a moment"
    );
    let guest = world.anybody.with_guest("gst_1").send(Call::new(Method::GET, &uri)).await?;
    ensure!(guest.header("cache-control") == Some("no-store"), "nobody's answer is for others");
    let other = json!({ "query": "{ announcement }" });
    let (status, told) = world.anybody.post(&other).await?;
    ensure!(status == 400 && told["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED", "{told}");
    let unknown = json!({ "documentId": "sha256:00" });
    let (_, told) = world.anybody.post(&unknown).await?;
    ensure!(told["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_FOUND", "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_of_demos_the_schema_is_not_told() -> Result<()> {
    let world = World::with(Config { issuer: ISSUER.to_owned(), ..Config::default() }).await?;
    let (_, told) = world.anybody.post(&json!({ "query": "{ __schema { types { name } } }" })).await?;
    ensure!(told["data"]["__schema"].is_null() && !told.to_string().contains("\"Product\""), "{told}");
    let (_, told) = world.anybody.post(&json!({ "query": "{ produkt(id: \"prd_1\") { id } }" })).await?;
    ensure!(told["errors"][0]["message"].as_str().is_some_and(|m| !m.contains("Did you mean")), "{told}");
    let page = world.anybody.send(Call::new(Method::GET, "/graphql").header(ACCEPT, "text/html")).await?;
    ensure!(String::from_utf8_lossy(&page.body).contains("data-introspection=\"off\""));
    let none: Value = world.anybody.run("{ announcement }", json!({})).await?;
    ensure!(none == json!({ "announcement": null }), "{none}");
    Ok(())
}
