//! Sources of analytics, and where their messages go.

use anyhow::{Context, Result, ensure};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use vitrine_shop_load::http::{Call, Response};
use vitrine_tests_testkit::eventually;

use super::world::{ADMIN, Caller, OTHER_PROMOTER, PASSWORD, PROMOTER, World};
use crate::analytics::world::{Receiver, basic};

/// What no answer shows.
const SECRET: &str = "a-quiet-word";

const CREATE: &str = "mutation($input: CreateAnalyticsSourceInput!) { createAnalyticsSource(input: $input) { source { id ownerId name writeKey needsConsent destinations { kind } } errors { code field } } }";
const DELETE: &str = "mutation($id: ID!) { deleteAnalyticsSource(input: { id: $id }) { source { id } deletedId errors { code field } } }";
const PUT: &str = "mutation($input: PutAnalyticsDestinationInput!) { putAnalyticsDestination(input: $input) { source { destinations { kind url measurementId consentCategories takesEmails } } errors { code field expected } } }";
const DROP: &str = "mutation($id: ID!) { deleteAnalyticsDestination(input: { sourceId: $id, kind: WEBHOOK }) { source { destinations { kind } } errors { code } } }";
const REPLAY: &str = "mutation($id: ID!) { replayAnalyticsDestination(input: { sourceId: $id, kind: WEBHOOK, since: \"2020-01-01T00:00:00Z\" }) { source { id } errors { code } } }";
const LIST: &str = "query($after: String) { analyticsSources(first: 1, after: $after) { edges { cursor node { id ownerId destinations { kind } } } pageInfo { hasNextPage } } }";
const SOURCE: &str = "query($id: ID!) { analyticsSource(id: $id) { id name messages { nodes { messageId type name receivedAt refusal } } \
                      refused: messages(refused: true) { nodes { messageId refusal } } undelivered(kind: WEBHOOK) { messages reason } } \
                      node(id: $id) { id __typename } }";

/// Makes a source. Returns its id and its key.
async fn make(seller: &Caller) -> Result<(String, String)> {
    let made = seller.run(CREATE, json!({ "input": { "name": "My pages", "needsConsent": false } })).await?;
    let source = &made["createAnalyticsSource"]["source"];
    ensure!(source["name"] == "My pages" && source["destinations"] == json!([]), "{made}");
    let text = |key: &str| source[key].as_str().map(str::to_owned).with_context(|| format!("{key}: {made}"));
    Ok((text("id")?, text("writeKey")?))
}

fn destination(id: &str, kind: &str, url: &str) -> Value {
    json!({ "input": { "sourceId": id, "kind": kind, "url": url, "secret": SECRET, "consentCategories": ["advertising"] } })
}

async fn send(world: &World, key: &str, messages: Value) -> Result<Response> {
    let body = json!({ "batch": messages }).to_string();
    let call = Call::new(Method::POST, "/v1/batch").raw(&body).header(AUTHORIZATION, &basic(key));
    world.anybody.send(call).await
}

