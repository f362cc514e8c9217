//! Accounts and passwords.

use vitrine_contracts::auth::v1::{
    CreateAccountRequest, DeleteAccountRequest, GetTokenStatusRequest, Role as WireRole, SetAccountLockRequest,
};
use vitrine_flags_client::Flags;
use vitrine_platform_host::Host;
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_auth::{Account, Config, Role};

use crate::{EMAIL, PASSWORD, World, reason};

const WRONG: &str = "wrong horse battery";
const NOBODY: &str = "nobody@example.org";

#[tokio::test]
async fn five_wrong_passwords_lock_for_five_minutes() {
    let world = World::with_ada().await;
    // Someone unknown is treated like Ada, letter case and spaces do not count.
    for (email, other) in [(EMAIL, " ADA@example.org "), (NOBODY, NOBODY)] {
        for _ in 0..5 {
            assert_eq!(reason(world.login(email, WRONG).await), "BAD_CREDENTIALS");
        }
        assert_eq!(reason(world.login(other, PASSWORD).await), "LOCKED_OUT");
    }
    world.advance(299);
    let world = world.restart(Config::default()).await;
    assert_eq!(reason(world.login(EMAIL, PASSWORD).await), "LOCKED_OUT");
    world.advance(1);
    world.login(EMAIL, PASSWORD).await.expect("the lock is open");
    assert_eq!(reason(world.login(NOBODY, PASSWORD).await), "BAD_CREDENTIALS");
}

#[tokio::test]
async fn a_right_password_forgives_wrong_ones() {
    let world = World::with_ada().await;
    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!(reason(world.login(EMAIL, WRONG).await), "BAD_CREDENTIALS");
        }
        world.login(EMAIL, PASSWORD).await.expect("signs in");
    }
}

#[tokio::test]
async fn guessing_at_once_gets_no_more_guesses() {
    let world = World::with_ada().await;
    let guesses = futures::future::join_all((0..16).map(|_| world.login(EMAIL, WRONG))).await;
    let reasons: Vec<String> = guesses.into_iter().map(reason).collect();
    assert_eq!(reasons.iter().filter(|r| *r == "BAD_CREDENTIALS").count(), 5, "{reasons:?}");
    assert_eq!(reasons.iter().filter(|r| *r == "LOCKED_OUT").count(), 11, "{reasons:?}");
    world.advance(300);
    world.login(EMAIL, PASSWORD).await.expect("guesses that came too late do not lock again");
}

#[tokio::test]
async fn an_account_is_made_once() {
    let world = World::with_ada().await;
    world.create("cus_ada", " Ada@Example.org").await.expect("a repeat");
    assert_eq!(reason(world.create("cus_eve", EMAIL).await), "EMAIL_TAKEN");
    let other = world.create("cus_ada", "countess@example.org").await.expect_err("another address");
    assert_eq!(other.code(), tonic::Code::AlreadyExists);
    assert_eq!(reason(world.login("countess@example.org", PASSWORD).await), "BAD_CREDENTIALS");
    world.login(EMAIL, PASSWORD).await.expect("as before");
}

#[tokio::test]
async fn one_address_has_one_account_and_one_lock() {
    let world = World::empty(Config::default()).await;
    world.create("cus_eva", "\u{c9}va@b\u{fc}cher.example").await.expect("made");
    let spellings = ["e\u{301}va@bu\u{308}cher.example", " ÉVA@XN--BCHER-KVA.example", "éva@BÜCHER.example"];
    for email in spellings {
        assert_eq!(reason(world.create("cus_eve", email).await), "EMAIL_TAKEN", "{email:?}");
        world.login(email, PASSWORD).await.expect(email);
    }
    for email in
        ["<éva@bücher.example>", "éva\u{200b}@bücher.example", "éva@bücher.example\r\nx", "ев\u{430}a@example.org"]
    {
        assert_eq!(reason(world.create("cus_eve", email).await), "INVALID_EMAIL", "{email:?}");
        assert_eq!(reason(world.login(email, PASSWORD).await), "BAD_CREDENTIALS", "{email:?}");
    }
    // Guesses under all spellings are counted together.
    for email in spellings.iter().cycle().take(5) {
        assert_eq!(reason(world.login(email, WRONG).await), "BAD_CREDENTIALS");
    }
    assert_eq!(reason(world.login("éva@bücher.example", PASSWORD).await), "LOCKED_OUT");
}

