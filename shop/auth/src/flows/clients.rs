//! Who a client is: public ones say it; others prove it with a secret or a key (`private_key_jwt`, RFC 7523).

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::{IssueTokenRequest, RevokeTokenRequest};
use vitrine_platform_host::Failure;
use vitrine_platform_store::Error;

use super::{Flows, client_error};
use crate::Client;
use crate::domain::{Assertion, check_assertion, check_redirect_uri, check_shape, digest, invalid_request, read};
use crate::machine::ASSERTION_TYPE;
use crate::store::UsedDoc;

/// What a client sends of itself.
pub(super) struct Credentials<'a> {
    id: &'a str,
    secret: &'a str,
    assertion_type: &'a str,
    assertion: &'a str,
    audience: &'a str,
}

impl<'a> From<&'a IssueTokenRequest> for Credentials<'a> {
    fn from(request: &'a IssueTokenRequest) -> Self {
        Self {
            id: &request.client_id,
            secret: &request.client_secret,
            assertion_type: &request.client_assertion_type,
            assertion: &request.client_assertion,
            audience: &request.audience,
        }
    }
}

impl<'a> From<&'a RevokeTokenRequest> for Credentials<'a> {
    fn from(request: &'a RevokeTokenRequest) -> Self {
        Self {
            id: &request.client_id,
            secret: &request.client_secret,
            assertion_type: &request.client_assertion_type,
            assertion: &request.client_assertion,
            audience: &request.audience,
        }
    }
}

/// Checks clients as the settings have them. Returns the keys of those that have one.
pub(super) fn checked(clients: &[Client]) -> Result<HashMap<String, DecodingKey>, Problem> {
    let mut keys = HashMap::new();
    for client in clients {
        for uri in &client.redirect_uris {
            check_redirect_uri(uri).map_err(|expected| {
                let message = format!("a redirect URI of the client {} cannot be used", client.id);
                Problem::invalid("clients.redirect_uris", expected, &message)
            })?;
        }
        let Some(json) = &client.public_jwk else { continue };
        if !client.secret.is_empty() {
            let message = format!("the client {} has both a secret and a key", client.id);
            return Err(Problem::invalid("clients.secret", "a secret or a public_jwk", &message));
        }
        let key = public_key(json).ok_or_else(|| {
            let message = format!("the key of the client {} cannot be used", client.id);
            Problem::invalid("clients.public_jwk", "a public key on P-256, as a JWK", &message)
        })?;
        keys.insert(client.id.clone(), key);
    }
    Ok(keys)
}

fn public_key(json: &serde_json::Value) -> Option<DecodingKey> {
    let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
    match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(on) if on.curve == EllipticCurve::P256 => DecodingKey::from_jwk(&jwk).ok(),
        _ => None,
    }
}

impl Flows {
    /// Which client asks, proven where it has something to prove it with.
    pub(super) async fn client(&self, given: &Credentials<'_>) -> Result<&Client, Failure> {
        if !given.secret.is_empty() && !given.assertion.is_empty() {
            let message = "the client proves who it is in two ways: a secret and an assertion";
            return Err(invalid_request("client_assertion", "one way of client authentication", message).into());
        }
        let id = match given.id {
            "" if given.assertion.is_empty() => return Err(client_error("the request names no client").into()),
            "" => subject_of(given.assertion).map_err(|told| client_error(&told))?,
            id => id.to_owned(),
        };
        let known = self.clients().iter().find(|c| c.id == id);
        let client = known.ok_or_else(|| client_error("the client is unknown"))?;
        match self.0.machines.get(&client.id) {
            Some(key) => self.prove(client, key, given).await?,
            None if !given.assertion.is_empty() => {
                return Err(client_error("this client has no key to prove who it is with").into());
            }
            // Digests are compared, so that the time it takes says nothing about the secret.
            None if digest(client.secret.expose()) != digest(given.secret) => {
                let message = match (client.secret.is_empty(), given.secret.is_empty()) {
                    (true, _) => "this client has no secret",
                    (false, true) => "this client has to prove who it is by its secret",
                    (false, false) => "the client's secret is wrong",
                };
                return Err(client_error(message).into());
            }
            None => {}
        }
        Ok(client)
    }

    async fn prove(&self, client: &Client, key: &DecodingKey, given: &Credentials<'_>) -> Result<(), Failure> {
        if given.assertion.is_empty() {
            return Err(client_error("this client has to prove who it is by private_key_jwt").into());
        }
        if given.assertion_type != ASSERTION_TYPE {
            return Err(client_error(&format!("client_assertion_type must be {ASSERTION_TYPE}")).into());
        }
        let claims = self.verified(client, key, given).map_err(|told| client_error(&told))?;
        let mut tx = self.0.store.begin();
        tx.insert(&UsedDoc { id: format!("{}/{}", client.id, claims.jti), expires_at: claims.forget_at_ms() });
        match tx.commit().await {
            Ok(()) => Ok(()),
            Err(Error::Exists { .. }) => {
                Err(client_error("jti of the client assertion was used before: each is good once").into())
            }
            Err(e) => Err(e.into()),
        }
    }

    fn verified(&self, client: &Client, key: &DecodingKey, given: &Credentials<'_>) -> Result<Assertion, String> {
        let parts = check_shape(given.assertion)?;
        let signed = jsonwebtoken::crypto::verify(parts.signature, parts.signed.as_bytes(), key, Algorithm::ES256);
        if !signed.unwrap_or(false) {
            return Err("the client assertion is not signed with this client's key".to_owned());
        }
        let claims = read::<Assertion>(parts.claims, "claims")?;
        let audiences = [given.audience, &self.0.config.issuer];
        check_assertion(&claims, &client.id, &audiences, self.now())?;
        Ok(claims)
    }
}

/// Whom an unverified assertion names, to know which key to verify it with.
fn subject_of(assertion: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    Ok(read::<Subject>(check_shape(assertion)?.claims, "claims")?.sub)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::checked;
    use crate::Client;
    use crate::machine::KeyPair;

    #[test]
    fn only_public_keys_on_the_right_curve_are_taken() {
        let check = |jwk: Value| {
            let client = Client { public_jwk: Some(jwk), id: "robot".to_owned(), ..Client::storefront() };
            checked(&[Client::storefront(), client])
        };
        assert_eq!(check(KeyPair::generate().public_jwk()).expect("a good key").len(), 1);
        for bad in [
            json!("nonsense"),
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        ] {
            let problem = check(bad.clone()).err().unwrap_or_else(|| panic!("taken: {bad}"));
            assert!(problem.message.contains("robot") && problem.field.as_deref() == Some("clients.public_jwk"));
        }
    }

    #[test]
    fn clients_that_contradict_themselves_are_refused() {
        let key = Some(KeyPair::generate().public_jwk());
        let both = Client { public_jwk: key, secret: "s".into(), ..Client::storefront() };
        assert_eq!(checked(&[both]).err().and_then(|p| p.field).as_deref(), Some("clients.secret"));
        let lost = Client { redirect_uris: vec!["https://shop.example/cb#part".to_owned()], ..Client::storefront() };
        assert_eq!(checked(&[lost]).err().and_then(|p| p.field).as_deref(), Some("clients.redirect_uris"));
    }
}
