//! Accounts, tokens, and what is stored about people.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::try_join_all;
use http::Method;
use http::header::IF_MATCH;
use serde_json::{Value, json};
use vitrine_shop_load::http::{Call, Response};
use vitrine_shop_load::sign_in;
use vitrine_tests_testkit::{Api, Customer, Shop, address, eventually, order_body};

const CLIENT: &str = "vitrine-storefront";
/// How often someone signs up at once.
const SIGN_UPS_AT_ONCE: usize = 8;

async fn token_call(api: &Api, form: &[(&str, &str)]) -> Result<Response> {
    api.send(Call::new(Method::POST, "/oauth2/token").form(form)).await
}

async fn refresh(api: &Api, token: &str) -> Result<Response> {
    token_call(api, &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT)]).await
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("{key} of {value}"))
}

pub(crate) async fn tokens_are_rotated_and_revoked(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    let signed_in = sign_in(anybody.client(), &customer.email, &customer.password).await.map_err(anyhow::Error::msg)?;
    ensure!(signed_in["token_type"] == "Bearer" && signed_in["id_token"].is_string(), "{signed_in}");
    let first = text(&signed_in, "refresh_token")?.to_owned();
    let renewed = refresh(&anybody, &first).await?;
    ensure!(renewed.status == 200, "{}", String::from_utf8_lossy(&renewed.body));
    let second = text(&renewed.json(), "refresh_token")?.to_owned();
    anybody.with_token(text(&renewed.json(), "access_token")?).get("/api/v1/customers/me").await?;

    // The first one again: someone stole it, so the whole family is void.
    let reused = refresh(&anybody, &first).await?;
    ensure!(reused.status == 400 && reused.json()["error"] == "invalid_grant", "{}", reused.status);
    ensure!(refresh(&anybody, &second).await?.status == 400, "the family lives on");

    let signed_in = sign_in(anybody.client(), &customer.email, &customer.password).await.map_err(anyhow::Error::msg)?;
    let token = text(&signed_in, "refresh_token")?;
    let revoked = anybody
        .send(Call::new(Method::POST, "/oauth2/revoke").form(&[("token", token), ("client_id", CLIENT)]))
        .await?;
    ensure!(revoked.status == 200 && refresh(&anybody, token).await?.status == 400, "revoked and still good");
    let signed_out = anybody.with_token(text(&signed_in, "access_token")?);
    ensure!(
        signed_out.send(Call::new(Method::GET, "/api/v1/customers/me")).await?.status == 401,
        "it outlives its family"
    );

    // An access token alone: refused from the next request on.
    let me = Customer::sign_in(&anybody, &customer.email, &customer.password).await?.api;
    me.get("/api/v1/customers/me").await?;
    let access = me.token().context("a token")?.to_owned();
    for form in
        [vec![("token", access.as_str()), ("client_id", CLIENT)], vec![("token", "made-up"), ("client_id", CLIENT)]]
    {
        let revoked = anybody.send(Call::new(Method::POST, "/oauth2/revoke").form(&form)).await?;
        ensure!(revoked.status == 200, "{form:?}: {}", revoked.status);
    }
    let refused = me.send(Call::new(Method::GET, "/api/v1/customers/me")).await?;
    ensure!(refused.status == 401 && refused.code() == "INVALID_TOKEN", "{}", refused.status);
    let nothing = anybody.send(Call::new(Method::POST, "/oauth2/revoke").form(&[("client_id", CLIENT)])).await?;
    ensure!(nothing.status == 400 && nothing.json()["error"] == "invalid_request", "{}", nothing.json());

    for (form, error) in [
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "authorization_code"), ("client_id", CLIENT), ("code", "made-up")], "invalid_grant"),
        (vec![("grant_type", "refresh_token"), ("client_id", "nobody"), ("refresh_token", "x")], "invalid_client"),
        (vec![("grant_type", "client_credentials"), ("client_id", "vitrine-cli")], "invalid_client"),
    ] {
        let answer = token_call(&anybody, &form).await?;
        ensure!(answer.json()["error"] == error, "{form:?}: {}", String::from_utf8_lossy(&answer.body));
    }

    // New keys sign new tokens; the old ones stay good until they expire.
    let keys =
        async || -> Result<usize> { Ok(anybody.get("/oauth2/jwks").await?["keys"].as_array().context("keys")?.len()) };
    let before = keys().await?;
    shop.admin()?.expect(200, Method::POST, "/api/v1/admin/keys/rotate", None).await?;
    // One for access tokens, one for ID tokens.
    ensure!(keys().await? == before + 2, "the keys are not published");
    customer.api.get("/api/v1/customers/me").await?;
    let renewed = Customer::sign_in(&anybody, &customer.email, &customer.password).await?;
    renewed.api.get("/api/v1/customers/me").await?;
    let discovery = anybody.get("/.well-known/openid-configuration").await?;
    ensure!(
        discovery["issuer"] == shop.url.as_str() && discovery["code_challenge_methods_supported"] == json!(["S256"]),
        "{discovery}"
    );
    Ok(())
}

