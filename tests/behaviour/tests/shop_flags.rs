//! The shop's own flags: each is switched while the shop runs, over the flags' API, and what customers see changes within a moment; what was read is
//! counted, and told to the span of whoever read it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use vitrine::shop_flags::DECLARED;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_testkit::{Api, Customer, Options, Placement, Shop, address, card, eventually, order_body, within};

/// How soon a switch is seen, where nothing is cached between.
const SOON: Duration = Duration::from_secs(1);
/// The same where shoppers are shown what was a moment ago.
const SOON_CACHED: Duration = Duration::from_secs(3);
const GOOD: &str = "4242424242424242";
const AMEX: &str = "378282246310005";

struct Switches {
    shop: Shop,
    flags: Client,
    anybody: Api,
    admin: Api,
}

impl Switches {
    async fn start() -> Result<Self> {
        let path = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
        let mut shop = Shop::start(path, Placement::Local, &Options::default()).await?;
        let url = shop.process()?.ready["flags"].as_str().context("the ready file has no flags")?.to_owned();
        let (flags, anybody, admin) = (Client::new(&url)?, shop.anybody()?, shop.admin()?);
        Ok(Self { shop, flags, anybody, admin })
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Result<Value> {
        let answer =
            self.flags.send(Call::new(method, path).raw(body).header(CONTENT_TYPE, "application/json")).await?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(answer.json())
    }

    /// Has everybody get a variant of a flag; with a value, one of that value.
    async fn switch(&self, key: &str, variant: &str, value: Option<Value>) -> Result<()> {
        let path = format!("/api/v1/flags/{key}");
        let flag = self.ask(Method::GET, &path, "").await?;
        let mut definition = flag["definition"].clone();
        definition["defaultVariant"] = variant.into();
        if let Some(value) = value {
            definition["variants"][variant] = value;
        }
        ensure!(definition["variants"].get(variant).is_some(), "{key} has no {variant}: {definition}");
        let path = format!("{path}?revision={}&why=a%20test", flag["revision"]);
        self.ask(Method::PUT, &path, &definition.to_string()).await.map(drop)
    }

    async fn quote(&self, customer: &Customer) -> Result<(String, String)> {
        let question = json!({"currency": "EUR", "address": address("DE")});
        let quote = customer.api.expect(200, Method::POST, "/api/v1/checkout/quote", Some(&question)).await?;
        let amount = |of: &str| quote[of]["amount"].as_str().unwrap_or_default().to_owned();
        Ok((amount("subtotal"), amount("shipping")))
    }

    async fn items(&self, path: &str) -> Result<usize> {
        Ok(self.anybody.get(path).await?["items"].as_array().map_or(0, Vec::len))
    }
}

/// What shoppers are shown, who have not signed in.
async fn shown(switches: &Switches) -> Result<()> {
    ensure!(switches.items("/api/v1/ads?context=gifts").await? == 1, "one advertisement");
    switches.switch("ads-second-slot", "on", None).await?;
    within(SOON, "a second advertisement", async || {
        Ok((switches.items("/api/v1/ads?context=gifts").await? == 2).then_some(()))
    })
    .await?;

    ensure!(switches.items("/api/v1/currencies").await? > 5, "all currencies");
    switches.switch("currencies-listed", "major", None).await?;
    within(SOON, "the major currencies", async || Ok((switches.items("/api/v1/currencies").await? == 5).then_some(())))
        .await?;

    let recommended = "/api/v1/recommendations?product_id=prd_storm-vase&limit=4";
    ensure!(switches.items(recommended).await? == 4, "filled up by category");
    switches.switch("recommendations-strategy", "together", None).await?;
    within(SOON, "only what was bought together", async || Ok((switches.items(recommended).await? == 0).then_some(())))
        .await?;

    let page = async || {
        let answer = switches.anybody.send(Call::new(Method::GET, "/")).await?;
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&answer.body).into_owned())
    };
    ensure!(!page().await?.contains("Half off"), "nothing is announced");
    switches.switch("gateway-announcement", "sale", Some("Half off <today>".into())).await?;
    within(SOON_CACHED, "an announcement, as text", async || {
        Ok(page().await?.contains("Half off &lt;today&gt;").then_some(()))
    })
    .await?;

    let sold_out = json!({"kind": "goods", "name": "Quixotic bowl", "description": "The last one is sold.", "category": "bowls",
        "price": {"currency": "EUR", "amount": "20.00"}, "weight_g": 500, "stock": 0});
    switches.admin.expect(201, Method::POST, "/api/v1/products", Some(&sold_out)).await?;
    within(SOON_CACHED, "what is sold out", async || {
        Ok((switches.items("/api/v1/products/search?q=quixotic").await? == 1).then_some(()))
    })
    .await?;
    switches.switch("catalog-hide-sold-out", "hidden", None).await?;
    within(SOON_CACHED, "a list without it", async || {
        Ok((switches.items("/api/v1/products/search?q=quixotic").await? == 0).then_some(()))
    })
    .await
}

