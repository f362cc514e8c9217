//! The rules, free of I/O.

mod assertion;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use vitrine_contracts::auth::v1::AuthorizationRequest;
use vitrine_contracts::{EmailAddress, Problem};
use vitrine_kit::id;

use crate::Client;

pub use assertion::{Assertion, Audience, check_assertion};

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
    let port_fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (matches!(host, "127.0.0.1" | "[::1]") && port_fine).then_some((host, path))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
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

/// Whether a scope has this word.
pub fn has_scope(scope: &str, word: &str) -> bool {
    scope.split(' ').any(|s| s == word)
}

/// A scope that asks for no more than was granted.
pub fn narrower_scope(granted: &str, asked: &str) -> Result<String, Problem> {
    let scope = normal_scope(asked)?;
    if scope.split_ascii_whitespace().all(|word| has_scope(granted, word)) {
        return Ok(scope);
    }
    Err(Problem::invalid("scope", "a part of what was granted", "more is asked for than was granted")
        .with_reason("INVALID_SCOPE"))
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

/// An account's id, of any kind.
pub fn check_account_id(account_id: &str) -> Result<(), Problem> {
    if ["cus", "pro", "adm"].iter().any(|prefix| id::is_valid(prefix, account_id)) {
        return Ok(());
    }
    Err(Problem::invalid("account_id", "an id that begins with cus_, pro_ or adm_", "the id is missing or malformed"))
}

/// An e-mail address as somebody typed it to sign in, in the forms under which their account may be kept: as addresses are kept now, and
/// as they were before they had one form (trimmed, lower case). What is no address by today's rules can only be one of old.
pub fn sign_in_addresses(typed: &str) -> Vec<String> {
    let of_old = typed.trim().to_lowercase();
    let mut forms: Vec<String> =
        EmailAddress::parse("email", typed).map(EmailAddress::into_string).into_iter().collect();
    if !forms.contains(&of_old) {
        forms.push(of_old);
    }
    forms
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
    /// Whether nobody is let in now.
    pub fn is_locked(self, now_ms: i64) -> bool {
        self.locked_until > now_ms
    }

    /// One more.
    pub fn one_more(self, now_ms: i64, after: u32, for_ms: i64) -> Self {
        let count = self.count.saturating_add(1);
        if count >= after { Self { count: 0, locked_until: now_ms + for_ms } } else { Self { count, ..self } }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Failures, check_authorization, check_password, digest, narrower_scope, normal_scope, pkce_matches,
        redirect_allowed, sign_in_addresses,
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
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:+80/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:5123/callback#x",
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
        assert_eq!(narrower_scope("openid email", " email ").expect("less"), "email");
        assert_eq!(narrower_scope("openid email", "email profile").expect_err("more").reason, "INVALID_SCOPE");
    }

    #[test]
    fn addresses_of_people_and_their_passwords() {
        assert_eq!(sign_in_addresses(" ADA@Example.org "), ["ada@example.org"]);
        assert_eq!(sign_in_addresses("e\u{301}va@example.org"), ["éva@example.org", "e\u{301}va@example.org"]);
        assert_eq!(sign_in_addresses("<Ada@example.org>"), ["<ada@example.org>"]);
        for (password, fine) in [("ninechars", false), ("ten  chars", true), ("ünï·çödé··", true)] {
            assert_eq!(check_password(password).is_ok(), fine, "{password}");
        }
    }

    #[test]
    fn the_fifth_wrong_password_locks() {
        let mut failures = Failures::default();
        for _ in 0..4 {
            failures = failures.one_more(1000, 5, 300);
            assert_eq!(failures.locked_until, 0);
        }
        let locked = failures.one_more(1000, 5, 300);
        assert_eq!(locked, Failures { count: 0, locked_until: 1300 });
        assert!(locked.is_locked(1299) && !locked.is_locked(1300) && !failures.is_locked(1000));
    }
}
