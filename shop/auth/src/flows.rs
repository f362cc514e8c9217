//! The grants: how somebody comes by a token.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::json;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::{AuthorizationRequest, IssueTokenRequest, IssueTokenResponse};
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{self as store, Document, Query, Store, Tx, retry_conflicts};

use crate::domain::{self, Assertion, Failures, digest};
use crate::keys::Keys;
use crate::machine::{ASSERTION_TYPE, secret};
use crate::store::{AccountDoc, CodeDoc, Grant, LockDoc, RefreshDoc, UsedDoc};
use crate::{Account, Client, Config, Role, password};

/// How long a code is good, in milliseconds.
const CODE_TTL_MS: i64 = 60_000;
/// How long wrong passwords are remembered, in milliseconds.
const FAILURES_TTL_MS: i64 = 24 * 3_600_000;
/// Most expired documents of a kind that one look forgets.
const BATCH: usize = 500;

/// All grants. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Flows(Arc<Inner>);

struct Inner {
    config: Config,
    store: Store,
    clock: Clock,
    keys: Keys,
}

fn grant_error(message: &str) -> Problem {
    Problem::precondition("INVALID_GRANT", message)
}

fn client_error(message: &str) -> Problem {
    Problem::unauthenticated("INVALID_CLIENT", message)
}

impl Flows {
    pub(crate) fn new(config: Config, store: Store, clock: Clock, keys: Keys) -> Self {
        Self(Arc::new(Inner { config, store, clock, keys }))
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn clients(&self) -> &[Client] {
        &self.0.config.clients
    }

    fn now(&self) -> i64 {
        self.0.clock.now_ms()
    }

    fn ttl_s(&self, client: Option<&Client>) -> u32 {
        client.map(|c| c.token_ttl_s).filter(|s| *s > 0).unwrap_or(self.0.config.access_token_ttl_s)
    }

    /// Makes the first key and the accounts of the settings.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        self.0.keys.load().await?;
        for account in &self.0.config.accounts {
            let known = self.0.store.get::<AccountDoc>(&account.account_id).await?;
            let same = match &known {
                Some(known) => {
                    password::verify(account.password.clone(), Some(known.password_hash.clone())).await?
                        && known.role == account.role
                }
                None => false,
            };
            if !same {
                self.put_account(account).await?;
            }
        }
        Ok(())
    }

    async fn put_account(&self, account: &Account) -> Result<(), Failure> {
        domain::check_password(&account.password)?;
        let mut tx = self.0.store.begin();
        tx.put(&AccountDoc {
            id: account.account_id.clone(),
            email: domain::normal_email(&account.email),
            password_hash: password::hash(account.password.clone()).await?,
            role: account.role,
        });
        Ok(tx.commit().await?)
    }

    /// Makes an account. A repeat for the same account and address changes nothing.
    pub(crate) async fn create_account(&self, account: &Account) -> Result<(), Failure> {
        domain::check_password(&account.password)?;
        let doc = AccountDoc {
            id: account.account_id.clone(),
            email: domain::normal_email(&account.email),
            password_hash: password::hash(account.password.clone()).await?,
            role: account.role,
        };
        let mut tx = self.0.store.begin();
        tx.insert(&doc);
        match tx.commit().await {
            Ok(()) => Ok(()),
            Err(store::Error::Exists { .. } | store::Error::Duplicate { .. }) => {
                let known = self.0.store.get::<AccountDoc>(&doc.id).await?;
                if known.is_some_and(|k| k.email == doc.email && k.role == doc.role) {
                    return Ok(());
                }
                Err(Problem::already_exists("this e-mail address has an account")
                    .with_reason("EMAIL_TAKEN")
                    .with_field("email")
                    .into())
            }
            Err(e) => Err(e.into()),
        }
    }

    pub(crate) async fn delete_account(&self, account_id: &str) -> Result<(), Failure> {
        let mut tx = self.0.store.begin();
        tx.delete::<AccountDoc>(account_id);
        self.delete_tokens(&mut tx, Query::eq("account_id", account_id)).await?;
        Ok(tx.commit().await?)
    }

