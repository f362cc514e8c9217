//! Clients with a secret.

use vitrine_contracts::auth::v1::{AuthorizationRequest, IssueTokenRequest, RevokeTokenRequest};
use vitrine_shop_auth::{Client, Config, Role};

use crate::people::is_active;
use crate::{
    CLIENT, EMAIL, PASSWORD, REDIRECT, VERIFIER, World, authorization, by_code, by_refresh_token, parameter, reason,
};

const ID: &str = "web";
const SECRET: &str = "an open secret";

async fn world() -> World {
    let mut config = Config::default();
    let client = Client { name: "A web site".to_owned(), secret: SECRET.into(), ..Client::storefront() };
    config.clients.push(Client { id: ID.to_owned(), ..client.clone() });
    let account_id = "pro_site".to_owned();
    config.clients.push(Client { id: "agent".to_owned(), account_id, roles: vec![Role::Promoter], ..client });
    let world = World::empty(config).await;
    world.create("cus_ada", EMAIL).await.expect("created");
    world
}

impl World {
    async fn code_of_web(&self, challenge: bool) -> String {
        let mut request = AuthorizationRequest { client_id: ID.to_owned(), ..authorization() };
        if !challenge {
            request.code_challenge.clear();
            request.code_challenge_method.clear();
        }
        let location = self.login_with(request, EMAIL, PASSWORD).await.expect("signs in");
        parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}")).to_owned()
    }
}

fn of_web(request: IssueTokenRequest) -> IssueTokenRequest {
    IssueTokenRequest { client_id: ID.to_owned(), client_secret: SECRET.to_owned(), ..request }
}

#[tokio::test]
async fn only_who_has_the_secret_is_the_client() {
    let world = world().await;
    let code = world.code_of_web(true).await;
    for secret in ["", "another secret", "an open secret ", "an open secre"] {
        let request = IssueTokenRequest { client_secret: secret.to_owned(), ..of_web(by_code(&code)) };
        assert_eq!(reason(world.issue(request).await), "INVALID_CLIENT", "{secret:?}");
    }
    // Another client, proven or not, gets nothing for it.
    assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
    let issued = world.issue(of_web(by_code(&code))).await.expect("tokens");
    assert_eq!(reason(world.refresh(&issued.refresh_token).await), "INVALID_GRANT");
    world.issue(of_web(by_refresh_token(&issued.refresh_token))).await.expect("renewed");
}

#[tokio::test]
async fn it_may_do_without_pkce_and_then_nobody_can_put_it_in_or_take_it_out() {
    let world = world().await;
    let without = IssueTokenRequest { code_verifier: String::new(), ..by_code("") };
    for (challenge, verifier, fine) in
        [(true, VERIFIER, true), (true, "", false), (false, "", true), (false, VERIFIER, false)]
    {
        let code = world.code_of_web(challenge).await;
        let code_verifier = verifier.to_owned();
        let outcome = world.issue(of_web(IssueTokenRequest { code, code_verifier, ..without.clone() })).await;
        assert_eq!(outcome.is_ok(), fine, "{challenge} {verifier:?}: {outcome:?}");
    }
    let public = AuthorizationRequest {
        code_challenge: String::new(),
        code_challenge_method: String::new(),
        redirect_uri: REDIRECT.to_owned(),
        ..authorization()
    };
    let location = world.login_with(public, EMAIL, PASSWORD).await.expect("an answer");
    assert_eq!(parameter(&location, "error"), Some("invalid_request"), "{location}");
}

#[tokio::test]
async fn it_asks_for_itself_if_it_acts_as_somebody() {
    let world = world().await;
    let request = |id: &str| IssueTokenRequest {
        grant_type: "client_credentials".to_owned(),
        client_id: id.to_owned(),
        client_secret: SECRET.to_owned(),
        ..IssueTokenRequest::default()
    };
    assert_eq!(reason(world.issue(request(ID)).await), "UNAUTHORIZED_CLIENT");
    let issued = world.issue(request("agent")).await.expect("a token");
    assert_eq!(world.verify(&issued.access_token, "vitrine").await.expect("a key")["sub"], "pro_site");
}

#[tokio::test]
async fn only_it_revokes_its_tokens() {
    let world = world().await;
    let code = world.code_of_web(true).await;
    let issued = world.issue(of_web(by_code(&code))).await.expect("tokens");
    let token = issued.refresh_token;
    let of_another = RevokeTokenRequest {
        token: issued.access_token.clone(),
        client_id: CLIENT.to_owned(),
        ..RevokeTokenRequest::default()
    };
    assert_eq!(reason(world.auth.clone().revoke_token(of_another).await), "INVALID_GRANT");
    assert!(is_active(&world, &issued.access_token).await);
    let revoke = async |client_id: &str, client_secret: &str| {
        let request = RevokeTokenRequest {
            token: token.clone(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            ..RevokeTokenRequest::default()
        };
        world.auth.clone().revoke_token(request).await
    };
    assert_eq!(reason(revoke(ID, "").await), "INVALID_CLIENT");
    assert_eq!(reason(revoke(CLIENT, "").await), "INVALID_GRANT");
    let token_still_good = world.issue(of_web(by_refresh_token(&token))).await.expect("renewed").refresh_token;
    revoke(ID, SECRET).await.expect("revoked, though it was used");
    assert_eq!(reason(world.issue(of_web(by_refresh_token(&token_still_good))).await), "INVALID_GRANT");
}