pub(crate) async fn forged_tokens_are_refused(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    let signed_in = sign_in(anybody.client(), &customer.email, &customer.password).await.map_err(anyhow::Error::msg)?;
    let good = text(&signed_in, "access_token")?.to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1])?)?;
    claims["roles"] = json!(["admin"]);
    let mut flipped = good.clone().into_bytes();
    let last = flipped.len() - 20;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    for (what, token) in [
        ("alg none", format!("{}.{}.", part(&json!({"alg": "none", "typ": "at+jwt"})), part(&claims))),
        (
            "alg HS256 with the public key",
            format!("{}.{}.{}", part(&json!({"alg": "HS256", "typ": "at+jwt"})), part(&claims), parts[2]),
        ),
        ("more roles", format!("{}.{}.{}", parts[0], part(&claims), parts[2])),
        ("another signature", String::from_utf8(flipped)?),
        ("no JWT", "abc".to_owned()),
        ("an ID token", text(&signed_in, "id_token")?.to_owned()),
        (
            "a refresh token",
            sign_in(anybody.client(), &customer.email, &customer.password).await.map_err(anyhow::Error::msg)?["scope"]
                .to_string(),
        ),
        ("a long one", "x".repeat(5000)),
    ] {
        let answer = anybody.with_token(&token).send(Call::new(Method::GET, "/api/v1/admin/orders")).await?;
        ensure!(
            answer.status == 401 && answer.code() == "INVALID_TOKEN",
            "{what}: {} {}",
            answer.status,
            answer.code()
        );
        ensure!(answer.header("www-authenticate").is_some(), "{what}: no challenge");
    }
    Ok(())
}

pub(crate) async fn wrong_passwords_lock(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(
            sign_in(anybody.client(), &customer.email, "wrong horse battery").await.expect_err("a wrong password"),
        );
    }
    ensure!(told[4].contains("wrong") && told[5].contains("too many"), "{told:?}");
    let locked = sign_in(anybody.client(), &customer.email, &customer.password).await.expect_err("locked");
    ensure!(locked.contains("too many"), "{locked}");
    // Someone unknown is told the same as someone with a wrong password.
    let unknown =
        sign_in(anybody.client(), "nobody@test.vitrine.example", "wrong horse battery").await.expect_err("unknown");
    ensure!(unknown == told[0], "{unknown}");
    Ok(())
}

