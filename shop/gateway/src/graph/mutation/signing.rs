//! Signing in, for pages of the shop's own: the authorization code flow with PKCE (RFC 7636), whose both ends are here.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use sha2::{Digest, Sha256};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1 as wire;
use vitrine_kit::percent;

use super::super::error::{InputError, refusable};
use super::super::session::{Session as Caller, session};

/// The client that people of the shop's own pages sign in with.
const CLIENT: &str = "vitrine-storefront";
/// Where its codes are sent: never followed, for the code is taken here.
const REDIRECT: &str = "http://127.0.0.1/callback";
/// What is asked for: a token that can be renewed.
const SCOPE: &str = "openid offline_access";

/// Who signs in.
#[derive(InputObject)]
pub(crate) struct SignInInput {
    email: String,
    password: String,
}

/// A session to renew. What it is renewed with is good once.
#[derive(InputObject)]
pub(crate) struct RefreshSessionInput {
    refresh_token: String,
}

/// A session to end.
#[derive(InputObject)]
pub(crate) struct SignOutInput {
    refresh_token: String,
}

/// What someone is signed in with.
#[derive(SimpleObject)]
pub(crate) struct Session {
    /// For the header Authorization, after "Bearer ".
    access_token: String,
    refresh_token: String,
    /// How long the access token is good, in seconds.
    expires_in_s: i32,
}

/// What came of signing in.
#[derive(SimpleObject)]
pub(crate) struct SessionPayload {
    /// Null when it was refused.
    session: Option<Session>,
    errors: Vec<InputError>,
}

impl SessionPayload {
    fn of(issued: Result<wire::IssueTokenResponse, InputError>) -> Self {
        match issued {
            Ok(issued) => {
                let wire::IssueTokenResponse { access_token, refresh_token, expires_in_s, .. } = issued;
                let expires_in_s = super::super::scalars::int(expires_in_s);
                Self { session: Some(Session { access_token, refresh_token, expires_in_s }), errors: Vec::new() }
            }
            Err(refused) => Self { session: None, errors: vec![refused] },
        }
    }
}

/// Whether the session has ended.
#[derive(SimpleObject)]
pub(crate) struct SignOutPayload {
    signed_out: bool,
    errors: Vec<InputError>,
}

/// Proves who someone is, and takes the code that says so for tokens.
async fn signed_in(caller: &Caller, input: SignInInput) -> Result<wire::IssueTokenResponse, Status> {
    let code_verifier = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
    let authorization = wire::AuthorizationRequest {
        response_type: "code".to_owned(),
        client_id: CLIENT.to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        scope: SCOPE.to_owned(),
        code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(&code_verifier)),
        code_challenge_method: "S256".to_owned(),
        ..wire::AuthorizationRequest::default()
    };
    let SignInInput { email, password } = input;
    let request = wire::LoginRequest { authorization: Some(authorization), email, password, remember: false };
    let mut auth = caller.gateway.deps.auth.clone();
    let location = auth.login(request).await?.into_inner().location;
    let code = parameter(&location, "code").ok_or_else(|| {
        // It names what is wrong with the request, which is ours.
        tracing::error!(error = parameter(&location, "error"), "the shop's own pages cannot sign anyone in");
        Problem::internal()
    })?;
    let request = wire::IssueTokenRequest {
        grant_type: "authorization_code".to_owned(),
        code,
        redirect_uri: REDIRECT.to_owned(),
        client_id: CLIENT.to_owned(),
        code_verifier,
        ..wire::IssueTokenRequest::default()
    };
    Ok(auth.issue_token(request).await?.into_inner())
}

/// A parameter of a URI's query.
fn parameter(uri: &str, name: &str) -> Option<String> {
    let pairs = uri.split_once('?')?.1.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    percent::decode(value)
}

/// Signing in and out.
#[derive(Default)]
pub(crate) struct Signing;

#[Object]
impl Signing {
    /// Signs someone in by e-mail address and password.
    #[graphql(complexity = "50 + child_complexity")]
    async fn sign_in(&self, ctx: &Context<'_>, input: SignInInput) -> Result<SessionPayload> {
        Ok(SessionPayload::of(refusable(signed_in(session(ctx), input).await)?))
    }

    /// Gives new tokens for a refresh token, which is good no more.
    async fn refresh_session(&self, ctx: &Context<'_>, input: RefreshSessionInput) -> Result<SessionPayload> {
        let request = wire::IssueTokenRequest {
            grant_type: "refresh_token".to_owned(),
            refresh_token: input.refresh_token,
            client_id: CLIENT.to_owned(),
            ..wire::IssueTokenRequest::default()
        };
        let issued = refusable(session(ctx).gateway.deps.auth.clone().issue_token(request).await)?;
        Ok(SessionPayload::of(issued.map(tonic::Response::into_inner)))
    }

    /// Ends all tokens that came of a sign-in.
    async fn sign_out(&self, ctx: &Context<'_>, input: SignOutInput) -> Result<SignOutPayload> {
        let request = wire::RevokeTokenRequest {
            token: input.refresh_token,
            client_id: CLIENT.to_owned(),
            ..wire::RevokeTokenRequest::default()
        };
        Ok(match refusable(session(ctx).gateway.deps.auth.clone().revoke_token(request).await)? {
            Ok(_) => SignOutPayload { signed_out: true, errors: Vec::new() },
            Err(refused) => SignOutPayload { signed_out: false, errors: vec![refused] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn codes_are_found_where_they_are_sent() {
        let sent = "http://127.0.0.1/callback?state=&code=a%2Bb&iss=http%3A%2F%2Fshop";
        assert_eq!(parameter(sent, "code").as_deref(), Some("a+b"));
        assert_eq!(parameter(sent, "error"), None);
        assert_eq!(parameter("http://127.0.0.1/callback", "code"), None);
    }
}
