//! What a client may ask of a person's browser (RFC 6749, section 4.1; OpenID Connect Core, section 3.1.2), and who is told what
//! is wrong: the person, as long as it is not sure who the client is; the client, from then on.

use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::AuthorizationRequest;
use vitrine_kit::percent;

use super::{invalid_request, normal_scope, redirect_allowed};
use crate::Client;

/// Longest nonce, in bytes: it is kept until the code is used.
const MAX_NONCE: usize = 512;
/// How long a challenge of S256 is, in bytes (RFC 7636, section 4.2).
const CHALLENGE: usize = 43;
/// What may be asked to be shown. All of it is the sign-in page, which names the client.
const PROMPTS: [&str; 4] = ["none", "login", "consent", "select_account"];

/// Why there is no code.
#[derive(Clone, Debug)]
pub enum AuthorizationError {
    /// The client or its redirect URI cannot be believed: no one is sent anywhere.
    Here(Problem),
    /// The client is told by way of its redirect URI.
    AtClient(ClientError),
}

/// An error as it is told to a client (RFC 6749, section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError {
    /// Of RFC 6749 or OpenID Connect Core, section 3.1.2.6.
    pub error: &'static str,
    /// A sentence for its developers, in visible ASCII without quotation marks and backslashes.
    pub description: String,
}

/// An authorization request that can be answered with a code.
#[derive(Clone, Debug)]
pub struct Authorization<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Its words in the order of [`super::SCOPES`].
    pub scope: String,
    /// `prompt=none`: nothing may be shown.
    pub is_silent: bool,
    /// Some other `prompt`: the page must be shown, even to whom is signed in.
    pub must_show: bool,
    /// How long ago the person may have signed in, in seconds.
    pub max_age_s: Option<u64>,
}

impl Authorization<'_> {
    /// Whether someone who signed in at `auth_time_s` need not do it again, Unix seconds.
    pub fn accepts(&self, auth_time_s: i64, now_s: i64) -> bool {
        let age_s = u64::try_from(now_s.saturating_sub(auth_time_s)).unwrap_or(0);
        // An age of no seconds is the same as asking for the page (OpenID Connect Core, section 3.1.2.1).
        !self.must_show && self.max_age_s.is_none_or(|most| most > 0 && age_s <= most)
    }
}

/// That someone would have to sign in, and nothing may be shown.
pub fn login_required() -> ClientError {
    client_error("login_required", "no one is signed in, and prompt=none lets nothing be shown")
}

fn client_error(error: &'static str, description: &str) -> ClientError {
    ClientError { error, description: description.to_owned() }
}

/// First what does not allow to send anybody back: the client and the redirect URI. Then the rest.
pub fn check_authorization<'a>(
    clients: &'a [Client],
    request: &AuthorizationRequest,
) -> Result<Authorization<'a>, AuthorizationError> {
    let client = believed(clients, request).map_err(AuthorizationError::Here)?;
    answerable(client, request).map_err(AuthorizationError::AtClient)
}

/// The client, if it is one, and it is it who would be answered.
fn believed<'a>(clients: &'a [Client], request: &AuthorizationRequest) -> Result<&'a Client, Problem> {
    if let Some(fault) = request.faults.iter().find(|f| matches!(f.name.as_str(), "client_id" | "redirect_uri")) {
        let message = format!("the parameter {} {}", fault.name, fault.message);
        return Err(invalid_request(&fault.name, "one value, form-encoded in UTF-8", &message));
    }
    let client = clients.iter().find(|c| c.id == request.client_id && !c.redirect_uris.is_empty());
    let client = client.ok_or_else(|| {
        invalid_request("client_id", "a registered client", "the client is unknown").with_reason("UNAUTHORIZED_CLIENT")
    })?;
    if !redirect_allowed(&client.redirect_uris, &request.redirect_uri) {
        let expected = "one of the client's redirect URIs";
        return Err(invalid_request("redirect_uri", expected, "the redirect URI is not the client's"));
    }
    Ok(client)
}

fn answerable<'a>(client: &'a Client, request: &AuthorizationRequest) -> Result<Authorization<'a>, ClientError> {
    let invalid = |description: &str| Err(client_error("invalid_request", description));
    if let Some(fault) = request.faults.first() {
        return invalid(&format!("the parameter {} {}", fault.name, fault.message));
    }
    for (value, error, description) in [
        (&request.request, "request_not_supported", "request objects are not read: send the parameters themselves"),
        (
            &request.request_uri,
            "request_uri_not_supported",
            "request_uri is not followed: send the parameters themselves",
        ),
        (&request.registration, "registration_not_supported", "clients cannot register themselves"),
    ] {
        if !value.is_empty() {
            return Err(client_error(error, description));
        }
    }
    match request.response_type.as_str() {
        "code" => {}
        "" => return invalid("the parameter response_type is missing: it must be code"),
        _ => return Err(client_error("unsupported_response_type", "response_type must be code")),
    }
    if !matches!(request.response_mode.as_str(), "" | "query") {
        return invalid("response_mode must be query");
    }
    check_challenge(client, request)?;
    if request.nonce.len() > MAX_NONCE {
        return invalid("nonce is too long");
    }
    let scope = normal_scope(&request.scope).map_err(|problem| client_error("invalid_scope", &problem.message))?;
    let prompts: Vec<&str> = request.prompt.split(' ').filter(|word| !word.is_empty()).collect();
    if prompts.iter().any(|word| !PROMPTS.contains(word)) {
        return invalid("prompt must be none, or words out of: login consent select_account");
    }
    let is_silent = prompts.contains(&"none");
    if is_silent && prompts.iter().any(|word| *word != "none") {
        return invalid("prompt must not ask for none and something else");
    }
    let max_age_s = match request.max_age.as_str() {
        "" => None,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().unwrap_or(u64::MAX)),
        _ => return invalid("max_age must be a whole number of seconds"),
    };
    Ok(Authorization { client, scope, is_silent, must_show: !is_silent && !prompts.is_empty(), max_age_s })
}

