//! What a machine says about itself (RFC 7523), and whether that is right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use vitrine_kit::numeric_date::NumericDate;

/// How far ahead an assertion may expire, in milliseconds.
const MAX_ASSERTION_MS: i64 = 300_000;
/// How late an assertion may be, or how early, in milliseconds: clocks differ.
const SKEW_MS: i64 = 60_000;
/// Longest id of an assertion, in bytes.
const MAX_JTI: usize = 128;
/// Longest explanation, in bytes: some of it is what was sent.
const MAX_EXPLAINED: usize = 300;
/// What an assertion may call itself (RFC 7519, section 5.1), in any case; it need not.
const TYPES: [&str; 3] = ["jwt", "client-authentication+jwt", "application/client-authentication+jwt"];

/// The header. Members that are not named here mean nothing, as RFC 7515 wants it.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The claims.
#[derive(Clone, Debug, Deserialize)]
pub struct Assertion {
    /// The client.
    pub iss: String,
    /// The client again.
    pub sub: String,
    /// For whom it is.
    pub aud: Audience,
    /// Until when it is good.
    pub exp: NumericDate,
    /// From when it is good.
    pub nbf: Option<NumericDate>,
    /// When it was made.
    pub iat: Option<NumericDate>,
    /// Its own id, good for one use.
    pub jti: String,
}

impl Assertion {
    /// From when on it is refused for its age, wherever clocks stand, Unix milliseconds: no need to remember its use longer.
    pub fn forget_at_ms(&self) -> i64 {
        self.exp.ms().saturating_add(2 * SKEW_MS)
    }
}

/// One audience or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a string or a list of strings")]
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

/// A JWT in its three parts, each still in Base64.
pub struct Parts<'a> {
    /// What is signed: header and claims, with the dot between.
    pub signed: &'a str,
    /// What the claims are written in.
    pub claims: &'a str,
    /// Over `signed`.
    pub signature: &'a str,
}

/// Takes a signed JWT apart, if its header is one of an assertion: ES256 and nothing that must be understood and is not.
pub fn check_shape(jwt: &str) -> Result<Parts<'_>, String> {
    let shape = || "the client assertion must be a signed JWT: three parts with dots between".to_owned();
    let (signed, signature) = jwt.rsplit_once('.').ok_or_else(shape)?;
    let (header, claims) = signed.split_once('.').ok_or_else(shape)?;
    if claims.contains('.') {
        return Err(shape());
    }
    let Header { alg, typ, crit } = read(header, "header")?;
    if alg != "ES256" {
        return Err("alg of the client assertion must be ES256".to_owned());
    }
    if crit.is_some() {
        return Err("crit of the client assertion names extensions, and none is understood".to_owned());
    }
    if typ.is_some_and(|typ| !TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known))) {
        return Err("typ of the client assertion must be JWT or client-authentication+jwt".to_owned());
    }
    Ok(Parts { signed, claims, signature })
}

/// Reads a part of a JWT. Errors name the member.
pub fn read<T: DeserializeOwned>(part: &str, what: &str) -> Result<T, String> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| format!("the {what} of the client assertion is not base64url without padding"))?;
    // serde would take a list for an object, value by value.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(format!("the {what} of the client assertion is not a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let (path, cause) = (e.path().to_string(), e.inner().to_string());
        match path.as_str() {
            "." => cause,
            path => format!("{path}: {cause}"),
        }
    });
    let whole = read.and_then(|value| json.end().map(|()| value).map_err(|e| e.to_string()));
    whole.map_err(|cause| explained(&format!("the {what} of the client assertion cannot be taken: {cause}")))
}

/// An explanation as RFC 6749 lets `error_description` be: visible ASCII and spaces, without quotation marks and backslashes.
fn explained(text: &str) -> String {
    let plain = |c| match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().map(plain).take(MAX_EXPLAINED).collect()
}

