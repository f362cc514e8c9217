//! The rules, free of I/O.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::AuthorizationRequest;

use crate::Client;

/// How far ahead an assertion may expire, in seconds.
const MAX_ASSERTION_S: i64 = 300;
/// How far clocks may differ, in seconds.
const SKEW_S: i64 = 60;
/// What may be asked for.
pub const SCOPES: &[&str] = &["openid", "profile", "email", "offline_access"];
/// Longest state and nonce that are handed through.
const MAX_OPAQUE: usize = 512;

/// The digest of something secret: what is stored instead of it.
pub fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// Whether a verifier belongs to a challenge (RFC 7636, S256).
pub fn pkce_matches(challenge: &str, verifier: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved) && digest(verifier) == challenge
}

/// Whether a redirect URI is one of a client's: the same, but for the port of a loopback address (RFC 8252, 7.3).
pub fn redirect_allowed(registered: &[String], asked: &str) -> bool {
    registered.iter().any(|known| {
        known == asked || without_loopback_port(known).is_some_and(|k| Some(k) == without_loopback_port(asked))
    })
}

/// Host and path of a loopback address, its port left out.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_once('/')?;
    let host_end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(host_end);
    let port_fine = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    (matches!(host, "127.0.0.1" | "[::1]") && port_fine).then_some((host, path))
}

/// A scope, its words in the order of [`SCOPES`].
pub fn normal_scope(scope: &str) -> Result<String, Problem> {
    let asked: Vec<&str> = scope.split_ascii_whitespace().collect();
    if let Some(unknown) = asked.iter().find(|s| !SCOPES.contains(s)) {
        let shown: String = unknown.chars().take(40).collect();
        let problem = Problem::invalid(
            "scope",
            "words out of: openid profile email offline_access",
            &format!("there is no scope {shown:?}"),
        );
        return Err(problem.with_reason("INVALID_SCOPE"));
    }
    Ok(SCOPES.iter().filter(|s| asked.contains(s)).copied().collect::<Vec<_>>().join(" "))
}

/// Checks what does not allow to send anybody back: the client and the redirect URI. Then the rest.
pub fn check_authorization<'a>(clients: &'a [Client], request: &AuthorizationRequest) -> Result<&'a Client, Problem> {
    let invalid = |field: &str, expected: &str, message: &str| {
        Problem::invalid(field, expected, message).with_reason("INVALID_REQUEST")
    };
    let client = clients.iter().find(|c| c.id == request.client_id && !c.redirect_uris.is_empty());
    let client = client.ok_or_else(|| {
        invalid("client_id", "a registered client", "the client is unknown").with_reason("UNAUTHORIZED_CLIENT")
    })?;
    if !redirect_allowed(&client.redirect_uris, &request.redirect_uri) {
        return Err(invalid(
            "redirect_uri",
            "one of the client's redirect URIs",
            "the redirect URI is not the client's",
        ));
    }
    if request.response_type != "code" {
        return Err(invalid("response_type", "code", "only authorization codes are given out")
            .with_reason("UNSUPPORTED_RESPONSE_TYPE"));
    }
    if request.code_challenge_method != "S256" || request.code_challenge.len() != 43 {
        return Err(invalid("code_challenge", "a PKCE challenge, method S256", "PKCE with S256 is required"));
    }
    if request.state.len() > MAX_OPAQUE || request.nonce.len() > MAX_OPAQUE {
        return Err(invalid("state", "at most 512 bytes", "state or nonce is too long"));
    }
    normal_scope(&request.scope)?;
    Ok(client)
}

/// What a machine says about itself (RFC 7523).
#[derive(Clone, Debug, Deserialize)]
pub struct Assertion {
    /// The client.
    pub iss: String,
    /// The client again.
    pub sub: String,
    /// For whom it is.
    pub aud: Audience,
    /// Until when it is good, Unix seconds.
    pub exp: i64,
    /// Its own id, good for one use.
    pub jti: String,
}

/// One audience or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|m| m == wanted),
        }
    }
}

/// Checks what an assertion claims. Its signature and its single use are checked elsewhere.
pub fn check_assertion(
    assertion: &Assertion,
    client_id: &str,
    audiences: &[&str],
    now_s: i64,
) -> Result<(), &'static str> {
    if assertion.iss != client_id || assertion.sub != client_id {
        return Err("iss and sub must be the client's id");
    }
    if !audiences.iter().any(|a| assertion.aud.has(a)) {
        return Err("aud must be the token endpoint or the issuer");
    }
    if assertion.exp <= now_s - SKEW_S {
        return Err("the assertion has expired");
    }
    if assertion.exp > now_s + MAX_ASSERTION_S + SKEW_S {
        return Err("exp must be at most five minutes ahead");
    }
    if assertion.jti.is_empty() || assertion.jti.len() > 128 {
        return Err("jti must be 1 to 128 bytes");
    }
    Ok(())
}