#[tokio::test]
async fn bad_input_names_its_field() {
    let world = World::empty(Config::default()).await;
    let good = CreateAccountRequest {
        account_id: "cus_bob".to_owned(),
        email: "bob@example.org".to_owned(),
        password: PASSWORD.to_owned(),
        role: WireRole::Customer.into(),
    };
    let (long, too_long) = ("ü".repeat(128), "ü".repeat(129));
    for (bad, field) in [
        (CreateAccountRequest { account_id: "bob".to_owned(), ..good.clone() }, "account_id"),
        (CreateAccountRequest { email: "bob".to_owned(), ..good.clone() }, "email"),
        (CreateAccountRequest { email: "bob@".to_owned(), ..good.clone() }, "email"),
        (CreateAccountRequest { email: "b ob@example.org".to_owned(), ..good.clone() }, "email"),
        (CreateAccountRequest { password: "ninechars".to_owned(), ..good.clone() }, "password"),
        (CreateAccountRequest { password: too_long.clone(), ..good.clone() }, "password"),
        (CreateAccountRequest { role: WireRole::Unspecified.into(), ..good.clone() }, "role"),
    ] {
        let status = world.accounts.clone().create_account(bad).await.expect_err(field);
        let told = vitrine_contracts::Problem::from_status(&status);
        assert_eq!((told.code, told.field.as_deref()), (tonic::Code::InvalidArgument, Some(field)));
        assert!(!status.message().contains("ninechars") && !status.message().contains(&too_long));
    }
    world.accounts.clone().create_account(CreateAccountRequest { password: long.clone(), ..good }).await.expect("fine");
    world.login("bob@example.org", &long).await.expect("signs in");
}

#[tokio::test]
async fn a_deleted_account_cannot_sign_in() {
    let world = World::with_ada().await;
    let (token, code) = (world.tokens().await.refresh_token, world.code().await);
    for _ in 0..2 {
        let request = DeleteAccountRequest { account_id: "cus_ada".to_owned() };
        world.accounts.clone().delete_account(request).await.expect("deleted, also twice");
    }
    assert_eq!(reason(world.login(EMAIL, PASSWORD).await), "BAD_CREDENTIALS");
    assert_eq!(reason(world.refresh(&token).await), "INVALID_GRANT");
    assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
    // A sign-up that comes late, or again, leaves nothing behind.
    for account_id in ["cus_ada", "cus_late"] {
        let request = DeleteAccountRequest { account_id: account_id.to_owned() };
        world.accounts.clone().delete_account(request).await.expect("deleted, be it there or not");
        let late = world.create(account_id, EMAIL).await.expect_err("it was deleted");
        assert_eq!(late.code(), tonic::Code::NotFound, "{account_id}: {late:?}");
    }
    world.create("cus_eve", EMAIL).await.expect("the address is free");
    world.create("cus_eve", EMAIL).await.expect("a repeat");
}

fn promoter(email: &str, password: &str) -> Config {
    let (account_id, email, password) = ("pro_demo".to_owned(), email.to_owned(), password.to_owned());
    Config {
        accounts: vec![Account { account_id, email, password: password.into(), role: Role::Promoter }],
        ..Config::default()
    }
}

#[tokio::test]
async fn accounts_of_the_settings_are_there_from_the_start() {
    let config = promoter("Promo@example.org", PASSWORD);
    assert!(!format!("{config:?}").contains(PASSWORD));
    let world = World::empty(config).await;
    world.login("promo@example.org", PASSWORD).await.expect("signs in");

    // What the settings say later holds later.
    let world = world.restart(promoter("promo@example.org", "another password")).await;
    assert_eq!(reason(world.login("promo@example.org", PASSWORD).await), "BAD_CREDENTIALS");
    let world = world.restart(promoter("sales@example.org", "another password")).await;
    world.login("sales@example.org", "another password").await.expect("signs in");
    assert_eq!(reason(world.login("promo@example.org", "another password").await), "BAD_CREDENTIALS");
}

#[tokio::test]
async fn an_account_of_the_settings_that_cannot_be_is_told_at_the_start() {
    let world = World::with_ada().await;
    let why = async |config: Config| {
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let host = Host::new(world.data.path(), world.clock.clone(), 1, telemetry, Mesh::new(Limits::default()));
        let component = vitrine_shop_auth::build(config, &Flags::of_code(), &host).expect("builds");
        host.start(vec![component]).await.err().expect("cannot get ready").to_string()
    };
    for (config, told) in [
        (promoter(EMAIL, PASSWORD), "pro_demo"),
        (promoter("promo", PASSWORD), "pro_demo"),
        (promoter("promo@example.org", "hunter2"), "pro_demo"),
    ] {
        let said = why(config).await;
        assert!(said.contains(told) && !said.contains("hunter2") && !said.contains(PASSWORD), "{said}");
    }
}

