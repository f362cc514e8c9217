//! Promoters' public keys.

use tonic::{Code, Status};
use vitrine_contracts::auth::v1::{
    CreatePromoterKeyRequest, DeleteAccountRequest, GetPromoterKeyRequest, ListPromoterKeysRequest,
    PromoterKey as Wire, RevokePromoterKeyRequest, SetAccountLockRequest,
};
use vitrine_contracts::limits::MAX_PROMOTER_KEYS;
use vitrine_shop_auth::{Account, Config, PromoterKey, Role};

use crate::{EMAIL, PASSWORD, World, reason};

const ORIGIN: &str = "https://magazine.example";

/// Two who sell.
fn promoters() -> Config {
    let account = |id: &str, email: &str| Account {
        account_id: id.to_owned(),
        email: email.to_owned(),
        password: PASSWORD.into(),
        role: Role::Promoter,
    };
    let accounts = vec![account("pro_1", "one@example.org"), account("pro_2", "two@example.org")];
    Config { accounts, ..Config::default() }
}

impl World {
    async fn make_key(&self, promoter_id: &str, origin: &str) -> Result<Wire, Status> {
        let (promoter_id, name, origins) = (promoter_id.to_owned(), " A  page ".to_owned(), vec![origin.to_owned()]);
        let request = CreatePromoterKeyRequest { promoter_id, name, origins };
        Ok(self.auth.clone().create_promoter_key(request).await?.into_inner())
    }

    async fn keys(&self, promoter_id: &str) -> Vec<String> {
        let request = ListPromoterKeysRequest { promoter_id: promoter_id.to_owned() };
        let found = self.auth.clone().list_promoter_keys(request).await.expect("listed").into_inner().keys;
        found.into_iter().map(|key| key.id).collect()
    }

    async fn key(&self, key_id: &str) -> Result<Wire, Status> {
        let request = GetPromoterKeyRequest { key_id: key_id.to_owned() };
        Ok(self.auth.clone().get_promoter_key(request).await?.into_inner())
    }

    async fn revoke_key(&self, key_id: &str, promoter_id: &str) -> Result<Wire, Status> {
        let request = RevokePromoterKeyRequest { key_id: key_id.to_owned(), promoter_id: promoter_id.to_owned() };
        Ok(self.auth.clone().revoke_promoter_key(request).await?.into_inner())
    }
}

#[tokio::test]
async fn a_key_is_good_until_its_promoter_revokes_it() {
    let world = World::empty(promoters()).await;
    let first = world.make_key("pro_1", ORIGIN).await.expect("made");
    assert_eq!((first.promoter_id.as_str(), &first.origins[..]), ("pro_1", &[ORIGIN.to_owned()][..]));
    world.advance(1);
    let second = world.make_key("pro_1", "HTTPS://Magazine.Example:443").await.expect("made");
    assert_eq!(second.origins, first.origins);
    assert_eq!(world.keys("pro_1").await.len(), 2);
    assert!(world.keys("pro_2").await.is_empty());
    assert_eq!(world.key(&first.id).await.expect("good"), first);
    // Another's is as good as none.
    for (key_id, promoter_id) in [(first.id.as_str(), "pro_2"), ("pk_none", "pro_1")] {
        assert_eq!(reason(world.revoke_key(key_id, promoter_id).await), "UNKNOWN_KEY");
    }
    assert_eq!(world.revoke_key(&first.id, "pro_1").await.expect("revoked"), first);
    assert_eq!(reason(world.key(&first.id).await), "UNKNOWN_KEY");
    assert_eq!(reason(world.revoke_key(&first.id, "pro_1").await), "UNKNOWN_KEY");
    assert_eq!(world.keys("pro_1").await, [second.id]);
}

#[tokio::test]
async fn a_key_is_good_as_long_as_its_promoter_is_let_in() {
    let world = World::empty(promoters()).await;
    let key = world.make_key("pro_1", ORIGIN).await.expect("made");
    for (locked, expected) in [(true, Some(Code::NotFound)), (false, None)] {
        let request = SetAccountLockRequest { account_id: "pro_1".to_owned(), locked };
        world.auth.clone().set_account_lock(request).await.expect("set");
        assert_eq!(world.key(&key.id).await.err().map(|status| status.code()), expected);
    }
    let request = DeleteAccountRequest { account_id: "pro_1".to_owned() };
    world.accounts.clone().delete_account(request).await.expect("deleted");
    assert_eq!(reason(world.key(&key.id).await), "UNKNOWN_KEY");
    assert!(world.keys("pro_1").await.is_empty(), "nothing is left of them");
    assert_eq!(world.make_key("pro_1", ORIGIN).await.expect_err("refused").code(), Code::NotFound);
}

#[tokio::test]
async fn keys_are_for_promoters_well_formed_and_not_too_many() {
    let world = World::empty(promoters()).await;
    world.create("cus_ada", EMAIL).await.expect("created");
    for (promoter_id, origin, expected) in [
        ("cus_ada", ORIGIN, Code::InvalidArgument),
        ("pro_3", ORIGIN, Code::NotFound),
        ("pro_1", "https://*.example", Code::InvalidArgument),
        ("pro_1", "http://magazine.example", Code::InvalidArgument),
    ] {
        assert_eq!(world.make_key(promoter_id, origin).await.expect_err("refused").code(), expected, "{origin}");
    }
    for _ in 0..MAX_PROMOTER_KEYS - 2 {
        world.make_key("pro_1", ORIGIN).await.expect("there is room");
    }
    // Those who ask at once get no more than there is room for.
    let made = futures::future::join_all((0..6).map(|_| world.make_key("pro_1", ORIGIN))).await;
    let (good, refused): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), world.keys("pro_1").await.len()), (2, MAX_PROMOTER_KEYS));
    assert!(refused.into_iter().all(|result| reason(result) == "TOO_MANY_KEYS"));
    world.make_key("pro_2", ORIGIN).await.expect("another's do not count");
}

#[tokio::test]
async fn keys_of_the_settings_are_what_the_settings_say() {
    let with_key = |origin: &str| {
        let (id, promoter_id, name) = ("pk_demo".to_owned(), "pro_1".to_owned(), "A page".to_owned());
        let key = PromoterKey { id, promoter_id, name, origins: vec![origin.to_owned()] };
        Config { promoter_keys: vec![key], ..promoters() }
    };
    let world = World::empty(with_key("http://localhost:1")).await;
    assert_eq!(world.key("pk_demo").await.expect("there").origins, ["http://localhost:1"]);
    let world = world.restart(with_key("http://localhost:2")).await;
    assert_eq!(world.key("pk_demo").await.expect("there").origins, ["http://localhost:2"]);
    // One who is not wanted any more takes the key along.
    let world = world.restart(Config { withdrawn: vec!["pro_1".to_owned()], ..Config::default() }).await;
    assert_eq!(reason(world.key("pk_demo").await), "UNKNOWN_KEY");
}