/// Checks what an assertion claims. Its signature and its single use are checked elsewhere.
pub fn check_assertion(
    assertion: &Assertion,
    client_id: &str,
    audiences: &[&str],
    now_ms: i64,
) -> Result<(), &'static str> {
    if assertion.iss != client_id {
        return Err("iss of the client assertion must be the client's id");
    }
    if assertion.sub != client_id {
        return Err("sub of the client assertion must be the client's id");
    }
    if !audiences.iter().any(|a| !a.is_empty() && assertion.aud.has(a)) {
        return Err("aud of the client assertion must be the token endpoint or the issuer");
    }
    if assertion.exp.ms() <= now_ms - SKEW_MS {
        return Err("exp of the client assertion is over");
    }
    if assertion.exp.ms() > now_ms + MAX_ASSERTION_MS {
        return Err("exp of the client assertion must be at most five minutes ahead");
    }
    if assertion.nbf.is_some_and(|from| from.ms() > now_ms + SKEW_MS) {
        return Err("nbf of the client assertion lies ahead");
    }
    if assertion.iat.is_some_and(|made| made.ms() > now_ms + SKEW_MS) {
        return Err("iat of the client assertion lies ahead");
    }
    if assertion.jti.is_empty() || assertion.jti.len() > MAX_JTI {
        return Err("jti of the client assertion is missing or too long");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use vitrine_kit::numeric_date::NumericDate;

    use super::{Assertion, Audience, check_assertion, check_shape, read};

    fn at(ms: i64) -> NumericDate {
        NumericDate::from_ms(ms)
    }

    #[test]
    fn every_claim_counts() {
        let good = Assertion {
            iss: "m".to_owned(),
            sub: "m".to_owned(),
            aud: Audience::Many(vec!["x".to_owned(), "me".to_owned()]),
            exp: at(1_100_000),
            nbf: None,
            iat: None,
            jti: "1".to_owned(),
        };
        let check = |a: &Assertion| check_assertion(a, "m", &["me", ""], 1_000_000);
        for fine in [
            good.clone(),
            Assertion { exp: at(1_300_000), ..good.clone() },
            Assertion { exp: at(940_001), ..good.clone() },
            Assertion { nbf: Some(at(1_060_000)), ..good.clone() },
            Assertion { iat: Some(at(1_060_000)), ..good.clone() },
            Assertion { iat: Some(at(i64::MIN)), ..good.clone() },
            Assertion { aud: Audience::One("me".to_owned()), ..good.clone() },
        ] {
            check(&fine).expect("good");
        }
        for (claim, bad) in [
            ("iss", Assertion { iss: "n".to_owned(), ..good.clone() }),
            ("sub", Assertion { sub: "n".to_owned(), ..good.clone() }),
            ("aud", Assertion { aud: Audience::One("you".to_owned()), ..good.clone() }),
            ("aud", Assertion { aud: Audience::One(String::new()), ..good.clone() }),
            ("aud", Assertion { aud: Audience::Many(Vec::new()), ..good.clone() }),
            ("exp", Assertion { exp: at(940_000), ..good.clone() }),
            ("exp", Assertion { exp: at(1_300_001), ..good.clone() }),
            ("exp", Assertion { exp: at(i64::MAX), ..good.clone() }),
            ("exp", Assertion { exp: at(i64::MIN), ..good.clone() }),
            ("nbf", Assertion { nbf: Some(at(1_060_001)), ..good.clone() }),
            ("iat", Assertion { iat: Some(at(1_060_001)), ..good.clone() }),
            ("jti", Assertion { jti: String::new(), ..good.clone() }),
            ("jti", Assertion { jti: "x".repeat(129), ..good.clone() }),
        ] {
            assert!(check(&bad).expect_err("bad").starts_with(claim), "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let claims = |json: &str| read::<Assertion>(&URL_SAFE_NO_PAD.encode(json), "claims");
        let good = r#"{"iss": "m", "sub": "m", "aud": ["me"], "exp": 1100.5, "jti": "1", "more": {"nbf": "x"}}"#;
        assert_eq!(claims(good).expect("read").exp, at(1_100_500));
        for (from, to, named) in [
            ("1100.5", "\"1100\"", "exp: invalid type: string '1100', expected a number of seconds"),
            ("1100.5", "null", "exp: invalid type: null"),
            ("1100.5", "1e400", "exp: number out of range"),
            ("1100.5", "NaN", "exp: "),
            (r#""exp": 1100.5, "#, "", "missing field `exp`"),
            (r#", "jti": "1""#, "", "missing field `jti`"),
            (r#""jti": "1""#, r#""jti": 1"#, "jti: invalid type: integer `1`, expected a string"),
            (r#""jti": "1""#, r#""jti": "1", "exp": 2000"#, "duplicate field `exp`"),
            (r#"["me"]"#, "7", "aud: a string or a list of strings"),
            (r#"["me"]"#, "[7]", "aud: a string or a list of strings"),
            (r#""more""#, r#""nbf": "soon", "more""#, "nbf: invalid type: string 'soon'"),
            (r#""more""#, r#""iat": true, "more""#, "iat: invalid type: boolean"),
            (r#""iss": "m""#, r#""iss": null"#, "iss: invalid type: null"),
            ("}}", "}} x", "trailing characters"),
            ("{\"iss\"", "[\"iss\"", "not a JSON object"),
        ] {
            let told = claims(&good.replace(from, to)).expect_err(to);
            assert!(told.contains(named), "{told}");
            assert!(told.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\')), "{told}");
        }
        assert!(claims(&format!("{{\"iss\": {:?}}}", "ü".repeat(5000))).expect_err("too little").len() <= 300);
        assert!(read::<Assertion>("a=", "claims").expect_err("padded").contains("base64url"));
    }

    #[test]
    fn headers() {
        let check = |header: &str| check_shape(&format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header))).map(|_| ());
        for fine in [
            r#"{"alg": "ES256"}"#,
            r#"{"alg": "ES256", "typ": "JWT", "kid": "k", "other": 7, "b": [false]}"#,
            r#"{"typ": "Client-Authentication+JWT", "alg": "ES256"}"#,
        ] {
            check(fine).expect(fine);
        }
        for (bad, named) in [
            (r#"{"alg": "none"}"#, "alg "),
            (r#"{"alg": "HS256"}"#, "alg "),
            (r#"{"alg": "es256"}"#, "alg "),
            (r#"{"alg": 256}"#, "alg: "),
            (r#"{"typ": "JWT"}"#, "`alg`"),
            (r#"{"alg": "ES256", "alg": "ES256"}"#, "`alg`"),
            (r#"{"alg": "ES256", "crit": ["b64"], "b64": false}"#, "crit "),
            (r#"{"alg": "ES256", "crit": []}"#, "crit "),
            (r#"{"alg": "ES256", "typ": "at+jwt"}"#, "typ "),
            ("[]", "header"),
        ] {
            assert!(check(bad).is_err_and(|told| told.contains(named)), "{bad}");
        }
        for bad in ["", "abc", "a.b", "a.b.c.d", "..", "e30.e30."] {
            assert!(check_shape(bad).is_err(), "{bad}");
        }
    }
}
