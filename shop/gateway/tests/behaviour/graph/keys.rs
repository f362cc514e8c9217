//! Promoters' public keys.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;

use super::world::{ADMIN, PASSWORD, PROMOTER, World};

const KEYS: &str = "/api/v1/promoters/me/keys";
const CREATE: &str = "mutation($input: CreatePromoterKeyInput!) { createPromoterKey(input: $input) { key { id name origins createdAt } errors { code field expected } } }";
const REVOKE: &str = "mutation($id: ID!) { revokePromoterKey(input: { id: $id }) { key { id } errors { code } } }";
const LIST: &str = "{ promoterKeys { id } }";
const ORIGINS: &str = "query($id: ID!) { promoterKeyOrigins(id: $id) }";

fn key(origins: &[&str]) -> Value {
    json!({ "input": { "name": "A magazine", "origins": origins } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_told_and_revoked_by_graphql_and_rest() -> Result<()> {
    let world = World::start().await?;
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let made = promoter.run(CREATE, key(&["https://Magazine.example", "http://localhost:3000"])).await?;
    let made = &made["createPromoterKey"]["key"];
    ensure!(made["origins"] == json!(["https://magazine.example", "http://localhost:3000"]), "{made}");
    let id = made["id"].as_str().context("an id")?;
    let origins = world.anybody.run(ORIGINS, json!({ "id": id })).await?;
    ensure!(origins["promoterKeyOrigins"] == made["origins"], "everyone may know whose pages: {origins}");

    let refused = promoter.run(CREATE, key(&["https://magazine.example", "https://*.example"])).await?;
    let error = &refused["createPromoterKey"]["errors"][0];
    ensure!(refused["createPromoterKey"]["key"].is_null() && error["field"] == "origins[1]", "{refused}");
    ensure!(error["expected"].as_str().is_some_and(|text| text.contains("no path and no star")), "{refused}");

    let body = json!({ "name": "Another", "origins": ["https://other.example:8443"] });
    let other = promoter.send(Call::new(Method::POST, KEYS).json(&body)).await?;
    ensure!(other.status == 201 && other.json()["origins"] == body["origins"], "{}", other.status);
    let listed = promoter.send(Call::new(Method::GET, KEYS)).await?.json();
    let ids: Vec<&Value> = listed["items"].as_array().context("items")?.iter().map(|key| &key["id"]).collect();
    ensure!(ids == [&other.json()["id"], &json!(id)], "newest first: {listed}");
    let path = format!("{KEYS}/{}", other.json()["id"].as_str().context("an id")?);
    for expected in [204, 404] {
        let revoked = promoter.send(Call::new(Method::DELETE, &path)).await?;
        ensure!(revoked.status == expected, "{}", revoked.status);
    }

    let revoked = promoter.run(REVOKE, json!({ "id": id })).await?;
    ensure!(revoked["revokePromoterKey"]["key"]["id"] == id, "{revoked}");
    let again = promoter.run(REVOKE, json!({ "id": id })).await?;
    ensure!(again["revokePromoterKey"]["errors"][0]["code"] == "UNKNOWN_KEY", "{again}");
    for gone in [id, "pk_none", "no key"] {
        let origins = world.anybody.run(ORIGINS, json!({ "id": gone })).await?;
        ensure!(origins["promoterKeyOrigins"].is_null(), "{gone}: {origins}");
    }
    ensure!(promoter.run(LIST, json!({})).await?["promoterKeys"] == json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_for_promoters_alone() -> Result<()> {
    let world = World::start().await?;
    let customer = world.anybody.sign_up("keys@example.org").await?;
    let admin = world.anybody.sign_in(ADMIN, PASSWORD).await?;
    for (caller, expected) in
        [(&world.anybody, "TOKEN_REQUIRED"), (&customer, "PERMISSION_DENIED"), (&admin, "PERMISSION_DENIED")]
    {
        for (query, variables) in
            [(CREATE, key(&["https://magazine.example"])), (LIST, json!({})), (REVOKE, json!({ "id": "pk_1" }))]
        {
            ensure!(caller.refused(query, variables).await? == expected, "{query}: {expected} expected");
        }
    }
    Ok(())
}
