//! What is secret or personal is where its owner keeps it, and nowhere else: a whole run is planted with texts that stand nowhere else,
//! also where they do not belong, and then every byte of every store, all telemetry and everything that is printed is searched for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, IF_MATCH};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use tokio::process::Command;
use vitrine_shop_load::http::{Call, Client};
use vitrine_shop_load::sign_in;
use vitrine_tests_testkit::{Api, Options, Placement, Shop, Sink, address, eventually, succeed};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
/// A number with a right check digit that no one else pays with, and the same as people type it.
const CARD: &str = "4716298371640951";
const CARD_TYPED: &str = "4716 2983 7164 0951";
/// A security code: with too many digits, for three would be found in any number.
const CODE: &str = "731946285017";
/// The card whose bank asks. Its code has six digits, which would be found by chance: one with more is refused, and must not be told either.
const CHALLENGED: &str = "4000000000003220";
const PASSWORD: &str = "plover-quartz-7193";
const WRONG_PASSWORD: &str = "heron-basalt-2846";
const EMAIL: &str = "needle.wren@private.vitrine.example";
const CLIENT_SECRET: &str = "lapwing-gneiss-5521";
/// Shortest piece of a text that is looked for in base64: at its ends it depends on what stands beside it.
const MIN_BASE64: usize = 8;
/// The telemetry that is read, all of it.
const TABLES: &[&str] = &["spans", "span_events", "span_links", "logs", "metrics"];

/// Who may have what: files below the data folder, by the beginnings of their names. Nothing else is anywhere.
///
/// The hash of a password and the digest of a token are not the password and the token; the end of a card's number is not the number.
const OWNERS: &[(&str, &[&str])] = &[
    // Accounts by their address.
    ("e-mail address", &["auth.db"]),
    // The customer's profile.
    ("e-mail address", &["customers.db"]),
    // Where the receipt goes: while an order is bought, and as long as it is kept.
    ("e-mail address", &["checkout.db", "orders.db"]),
    // Whom letters went to.
    ("e-mail address", &["email.db"]),
    // The last commits of all of these.
    ("e-mail address", &["commits/"]),
    // What a bank asks, with its payment.
    ("challenge", &["payments.db", "commits/"]),
];

/// A text that was planted.
struct Needle {
    what: &'static str,
    /// Every form in which it would still be it.
    forms: Vec<Vec<u8>>,
}

impl Needle {
    fn new(what: &'static str, text: &str) -> Self {
        let mut forms = vec![text.as_bytes().to_vec(), text.to_uppercase().into_bytes()];
        forms.push(
            text.chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("%{:02X}", u32::from(c)) })
                .collect::<String>()
                .into_bytes(),
        );
        forms.push(
            text.chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
                .collect::<String>()
                .into_bytes(),
        );
        forms.push(text.bytes().map(|b| format!("{b:02x}")).collect::<String>().into_bytes());
        // In base64 a text has three forms, by where it begins; what does not depend on its neighbours is looked for.
        for shift in 0..3 {
            let shifted = [&b"\0\0"[..shift], text.as_bytes()].concat();
            for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                let inner = &encoded[(shift * 8).div_ceil(6)..encoded.len() - 2];
                if inner.len() >= MIN_BASE64 {
                    forms.push(inner.as_bytes().to_vec());
                }
            }
        }
        forms.sort();
        forms.dedup();
        Self { what, forms }
    }

    fn is_in(&self, haystack: &[u8]) -> bool {
        self.forms.iter().any(|form| find(haystack, form))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    let (first, rest) = (needle[0], &needle[1..]);
    let mut at = haystack;
    while let Some(place) = at.iter().position(|byte| *byte == first) {
        at = &at[place + 1..];
        if at.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Everything that there is of a kind, with what it is called.
type Lookup = Vec<(String, Vec<u8>)>;

fn files(folder: &Path, root: &Path, found: &mut Lookup) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, root, found)?;
        } else {
            let name = path.strip_prefix(root)?.display().to_string();
            found.push((name, std::fs::read(&path)?));
        }
    }
    Ok(())
}

/// What is wrong with what was found, by the table of owners.
fn search(needles: &[Needle], found: &Lookup) -> Vec<String> {
    let owns = |what: &str, name: &str| {
        OWNERS.iter().any(|(owned, files)| *owned == what && files.iter().any(|file| name.starts_with(file)))
    };
    let mut wrong = Vec::new();
    for (name, bytes) in found {
        for needle in needles.iter().filter(|needle| needle.is_in(bytes) && !owns(needle.what, name)) {
            wrong.push(format!("the {} is in {name}", needle.what));
        }
    }
    wrong
}

fn body(method: Method, path: &str, text: &str) -> Call {
    Call::new(method, path).raw(text).header(CONTENT_TYPE, "application/json")
}