/// An e-mail address as it is kept.
pub fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Checks a new password.
pub fn check_password(password: &str) -> Result<(), Problem> {
    if (10..=128).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(Problem::invalid("password", "10 to 128 characters", "the password is too short or too long")
        .with_reason("WEAK_PASSWORD"))
}

/// Wrong passwords in a row, for one e-mail address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// Until when nobody is let in, Unix milliseconds; 0 for never.
    pub locked_until: i64,
}

impl Failures {
    /// One more.
    pub fn one_more(self, now_ms: i64, after: u32, for_ms: i64) -> Self {
        let count = self.count.saturating_add(1);
        if count >= after { Self { count: 0, locked_until: now_ms + for_ms } } else { Self { count, ..self } }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Assertion, Audience, Failures, check_assertion, check_authorization, digest, normal_scope, pkce_matches,
        redirect_allowed,
    };
    use crate::Client;
    use vitrine_contracts::auth::v1::AuthorizationRequest;

    #[test]
    fn pkce() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(pkce_matches(challenge, verifier));
        assert!(!pkce_matches(challenge, &verifier.replace('d', "e")));
        assert!(!pkce_matches(&digest("short"), "short") && !pkce_matches("", ""));
    }

    #[test]
    fn redirects_are_exact_but_for_loopback_ports() {
        let registered = vec!["http://127.0.0.1/callback".to_owned(), "https://shop.example/cb".to_owned()];
        for good in ["http://127.0.0.1/callback", "http://127.0.0.1:5123/callback", "https://shop.example/cb"] {
            assert!(redirect_allowed(&registered, good), "{good}");
        }
        for bad in [
            "",
            "http://127.0.0.1:5123/other",
            "https://127.0.0.1/callback",
            "http://localhost/callback",
            "https://shop.example:444/cb",
            "http://127.0.0.1.evil.example/callback",
            "http://127.0.0.1:x/callback",
            "http://evil@127.0.0.1/callback",
            "https://shop.example/cb/../x",
        ] {
            assert!(!redirect_allowed(&registered, bad), "{bad}");
        }
    }

    #[test]
    fn authorization_requests() {
        let clients = [Client::storefront()];
        let good = AuthorizationRequest {
            response_type: "code".to_owned(),
            client_id: "vitrine-storefront".to_owned(),
            redirect_uri: "http://127.0.0.1:1/callback".to_owned(),
            scope: "openid".to_owned(),
            code_challenge: digest("x"),
            code_challenge_method: "S256".to_owned(),
            ..AuthorizationRequest::default()
        };
        check_authorization(&clients, &good).expect("a good request");
        let refused = |change: &dyn Fn(&mut AuthorizationRequest)| {
            let mut request = good.clone();
            change(&mut request);
            check_authorization(&clients, &request).expect_err("a bad request").reason
        };
        assert_eq!(refused(&|r| r.client_id.clear()), "UNAUTHORIZED_CLIENT");
        assert_eq!(refused(&|r| r.redirect_uri = "http://evil.example/".to_owned()), "INVALID_REQUEST");
        assert_eq!(refused(&|r| r.response_type = "token".to_owned()), "UNSUPPORTED_RESPONSE_TYPE");
        assert_eq!(refused(&|r| r.code_challenge_method = "plain".to_owned()), "INVALID_REQUEST");
        assert_eq!(refused(&|r| r.scope = "root".to_owned()), "INVALID_SCOPE");
        assert_eq!(normal_scope("offline_access openid openid").expect("known"), "openid offline_access");
    }

    #[test]
    fn assertions() {
        let good = Assertion {
            iss: "m".to_owned(),
            sub: "m".to_owned(),
            aud: Audience::Many(vec!["x".to_owned(), "me".to_owned()]),
            exp: 1100,
            jti: "1".to_owned(),
        };
        let check = |a: &Assertion| check_assertion(a, "m", &["me"], 1000);
        check(&good).expect("good");
        for bad in [
            Assertion { iss: "n".to_owned(), ..good.clone() },
            Assertion { sub: "n".to_owned(), ..good.clone() },
            Assertion { aud: Audience::One("you".to_owned()), ..good.clone() },
            Assertion { exp: 900, ..good.clone() },
            Assertion { exp: 9000, ..good.clone() },
            Assertion { jti: String::new(), ..good.clone() },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_fifth_wrong_password_locks() {
        let mut failures = Failures::default();
        for _ in 0..4 {
            failures = failures.one_more(1000, 5, 300);
            assert_eq!(failures.locked_until, 0);
        }
        assert_eq!(failures.one_more(1000, 5, 300), Failures { count: 0, locked_until: 1300 });
    }
}