/// What a cart costs, and what it takes.
async fn carts(switches: &Switches) -> Result<()> {
    let customer = Customer::new(&switches.anybody).await?;
    customer.add("prd_everyday-tumbler", 3).await?;
    let (subtotal, before) = switches.quote(&customer).await?;
    let before: f64 = before.parse()?;
    ensure!(subtotal == "42.00" && before > 1.2, "{subtotal}, {before}");
    switches.switch("shipping-padding-charged", "free", None).await?;
    let after = format!("{:.2}", before - 1.2);
    within(SOON, "three pieces without padding", async || {
        Ok((switches.quote(&customer).await?.1 == after).then_some(()))
    })
    .await?;
    switches.switch("checkout-free-shipping-from", "from-50", None).await?;
    switches.switch("checkout-free-shipping-from", "from-25", None).await?;
    within(SOON, "free shipping", async || Ok((switches.quote(&customer).await?.1 == "0.00").then_some(()))).await?;
    customer.api.get("/api/v1/orders").await?;
    let order = customer.buy("free", &order_body("USD", GOOD)).await?;
    ensure!(order["shipping"]["amount"] == "0.00" && order["total"] == order["subtotal"], "{order}");

    switches.switch("carts-most-lines", "two", Some(2.into())).await?;
    customer.add("prd_everyday-tumbler", 1).await?;
    customer.add("prd_storm-vase", 1).await?;
    within(SOON, "a full cart", async || {
        let answer = customer.try_add("prd_tall-vase", 1).await?;
        let again = customer.try_add("prd_storm-vase", 1).await?;
        ensure!(again.status == 200, "what is there has its place: {}", again.status);
        Ok((answer.status == 422 && answer.code() == "CART_FULL").then_some(()))
    })
    .await
}

/// Paying, and what follows an order.
async fn orders(switches: &Switches) -> Result<()> {
    switches.switch("checkout-free-shipping-from", "never", None).await?;
    let customer = Customer::new(&switches.anybody).await?;
    let tokenize = json!({"card": {"number": AMEX, "expiry_month": 12, "expiry_year": 2034, "cvv": "1234"}});
    let token = customer.api.expect(201, Method::POST, "/api/v1/payment-tokens", Some(&tokenize)).await?;
    switches.switch("payments-card-networks", "without-amex", None).await?;
    within(SOON, "a refusal", async || {
        let answer = customer.api.send(Call::new(Method::POST, "/api/v1/payment-tokens").json(&tokenize)).await?;
        Ok((answer.code() == "UNSUPPORTED_CARD_SCHEME").then_some(()))
    })
    .await?;
    let visa = json!({"card": card(GOOD)});
    customer.api.expect(201, Method::POST, "/api/v1/payment-tokens", Some(&visa)).await?;
    customer.add("prd_storm-vase", 1).await?;
    let mut body = order_body("EUR", GOOD);
    body["payment"] = json!({"token": token["token"]});
    let refused = customer.ask("amex", &body).await?;
    ensure!(refused.code() == "UNSUPPORTED_CARD_SCHEME", "{}", String::from_utf8_lossy(&refused.body));

    switches.switch("email-receipt", "thankful", None).await?;
    switches.switch("fraud-first-order-from", "any", Some(1.into())).await?;
    switches.switch("orders-page-size", "one", Some(1.into())).await?;
    eventually("the last switch, in force", async || {
        customer.api.get("/api/v1/orders").await?;
        let all = switches.ask(Method::GET, "/api/v1/flags?owner=orders", "").await?;
        Ok((all["flags"][0]["life"]["variant"] == "one").then_some(()))
    })
    .await?;
    let order = customer.buy("first", &order_body("EUR", GOOD)).await?;
    customer.buy_one("prd_everyday-tumbler").await?;
    let id = order["id"].as_str().context("an id")?;
    let letters = eventually("two letters", async || {
        Ok(Some(customer.api.all("/api/v1/mailbox").await?).filter(|letters| letters.len() == 2))
    })
    .await?;
    ensure!(letters.iter().all(|l| l["subject"].as_str().is_some_and(|s| s.starts_with("Thank you! "))), "{letters:?}");
    let assessment = eventually("an assessment", async || {
        let path = format!("/api/v1/admin/fraud/assessments/{id}");
        let answer = switches.admin.send(Call::new(Method::GET, &path)).await?;
        Ok((answer.status == 200).then(|| answer.json()))
    })
    .await?;
    ensure!(assessment.to_string().contains("new_customer_large_order"), "{assessment}");
    let page = customer.api.get("/api/v1/orders").await?;
    ensure!(page["items"].as_array().map(Vec::len) == Some(1) && page["next_cursor"].is_string(), "{page}");
    let asked = customer.api.get("/api/v1/orders?limit=2").await?;
    ensure!(asked["items"].as_array().map(Vec::len) == Some(2), "who says how many gets so many: {asked}");

    let balances = async || {
        let balance = switches.admin.get("/api/v1/admin/ledger/balance").await?;
        ensure!(balance["balanced"] == true, "{balance}");
        Ok::<_, anyhow::Error>(balance["balances"].as_array().cloned().unwrap_or_default())
    };
    // Bought and paid back in a currency of its own: its cash is zero.
    customer.add("prd_storm-vase", 1).await?;
    let order = customer.buy("crowns", &order_body("CZK", GOOD)).await?;
    let path = format!("/api/v1/orders/{}/cancel", order["id"].as_str().context("an id")?);
    customer.api.expect(200, Method::POST, &path, Some(&json!({}))).await?;
    let crowns = |all: &[Value]| all.iter().filter(|one| one.to_string().contains("CZK")).count();
    let before = eventually("a refund on the books", async || {
        let all = balances().await?;
        Ok(all.iter().any(|b| b.to_string().contains("refunds") && b.to_string().contains("CZK")).then_some(all))
    })
    .await?;
    switches.switch("accounting-zero-balances", "hidden", None).await?;
    within(SOON, "one balance less", async || Ok((crowns(&balances().await?) + 1 == crowns(&before)).then_some(())))
        .await
}

