//! Signing in by authorization code with PKCE (RFC 7636), as a program without a browser may.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use rand::Rng;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::http::{Call, Client, Response};

const CLIENT_ID: &str = "vitrine-storefront";
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// The secret of one sign-in; fresh each time, whatever the seed.
pub(crate) struct Verifier(String);

impl Verifier {
    pub(crate) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>()))
    }

    /// Asks for a code.
    pub(crate) fn authorize(&self, email: &str, password: &str) -> Call {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0));
        Call::new(Method::POST, "/oauth2/authorize").form(&[
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid offline_access"),
            ("state", "load"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("email", email),
            ("password", password),
        ])
    }

    /// Asks for tokens, for the code.
    pub(crate) fn redeem(&self, code: &str) -> Call {
        Call::new(Method::POST, "/oauth2/token").form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", CLIENT_ID),
            ("code_verifier", &self.0),
        ])
    }
}

/// Asks for new tokens, for a refresh token.
pub(crate) fn refresh(refresh_token: &str) -> Call {
    Call::new(Method::POST, "/oauth2/token").form(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", CLIENT_ID),
    ])
}

/// The code that an answer sends the browser back with.
pub(crate) fn code_of(answer: &Response) -> Option<String> {
    let query = answer.header("location")?.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix("code=")).map(str::to_owned)
}

/// Signs someone in by authorization code with PKCE; returns the token endpoint's JSON, or why not.
pub async fn sign_in(client: &Client, email: &str, password: &str) -> Result<Value, String> {
    let verifier = Verifier::new();
    let answer = client.send(verifier.authorize(email, password)).await.map_err(|e| e.to_string())?;
    let code = code_of(&answer).ok_or_else(|| refused(&answer))?;
    let answer = client.send(verifier.redeem(&code)).await.map_err(|e| e.to_string())?;
    if answer.status == 200 { Ok(answer.json()) } else { Err(refused(&answer)) }
}

fn refused(answer: &Response) -> String {
    let body = answer.json();
    let why = body["detail"].as_str().or_else(|| body["error_description"].as_str());
    why.unwrap_or("the answer is not one of a shop").to_owned()
}