    async fn delete_tokens(&self, tx: &mut Tx, query: Query) -> Result<(), Failure> {
        for token in self.0.store.find::<RefreshDoc>(query).await?.items {
            tx.delete::<RefreshDoc>(&token.digest);
        }
        Ok(())
    }

    async fn revoke_family(&self, family: &str) -> Result<(), Failure> {
        let mut tx = self.0.store.begin();
        self.delete_tokens(&mut tx, Query::eq("family", family)).await?;
        Ok(tx.commit().await?)
    }

    /// Checks the password and answers with where to go, code included.
    pub(crate) async fn login(
        &self,
        request: AuthorizationRequest,
        email: &str,
        given: String,
    ) -> Result<String, Failure> {
        domain::check_authorization(self.clients(), &request)?;
        let email = domain::normal_email(email);
        let locks = digest(&email);
        let now = self.now();
        let lock = self.0.store.get::<LockDoc>(&locks).await?;
        if lock.as_ref().is_some_and(|l| l.locked_until > now) {
            return Err(Problem::exhausted("LOCKED_OUT", "too many wrong passwords: try again in a few minutes").into());
        }
        let found = self.0.store.find::<AccountDoc>(Query::eq("email", email.as_str()).limit(1)).await?.items.pop();
        let hash = found.as_ref().map(|a| a.password_hash.clone());
        let verified = password::verify(given, hash).await?;
        let Some(account) = found.filter(|_| verified) else {
            self.note_failure(&locks).await?;
            return Err(Problem::unauthenticated("BAD_CREDENTIALS", "e-mail address or password is wrong").into());
        };
        let code = secret();
        let doc = CodeDoc {
            digest: digest(&code),
            grant: Grant {
                account_id: account.doc.id,
                client_id: request.client_id,
                scope: domain::normal_scope(&request.scope)?,
                auth_time_s: now / 1000,
            },
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.code_challenge,
            nonce: request.nonce,
            used_for: None,
            expires_at: now + CODE_TTL_MS,
        };
        let mut tx = self.0.store.begin();
        tx.insert(&doc);
        if lock.is_some() {
            tx.delete::<LockDoc>(&locks);
        }
        tx.commit().await?;
        let separator = if request.redirect_uri.contains('?') { '&' } else { '?' };
        let (state, issuer) = (encode(&request.state), encode(&self.0.config.issuer));
        Ok(format!("{}{separator}code={code}&state={state}&iss={issuer}", request.redirect_uri))
    }