/// Whether a token is active, as the gateway asks.
pub(crate) async fn is_active(world: &World, token: &str) -> bool {
    let claims = world.verify(token, "vitrine").await.expect("it verifies");
    let text = |name: &str| claims[name].as_str().expect("text").to_owned();
    let (account_id, client_id, token_id) = (text("sub"), text("client_id"), text("jti"));
    let epoch = claims["epoch"].as_i64().expect("a number");
    let request = GetTokenStatusRequest { account_id, client_id, token_id, epoch, family: text("family") };
    world.auth.clone().get_token_status(request).await.expect("answers").into_inner().active
}

async fn set_lock(world: &World, account_id: &str, locked: bool) -> Result<(), tonic::Status> {
    let request = SetAccountLockRequest { account_id: account_id.to_owned(), locked };
    world.auth.clone().set_account_lock(request).await.map(drop)
}

async fn delete(world: &World, account_id: &str) {
    let request = DeleteAccountRequest { account_id: account_id.to_owned() };
    world.accounts.clone().delete_account(request).await.expect("deleted");
}

#[tokio::test]
async fn tokens_end_with_their_account() {
    let world = World::with_ada().await;
    let tokens = world.tokens().await;
    assert!(is_active(&world, &tokens.access_token).await);
    delete(&world, "cus_ada").await;
    assert!(!is_active(&world, &tokens.access_token).await);
    // The next owner of the address does not revive them.
    world.create("cus_eve", EMAIL).await.expect("the address is free");
    assert!(!is_active(&world, &tokens.access_token).await);
    assert!(is_active(&world, &world.tokens().await.access_token).await);
}

#[tokio::test]
async fn a_lock_ends_what_was_given_and_keeps_people_out() {
    let world = World::with_ada().await;
    let (tokens, code) = (world.tokens().await, world.code().await);
    for _ in 0..2 {
        set_lock(&world, "cus_ada", true).await.expect("locked, also twice");
        assert!(!is_active(&world, &tokens.access_token).await);
        assert_eq!(reason(world.login(EMAIL, PASSWORD).await), "ACCOUNT_LOCKED");
        assert_eq!(reason(world.login(EMAIL, WRONG).await), "BAD_CREDENTIALS");
        assert_eq!(reason(world.refresh(&tokens.refresh_token).await), "INVALID_GRANT");
        assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
    }
    let world = world.restart(Config::default()).await;
    assert_eq!(reason(world.login(EMAIL, PASSWORD).await), "ACCOUNT_LOCKED");
    set_lock(&world, "cus_ada", false).await.expect("unlocked");
    assert!(!is_active(&world, &tokens.access_token).await);
    assert_eq!(reason(world.refresh(&tokens.refresh_token).await), "INVALID_GRANT");
    assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
    assert!(is_active(&world, &world.tokens().await.access_token).await);
    for (account_id, code) in [("cus_nobody", tonic::Code::NotFound), ("nobody", tonic::Code::InvalidArgument)] {
        assert_eq!(set_lock(&world, account_id, true).await.expect_err(account_id).code(), code);
    }
}

#[tokio::test]
async fn the_next_owner_of_an_address_is_not_locked_out_for_the_last_one() {
    let world = World::with_ada().await;
    for _ in 0..5 {
        assert_eq!(reason(world.login(EMAIL, WRONG).await), "BAD_CREDENTIALS");
    }
    assert_eq!(reason(world.login(EMAIL, PASSWORD).await), "LOCKED_OUT");
    delete(&world, "cus_ada").await;
    world.create("cus_eve", EMAIL).await.expect("the address is free");
    world.login(EMAIL, PASSWORD).await.expect("Eve's own password");
}

#[tokio::test]
async fn accounts_of_the_settings_stay_erased_and_locked_and_end_what_the_settings_change() {
    let signed_in = async |world: &World, password: &str| {
        let location = world.login("promo@example.org", password).await.expect("signs in");
        world.exchange(crate::parameter(&location, "code").expect("a code")).await.expect("tokens").access_token
    };
    let world = World::empty(promoter("promo@example.org", PASSWORD)).await;
    let token = signed_in(&world, PASSWORD).await;
    let world = world.restart(promoter("promo@example.org", PASSWORD)).await;
    assert!(is_active(&world, &token).await, "nothing has changed");
    let world = world.restart(promoter("promo@example.org", "another password")).await;
    assert!(!is_active(&world, &token).await, "whoever had the old password is still in");
    set_lock(&world, "pro_demo", true).await.expect("locked");
    let world = world.restart(promoter("promo@example.org", PASSWORD)).await;
    assert_eq!(reason(world.login("promo@example.org", PASSWORD).await), "ACCOUNT_LOCKED");
    delete(&world, "pro_demo").await;
    let world = world.restart(promoter("promo@example.org", PASSWORD)).await;
    assert_eq!(reason(world.login("promo@example.org", PASSWORD).await), "BAD_CREDENTIALS");
}
