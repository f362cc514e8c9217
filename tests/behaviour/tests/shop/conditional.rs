//! Conditional requests (RFC 9110, section 13) on everything that has a tag.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, Method};
use serde_json::json;
use vitrine_shop_load::http::{Call, Response};
use vitrine_tests_testkit::{Api, Customer, Shop, address};

/// Changes that are tried at once.
const RIVALS: usize = 8;

async fn tag(api: &Api, path: &str) -> Result<String> {
    let seen = api.send(Call::new(Method::GET, path)).await?;
    Ok(seen.header("etag").with_context(|| format!("{path} has no ETag"))?.to_owned())
}

async fn with(api: &Api, call: Call, name: &HeaderName, value: &str) -> Result<Response> {
    api.send(call.header(name.clone(), value)).await
}

async fn expect(answer: Response, status: u16, what: &str) -> Result<Response> {
    ensure!(
        answer.status == status,
        "{what}: {} instead of {status}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(answer)
}

pub(crate) async fn reads_and_changes_keep_their_preconditions(shop: &Shop) -> Result<()> {
    let promoter = super::selling::promoter(shop).await?;
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    let product = format!("/api/v1/products/{}", super::selling::new_workshop(shop, 20).await?);
    let picture = format!("{product}/picture.svg");
    for (api, path) in [
        (&promoter.api, product.as_str()),
        (&anybody, &picture),
        (&anybody, "/api/v1/openapi.json"),
        (&customer.api, "/api/v1/customers/me"),
    ] {
        reading(api, path).await?;
    }
    changing(shop, &promoter.api, &product, &customer).await?;
    of_a_customer(&customer.api).await
}

async fn reading(api: &Api, path: &str) -> Result<()> {
    let current = tag(api, path).await?;
    let whole = api.send(Call::new(Method::GET, path)).await?;
    for method in [Method::GET, Method::HEAD] {
        for (name, value, status) in [
            (IF_NONE_MATCH, current.clone(), 304),
            (IF_NONE_MATCH, format!("W/{current}"), 304),
            (IF_NONE_MATCH, format!("\"a,b\",, {current}"), 304),
            (IF_NONE_MATCH, "*".to_owned(), 304),
            (IF_NONE_MATCH, "\"other\"".to_owned(), 200),
            (IF_MATCH, current.clone(), 200),
            (IF_MATCH, format!("\"other\", {current}"), 200),
            (IF_MATCH, "*".to_owned(), 200),
            (IF_MATCH, format!("W/{current}"), 412),
            (IF_MATCH, "\"other\"".to_owned(), 412),
            (IF_MATCH, "other".to_owned(), 400),
            (IF_NONE_MATCH, "\"other".to_owned(), 400),
        ] {
            let what = format!("{method} {path} {name}: {value}");
            let answer = with(api, Call::new(method.clone(), path), &name, &value).await?;
            let answer = expect(answer, status, &what).await?;
            if status == 304 {
                ensure!(answer.body.is_empty() && answer.header("etag") == Some(current.as_str()), "{what}");
                ensure!(answer.header("cache-control") == whole.header("cache-control"), "{what}");
                ensure!(answer.header("vary") == whole.header("vary"), "{what}");
            }
            if status == 400 && method == Method::GET {
                let field = answer.json()["field"].as_str().unwrap_or_default().to_owned();
                ensure!(name.as_str().eq_ignore_ascii_case(&field), "{what}: {field}");
            }
        }
    }
    Ok(())
}

async fn changing(shop: &Shop, seller: &Api, path: &str, customer: &Customer) -> Result<()> {
    let rename = |name: &str| Call::new(Method::PATCH, path).json(&json!({"name": name}));
    // A stock that has moved is another state of the product: the first half of the tag alone says nothing.
    let before = tag(seller, path).await?;
    customer.buy_one(path.rsplit('/').next().context("an id")?).await?;
    let answer = with(seller, rename("Stale"), &IF_MATCH, &before).await?;
    ensure!(expect(answer, 412, "a stale half").await?.code() == "VERSION_MISMATCH");
    let current = tag(seller, path).await?;
    let version = current.split('.').next().context("a version")?.to_owned();
    for (value, status) in [
        (format!("{version}\""), 412),
        (format!("{version}.999999.0\""), 412),
        (format!("W/{current}"), 412),
        (format!("\"x\", {before}"), 412),
        ("3".to_owned(), 400),
        ("*, \"3\"".to_owned(), 400),
        (String::new(), 400),
        (format!("\"x\", {before}, {current}"), 200),
        ("*".to_owned(), 200),
    ] {
        expect(
            with(seller, rename("Glass harp night"), &IF_MATCH, &value).await?,
            status,
            &format!("If-Match: {value}"),
        )
        .await?;
    }
    let call = rename("There").header(IF_MATCH, "*");
    expect(with(seller, call, &IF_NONE_MATCH, "*").await?, 412, "If-None-Match: * on what is there").await?;
    // Several with one valid tag at once: one is first.
    let current = tag(seller, path).await?;
    let rivals = (0..RIVALS).map(|n| {
        let call = Call::new(Method::PATCH, path).json(&json!({"name": format!("Harp {n}"), "restock": 1}));
        with(seller, call, &IF_MATCH, &current)
    });
    let statuses: Vec<u16> = try_join_all(rivals).await?.iter().map(|a| a.status).collect();
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    ensure!(count(200) == 1 && count(412) == RIVALS - 1, "{statuses:?}");
    // Whose it is comes before how it is; what is not there is of no version.
    expect(with(&customer.api, rename("Mine"), &IF_MATCH, "\"1\"").await?, 403, "a customer").await?;
    let foreign = Call::new(Method::PATCH, "/api/v1/products/prd_tall-vase").json(&json!({"name": "Mine"}));
    expect(with(seller, foreign, &IF_MATCH, "\"no\"").await?, 403, "somebody else's").await?;
    let delete = || Call::new(Method::DELETE, path);
    expect(with(seller, delete(), &IF_MATCH, &current).await?, 412, "deleting what was seen before").await?;
    expect(with(seller, delete(), &IF_MATCH, &tag(seller, path).await?).await?, 204, "deleting what is").await?;
    expect(with(seller, delete(), &IF_MATCH, "*").await?, 412, "deleting what is gone").await?;
    expect(shop.anybody()?.send(Call::new(Method::GET, path).header(IF_MATCH, "*")).await?, 404, "reading it").await?;
    Ok(())
}

async fn of_a_customer(api: &Api) -> Result<()> {
    let (me, addresses) = ("/api/v1/customers/me", "/api/v1/customers/me/addresses");
    let kept = json!({"label": "home", "address": address("DE")});
    let first = tag(api, me).await?;
    let add = || Call::new(Method::POST, addresses).json(&kept);
    let added = expect(with(api, add(), &IF_MATCH, &first).await?, 201, "an address").await?.json();
    expect(with(api, add(), &IF_MATCH, &first).await?, 412, "another address of a version before").await?;
    let path = format!("{addresses}/{}", added["addresses"][0]["id"].as_str().context("an id")?);
    let change = || Call::new(Method::PUT, &path).json(&kept);
    expect(with(api, change(), &IF_MATCH, &first).await?, 412, "an address of before").await?;
    expect(with(api, change(), &IF_NONE_MATCH, "*").await?, 412, "an address that is there").await?;
    let current = tag(api, me).await?;
    let statuses: Vec<u16> = try_join_all((0..RIVALS).map(|_| with(api, change(), &IF_MATCH, &current)))
        .await?
        .iter()
        .map(|a| a.status)
        .collect();
    ensure!(statuses.iter().filter(|s| **s == 200).count() == 1, "{statuses:?}");
    ensure!(statuses.iter().all(|s| matches!(s, 200 | 412)), "{statuses:?}");
    expect(with(api, Call::new(Method::DELETE, &path), &IF_MATCH, &first).await?, 412, "forgetting one").await?;
    expect(with(api, Call::new(Method::DELETE, me), &IF_MATCH, &first).await?, 412, "erasing").await?;
    // A cart has no tag: no version of it can be named.
    expect(with(api, Call::new(Method::DELETE, "/api/v1/cart"), &IF_MATCH, "\"1\"").await?, 412, "a cart's version")
        .await?;
    expect(with(api, Call::new(Method::DELETE, "/api/v1/cart"), &IF_MATCH, "*").await?, 204, "a cart").await?;
    api.get(me).await?;
    Ok(())
}
