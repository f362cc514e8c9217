//! Signing keys.

use vitrine_contracts::auth::v1::RotateKeysRequest;
use vitrine_shop_auth::Config;

use crate::{CLIENT, World};

/// Keys for access tokens and keys for ID tokens.
const KINDS: usize = 2;

async fn rotate(world: &World) -> String {
    world.auth.clone().rotate_keys(RotateKeysRequest::default()).await.expect("rotated").into_inner().key_id
}

fn key_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).expect("a header").kid.expect("a key id")
}

#[tokio::test]
async fn old_tokens_stay_verifiable_until_they_expire() {
    let world = World::with_ada().await;
    let before = world.tokens().await;
    let old = before.access_token;
    let key_id = rotate(&world).await;
    assert_ne!(key_of(&world.tokens().await.id_token), key_of(&before.id_token));
    world.verify(&before.id_token, CLIENT).await.expect("a published key");
    assert_ne!(key_id, key_of(&old));
    let new = world.tokens().await.access_token;
    assert_eq!(key_of(&new), key_id);
    assert_eq!(world.jwks().await.keys.len(), 2 * KINDS);
    world.advance(599);
    for token in [&old, &new] {
        world.verify(token, "vitrine").await.expect("a published key");
    }
    // A minute more than tokens live, for clocks that differ.
    world.advance(61);
    assert!(world.verify(&old, "vitrine").await.is_none(), "the old key is published for ever");
    let world = world.restart(Config::default()).await;
    assert_eq!(world.jwks().await.keys.len(), KINDS);
    assert_eq!(key_of(&world.tokens().await.access_token), key_id);
}

#[tokio::test]
async fn tokens_of_keys_in_other_hands_end_at_once() {
    let world = World::with_ada().await;
    let before = world.tokens().await;
    // One that retires already, and the current one.
    rotate(&world).await;
    let between = world.tokens().await;
    let request = RotateKeysRequest { compromised: true };
    let key_id = world.auth.clone().rotate_keys(request).await.expect("rotated").into_inner().key_id;
    assert_eq!(world.jwks().await.keys.len(), KINDS, "compromised keys are published");
    for tokens in [&before, &between] {
        assert!(world.verify(&tokens.access_token, "vitrine").await.is_none());
        assert!(world.verify(&tokens.id_token, CLIENT).await.is_none());
    }
    let after = world.tokens().await;
    assert_eq!(key_of(&after.access_token), key_id);
    world.verify(&after.access_token, "vitrine").await.expect("a published key");
    let world = world.restart(Config::default()).await;
    assert_eq!(world.jwks().await.keys.len(), KINDS);
}

#[tokio::test]
async fn a_restart_keeps_the_keys() {
    let world = World::with_ada().await;
    // An ID token waits for its key, which the start does not.
    let token = world.tokens().await.access_token;
    let before = world.jwks().await;
    assert_eq!(before.keys.len(), KINDS);
    let world = world.restart(Config::default()).await;
    assert_eq!(world.jwks().await, before);
    world.verify(&token, "vitrine").await.expect("a published key");
}

#[tokio::test]
async fn rotations_at_once_leave_one_current_key() {
    let world = World::with_ada().await;
    world.tokens().await;
    let ids = futures::future::join_all((0..4).map(|_| rotate(&world))).await;
    assert_eq!(world.jwks().await.keys.len(), 5 * KINDS);
    let token = world.tokens().await.access_token;
    assert!(ids.contains(&key_of(&token)));
    world.verify(&token, "vitrine").await.expect("a published key");
    world.advance(700);
    assert_eq!(world.jwks().await.keys.len(), KINDS);
    let world = world.restart(Config::default()).await;
    assert_eq!(world.jwks().await.keys.len(), KINDS);
    assert_eq!(key_of(&world.tokens().await.access_token), key_of(&token));
}
