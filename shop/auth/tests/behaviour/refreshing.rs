//! Refresh tokens.

use std::path::Path;

use tonic::Status;
use vitrine_contracts::auth::v1::{IssueTokenRequest, RevokeTokenRequest};
use vitrine_shop_auth::Config;

use crate::people::is_active;
use crate::{CLIENT, PASSWORD, World, by_refresh_token, reason};

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_revokes_the_family() {
    let world = World::with_ada().await;
    let first = world.tokens().await.refresh_token;
    let second = world.refresh(&first).await.expect("renewed");
    assert_ne!(second.refresh_token, first);
    let claims = world.verify(&second.access_token, "vitrine").await.expect("a published key");
    assert_eq!(claims["sub"], "cus_ada");
    let third = world.refresh(&second.refresh_token).await.expect("renewed").refresh_token;
    let elsewhere = world.tokens().await.refresh_token;

    assert_eq!(reason(world.refresh(&first).await), "INVALID_GRANT");
    assert_eq!(reason(world.refresh(&third).await), "INVALID_GRANT");
    world.refresh(&elsewhere).await.expect("another sign-in is another family");
}

#[tokio::test]
async fn of_those_who_use_a_refresh_token_at_once_nobody_keeps_one() {
    let world = World::with_ada().await;
    let token = world.tokens().await.refresh_token;
    let uses = futures::future::join_all((0..6).map(|_| world.refresh(&token))).await;
    let given: Vec<_> = uses.into_iter().filter_map(Result::ok).collect();
    assert!(given.len() <= 1, "{} got tokens", given.len());
    for issued in given {
        assert_eq!(reason(world.refresh(&issued.refresh_token).await), "INVALID_GRANT");
    }
}

#[tokio::test]
async fn refresh_tokens_expire_unless_they_are_used() {
    let world = World::empty(Config { refresh_token_ttl_s: 100, ..Config::default() }).await;
    world.create("cus_ada", crate::EMAIL).await.expect("created");
    let token = world.tokens().await.refresh_token;
    world.advance(99);
    let token = world.refresh(&token).await.expect("renewed").refresh_token;
    world.advance(99);
    let token = world.refresh(&token).await.expect("renewed").refresh_token;
    world.advance(100);
    assert_eq!(reason(world.refresh(&token).await), "INVALID_GRANT");
}

#[tokio::test]
async fn a_token_may_be_asked_for_less_and_never_for_more() {
    let world = World::with_ada().await;
    let token = world.tokens().await.refresh_token;
    assert_eq!(reason(world.refresh("").await), "INVALID_REQUEST");
    let asked = |token: &str, scope: &str| IssueTokenRequest { scope: scope.to_owned(), ..by_refresh_token(token) };
    assert_eq!(reason(world.issue(asked(&token, "openid profile")).await), "INVALID_SCOPE");
    let less = world.issue(asked(&token, "email")).await.expect("less");
    assert_eq!(less.scope, "email");
    let claims = world.verify(&less.access_token, "vitrine").await.expect("a published key");
    assert_eq!(claims["scope"], "email");
    // RFC 6749, section 6: the new refresh token is good for what the old one was good for.
    let all = world.refresh(&less.refresh_token).await.expect("renewed");
    assert_eq!(all.scope, "openid email offline_access");
}

async fn revoke(world: &World, token: &str, client: &str) -> Result<(), Status> {
    let (token, client_id) = (token.to_owned(), client.to_owned());
    let request = RevokeTokenRequest { token, client_id, ..RevokeTokenRequest::default() };
    world.auth.clone().revoke_token(request).await.map(drop)
}