    async fn note_failure(&self, locks: &str) -> Result<(), Failure> {
        let (after, for_ms) = (self.0.config.lockout_after, i64::from(self.0.config.lockout_s) * 1000);
        retry_conflicts(async || {
            let now = self.now();
            let known = self.0.store.get::<LockDoc>(locks).await?;
            let failures =
                known.as_ref().map(|l| Failures { count: l.count, locked_until: l.locked_until }).unwrap_or_default();
            let Failures { count, locked_until } = failures.one_more(now, after, for_ms);
            let doc = LockDoc {
                digest: locks.to_owned(),
                count,
                locked_until,
                expires_at: now.max(locked_until) + FAILURES_TTL_MS,
            };
            let mut tx = self.0.store.begin();
            match known {
                Some(known) => tx.update(&store::Stored { doc, version: known.version }),
                None => tx.insert(&doc),
            }
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    /// The token endpoint.
    pub(crate) async fn issue(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        match request.grant_type.as_str() {
            "authorization_code" => self.by_code(request).await,
            "refresh_token" => self.by_refresh_token(request).await,
            "client_credentials" => self.by_client(request).await,
            _ => {
                let expected = "authorization_code, refresh_token or client_credentials";
                Err(Problem::invalid("grant_type", expected, "there is no such grant")
                    .with_reason("UNSUPPORTED_GRANT_TYPE")
                    .into())
            }
        }
    }

    async fn by_code(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let client = self.client(&request).await?;
        retry_conflicts(async || {
            let now = self.now();
            let stored = self.0.store.get::<CodeDoc>(&digest(&request.code)).await?;
            let mut code = stored
                .filter(|c| c.expires_at > now)
                .ok_or_else(|| grant_error("the code is unknown or has expired"))?;
            if let Some(family) = &code.used_for {
                tracing::warn!(client_id = client.id, "an authorization code was used twice; its tokens are revoked");
                self.revoke_family(family).await?;
                return Err(grant_error("the code was used before").into());
            }
            if code.grant.client_id != client.id || code.redirect_uri != request.redirect_uri {
                return Err(grant_error("the code was given to another client or redirect URI").into());
            }
            if !domain::pkce_matches(&code.challenge, &request.code_verifier) {
                return Err(grant_error("the code verifier does not match").into());
            }
            let family = id::new("fam");
            code.doc.used_for = Some(family.clone());
            let mut tx = self.0.store.begin();
            tx.update(&code);
            let answer = self.tokens(&mut tx, &code.grant, &family, &code.nonce).await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    async fn by_refresh_token(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let client = self.client(&request).await?;
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
            let mut grant = token.grant.clone();
            if !request.scope.is_empty() {
                let narrower = domain::normal_scope(&request.scope)?;
                if !narrower.split(' ').all(|s| grant.scope.split(' ').any(|g| g == s)) {
                    return Err(Problem::invalid(
                        "scope",
                        "a part of what was granted",
                        "more is asked for than was granted",
                    )
                    .with_reason("INVALID_SCOPE")
                    .into());
                }
                grant.scope = narrower;
            }
            token.doc.used = true;
            let mut tx = self.0.store.begin();
            tx.update(&token);
            let answer = self.tokens(&mut tx, &grant, &token.family, "").await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    }

    async fn by_client(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Failure> {
        let client = self.client(&request).await?;
        if client.public_jwk.is_none() {
            return Err(client_error("only a client with a key of its own may ask for itself")
                .with_reason("UNAUTHORIZED_CLIENT")
                .into());
        }
        let scope = domain::normal_scope(&request.scope)?;
        let access_token = self.access_token(&client.account_id, &client.roles, "", &scope, &client.id)?;
        let expires_in_s = self.ttl_s(Some(client));
        Ok(IssueTokenResponse { access_token, expires_in_s, scope, ..IssueTokenResponse::default() })
    }

    /// Access token, refresh token (with offline_access) and ID token (with openid) of a grant.
    async fn tokens(
        &self,
        tx: &mut Tx,
        grant: &Grant,
        family: &str,
        nonce: &str,
    ) -> Result<IssueTokenResponse, Failure> {
        let account = self.0.store.get::<AccountDoc>(&grant.account_id).await?;
        let account = account.ok_or_else(|| grant_error("the account is gone"))?;
        let now = self.now();
        let has = |scope: &str| grant.scope.split(' ').any(|s| s == scope);
        let mut answer = IssueTokenResponse {
            access_token: self.access_token(
                &account.id,
                &[account.role],
                &account.email,
                &grant.scope,
                &grant.client_id,
            )?,
            expires_in_s: self.0.config.access_token_ttl_s,
            scope: grant.scope.clone(),
            ..IssueTokenResponse::default()
        };
        if has("offline_access") {
            answer.refresh_token = secret();
            let expires_at = now + i64::from(self.0.config.refresh_token_ttl_s) * 1000;
            let digest = digest(&answer.refresh_token);
            tx.insert(&RefreshDoc { digest, family: family.to_owned(), grant: grant.clone(), used: false, expires_at });
        }
        if has("openid") {
            let mut claims = json!({
                "iss": self.0.config.issuer, "sub": account.id, "aud": grant.client_id, "iat": now / 1000,
                "exp": now / 1000 + i64::from(self.0.config.access_token_ttl_s), "auth_time": grant.auth_time_s, "email": account.email,
            });
            if !nonce.is_empty() {
                claims["nonce"] = json!(nonce);
            }
            answer.id_token = self.0.keys.sign("JWT", &claims)?;
        }
        Ok(answer)
    }

    fn access_token(
        &self,
        sub: &str,
        roles: &[Role],
        email: &str,
        scope: &str,
        client_id: &str,
    ) -> Result<String, Problem> {
        let now_s = self.now() / 1000;
        let exp = now_s + i64::from(self.ttl_s(self.clients().iter().find(|c| c.id == client_id)));
        self.0.keys.sign(
            "at+jwt",
            &json!({
                "iss": self.0.config.issuer, "sub": sub, "aud": "vitrine", "iat": now_s, "exp": exp,
                "jti": id::new("tkn"), "roles": roles, "email": email, "scope": scope, "client_id": client_id,
            }),
        )
    }

    /// Revokes a refresh token with its family. An unknown token is not an error (RFC 7009).
    pub(crate) async fn revoke(&self, token: &str, client_id: &str) -> Result<(), Failure> {
        match self.0.store.get::<RefreshDoc>(&digest(token)).await? {
            Some(known) if known.grant.client_id == client_id => self.revoke_family(&known.family).await,
            _ => Ok(()),
        }
    }

    /// Which client asks, proven where it has a key.
    async fn client(&self, request: &IssueTokenRequest) -> Result<&Client, Failure> {
        let claimed = if request.client_id.is_empty() {
            subject_of(&request.client_assertion)
        } else {
            Some(request.client_id.clone())
        };
        let known = claimed.and_then(|id| self.clients().iter().find(|c| c.id == id));
        let client = known.ok_or_else(|| client_error("the client is unknown"))?;
        let Some(jwk) = &client.public_jwk else { return Ok(client) };
        if request.client_assertion_type != ASSERTION_TYPE {
            return Err(client_error("this client has to prove who it is by private_key_jwt").into());
        }
        let unusable = || {
            tracing::error!(client_id = client.id, "the client's public key cannot be used");
            Problem::internal()
        };
        let jwk: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| unusable())?;
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| unusable())?;
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audience are checked by the domain, by the host's clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Assertion>(&request.client_assertion, &key, &validation);
        let claims =
            decoded.map_err(|_| client_error("the assertion is malformed or not signed by this client"))?.claims;
        let now = self.now();
        domain::check_assertion(&claims, &client.id, &[&request.audience, &self.0.config.issuer], now / 1000)
            .map_err(client_error)?;
        let mut tx = self.0.store.begin();
        tx.insert(&UsedDoc { id: format!("{}/{}", client.id, claims.jti), expires_at: (claims.exp + 120) * 1000 });
        match tx.commit().await {
            Ok(()) => Ok(client),
            Err(store::Error::Exists { .. }) => Err(client_error("the assertion was used before").into()),
            Err(e) => Err(e.into()),
        }
    }

    pub(crate) async fn rotate_keys(&self) -> Result<String, Failure> {
        let longest_s = self.clients().iter().map(|c| self.ttl_s(Some(c))).max().unwrap_or(self.ttl_s(None));
        self.0.keys.rotate(i64::from(longest_s) * 1000).await
    }

    /// Forgets what has expired.
    pub(crate) async fn tend(&self) -> Result<(), Failure> {
        self.forget_expired::<CodeDoc>().await?;
        self.forget_expired::<RefreshDoc>().await?;
        self.forget_expired::<UsedDoc>().await?;
        self.forget_expired::<LockDoc>().await?;
        self.0.keys.tend().await
    }

    async fn forget_expired<T: Document>(&self) -> Result<(), Failure> {
        let query = Query::range("expires_at", 0..=self.now()).limit(BATCH);
        let mut tx = self.0.store.begin();
        for expired in self.0.store.find::<T>(query).await?.items {
            tx.delete::<T>(&expired.doc.id());
        }
        Ok(tx.commit().await?)
    }
}

/// Whom an unverified assertion names, to know which key to verify it with.
fn subject_of(assertion: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<Assertion>(&payload).ok()?.sub)
}

/// Percent-encodes all but unreserved characters.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
