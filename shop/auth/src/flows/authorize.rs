//! The authorization endpoint: who is shown the sign-in page, who has a code without it, and what clients are told.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use vitrine_contracts::auth::v1::{AuthorizationRequest, CheckAuthorizationResponse};
use vitrine_platform_host::Failure;
use vitrine_platform_store::Tx;

use super::Flows;
use crate::domain::{self, Authorization, AuthorizationError, ClientError, digest};
use crate::machine::secret;
use crate::store::{AccountDoc, CodeDoc, Grant, SessionDoc};

/// How long a code is good, in milliseconds.
const CODE_TTL_MS: i64 = 60_000;
/// How long a browser is remembered, in seconds: a working day.
pub(super) const SESSION_TTL_S: u32 = 8 * 3600;

impl Flows {
    /// What comes of a request before anybody is asked for a password.
    pub(crate) async fn check_authorization(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<CheckAuthorizationResponse, Failure> {
        let at_once = |location| CheckAuthorizationResponse { location, ..CheckAuthorizationResponse::default() };
        let asked = match domain::check_authorization(self.clients(), request) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(at_once(self.refused(request, refusal)?)),
        };
        if let Some((account, auth_time_s)) = self.signed_in(request, &asked).await? {
            let mut tx = self.0.store.begin();
            let location = self.new_code(&mut tx, request, &asked, &account, auth_time_s);
            tx.commit().await?;
            return Ok(at_once(location));
        }
        if asked.is_silent {
            return Ok(at_once(self.error_location(request, &domain::login_required())));
        }
        Ok(CheckAuthorizationResponse { client_name: asked.client.name.clone(), location: String::new() })
    }

    /// Where a refused request leads; an error, if nowhere.
    pub(super) fn refused(
        &self,
        request: &AuthorizationRequest,
        refusal: AuthorizationError,
    ) -> Result<String, Failure> {
        match refusal {
            AuthorizationError::Here(problem) => Err(problem.into()),
            AuthorizationError::AtClient(error) => Ok(self.error_location(request, &error)),
        }
    }

    /// The redirect URI with an error.
    pub(super) fn error_location(&self, request: &AuthorizationRequest, error: &ClientError) -> String {
        tracing::info!(client_id = request.client_id, error = error.error, "an authorization request was refused");
        let answer = [("error", error.error), ("error_description", error.description.as_str())];
        domain::location(request, &self.0.config.issuer, &answer)
    }

    /// Gives out a code. Returns the redirect URI with it.
    pub(super) fn new_code(
        &self,
        tx: &mut Tx,
        request: &AuthorizationRequest,
        asked: &Authorization<'_>,
        account: &AccountDoc,
        auth_time_s: i64,
    ) -> String {
        let code = secret();
        tx.insert(&CodeDoc {
            digest: digest(&code),
            grant: Grant {
                account_id: account.id.clone(),
                client_id: request.client_id.clone(),
                scope: asked.scope.clone(),
                auth_time_s,
                epoch: account.epoch,
            },
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.code_challenge.clone(),
            nonce: request.nonce.clone(),
            used_for: None,
            expires_at: self.now() + CODE_TTL_MS,
        });
        domain::location(request, &self.0.config.issuer, &[("code", &code)])
    }

    /// Who is signed in already, and since when, if that is enough for this request. A public client on the person's own machine is
    /// never answered without the person, because any program there can say that it is that client (RFC 8252, section 8.6).
    async fn signed_in(
        &self,
        request: &AuthorizationRequest,
        asked: &Authorization<'_>,
    ) -> Result<Option<(AccountDoc, i64)>, Failure> {
        let known = asked.client.is_confidential() || request.redirect_uri.starts_with("https://");
        if request.session.is_empty() || !known {
            return Ok(None);
        }
        let now = self.now();
        let session = self.0.store.get::<SessionDoc>(&digest(&request.session)).await?;
        let good = |s: &SessionDoc| s.expires_at > now && asked.accepts(s.auth_time_s, now / 1000);
        let Some(session) = session.filter(|s| good(&s.doc) && may_be(&request.id_token_hint, &s.account_id)) else {
            return Ok(None);
        };
        let account = self.living(&session.account_id, session.epoch).await?;
        Ok(account.map(|account| (account, session.auth_time_s)))
    }

    /// Remembers a browser, in place of what it held. Returns what its cookie must hold.
    pub(super) fn new_session(&self, tx: &mut Tx, before: &str, account: &AccountDoc, auth_time_s: i64) -> String {
        if !before.is_empty() {
            tx.delete::<SessionDoc>(&digest(before));
        }
        let session = secret();
        tx.insert(&SessionDoc {
            digest: digest(&session),
            account_id: account.id.clone(),
            auth_time_s,
            epoch: account.epoch,
            expires_at: self.now() + i64::from(SESSION_TTL_S) * 1000,
        });
        session
    }
}

/// Whether an ID token that a client holds lets this account be the one it means. No one gains by forging one, so that its signature and
/// its age do not matter; what cannot be read hints at no one.
pub(super) fn may_be(id_token_hint: &str, account_id: &str) -> bool {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let claims = id_token_hint.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let hinted = claims.and_then(|claims| serde_json::from_slice::<Subject>(&claims).ok());
    hinted.is_none_or(|hinted| hinted.sub == account_id)
}