pub(crate) async fn customers_own_their_data(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    let taken = json!({"email": customer.email.to_uppercase(), "password": "another password", "display_name": "Eve"});
    let answer = anybody.expect(409, Method::POST, "/api/v1/customers", Some(&taken)).await?;
    ensure!(answer["code"] == "EMAIL_TAKEN" && answer["field"] == "email", "{answer}");

    let new = json!({"label": "home", "address": address("DE")});
    let with_address = customer.api.expect(201, Method::POST, "/api/v1/customers/me/addresses", Some(&new)).await?;
    let id = text(&with_address["addresses"][0], "id")?;
    let path = format!("/api/v1/customers/me/addresses/{id}");
    let moved =
        customer.api.expect(200, Method::PUT, &path, Some(&json!({"label": "home", "address": address("FR")}))).await?;
    ensure!(moved["addresses"][0]["address"]["country"] == "FR", "{moved}");
    let patch = Call::new(Method::PATCH, "/api/v1/customers/me")
        .json(&json!({"display_name": "Countess", "preferred_currency": "GBP"}));
    let stale = customer.api.send(patch.clone().header(IF_MATCH, "\"1\"")).await?;
    ensure!(stale.status == 412, "{}", stale.status);
    let changed = customer.api.send(patch.header(IF_MATCH, &format!("\"{}\"", moved["version"]))).await?;
    ensure!(changed.status == 200 && changed.json()["display_name"] == "Countess", "{}", changed.status);

    let order = customer.buy_one("prd_key-dish").await?;
    eventually("a receipt", async || Ok((!customer.api.all("/api/v1/mailbox").await?.is_empty()).then_some(())))
        .await?;
    let export = customer.api.get("/api/v1/customers/me/export").await?;
    ensure!(
        export["customer"]["addresses"][0]["country"] == "FR" && export["orders"][0]["id"] == order["id"],
        "{export}"
    );
    ensure!(export["letters"].as_array().is_some_and(|l| l.len() == 1), "{export}");

    customer.api.expect(204, Method::DELETE, "/api/v1/customers/me", None).await?;
    customer.api.expect(401, Method::GET, "/api/v1/customers/me", None).await?;
    sign_in(anybody.client(), &customer.email, &customer.password).await.expect_err("the account is gone");
    let admin = shop.admin()?;
    let path = format!("/api/v1/admin/orders/{}", text(&order, "id")?);
    eventually("the order to forget who", async || {
        let kept = admin.get(&path).await?;
        let forgotten = kept["address"]["recipient"] == "" && kept["address"]["line1"] == "";
        Ok((forgotten && kept["total"] == order["total"]).then_some(()))
    })
    .await?;
    // The address is free again.
    let again = json!({"email": customer.email, "password": "another password", "display_name": "Ada"});
    anybody.expect(201, Method::POST, "/api/v1/customers", Some(&again)).await?;
    Ok(())
}