/// Signing up.
async fn people(switches: &Switches) -> Result<()> {
    let sign_up = async |name: &str| {
        let body = json!({"email": format!("{name}@test.vitrine.example"), "password": "correct horse battery", "display_name": "Ada"});
        switches.anybody.send(Call::new(Method::POST, "/api/v1/customers").json(&body)).await
    };
    ensure!(sign_up("flag-0").await?.json()["preferred_currency"] == "EUR");
    switches.switch("customers-currency-at-sign-up", "chf", None).await?;
    let mut n = 0;
    within(SOON, "francs", async || {
        n += 1;
        Ok((sign_up(&format!("flag-{n}")).await?.json()["preferred_currency"] == "CHF").then_some(()))
    })
    .await?;
    switches.switch("auth-sign-up-open", "closed", None).await?;
    let closed = within(SOON, "a closed door", async || {
        n += 1;
        let name = format!("flag-{n}");
        Ok((sign_up(&name).await?.code() == "SIGN_UP_CLOSED").then_some(name))
    })
    .await?;
    Customer::sign_in(&switches.anybody, "flag-0@test.vitrine.example", "correct horse battery").await?;
    switches.switch("auth-sign-up-open", "open", None).await?;
    // One who was refused has left nothing behind that is in the way.
    within(SOON, "an open door", async || Ok((sign_up(&closed).await?.status == 201).then_some(()))).await
}

/// Whether what visitors do is told to the observatory: what comes while it is not is kept, and told later.
async fn analytics(switches: &Switches) -> Result<()> {
    let told = "SELECT event_name FROM logs WHERE service = 'analytics' AND event_name IS NOT NULL";
    let held = "SELECT name FROM span_events WHERE name = 'feature_flag.evaluation' \
        AND attr(attributes, 'feature_flag.key') = 'analytics-sending' AND attr(attributes, 'feature_flag.result.variant') = 'off'";
    let observatory = switches.shop.observatory()?;
    let mut seen = 0;
    let mut see = async || {
        seen += 1;
        let consent = json!({"consent": {"categoryPreferences": {"analytics": true}}});
        let page = json!({"writeKey": "vitrine-shop", "anonymousId": "vis_1", "messageId": format!("m-{seen}"), "context": consent});
        switches.anybody.expect(200, Method::POST, "/v1/page", Some(&page)).await?;
        Ok::<_, anyhow::Error>(seen)
    };
    see().await?;
    eventually("a message", async || Ok((observatory.sql(told).await?.len() == 1).then_some(()))).await?;
    switches.switch("analytics-sending", "off", None).await?;
    let all = eventually("one that is held back", async || {
        let seen = see().await?;
        Ok((!observatory.sql(held).await?.is_empty()).then_some(seen))
    })
    .await?;
    switches.switch("analytics-sending", "on", None).await?;
    eventually("all messages", async || Ok((observatory.sql(told).await?.len() == all).then_some(()))).await
}

