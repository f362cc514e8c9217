//! The rules, free of I/O.

mod assertion;
mod authorization;
mod origin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use vitrine_contracts::limits::{MAX_PASSWORD, MIN_PASSWORD};
use vitrine_contracts::{EmailAddress, Problem};
use vitrine_kit::id;

pub use assertion::{Assertion, Audience, Parts, check_assertion, check_shape, read};
pub use authorization::{
    Authorization, AuthorizationError, ClientError, check_authorization, location, login_required,
};
pub use origin::origins;

/// What may be asked for.
pub const SCOPES: &[&str] = &["openid", "profile", "email", "roles", "offline_access"];
/// Longest word of a scope that is repeated to the sender, in bytes.
const MAX_SHOWN: usize = 40;

/// The digest of something secret: what is stored instead of it.
pub fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// Whether a verifier belongs to a challenge (RFC 7636, S256).
pub fn pkce_matches(challenge: &str, verifier: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved) && digest(verifier) == challenge
}

/// Checks the verifier of a code that was asked for with this challenge, or without one. Returns what is wrong.
pub fn check_verifier(challenge: &str, verifier: &str) -> Result<(), &'static str> {
    match (challenge, verifier) {
        ("", "") => Ok(()),
        // Someone may have taken the challenge out of the request (RFC 9700, section 4.8).
        ("", _) => Err("there is a code_verifier, and the code was asked for without a code_challenge"),
        (_, "") => Err("code_verifier is missing"),
        _ if pkce_matches(challenge, verifier) => Ok(()),
        _ => Err("code_verifier does not match code_challenge"),
    }
}

/// What an ID token says of the access token beside it, for RS256 (OpenID Connect Core, section 3.1.3.6).
pub fn half_digest(token: &str) -> String {
    let digest = Sha256::digest(token);
    URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2])
}

/// Whether a redirect URI is one of a client's: the same, but for the port of a loopback address (RFC 8252, 7.3).
pub fn redirect_allowed(registered: &[String], asked: &str) -> bool {
    registered.iter().any(|known| {
        known == asked || without_loopback_port(known).is_some_and(|k| Some(k) == without_loopback_port(asked))
    })
}

/// Host and rest of a loopback address, its port left out.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host_end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(host_end);
    let port_fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (matches!(host, "127.0.0.1" | "[::1]") && port_fine).then_some((host, path))
}

/// Checks a redirect URI that is to be registered (RFC 6749, section 3.1.2). Returns what was expected instead.
pub fn check_redirect_uri(uri: &str) -> Result<(), &'static str> {
    let (scheme, rest) = uri.split_once(':').ok_or("absolute URIs")?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !named || rest.is_empty() {
        return Err("absolute URIs");
    }
    if !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("URIs of visible ASCII characters, all others percent-encoded");
    }
    if uri.contains('#') {
        return Err("URIs without a fragment");
    }
    Ok(())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// A request that lacks something, or has it in a form that cannot be.
pub fn invalid_request(parameter: &str, expected: &str, message: &str) -> Problem {
    Problem::invalid(parameter, expected, message).with_reason("INVALID_REQUEST")
}

/// A scope, its words in the order of [`SCOPES`].
pub fn normal_scope(scope: &str) -> Result<String, Problem> {
    let asked: Vec<&str> = scope.split(' ').filter(|word| !word.is_empty()).collect();
    if let Some(unknown) = asked.iter().find(|s| !SCOPES.contains(s)) {
        // RFC 6749, section 3.3.
        let is_word = |b| matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'\\');
        let message = if unknown.bytes().all(is_word) && unknown.len() <= MAX_SHOWN {
            format!("there is no scope {unknown}")
        } else {
            "the scope has a word that no scope can be".to_owned()
        };
        let problem = Problem::invalid("scope", "words out of: openid profile email roles offline_access", &message);
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
    if scope.split(' ').filter(|word| !word.is_empty()).all(|word| has_scope(granted, word)) {
        return Ok(scope);
    }
    Err(Problem::invalid("scope", "a part of what was granted", "more is asked for than was granted")
        .with_reason("INVALID_SCOPE"))
}

