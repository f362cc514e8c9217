//! The grants: how someone comes by a token.

use serde_json::json;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::{IssueTokenRequest, IssueTokenResponse};
use vitrine_kit::id;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Tx, retry_conflicts};

use super::{Flows, grant_error};
use crate::Role;
use crate::domain::{self, digest, invalid_request};
use crate::machine::secret;
use crate::signing::Signing;
use crate::store::{AccountDoc, CodeDoc, Grant, RefreshDoc};

/// How long it is known that a code was used, in milliseconds: as long as RFC 6749 lets any code live. One who uses it
/// again within that time ends what came of it.
const USED_CODE_TTL_MS: i64 = 600_000;

/// Whom an access token is about, and for what.
struct Subject<'a> {
    id: &'a str,
    roles: &'a [Role],
    email: &'a str,
    scope: &'a str,
    client_id: &'a str,
    /// The account's.
    epoch: i64,
    /// All that came of one sign-in; empty if there was none.
    family: &'a str,
}

fn missing(parameter: &str, expected: &str) -> Problem {
    invalid_request(parameter, expected, &format!("the parameter {parameter} is missing"))
}

impl Flows {
    /// The token endpoint.
    pub(crate) async fn issue(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let expected = "authorization_code, refresh_token or client_credentials";
        match request.grant_type.as_str() {
            "" => Err(missing("grant_type", expected).into()),
            "authorization_code" => self.by_code(request).await,
            "refresh_token" => self.by_refresh_token(request).await,
            "client_credentials" => self.by_client(request).await,
            _ => Err(Problem::invalid("grant_type", expected, &format!("grant_type must be {expected}"))
                .with_reason("UNSUPPORTED_GRANT_TYPE")
                .into()),
        }
    }

