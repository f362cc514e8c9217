//! What the console of `vitrine up` shows of the shop, and for whom.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use vitrine_contracts::auth::v1::IssueTokenRequest;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::services::AUTH;
use vitrine_kit::Secret;
use vitrine_observe_console::{Console, MachineToken, ProviderConfig, Shop};
use vitrine_platform_host::Host;
use vitrine_platform_mesh::identity::new_secret;
use vitrine_platform_telemetry::PROCESS;
use vitrine_shop_auth::machine::{ASSERTION_TYPE, KeyPair};

use crate::settings::{CLI_CLIENT, Settings};

/// The console as a client of the shop's sign-in.
const CLIENT: &str = "vitrine-console";

/// Whether everyone who reaches the console runs the shop: in a demo that only this machine reaches, or where someone said so.
pub fn is_for_everyone(settings: &Settings, demo: bool) -> bool {
    let is_near = settings.observatory.listen.ip().is_loopback() || settings.shop.demo.is_asked_for();
    demo && is_near && settings.observatory.tokens.is_empty()
}

/// Has people sign in to the console by the shop, unless the settings name another provider.
pub fn sign_in_by_shop(console: &Console, settings: &mut Settings, shop: &str) {
    let secret = Secret::from(new_secret());
    settings.services.auth.clients.retain(|client| client.id != CLIENT);
    settings.services.auth.clients.push(vitrine_shop_auth::Client {
        id: CLIENT.to_owned(),
        name: "the console".to_owned(),
        redirect_uris: vec![console.redirect_uri()],
        secret: secret.clone(),
        ..Default::default()
    });
    console.with_provider(ProviderConfig {
        issuer: shop.to_owned(),
        name: "the shop".to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: secret,
        scope: "openid profile email roles offline_access".to_owned(),
        ..ProviderConfig::default()
    });
}

/// Shows the shop: to everyone as its administrator where `key` is given, else to those who sign in.
pub fn show(console: &Console, host: &Host, shop: &str, flags: &str, key: Option<KeyPair>) {
    let demo = key.map(|key| {
        let (host, shop) = (host.clone(), shop.to_owned());
        Arc::new(move || {
            let (host, key, shop) = (host.clone(), key.clone(), shop.clone());
            async move { admin_token(&host, &key, &shop).await.map_err(|e| format!("{e:#}")) }.boxed()
        }) as MachineToken
    });
    console.with_shop(Shop { url: shop.to_owned(), demo });
    console.with_flags(flags.to_owned());
}

/// A token for those who run the shop, by the command line's key.
pub async fn admin_token(host: &Host, key: &KeyPair, shop: &str) -> Result<Secret> {
    let audience = format!("{shop}/oauth2/token");
    let request = IssueTokenRequest {
        grant_type: "client_credentials".to_owned(),
        client_id: CLI_CLIENT.to_owned(),
        client_assertion_type: ASSERTION_TYPE.to_owned(),
        client_assertion: key.assertion(CLI_CLIENT, &audience, host.clock().now_ms())?,
        audience,
        ..IssueTokenRequest::default()
    };
    let issued = AuthServiceClient::new(host.transport(PROCESS, AUTH)).issue_token(request).await;
    Ok(issued.context("the admin's token could not be issued")?.into_inner().access_token.into())
}