/// What a browser would tell of a page, if its script put this into every place that is looked at.
fn told_by_a_browser(secret: &str) -> Value {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let at = now.to_string();
    let keys = [
        "url.path",
        "error.type",
        "exception.type",
        "exception.message",
        "code.file.path",
        "http.request.method",
        secret,
    ];
    let attributes: Vec<Value> = keys.iter().map(|key| json!({"key": key, "value": {"stringValue": secret}})).collect();
    let span = |name: &str| {
        json!({"traceId": trace, "spanId": "00f067aa0ba902b7", "parentSpanId": "00f067aa0ba902b8", "name": name,
            "startTimeUnixNano": at, "endTimeUnixNano": at, "attributes": attributes})
    };
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span("fetch"), span(secret)]}]}]})
}

/// Sends what may be refused, and is refused or not: what matters is what is left of it.
async fn plant(api: &Api, calls: Vec<Call>) -> Result<()> {
    for call in calls {
        api.send(call).await?;
    }
    Ok(())
}

/// Signs up, in and out, buys, mistakes one field for another, and does all of it wrong, too. Returns what was planted.
async fn run(shop: &Shop) -> Result<Vec<Needle>> {
    let anybody = shop.anybody()?;
    let sign_up = json!({"email": EMAIL, "password": PASSWORD, "display_name": "Wren"});
    anybody.expect(201, Method::POST, "/api/v1/customers", Some(&sign_up)).await?;
    ensure!(sign_in(anybody.client(), EMAIL, WRONG_PASSWORD).await.is_err(), "a wrong password opened");
    let tokens = sign_in(anybody.client(), EMAIL, PASSWORD).await.map_err(anyhow::Error::msg)?;
    let text = |key: &str| tokens[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in the answer"));
    let (access, refresh) = (text("access_token")?, text("refresh_token")?);
    let me = anybody.with_token(&access);

    me.expect(200, Method::POST, "/api/v1/cart/items", Some(&json!({"product_id": "prd_tall-vase", "quantity": 1})))
        .await?;
    let order = |number: &str, cvv: &str| {
        let card = json!({"number": number, "expiry_month": 12, "expiry_year": 2034, "cvv": cvv});
        json!({"currency": "EUR", "address": address("DE"), "payment": {"card": card}})
    };
    let key = |key: &str, body: &Value| {
        Call::new(Method::POST, "/api/v1/orders").header(HeaderName::from_static("idempotency-key"), key).json(body)
    };
    let bought = me.send(key("planted", &order(CARD_TYPED, "123"))).await?;
    ensure!(bought.status == 201, "{}", String::from_utf8_lossy(&bought.body));
    let kept = json!({"card": order(CARD, "123")["payment"]["card"]});
    me.expect(201, Method::POST, "/api/v1/payment-tokens", Some(&kept)).await?;
    eventually("the receipt", async || {
        let letters = me.all("/api/v1/mailbox").await?;
        Ok(letters.iter().any(|letter| letter["order_id"].is_string()).then_some(()))
    })
    .await?;

    me.expect(200, Method::POST, "/api/v1/cart/items", Some(&json!({"product_id": "prd_tall-vase", "quantity": 1})))
        .await?;
    let challenged = me.send(key("challenged", &order(CHALLENGED, "123"))).await?.json();
    let challenge = challenged["challenge"]["id"].as_str().context("a challenge")?.to_owned();
    let answering = |id: &str, code: &str| {
        Call::new(Method::POST, &format!("/api/v1/challenges/{id}")).json(&json!({"code": code}))
    };
    let page = format!("/challenge/{challenge}");
    plant(&anybody, vec![Call::new(Method::GET, &page), answering(&challenge, CODE), answering(&challenge, "123456")])
        .await?;

    // Each secret in every place that it does not belong into.
    for secret in [CARD, CODE, PASSWORD, WRONG_PASSWORD, EMAIL, CLIENT_SECRET, &access, &refresh, &challenge] {
        let escaped = secret.replace('@', "%40");
        let basic = format!("Basic {}", STANDARD.encode(format!("{secret}:{CLIENT_SECRET}")));
        let quoted = serde_json::to_string(secret)?;
        plant(
            &me,
            vec![
                Call::new(Method::GET, &format!("/api/v1/orders/{escaped}")),
                Call::new(Method::GET, &format!("/{escaped}?access_token={escaped}")),
                Call::new(Method::GET, &format!("/api/v1/products?category={escaped}&{escaped}={escaped}")),
                Call::new(Method::GET, &format!("/api/v1/products/search?q={escaped}")),
                Call::new(Method::GET, &format!("/api/v1/cart?currency={escaped}")),
                Call::new(Method::PUT, &format!("/api/v1/cart/items/{escaped}")).json(&json!({"quantity": 1})),
                body(Method::POST, "/api/v1/customers", &format!("{{\"email\": {quoted}, \"password\": {quoted}")),
                body(Method::POST, "/api/v1/customers", &format!("{{{quoted}: {quoted}}}")),
                body(
                    Method::POST,
                    "/api/v1/cart/items",
                    &format!("{{\"product_id\": {quoted}, \"quantity\": {quoted}}}"),
                ),
                Call::new(Method::POST, "/api/v1/cart/items").raw(secret).header(CONTENT_TYPE, secret),
                key("refused", &order(secret, CODE)),
                key("refused", &order(CARD, secret)),
                Call::new(Method::PATCH, "/api/v1/customers/me")
                    .json(&json!({"display_name": 7}))
                    .header(IF_MATCH, secret),
                Call::new(Method::GET, "/api/v1/cart").header(COOKIE, &format!("session={secret}")),
                Call::new(Method::POST, "/telemetry/v1/traces")
                    .json(&told_by_a_browser(secret))
                    .header(HeaderName::from_static("sec-fetch-site"), "same-origin"),
            ],
        )
        .await?;
        plant(
            &anybody,
            vec![
                Call::new(Method::GET, "/api/v1/cart").bearer(secret),
                answering(&escaped, secret),
                Call::new(Method::POST, "/oauth2/token").form(&[
                    ("grant_type", "client_credentials"),
                    ("client_id", secret),
                    ("client_secret", CLIENT_SECRET),
                ]),
                Call::new(Method::POST, "/oauth2/token")
                    .form(&[("grant_type", "client_credentials")])
                    .header(AUTHORIZATION, &basic),
                Call::new(Method::POST, "/oauth2/token").form(&[
                    ("grant_type", secret),
                    ("code", secret),
                    ("code_verifier", secret),
                ]),
                Call::new(
                    Method::GET,
                    &format!("/oauth2/authorize?client_id={escaped}&login_hint={escaped}&state={escaped}"),
                ),
            ],
        )
        .await?;
    }
    let renew = [("grant_type", "refresh_token"), ("refresh_token", &*refresh), ("client_id", "vitrine-cli")];
    plant(&anybody, vec![Call::new(Method::POST, "/oauth2/token").form(&renew)]).await?;
    plant(
        &anybody,
        vec![Call::new(Method::POST, "/oauth2/revoke").form(&[("token", &*refresh), ("client_id", "vitrine-cli")])],
    )
    .await?;

    let signature = access.rsplit('.').next().context("a signature")?;
    Ok(vec![
        Needle::new("card number", CARD),
        Needle::new("card number", CARD_TYPED),
        Needle::new("security code", CODE),
        Needle::new("challenge", &challenge),
        Needle::new("password", PASSWORD),
        Needle::new("wrong password", WRONG_PASSWORD),
        Needle::new("e-mail address", EMAIL),
        Needle::new("client secret", CLIENT_SECRET),
        Needle::new("access token", signature),
        Needle::new("refresh token", &refresh),
    ])
}

async fn start(variables: Vec<(String, String)>) -> Result<Shop> {
    Shop::start(Path::new(BINARY), Placement::Local, &Options { variables, ..Options::default() }).await
}

/// What lies on the disk when the shop has stopped, and what it has printed.
fn left(shop: &mut Shop) -> Result<Lookup> {
    let process = shop.process()?;
    process.stop()?;
    let mut found = vec![("what it printed".to_owned(), process.output().into_bytes())];
    let data: PathBuf = shop.data().join("up");
    files(&data, &data, &mut found)?;
    ensure!(found.len() > 10, "the data is elsewhere: {} files", found.len());
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_and_the_observatory_hold_what_is_theirs_only() -> Result<()> {
    let mut shop = start(Vec::new()).await?;
    let needles = run(&shop).await?;
    let mut found = Lookup::new();
    // Columns are compressed on disk: what is in them is read as their readers read it.
    for table in TABLES {
        let rows = eventually(&format!("rows of {table}"), async || {
            let statement = format!("SELECT * FROM {table}");
            let mut sql = Command::new(BINARY);
            let told = succeed(sql.args(["sql", "--format", "json", "--url", &shop.observe, &statement])).await?;
            Ok((*table == "span_events" || told.lines().count() > 3).then_some(told))
        })
        .await?;
        found.push((format!("the table {table}"), rows.into_bytes()));
    }
    let operations = shop.process()?.ready["operations"].as_str().context("an address")?.to_owned();
    let metrics = Client::new(&operations)?.send(Call::new(Method::GET, "/metrics")).await?;
    ensure!(find(&metrics.body, b"http_server_request_duration_seconds_bucket"), "these are no metrics");
    found.push(("what a scraper reads".to_owned(), metrics.body.to_vec()));
    found.extend(left(&mut shop)?);
    // The search itself finds what is there.
    let owned = found.iter().filter(|(_, bytes)| needles.iter().any(|n| n.what == "e-mail address" && n.is_in(bytes)));
    ensure!(owned.count() >= 3, "the address is not even where it belongs");
    let wrong = search(&needles, &found);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_outward_holds_nothing_of_anybody() -> Result<()> {
    let sink = Sink::start().await?;
    let variable = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut shop = start(vec![
        variable("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.url),
        variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ])
    .await?;
    let needles = run(&shop).await?;
    // Stopping sends what is pending.
    left(&mut shop)?;
    let sent = sink.taken();
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        ensure!(find(&sent, path.as_bytes()), "nothing was sent to {path}");
    }
    ensure!(find(&sent, b"POST /api/v1/orders"), "no span of the purchase was sent");
    let wrong = search(&needles, &vec![("what was sent".to_owned(), sent)]);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