    async fn by_code(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let client = self.client(&(&request).into()).await?;
        if request.code.is_empty() {
            return Err(missing("code", "as it was given out").into());
        }
        retry_conflicts(async || {
            let now = self.now();
            let unknown = || grant_error("the code is unknown or has expired");
            let mut code = self.0.store.get::<CodeDoc>(&digest(&request.code)).await?.ok_or_else(unknown)?;
            if let Some(family) = &code.used_for {
                tracing::warn!(client_id = client.id, "an authorization code was used twice; its tokens are revoked");
                self.revoke_family(family).await?;
                return Err(grant_error("the code was used before").into());
            }
            if code.expires_at <= now {
                return Err(unknown().into());
            }
            if code.grant.client_id != client.id {
                return Err(grant_error("the code was given to another client").into());
            }
            if request.redirect_uri.is_empty() {
                return Err(missing("redirect_uri", "as for the authorization request").into());
            }
            if code.redirect_uri != request.redirect_uri {
                return Err(grant_error("redirect_uri is not that of the authorization request").into());
            }
            domain::check_verifier(&code.challenge, &request.code_verifier).map_err(grant_error)?;
            let family = id::new("fam");
            code.doc.used_for = Some(family.clone());
            code.doc.expires_at = now + USED_CODE_TTL_MS;
            let mut tx = self.0.store.begin();
            tx.update(&code);
            let answer = self.tokens(&mut tx, &code.grant, &code.grant.scope, &family, &code.nonce).await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    async fn by_refresh_token(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let client = self.client(&(&request).into()).await?;
        if request.refresh_token.is_empty() {
            return Err(missing("refresh_token", "as it was given out").into());
        }
        retry_conflicts(async || {
            let now = self.now();
            let stored = self.0.store.get::<RefreshDoc>(&digest(&request.refresh_token)).await?;
            let known = stored.filter(|t| t.grant.client_id == client.id);
            let mut token = known.ok_or_else(|| grant_error("the refresh token is unknown or was revoked"))?;
            if token.used {
                tracing::warn!(
                    client_id = client.id,
                    account_id = token.grant.account_id,
                    "a refresh token was used twice; its family is revoked"
                );
                self.revoke_family(&token.family).await?;
                return Err(grant_error("the refresh token was used before").into());
            }
            if token.expires_at <= now {
                return Err(grant_error("the refresh token has expired").into());
            }
            let scope = match request.scope.as_str() {
                "" => token.grant.scope.clone(),
                asked => domain::narrower_scope(&token.grant.scope, asked)?,
            };
            token.doc.used = true;
            let mut tx = self.0.store.begin();
            tx.update(&token);
            let answer = self.tokens(&mut tx, &token.grant, &scope, &token.family, "").await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    async fn by_client(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let client = self.client(&(&request).into()).await?;
        if !client.is_confidential() || client.account_id.is_empty() {
            let message = "only a client that proves who it is and acts as somebody may ask for itself";
            return Err(Problem::invalid("grant_type", "another grant", message)
                .with_reason("UNAUTHORIZED_CLIENT")
                .into());
        }
        let scope = domain::normal_scope(&request.scope)?;
        let (id, roles, client_id) = (client.account_id.as_str(), client.roles.as_slice(), client.id.as_str());
        let account = self.0.store.get::<AccountDoc>(id).await?;
        if account.as_ref().is_some_and(|a| a.locked) {
            return Err(grant_error("the account that this client acts as is locked").into());
        }
        let epoch = account.map_or(0, |a| a.epoch);
        let subject = Subject { id, roles, email: "", scope: &scope, client_id, epoch, family: "" };
        let access_token = self.access_token(&subject)?;
        let expires_in_s = self.ttl_s(client_id);
        Ok(IssueTokenResponse { access_token, expires_in_s, scope, ..IssueTokenResponse::default() })
    }

    /// Access token and ID token (with openid) of a scope; refresh token (with offline_access) of all that was granted.
    async fn tokens(
        &self,
        tx: &mut Tx,
        grant: &Grant,
        scope: &str,
        family: &str,
        nonce: &str,
    ) -> Result<IssueTokenResponse, Failure> {
        let account = self.living(&grant.account_id, grant.epoch).await?;
        let account = account.ok_or_else(|| grant_error("the account is gone, or has ended what it had granted"))?;
        let now = self.now();
        let expires_in_s = self.ttl_s(&grant.client_id);
        let access_token = self.access_token(&Subject {
            id: &account.id,
            roles: &[account.role],
            email: &account.email,
            scope,
            client_id: &grant.client_id,
            epoch: account.epoch,
            family,
        })?;
        let scope = scope.to_owned();
        let mut answer = IssueTokenResponse { access_token, expires_in_s, scope, ..IssueTokenResponse::default() };
        if domain::has_scope(&grant.scope, "offline_access") {
            answer.refresh_token = secret();
            let expires_at = now + i64::from(self.0.config.refresh_token_ttl_s) * 1000;
            let digest = digest(&answer.refresh_token);
            tx.insert(&RefreshDoc { digest, family: family.to_owned(), grant: grant.clone(), used: false, expires_at });
        }
        if domain::has_scope(&answer.scope, "openid") {
            let mut claims = json!({
                "iss": self.0.config.issuer, "sub": account.id, "aud": grant.client_id, "iat": now / 1000,
                "exp": now / 1000 + i64::from(expires_in_s), "auth_time": grant.auth_time_s,
                "at_hash": domain::half_digest(&answer.access_token),
            });
            if !nonce.is_empty() {
                claims["nonce"] = json!(nonce);
            }
            self.0.keys.ready(Signing::Rs256).await?;
            answer.id_token = self.0.keys.sign(Signing::Rs256, "JWT", &claims)?;
        }
        Ok(answer)
    }

    fn access_token(&self, subject: &Subject<'_>) -> Result<String, Problem> {
        let Subject { id, roles, email, scope, client_id, epoch, family } = subject;
        let now_s = self.now() / 1000;
        let exp = now_s + i64::from(self.ttl_s(client_id));
        self.0.keys.sign(
            Signing::Es256,
            "at+jwt",
            &json!({
                "iss": self.0.config.issuer, "sub": id, "aud": "vitrine", "iat": now_s, "exp": exp,
                "jti": id::new("tkn"), "roles": roles, "email": email, "scope": scope, "client_id": client_id,
                "epoch": epoch, "family": family,
            }),
        )
    }
}
