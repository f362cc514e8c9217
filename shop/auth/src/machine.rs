//! Key pairs on P-256, with which machines prove who they are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rand::rngs::OsRng;
use rand::{RngCore, TryRngCore};
use serde_json::{Value, json};
use thiserror::Error;

/// What a machine sends as `client_assertion_type` (RFC 7523).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good, in seconds.
const ASSERTION_S: i64 = 60;

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the key is not a P-256 key in PKCS #8 PEM")]
pub struct BadKey;

/// A key pair. Its Debug output shows nothing of it.
#[derive(Clone)]
pub struct KeyPair(SecretKey);

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair(..)")
    }
}

/// Random bytes from the operating system; there is nothing to go on with if it has none.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.unwrap_err().fill_bytes(&mut bytes);
    bytes
}

/// A random secret of 256 bits, for URLs.
pub(crate) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

impl KeyPair {
    /// A new one.
    pub fn generate() -> Self {
        loop {
            // All but one in 2^32 numbers are in the curve's range.
            if let Ok(key) = SecretKey::from_slice(&random::<32>()) {
                return Self(key);
            }
        }
    }

    /// From PKCS #8 PEM.
    pub fn from_pem(pem: &str) -> Result<Self, BadKey> {
        SecretKey::from_pkcs8_pem(pem).map(Self).map_err(|_| BadKey)
    }

    /// As PKCS #8 PEM.
    pub fn to_pem(&self) -> Result<String, BadKey> {
        self.0.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| BadKey)
    }

    /// The public half as JWK.
    pub fn public_jwk(&self) -> Value {
        serde_json::from_str(&self.0.public_key().to_jwk_string()).unwrap_or(Value::Null)
    }

    /// What a machine sends as `client_assertion` to prove that it is `client_id`.
    pub fn assertion(&self, client_id: &str, audience: &str, now_ms: i64) -> Result<String, BadKey> {
        let exp = now_ms / 1000 + ASSERTION_S;
        let claims = json!({"iss": client_id, "sub": client_id, "aud": audience, "exp": exp, "jti": secret()});
        let key = EncodingKey::from_ec_pem(self.to_pem()?.as_bytes()).map_err(|_| BadKey)?;
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key).map_err(|_| BadKey)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyPair;

    #[test]
    fn a_key_survives_its_pem() {
        let key = KeyPair::generate();
        let again = KeyPair::from_pem(&key.to_pem().expect("encodes")).expect("decodes");
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert_eq!(key.public_jwk()["crv"], "P-256");
        assert!(KeyPair::from_pem("nonsense").is_err());
        assert_eq!(format!("{key:?}"), "KeyPair(..)");
    }
}
