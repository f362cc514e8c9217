//! Who a client is: public ones say it, machines prove it (`private_key_jwt`, RFC 7523).

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::IssueTokenRequest;
use vitrine_platform_host::Failure;
use vitrine_platform_store::Error;

use super::{Flows, client_error};
use crate::Client;
use crate::domain::{Assertion, check_assertion};
use crate::machine::ASSERTION_TYPE;
use crate::store::UsedDoc;

/// The keys of those clients that have one.
pub(super) fn machines(clients: &[Client]) -> Result<HashMap<String, DecodingKey>, Problem> {
    let mut keys = HashMap::new();
    for client in clients {
        let Some(json) = &client.public_jwk else { continue };
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
    /// Which client asks, proven where it has a key.
    pub(super) async fn client(&self, request: &IssueTokenRequest) -> Result<&Client, Failure> {
        let claimed = match request.client_id.as_str() {
            "" => subject_of(&request.client_assertion),
            id => Some(id.to_owned()),
        };
        let known = claimed.and_then(|id| self.clients().iter().find(|c| c.id == id));
        let client = known.ok_or_else(|| client_error("the client is unknown"))?;
        if let Some(key) = self.0.machines.get(&client.id) {
            self.prove(client, key, request).await?;
        }
        Ok(client)
    }

    async fn prove(&self, client: &Client, key: &DecodingKey, request: &IssueTokenRequest) -> Result<(), Failure> {
        if request.client_assertion_type != ASSERTION_TYPE {
            return Err(client_error("this client has to prove who it is by private_key_jwt").into());
        }
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audience are checked by the domain, by the host's clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Assertion>(&request.client_assertion, key, &validation);
        let claims =
            decoded.map_err(|_| client_error("the assertion is malformed or not signed by this client"))?.claims;
        let audiences = [request.audience.as_str(), &self.0.config.issuer];
        check_assertion(&claims, &client.id, &audiences, self.now() / 1000).map_err(client_error)?;
        let mut tx = self.0.store.begin();
        tx.insert(&UsedDoc { id: format!("{}/{}", client.id, claims.jti), expires_at: claims.forget_at_ms() });
        match tx.commit().await {
            Ok(()) => Ok(()),
            Err(Error::Exists { .. }) => Err(client_error("the assertion was used before").into()),
            Err(e) => Err(e.into()),
        }
    }
}

/// Whom an unverified assertion names, to know which key to verify it with.
fn subject_of(assertion: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<Assertion>(&payload).ok()?.sub)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::machines;
    use crate::Client;
    use crate::machine::KeyPair;

    #[test]
    fn only_public_keys_on_the_right_curve_are_taken() {
        let check = |jwk: Value| {
            let client = Client { public_jwk: Some(jwk), id: "robot".to_owned(), ..Client::storefront() };
            machines(&[Client::storefront(), client])
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
}
