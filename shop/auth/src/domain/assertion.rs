//! What a machine says about itself (RFC 7523).

use serde::Deserialize;

/// How far ahead an assertion may expire, in seconds.
const MAX_ASSERTION_S: i64 = 300;
/// How late an assertion may be, in seconds: clocks differ.
const SKEW_S: i64 = 60;
/// Longest id of an assertion, in bytes.
const MAX_JTI: usize = 128;

/// The claims.
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
    /// From when it is good, Unix seconds.
    pub nbf: Option<i64>,
    /// Its own id, good for one use.
    pub jti: String,
}

impl Assertion {
    /// From when on it is refused for its age, wherever clocks stand, Unix milliseconds: no need to remember its use longer.
    pub fn forget_at_ms(&self) -> i64 {
        self.exp.saturating_add(2 * SKEW_S).saturating_mul(1000)
    }
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
    if !audiences.iter().any(|a| !a.is_empty() && assertion.aud.has(a)) {
        return Err("aud must be the token endpoint or the issuer");
    }
    if assertion.exp <= now_s - SKEW_S {
        return Err("the assertion has expired");
    }
    if assertion.exp > now_s + MAX_ASSERTION_S {
        return Err("exp must be at most five minutes ahead");
    }
    if assertion.nbf.is_some_and(|from| from > now_s + SKEW_S) {
        return Err("the assertion is not good yet");
    }
    if assertion.jti.is_empty() || assertion.jti.len() > MAX_JTI {
        return Err("jti must be 1 to 128 bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Assertion, Audience, check_assertion};

    #[test]
    fn every_claim_counts() {
        let good = Assertion {
            iss: "m".to_owned(),
            sub: "m".to_owned(),
            aud: Audience::Many(vec!["x".to_owned(), "me".to_owned()]),
            exp: 1100,
            nbf: None,
            jti: "1".to_owned(),
        };
        let check = |a: &Assertion| check_assertion(a, "m", &["me", ""], 1000);
        for fine in [
            good.clone(),
            Assertion { exp: 1300, ..good.clone() },
            Assertion { exp: 941, ..good.clone() },
            Assertion { nbf: Some(1060), ..good.clone() },
            Assertion { aud: Audience::One("me".to_owned()), ..good.clone() },
        ] {
            check(&fine).expect("good");
        }
        for bad in [
            Assertion { iss: "n".to_owned(), ..good.clone() },
            Assertion { sub: "n".to_owned(), ..good.clone() },
            Assertion { aud: Audience::One("you".to_owned()), ..good.clone() },
            Assertion { aud: Audience::One(String::new()), ..good.clone() },
            Assertion { aud: Audience::Many(Vec::new()), ..good.clone() },
            Assertion { exp: 940, ..good.clone() },
            Assertion { exp: 1301, ..good.clone() },
            Assertion { exp: i64::MAX, ..good.clone() },
            Assertion { exp: i64::MIN, ..good.clone() },
            Assertion { nbf: Some(1061), ..good.clone() },
            Assertion { jti: String::new(), ..good.clone() },
            Assertion { jti: "x".repeat(129), ..good.clone() },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