/// An account's id, of any kind.
pub fn check_account_id(account_id: &str) -> Result<(), Problem> {
    if ["cus", "pro", "adm"].iter().any(|prefix| id::is_valid(prefix, account_id)) {
        return Ok(());
    }
    Err(Problem::invalid("account_id", "an id that begins with cus_, pro_ or adm_", "the id is missing or malformed"))
}

/// An e-mail address as someone typed it to sign in, in the forms under which their account may be kept: as addresses are kept now, and
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
    if (MIN_PASSWORD..=MAX_PASSWORD).contains(&password.chars().count()) {
        return Ok(());
    }
    let expected = format!("{MIN_PASSWORD} to {MAX_PASSWORD} characters");
    Err(Problem::invalid("password", &expected, "the password is too short or too long").with_reason("WEAK_PASSWORD"))
}

/// Wrong passwords in a row, for one e-mail address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// Until when no one is let in, Unix milliseconds; 0 for never.
    pub locked_until: i64,
}

impl Failures {
    /// Whether no one is let in now.
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
        Failures, check_password, check_redirect_uri, check_verifier, digest, narrower_scope, normal_scope,
        pkce_matches, redirect_allowed, sign_in_addresses,
    };

    #[test]
    fn pkce() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(pkce_matches(challenge, verifier));
        assert!(!pkce_matches(challenge, &verifier.replace('d', "e")));
        assert!(!pkce_matches(&digest("short"), "short") && !pkce_matches("", ""));
        for (challenge, verifier, fine) in [
            (challenge, verifier, true),
            (challenge, "", false),
            ("", verifier, false),
            ("", "", true),
            (verifier, challenge, false),
        ] {
            assert_eq!(check_verifier(challenge, verifier).is_ok(), fine, "{challenge:?} {verifier:?}");
        }
    }

    #[test]
    fn redirects_are_exact_but_for_loopback_ports() {
        let registered = [
            "http://127.0.0.1/callback",
            "https://shop.example/cb",
            "http://[::1]:80",
            "http://127.0.0.1:1/with?a=b",
            "http://localhost/cb",
        ]
        .map(str::to_owned);
        for good in [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:5123/callback",
            "https://shop.example/cb",
            "http://[::1]:5123",
            "http://127.0.0.1:2/with?a=b",
            "http://localhost/cb",
        ] {
            assert!(redirect_allowed(&registered, good), "{good}");
        }
        for bad in [
            "",
            "http://127.0.0.1:5123/other",
            "https://127.0.0.1/callback",
            "http://localhost/callback",
            "http://localhost:5123/cb",
            "http://[::1]:5123/",
            "http://127.0.0.1:2/with?a=c",
            "http://127.0.0.1:2/with",
            "http://127.0.0.1:5123/callback?x",
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
    fn redirect_uris_that_can_be_registered() {
        for good in ["https://shop.example/cb?x=1", "http://127.0.0.1/callback", "com.example.app:/cb"] {
            check_redirect_uri(good).expect(good);
        }
        for bad in [
            "",
            "/cb",
            "shop.example/cb",
            "https:",
            "1a:/cb",
            "https://shop.example/cb#x",
            "https://a/b c",
            "https://ü/",
        ] {
            assert!(check_redirect_uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes() {
        assert_eq!(normal_scope("offline_access openid  openid").expect("known"), "openid offline_access");
        assert_eq!(normal_scope("").expect("nothing"), "");
        for bad in ["root", "OpenID", "openid\temail", "\"openid\"", "openid\u{a0}email"] {
            assert_eq!(normal_scope(bad).expect_err(bad).reason, "INVALID_SCOPE");
        }
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
