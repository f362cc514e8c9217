//! What tokens are signed with: ES256 for access tokens, which this shop's gateways read; RS256 for ID tokens, which every client can
//! verify (OpenID Connect Core, section 15.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::machine::{BadKey, KeyPair};

/// How long an RSA modulus is, in bits (RFC 7518, section 3.3, wants at least so many).
const RSA_BITS: usize = 2048;

/// A signature algorithm, by its name in JWA (RFC 7518).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Signing {
    /// ECDSA on P-256.
    #[default]
    Es256,
    /// RSASSA-PKCS1-v1_5.
    Rs256,
}

impl Signing {
    /// Every one that keys are kept for.
    pub(crate) const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// As it stands in a header.
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
        }
    }

    /// A new private key, PKCS #8 PEM. For RSA it takes a good part of a second: not for an async thread.
    pub(crate) fn generate(self) -> Result<String, BadKey> {
        match self {
            Self::Es256 => KeyPair::generate().to_pem(),
            Self::Rs256 => {
                let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, RSA_BITS).map_err(|_| BadKey)?;
                Ok(key.to_pkcs8_pem(LineEnding::LF).map_err(|_| BadKey)?.to_string())
            }
        }
    }

    /// What a private key signs with.
    pub(crate) fn encoding_key(self, pem: &str) -> Result<EncodingKey, BadKey> {
        match self {
            Self::Es256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Self::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        }
        .map_err(|_| BadKey)
    }

    /// The public half of a private key, as a JWK.
    pub(crate) fn public_jwk(self, pem: &str) -> Result<Value, BadKey> {
        match self {
            Self::Es256 => Ok(KeyPair::from_pem(pem)?.public_jwk()),
            Self::Rs256 => {
                let key = RsaPrivateKey::from_pkcs8_pem(pem).map_err(|_| BadKey)?;
                let number = |number: &BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
                Ok(json!({"kty": "RSA", "n": number(key.n()), "e": number(key.e())}))
            }
        }
    }
}