/// Each flag was read by its own service, its life says so, and its evaluations are on spans, with OpenTelemetry's names.
async fn reads_and_events(switches: &Switches) -> Result<()> {
    let declared: BTreeSet<&str> = DECLARED.iter().flat_map(|(_, flags)| *flags).map(|flag| flag.key).collect();
    eventually("every flag's reads", async || {
        let listed = switches.ask(Method::GET, "/api/v1/flags?stage=live", "").await?;
        let listed = listed["flags"].as_array().cloned().unwrap_or_default();
        let live = listed.iter().filter(|flag| {
            let life = &flag["life"];
            life["drift"] == json!([]) && life["reads"].as_u64() > Some(0) && life["lastReader"] == life["owners"][0]
        });
        let live: BTreeSet<&str> = live.filter_map(|flag| flag["key"].as_str()).collect();
        Ok(declared.iter().all(|key| live.contains(key)).then_some(()))
    })
    .await?;
    let history = switches.ask(Method::GET, "/api/v1/history?limit=500", "").await?;
    let first = history["entries"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
    ensure!(
        first["why"] == "declared by services" && first["changes"].as_array().map(Vec::len) == Some(declared.len()),
        "{first}"
    );

    let statement = "SELECT service, attr(attributes, 'feature_flag.key') AS key, attr(attributes, 'feature_flag.result.variant') AS variant, \
        attr(attributes, 'feature_flag.result.reason') AS reason, attr(attributes, 'feature_flag.provider.name') AS provider, \
        count(*) AS n, max(attr(attributes, 'feature_flag.context.id')) AS subject \
        FROM span_events WHERE name = 'feature_flag.evaluation' GROUP BY 1, 2, 3, 4, 5";
    eventually("an event of each flag", async || {
        let rows = switches.shop.observatory()?.sql(statement).await?;
        for (service, flags) in DECLARED {
            for flag in *flags {
                let of = rows.iter().filter(|row| row["key"] == flag.key && row["service"] == *service);
                let good = of.filter(|row| row["provider"] == "vitrine" && row["reason"] == "static");
                if good.filter(|row| row["variant"].is_string()).count() < 2 {
                    return Ok(None);
                }
            }
        }
        let subject = |row: &&Value| {
            row["key"] == "carts-most-lines" && row["subject"].as_str().is_some_and(|id| id.starts_with("cus_"))
        };
        Ok(rows.iter().find(subject).map(|_| ()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flag_of_the_shop_switches_what_it_says() {
    let check = async {
        let mut switches = Switches::start().await?;
        shown(&switches).await.context("what is shown")?;
        carts(&switches).await.context("carts")?;
        orders(&switches).await.context("orders")?;
        people(&switches).await.context("people")?;
        analytics(&switches).await.context("analytics")?;
        reads_and_events(&switches).await.context("what is told")?;
        switches.shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("flags switch the shop");
}

/// The guide's table is what code declares. `UPDATE=1` writes it.
#[test]
fn the_guide_has_every_flag_of_the_shop() {
    let mut table = String::from(
        "| flag | service | kind | what it switches | variants, the first is code's own |\n|---|---|---|---|---|\n",
    );
    for (service, flags) in DECLARED {
        for flag in *flags {
            let variants = flag.variants.iter().map(|(name, value)| format!("{name} `{}`", value.to_json()));
            let variants = variants.collect::<Vec<_>>().join(", ");
            assert_eq!(flag.owner, *service, "{}", flag.key);
            table.push_str(&format!(
                "| `{}` | {service} | {} | {} | {variants} |\n",
                flag.key,
                flag.kind.name(),
                flag.purpose
            ));
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/flags.md");
    let guide = std::fs::read_to_string(&path).expect("the guide");
    let begin = guide.find("| flag | service |").expect("the table of the shop's flags");
    let end = begin + guide[begin..].find("\n\n").expect("something after it") + 1;
    if std::env::var_os("UPDATE").is_some() {
        let updated = format!("{}{table}{}", &guide[..begin], &guide[end..]);
        std::fs::write(&path, updated).expect("written");
        return;
    }
    assert_eq!(
        &guide[begin..end],
        table,
        "docs/guide/flags.md is old: UPDATE=1 cargo test -p vitrine-tests-behaviour --test shop_flags"
    );
}