/// PKCE, with S256 only: `plain` protects from no one who sees the request (RFC 9700, section 2.1.1). A client that proves who it is
/// may do without, because it may rely on the nonce instead.
fn check_challenge(client: &Client, request: &AuthorizationRequest) -> Result<(), ClientError> {
    let (challenge, method) = (request.code_challenge.as_str(), request.code_challenge_method.as_str());
    let invalid = |description: &str| Err(client_error("invalid_request", description));
    match (challenge, method) {
        ("", "") if client.is_confidential() => Ok(()),
        ("", "") => invalid("code_challenge is missing: PKCE (RFC 7636) with S256 is required"),
        ("", _) => invalid("code_challenge is missing beside code_challenge_method"),
        (_, "S256") if is_challenge(challenge) => Ok(()),
        (_, "S256") => invalid("code_challenge must be a SHA-256 digest in base64url: 43 characters"),
        (_, "") => invalid("code_challenge_method is missing, which means plain: it must be S256"),
        (_, _) => invalid("code_challenge_method must be S256"),
    }
}

fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Where the person is sent to: the redirect URI, whose own query stays, with an answer, the state if there was one, and who
/// answers (RFC 9207).
pub fn location(request: &AuthorizationRequest, issuer: &str, answer: &[(&str, &str)]) -> String {
    let mut location = request.redirect_uri.clone();
    let mut separator = match location.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let beside = [("state", request.state.as_str()), ("iss", issuer)];
    for (name, value) in answer.iter().chain(&beside).filter(|(_, value)| !value.is_empty()) {
        location.push_str(separator);
        location.push_str(name);
        location.push('=');
        location.push_str(&percent::encode(value));
        separator = "&";
    }
    location
}

#[cfg(test)]
mod tests {
    use vitrine_contracts::auth::v1::{AuthorizationRequest, ParameterFault};

    use super::{Authorization, AuthorizationError, check_authorization, location};
    use crate::Client;
    use crate::domain::digest;

    fn clients() -> [Client; 2] {
        let web = Client {
            id: "web".to_owned(),
            secret: "a secret".into(),
            redirect_uris: vec!["https://web.example/cb".to_owned()],
            ..Client::storefront()
        };
        [Client::storefront(), web]
    }

    fn good() -> AuthorizationRequest {
        AuthorizationRequest {
            response_type: "code".to_owned(),
            client_id: "vitrine-storefront".to_owned(),
            redirect_uri: "http://127.0.0.1:1/callback".to_owned(),
            scope: "openid".to_owned(),
            code_challenge: digest("x"),
            code_challenge_method: "S256".to_owned(),
            ..AuthorizationRequest::default()
        }
    }

    fn fault(name: &str) -> Vec<ParameterFault> {
        vec![ParameterFault { name: name.to_owned(), message: "is given twice".to_owned() }]
    }

