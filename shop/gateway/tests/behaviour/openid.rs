//! The OpenID Foundation's test lists for the Basic and the Config profile of an OpenID provider (its conformance suite, plans
//! "oidcc-basic-certification-test-plan" and "oidcc-config-certification-test-plan"), each module as far as it can be played without the
//! suite, under its published name; and the errors of RFC 6749 that the lists leave out.

mod browsers;
mod errors;
mod modules;
mod party;
mod stock;

use std::pin::Pin;

use anyhow::Result;
use vitrine_kit::clock::{Clock, Manual};

use party::World;

/// When every test begins, Unix milliseconds.
const START_MS: i64 = 1_795_219_200_000;

type Played<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;
type Module = for<'a> fn(&'a World, &'a Manual) -> Played<'a>;

macro_rules! modules {
    ($($name:literal => $play:ident),* $(,)?) => {
        /// Every module of both plans.
        const MODULES: &[(&str, Module)] = &[$(($name, |world, clock| Box::pin(modules::$play(world, clock)))),*];
    };
}

modules! {
    "oidcc-server" => server,
    "oidcc-response-type-missing" => response_type_missing,
    "oidcc-idtoken-signature" => idtoken_signature,
    "oidcc-idtoken-unsigned" => idtoken_unsigned,
    "oidcc-userinfo-get" => userinfo_get,
    "oidcc-userinfo-post-header" => userinfo_post_header,
    "oidcc-userinfo-post-body" => userinfo_post_body,
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow" => without_nonce,
    "oidcc-scope-profile" => scope_profile,
    "oidcc-scope-email" => scope_email,
    "oidcc-scope-address" => scope_address,
    "oidcc-scope-phone" => scope_phone,
    "oidcc-scope-all" => scope_all,
    "oidcc-alternate-happy-flow" => alternate_happy_flow,
    "oidcc-display-page" => display_page,
    "oidcc-display-popup" => display_popup,
    "oidcc-prompt-login" => prompt_login,
    "oidcc-prompt-none-not-logged-in" => prompt_none_not_logged_in,
    "oidcc-prompt-none-logged-in" => prompt_none_logged_in,
    "oidcc-max-age-1" => max_age_1,
    "oidcc-max-age-10000" => max_age_10000,
    "oidcc-ensure-request-with-unknown-parameter-succeeds" => unknown_parameter,
    "oidcc-id-token-hint" => id_token_hint,
    "oidcc-login-hint" => login_hint,
    "oidcc-ui-locales" => ui_locales,
    "oidcc-claims-locales" => claims_locales,
    "oidcc-ensure-request-with-acr-values-succeeds" => acr_values,
    "oidcc-codereuse" => codereuse,
    "oidcc-codereuse-30seconds" => codereuse_30_seconds,
    "oidcc-ensure-registered-redirect-uri" => registered_redirect_uri,
    "oidcc-ensure-post-request-succeeds" => post_request,
    "oidcc-server-client-secret-post" => client_secret_post,
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported" => request_uri_unsigned,
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported" => unsigned_request_object,
    "oidcc-claims-essential" => claims_essential,
    "oidcc-ensure-request-object-with-redirect-uri" => request_object_with_redirect_uri,
    "oidcc-refresh-token" => refresh_token,
    "oidcc-ensure-request-with-valid-pkce-succeeds" => valid_pkce,
    "oidcc-discovery-endpoint-verification" => discovery_endpoint_verification,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_module_of_the_basic_and_config_profiles_passes() -> Result<()> {
    let (clock, hand) = Clock::manual(START_MS);
    let world = World::start(clock).await?;
    let mut failed = Vec::new();
    for (name, play) in MODULES {
        if let Err(e) = play(&world, &hand).await {
            failed.push(format!("{name}: {e:#}"));
        }
    }
    anyhow::ensure!(failed.is_empty(), "of {} modules failed:\n{}", MODULES.len(), failed.join("\n"));
    Ok(())
}