#[tokio::test]
async fn a_revoked_token_takes_its_family_along() {
    let world = World::with_ada().await;
    let (first, elsewhere) = (world.tokens().await, world.tokens().await);
    let second = world.refresh(&first.refresh_token).await.expect("renewed");
    revoke(&world, "made-up", CLIENT).await.expect("an unknown token is no error");
    assert_eq!(reason(revoke(&world, &second.refresh_token, "somebody").await), "INVALID_CLIENT");
    assert_eq!(reason(revoke(&world, &second.refresh_token, "").await), "INVALID_CLIENT");
    assert_eq!(reason(revoke(&world, "", CLIENT).await), "INVALID_REQUEST");
    let third = world.refresh(&second.refresh_token).await.expect("not revoked by somebody else");
    assert!(is_active(&world, &first.access_token).await && is_active(&world, &third.access_token).await);
    for _ in 0..2 {
        revoke(&world, &third.refresh_token, CLIENT).await.expect("a repeat is no error");
        assert_eq!(reason(world.refresh(&third.refresh_token).await), "INVALID_GRANT");
        for of_family in [&first, &second, &third] {
            assert!(!is_active(&world, &of_family.access_token).await);
        }
    }
    assert!(is_active(&world, &elsewhere.access_token).await, "another sign-in is another family");
}

#[tokio::test]
async fn an_access_token_is_revoked_alone() {
    let world = World::with_ada().await;
    let issued = world.tokens().await;
    let renewed = world.refresh(&issued.refresh_token).await.expect("renewed");
    for _ in 0..2 {
        revoke(&world, &issued.access_token, CLIENT).await.expect("a repeat is no error");
        assert!(!is_active(&world, &issued.access_token).await);
    }
    let world = world.restart(Config::default()).await;
    assert!(!is_active(&world, &issued.access_token).await);
    assert!(is_active(&world, &renewed.access_token).await);
    world.refresh(&renewed.refresh_token).await.expect("the sign-in goes on");
    // What is no access token of ours is unknown: an ID token, another's signature, half of one.
    let mut forged = renewed.access_token.clone();
    forged.replace_range(forged.len() - 20..forged.len() - 18, "AA");
    for other in [&renewed.id_token, &forged, &renewed.access_token[..90].to_owned()] {
        revoke(&world, other, CLIENT).await.expect("unknown is no error");
    }
    assert!(is_active(&world, &renewed.access_token).await);
    world.advance(601);
    revoke(&world, &renewed.access_token, CLIENT).await.expect("it has expired");
}

#[tokio::test]
async fn whoever_uses_a_code_or_a_refresh_token_twice_ends_the_access_tokens_too() {
    let world = World::with_ada().await;
    let code = world.code().await;
    let issued = world.exchange(&code).await.expect("tokens");
    assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
    assert!(!is_active(&world, &issued.access_token).await);
    let issued = world.tokens().await;
    let renewed = world.refresh(&issued.refresh_token).await.expect("renewed");
    assert_eq!(reason(world.refresh(&issued.refresh_token).await), "INVALID_GRANT");
    assert!(!is_active(&world, &renewed.access_token).await);
}

#[tokio::test]
async fn a_restart_keeps_tokens_and_what_was_used() {
    let world = World::with_ada().await;
    let used = world.tokens().await.refresh_token;
    let current = world.refresh(&used).await.expect("renewed");
    let world = world.restart(Config::default()).await;
    world.verify(&current.access_token, "vitrine").await.expect("still published");
    let current = world.refresh(&current.refresh_token).await.expect("still good").refresh_token;
    assert_eq!(reason(world.refresh(&used).await), "INVALID_GRANT");
    assert_eq!(reason(world.refresh(&current).await), "INVALID_GRANT");
}

fn holds(folder: &Path, secret: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).any(|path| {
        let bytes = std::fs::read(&path).expect("a file");
        bytes.windows(secret.len()).any(|part| part == secret.as_bytes())
    })
}

#[tokio::test]
async fn no_secret_is_stored_in_the_clear() {
    let world = World::with_ada().await;
    let code = world.code().await;
    let issued = world.exchange(&code).await.expect("tokens");
    assert!(holds(world.data.path(), "cus_ada"), "looked in the wrong place");
    for secret in [PASSWORD, &code, &issued.refresh_token, &issued.access_token] {
        assert!(!holds(world.data.path(), secret));
    }
}
