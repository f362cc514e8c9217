//! The faults of the OpenTelemetry Demo, armed by their names: each hits what it is to hit.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;
use vitrine_platform_faults::demo::DEMO;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Placement, Shop, eventually};

use crate::world::{BINARY, loaded, options, people_can_be_faulted};

/// The flags of which no variant is a fault here; `does` of each says why.
const NO_FAULT: &[&str] = &["loadGeneratorBrowserVUs"];

/// Arms each of them, in a shop to which people come.
pub(crate) async fn all() -> Result<()> {
    let options = loaded(options(Vec::new()));
    let shop = Shop::start(Path::new(BINARY), Placement::Local, &options).await?;
    let (flags, anybody) = (shop.flags()?, shop.anybody()?);
    people_can_be_faulted(&flags).await?;
    let listed = flags.get("/api/v1/faults/demo").await?;
    let listed = listed["flags"].as_array().context("a list")?;
    ensure!(listed.len() == DEMO.len(), "{listed:?}");
    for flag in listed {
        let key = flag["key"].as_str().context("a key")?;
        let variants = flag["variants"].as_array().context("variants")?;
        let mut is_fault = false;
        for variant in variants {
            let variant = variant.as_str().context("a variant")?;
            let hit = armed(&flags, &anybody, key, variant).await.with_context(|| format!("{key} {variant}"))?;
            println!("{key:<28} {variant:<8} {}", hit.as_deref().unwrap_or("refused: it is no fault"));
            is_fault |= hit.is_some();
        }
        ensure!(is_fault != NO_FAULT.contains(&key), "{key}: {flag}");
    }
    Ok(())
}

/// Arms a variant, and waits until each of its faults has hit something; returns how often. None where the variant is no fault.
async fn armed(flags: &Api, anybody: &Api, key: &str, variant: &str) -> Result<Option<String>> {
    let path = format!("/api/v1/faults/demo/{key}/{variant}?why=test&ttl_s=120");
    let answer = flags.send(Call::new(Method::POST, &path)).await?;
    let said: Value = answer.json();
    if answer.status != 201 {
        ensure!(
            answer.status == 400 && said["detail"].as_str().is_some_and(|why| why.contains("is no fault")),
            "{said}"
        );
        return Ok(None);
    }
    let ids: Vec<&Value> = said["faults"].as_array().context("faults")?.iter().map(|fault| &fault["id"]).collect();
    let mut hits = Vec::new();
    for id in ids {
        let path = format!("/api/v1/faults/{id}");
        let hit = eventually("a hit", async || {
            // Of those who come by themselves not many look at just this one.
            drop(anybody.send(Call::new(Method::GET, "/api/v1/products/prd_tall-vase")).await);
            let told = flags.get(&path).await?;
            ensure!(told["ended"].is_null(), "it ended by itself: {told}");
            Ok(told["hit"].as_u64().filter(|hit| *hit > 0))
        })
        .await?;
        hits.push(format!("{hit}"));
        flags.expect(200, Method::DELETE, &format!("{path}?why=enough"), None).await?;
    }
    Ok(Some(format!("{} hit", hits.join(" + "))))
}
