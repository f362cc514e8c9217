//! `vitrine token`: an access token for curl.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use vitrine_kit::clock::Clock;
use vitrine_shop_auth::machine::ASSERTION_TYPE;
use vitrine_shop_load::http::{Call, Client};
use vitrine_shop_load::sign_in;

use crate::cli::TokenArgs;
use crate::runfile::{self, RunFile};
use crate::settings::CLI_CLIENT;
use crate::{Usage, folder};

/// A customer's token, or that of those who run the shop.
pub async fn token(args: &TokenArgs) -> Result<String> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => RunFile::read(&args.data.data).map_or_else(|_| "http://127.0.0.1:8080".to_owned(), |run| run.shop),
    };
    let client = Client::new(&url).map_err(|e| Usage(e.to_string()))?;
    let hint = || runfile::hint(&args.data.data, args.url.as_deref());
    let tokens = if args.admin {
        by_key(&client, args).await?
    } else {
        sign_in(&client, &args.email, args.password.expose())
            .await
            .map_err(|e| anyhow!("{} could not sign in at {url}: {e}{}", args.email, hint()))?
    };
    tokens["access_token"].as_str().map(str::to_owned).context("the shop answered without a token")
}

async fn by_key(client: &Client, args: &TokenArgs) -> Result<Value> {
    let dir = &args.data.data;
    if !dir.join("cli-key.pem").exists() {
        return Err(
            Usage(format!("{} holds no key of a shop: say where its data is with --data", dir.display())).into()
        );
    }
    let key = folder::cli_key(dir)?;
    let asked = client.send(Call::new(http::Method::GET, "/.well-known/openid-configuration")).await;
    let hint = || runfile::hint(dir, args.url.as_deref());
    let discovery = asked.map_err(|e| anyhow!("{e}{}", hint()))?.json();
    let audience = discovery["token_endpoint"].as_str().context("that is not the address of a shop")?;
    let assertion = key.assertion(CLI_CLIENT, audience, Clock::system().now_ms())?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLI_CLIENT),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = client.send(Call::new(http::Method::POST, "/oauth2/token").form(&form)).await?;
    if answer.status == 200 {
        return Ok(answer.json());
    }
    Err(anyhow!("the shop refused the key: {}", answer.json()["error_description"].as_str().unwrap_or_default()))
}