pub(crate) async fn addresses_that_look_the_same_are_one(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let sign_up = async |email: &str, name: &str| {
        let body = json!({"email": email, "password": "correct horse battery", "display_name": name});
        anybody.send(Call::new(Method::POST, "/api/v1/customers").json(&body)).await
    };
    // No two runs share an address.
    let (me, domain) = (vitrine_kit::id::new("eva").to_lowercase(), "bücher.example");
    let made = sign_up(&format!("É{me}@{domain}"), "E\u{301}va\u{a0}Brenner").await?;
    ensure!(made.status == 201, "{}", String::from_utf8_lossy(&made.body));
    let kept = format!("é{me}@xn--bcher-kva.example");
    ensure!(made.json()["email"] == kept.as_str() && made.json()["display_name"] == "Éva Brenner", "{}", made.json());
    let spellings = [
        format!("é{me}@{domain}"),
        format!("e\u{301}{me}@bu\u{308}cher.example"),
        format!("E\u{301}{}@BÜCHER.Example", me.to_uppercase()),
        format!(" é{me}@XN--BCHER-KVA.example\n"),
        format!("é{me}@bücher。example"),
    ];
    for email in &spellings {
        let again = sign_up(email, "Eva").await?;
        ensure!(again.status == 409 && again.code() == "EMAIL_TAKEN", "{email:?}: {} {}", again.status, again.code());
        Customer::sign_in(&anybody, email, "correct horse battery").await.with_context(|| format!("{email:?}"))?;
    }
    for email in [
        format!("<é{me}@{domain}>"),
        format!("Eva <é{me}@{domain}>"),
        format!("\"é{me}\"@{domain}"),
        format!("é\u{200b}{me}@{domain}"),
        format!("é{me}\u{200d}@{domain}"),
        format!("\u{202e}é{me}@{domain}"),
        format!("é{me}@büch\u{ad}er.example"),
        format!("é{me}\u{3164}@{domain}"),
        format!("ｅ{me}@{domain}"),
        format!("é{me}\u{430}@{domain}"),
        format!(".é{me}@{domain}"),
        format!("é{me}@{domain}."),
        format!("é{me}@{domain}\r\nBcc: x@example.org"),
        format!("@{domain}"),
    ] {
        let refused = sign_up(&email, "Eva").await?;
        let told = refused.json();
        ensure!(
            refused.status == 400 && told["code"] == "INVALID_EMAIL" && told["field"] == "email",
            "{email:?}: {told}"
        );
        ensure!(sign_in(anybody.client(), &email, "correct horse battery").await.is_err(), "{email:?} signs in");
    }
    for name in ["\u{200b}", "\u{3164}", "\u{2800}", "Eva\u{202e}", "Eva\nBcc: x", "Eva\u{0}", "Eva\u{e000}"] {
        let refused = sign_up(&format!("other-{me}@example.org"), name).await?;
        ensure!(refused.status == 400 && refused.json()["field"] == "display_name", "{name:?}: {}", refused.status);
    }
    // Two spellings at once: never two accounts, and who is told that there is one can sign in.
    let rivals = [format!("ö{me}@example.org"), format!("o\u{308}{me}@EXAMPLE.org")];
    let asked = rivals.iter().cycle().take(8).map(|email| sign_up(email, "Eva"));
    let made = futures::future::try_join_all(asked).await?.iter().filter(|answer| answer.status == 201).count();
    ensure!(made <= 1, "{made} accounts");
    if made == 1 {
        Customer::sign_in(&anybody, &rivals[1], "correct horse battery").await?;
    }

    let customer = Customer::sign_in(&anybody, &kept, "correct horse battery").await?;
    for (field, value) in
        [("recipient", "Eva\u{202e}"), ("city", "\u{200b}"), ("line1", "1\r\n2"), ("postal_code", "\u{3164}")]
    {
        let mut body = order_body("EUR", "4242424242424242");
        body["address"][field] = json!(value);
        let refused = customer.ask("unseen", &body).await?;
        let told = refused.json();
        ensure!(refused.status == 400 && told["field"] == format!("address.{field}"), "{field}: {told}");
    }
    let mut new = json!({"label": " ho\u{302}me ", "address": address("DE")});
    new["address"]["recipient"] = json!(" Jose\u{301}\u{3000}Brenner ");
    let with_address = customer.api.expect(201, Method::POST, "/api/v1/customers/me/addresses", Some(&new)).await?;
    let saved = &with_address["addresses"][0];
    ensure!(saved["label"] == "hôme" && saved["address"]["recipient"] == "José Brenner", "{saved}");
    Ok(())
}

/// Who signs up several times at once has one account, with the password of the one that was told so.
pub(crate) async fn of_sign_ups_at_once_one_succeeds(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    for _ in 0..4 {
        let email = format!("{}@vitrine.example", vitrine_kit::id::new("ada"));
        let sign_up = |n: usize| {
            let body = json!({"email": email, "password": format!("password number {n}"), "display_name": "Ada"});
            let call = Call::new(Method::POST, "/api/v1/customers").json(&body);
            anybody.send(call)
        };
        let answers = try_join_all((0..SIGN_UPS_AT_ONCE).map(sign_up)).await?;
        let told: Vec<_> = answers.iter().map(|a| (a.status, a.code())).collect();
        let made: Vec<usize> = (0..answers.len()).filter(|n| told[*n].0 == 201).collect();
        ensure!(made.len() == 1 && told.iter().all(|(status, _)| matches!(status, 201 | 409)), "{told:?}");
        Customer::sign_in(&anybody, &email, &format!("password number {}", made[0])).await?;
    }
    Ok(())
}