    #[test]
    fn who_cannot_be_believed_is_not_answered() {
        let clients = clients();
        type Change = fn(&mut AuthorizationRequest);
        let cases: [(&str, Change); 8] = [
            ("client_id", |r| r.client_id.clear()),
            ("client_id", |r| r.client_id = "nobody".to_owned()),
            ("client_id", |r| r.faults = fault("client_id")),
            ("redirect_uri", |r| r.redirect_uri.clear()),
            ("redirect_uri", |r| r.redirect_uri = "http://evil.example/".to_owned()),
            ("redirect_uri", |r| r.redirect_uri = "https://web.example/cb".to_owned()),
            ("redirect_uri", |r| r.redirect_uri.push_str("#x")),
            ("redirect_uri", |r| r.faults = fault("redirect_uri")),
        ];
        for (field, change) in cases {
            // Whatever else is wrong.
            let mut request = AuthorizationRequest { response_type: "token".to_owned(), ..good() };
            change(&mut request);
            match check_authorization(&clients, &request) {
                Err(AuthorizationError::Here(problem)) => assert_eq!(problem.field.as_deref(), Some(field)),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn everything_else_is_told_the_client() {
        let clients = clients();
        type Change = fn(&mut AuthorizationRequest);
        let cases: [(&str, &str, Change); 25] = [
            ("invalid_request", "response_type", |r| r.response_type.clear()),
            ("unsupported_response_type", "response_type", |r| r.response_type = "token".to_owned()),
            ("unsupported_response_type", "response_type", |r| r.response_type = "code id_token".to_owned()),
            ("unsupported_response_type", "response_type", |r| r.response_type = "Code".to_owned()),
            ("invalid_scope", "root", |r| r.scope = "openid root".to_owned()),
            ("invalid_scope", "scope", |r| r.scope = "openid \"x\"".to_owned()),
            ("invalid_scope", "scope", |r| r.scope = "openid\u{a0}email".to_owned()),
            ("invalid_request", "code_challenge", |r| r.code_challenge.clear()),
            ("invalid_request", "code_challenge_method", |r| r.code_challenge_method.clear()),
            ("invalid_request", "code_challenge_method", |r| r.code_challenge_method = "plain".to_owned()),
            ("invalid_request", "code_challenge", |r| r.code_challenge.truncate(42)),
            ("invalid_request", "code_challenge", |r| r.code_challenge = "=".repeat(43)),
            ("invalid_request", "nonce", |r| r.nonce = "n".repeat(513)),
            ("request_not_supported", "request", |r| r.request = "e30.e30.".to_owned()),
            ("request_uri_not_supported", "request_uri", |r| r.request_uri = "https://web.example/r".to_owned()),
            ("registration_not_supported", "register", |r| r.registration = "{}".to_owned()),
            ("invalid_request", "response_mode", |r| r.response_mode = "fragment".to_owned()),
            ("invalid_request", "response_mode", |r| r.response_mode = "form_post".to_owned()),
            ("invalid_request", "prompt", |r| r.prompt = "none login".to_owned()),
            ("invalid_request", "prompt", |r| r.prompt = "create".to_owned()),
            ("invalid_request", "max_age", |r| r.max_age = "-1".to_owned()),
            ("invalid_request", "max_age", |r| r.max_age = "1.5".to_owned()),
            ("invalid_request", "max_age", |r| r.max_age = "soon".to_owned()),
            ("invalid_request", "scope", |r| r.faults = fault("scope")),
            ("invalid_request", "state", |r| r.faults = fault("state")),
        ];
        for (error, named, change) in cases {
            let mut request = good();
            change(&mut request);
            match check_authorization(&clients, &request) {
                Err(AuthorizationError::AtClient(client_error)) => {
                    assert_eq!(client_error.error, error, "{client_error:?}");
                    assert!(client_error.description.contains(named), "{client_error:?}");
                    let plain = |b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
                    assert!(client_error.description.bytes().all(plain), "{client_error:?}");
                }
                other => panic!("{error} {named}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_may_be_asked() {
        let clients = clients();
        let asked = |request: &AuthorizationRequest| check_authorization(&clients, request).expect("fine");
        assert!(!asked(&good()).is_silent);
        let web = AuthorizationRequest {
            client_id: "web".to_owned(),
            redirect_uri: "https://web.example/cb".to_owned(),
            code_challenge: String::new(),
            code_challenge_method: String::new(),
            ..good()
        };
        asked(&web);
        let accepts = |prompt: &str, max_age: &str, age_s: i64| {
            let request = AuthorizationRequest { prompt: prompt.to_owned(), max_age: max_age.to_owned(), ..good() };
            Authorization::accepts(&asked(&request), 1_000 - age_s, 1_000)
        };
        for (prompt, max_age, age_s, accepted) in [
            ("", "", 900, true),
            ("none", "", 900, true),
            ("", "10", 10, true),
            ("", "10", 11, false),
            ("", "0", 0, false),
            ("", "99999999999999999999999", 900, true),
            ("login", "", 0, false),
            (" consent  login ", "", 0, false),
            ("select_account", "10000", 0, false),
            ("", "10", -5, true),
        ] {
            assert_eq!(accepts(prompt, max_age, age_s), accepted, "{prompt:?} {max_age:?} {age_s}");
        }
    }

    #[test]
    fn answers_are_added_to_the_query() {
        let to = |redirect_uri: &str, state: &str| {
            let (redirect_uri, state) = (redirect_uri.to_owned(), state.to_owned());
            location(&AuthorizationRequest { redirect_uri, state, ..good() }, "https://i", &[("code", "c")])
        };
        for (uri, state, expected) in [
            ("https://a/cb", "", "https://a/cb?code=c&iss=https%3A%2F%2Fi"),
            ("https://a/cb?x=1", "a b&c=+", "https://a/cb?x=1&code=c&state=a%20b%26c%3D%2B&iss=https%3A%2F%2Fi"),
            ("https://a/cb?", "ü", "https://a/cb?code=c&state=%C3%BC&iss=https%3A%2F%2Fi"),
            ("https://a/cb?x&", "", "https://a/cb?x&code=c&iss=https%3A%2F%2Fi"),
        ] {
            assert_eq!(to(uri, state), expected);
        }
    }
}