/// All sources that someone sees, a page after the other.
async fn listed(seller: &Caller) -> Result<Vec<Value>> {
    let (mut found, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = seller.run(LIST, json!({ "after": after })).await?["analyticsSources"].clone();
        let edges = page["edges"].as_array().context("edges")?;
        found.extend(edges.iter().map(|edge| edge["node"].clone()));
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(found);
        }
        after = edges.last().context("an edge, where it goes on")?["cursor"].clone();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_makes_a_source_and_has_what_comes_sent_on() -> Result<()> {
    let receiver = Receiver::start(&[(StatusCode::UNPROCESSABLE_ENTITY, "no such field")]).await?;
    let world = World::sending_to(&receiver).await?;
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let (id, key) = make(&promoter).await?;
    let hook = format!("{}/hook", receiver.url());
    let put = promoter.run(PUT, destination(&id, "WEBHOOK", &hook)).await?;
    let expected = json!([{ "kind": "WEBHOOK", "url": hook, "measurementId": null, "consentCategories": ["advertising"], "takesEmails": false }]);
    ensure!(put["putAnalyticsDestination"]["source"]["destinations"] == expected, "{put}");
    let agreed = json!({ "consent": { "categoryPreferences": { "advertising": true } } });
    let messages = json!([
        { "type": "page", "name": "Home", "userId": "u", "messageId": "m-1", "context": agreed },
        { "type": "track", "userId": "u", "messageId": "m-2" },
    ]);
    ensure!(send(&world, &key, messages).await?.status == 200);

    // The receiver will not have it, and says why; asked again it takes it.
    let source = eventually("it is put aside", async || {
        let found = promoter.run(SOURCE, json!({ "id": id })).await?;
        Ok((found["analyticsSource"]["undelivered"] != json!([])).then_some(found))
    })
    .await?;
    ensure!(source["node"] == json!({ "id": id, "__typename": "AnalyticsSource" }), "{source}");
    let source = &source["analyticsSource"];
    let aside = &source["undelivered"][0];
    ensure!(aside["messages"] == 1 && aside["reason"].as_str().is_some_and(|r| r.contains("no such field")), "{aside}");
    let came = source["messages"]["nodes"].as_array().context("messages")?;
    ensure!(came.len() == 2, "also what was refused: {source}");
    let home = came.iter().find(|message| message["messageId"] == "m-1").context("the page")?;
    ensure!(home["type"] == "page" && home["name"] == "Home" && home["refusal"].is_null(), "{home}");
    let refused = source["refused"]["nodes"].as_array().context("messages")?;
    ensure!(refused.len() == 1 && refused[0]["messageId"] == "m-2", "{source}");
    ensure!(refused[0]["refusal"].as_str().is_some_and(|reason| reason.contains("event")), "{source}");
    let replayed = promoter.run(REPLAY, json!({ "id": id })).await?;
    ensure!(replayed["replayAnalyticsDestination"]["source"]["id"] == id.as_str(), "{replayed}");
    let received =
        eventually("it is sent again", async || Ok(Some(receiver.received()).filter(|received| received.len() == 2)));
    ensure!(received.await?[1].json()[0]["messageId"] == "m-1");

    let dropped = promoter.run(DROP, json!({ "id": id })).await?;
    ensure!(dropped["deleteAnalyticsDestination"]["source"]["destinations"] == json!([]), "{dropped}");
    let nothing = promoter.run(REPLAY, json!({ "id": id })).await?;
    ensure!(nothing["replayAnalyticsDestination"]["errors"][0]["code"] == "NOT_FOUND", "{nothing}");
    let deleted = promoter.run(DELETE, json!({ "id": id })).await?;
    ensure!(deleted["deleteAnalyticsSource"]["deletedId"] == id.as_str(), "{deleted}");
    ensure!(promoter.run(SOURCE, json!({ "id": id })).await? == json!({ "analyticsSource": null, "node": null }));
    ensure!(listed(&promoter).await?.is_empty() && send(&world, &key, json!([])).await?.status == 401);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_source_or_a_destination_is_said_by_its_field() -> Result<()> {
    let world = World::start().await?;
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let (id, _) = make(&promoter).await?;
    let nameless = promoter.run(CREATE, json!({ "input": { "name": "" } })).await?;
    ensure!(nameless["createAnalyticsSource"]["errors"][0]["field"] == "name", "{nameless}");
    let mut short = destination(&id, "GA4", "");
    short["input"]["measurementId"] = "UA-1".into();
    let mut keyless = destination(&id, "MIXPANEL", "");
    keyless["input"]["secret"] = "".into();
    for (given, code, field) in [
        (short, "INVALID_FIELD", "measurementId"),
        (keyless, "INVALID_FIELD", "secret"),
        (destination(&id, "WEBHOOK", "nowhere"), "INVALID_FIELD", "url"),
        (destination(&id, "RUDDERSTACK", "http://127.0.0.1:1"), "HOST_NOT_ALLOWED", "url"),
        (destination(&id, "FILE", ""), "PERMISSION_DENIED", "kind"),
        (destination("what", "SEGMENT", ""), "INVALID_FIELD", "sourceId"),
    ] {
        let told = promoter.run(PUT, given.clone()).await?["putAnalyticsDestination"].clone();
        let error = &told["errors"][0];
        ensure!(error["code"] == code && error["field"] == field && told["source"].is_null(), "{given}: {told}");
    }
    let malformed = promoter.run(DELETE, json!({ "id": "what" })).await?;
    ensure!(malformed["deleteAnalyticsSource"]["errors"][0]["field"] == "id", "{malformed}");
    let pigeon = destination(&id, "PIGEON", "");
    ensure!(promoter.refused(PUT, pigeon).await? == "GRAPHQL_VALIDATION_FAILED");
    // The receiver's key stays where it is not said anew, and is shown neither here nor by REST.
    let stays = json!({ "input": { "sourceId": id, "kind": "MIXPANEL", "takesEmails": true } });
    for given in [destination(&id, "MIXPANEL", ""), stays] {
        let told = promoter.run(PUT, given.clone()).await?;
        let destination = &told["putAnalyticsDestination"]["source"]["destinations"][0];
        ensure!(destination["takesEmails"] == given["input"]["takesEmails"].as_bool().unwrap_or(false), "{told}");
        ensure!(!told.to_string().contains(SECRET), "{told}");
    }
    let path = format!("/api/v1/analytics/sources/{id}");
    let by_rest = promoter.send(Call::new(Method::GET, &path)).await?.json();
    ensure!(by_rest["destinations"][0]["takes_emails"] == true && !by_rest.to_string().contains(SECRET), "{by_rest}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_its_owners_and_the_admins_to_see() -> Result<()> {
    let world = World::start().await?;
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let other = world.anybody.sign_in(OTHER_PROMOTER, PASSWORD).await?;
    let admin = world.anybody.sign_in(ADMIN, PASSWORD).await?;
    let buyer = world.anybody.sign_up("sources@example.org").await?;
    let (first, second) = (make(&promoter).await?.0, make(&promoter).await?.0);
    let ids = |found: Vec<Value>| -> Vec<String> {
        found.iter().filter_map(|source| source["id"].as_str().map(str::to_owned)).collect()
    };
    let own = listed(&promoter).await?;
    ensure!(own.iter().all(|source| source["ownerId"] == "pro_demo" && source["destinations"].is_null()), "{own:?}");
    let (own, all) = (ids(own), ids(listed(&admin).await?));
    ensure!(own.len() == 2 && own.contains(&first) && own.contains(&second), "{own:?}");
    ensure!(all.len() == 3 && own.iter().all(|id| all.contains(id)) && all.contains(&"src_shop".to_owned()), "{all:?}");
    ensure!(listed(&other).await?.is_empty());

    ensure!(other.run(SOURCE, json!({ "id": first })).await? == json!({ "analyticsSource": null, "node": null }));
    let put = destination(&first, "SEGMENT", "");
    for (query, variables, field) in [
        (PUT, put.clone(), "putAnalyticsDestination"),
        (DROP, json!({ "id": first }), "deleteAnalyticsDestination"),
        (REPLAY, json!({ "id": first }), "replayAnalyticsDestination"),
        (DELETE, json!({ "id": first }), "deleteAnalyticsSource"),
    ] {
        let told = other.run(query, variables).await?;
        ensure!(told[field]["errors"][0]["code"] == "NOT_FOUND", "{told}");
    }
    let seen = admin.run(SOURCE, json!({ "id": first })).await?;
    ensure!(seen["analyticsSource"]["name"] == "My pages", "{seen}");
    let filed = admin.run(PUT, destination(&first, "FILE", "")).await?;
    ensure!(filed["putAnalyticsDestination"]["source"]["destinations"][0]["kind"] == "FILE", "{filed}");

    for (caller, expected) in [(&world.anybody, "TOKEN_REQUIRED"), (&buyer, "PERMISSION_DENIED")] {
        for (query, variables) in [
            (LIST, json!({})),
            (SOURCE, json!({ "id": first })),
            (CREATE, json!({ "input": { "name": "Mine" } })),
            (PUT, put.clone()),
            (DROP, json!({ "id": first })),
            (REPLAY, json!({ "id": first })),
            (DELETE, json!({ "id": first })),
        ] {
            ensure!(caller.refused(query, variables).await? == expected, "{query}: {expected} expected");
        }
    }
    Ok(())
}
