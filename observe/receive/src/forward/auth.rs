//! The handshake of the Forward protocol: each side proves that it knows the shared key, and the sender its password.

use rand::RngCore;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use vitrine_kit::Secret;

use super::msgpack::{Malformed, Reader, Token, write_str};

/// Bytes of a nonce and of a salt, before they are written as digits.
const NONCE_BYTES: usize = 16;

/// Who may send.
#[derive(Clone, Debug, Default)]
pub struct ForwardSecurity {
    /// What both sides know.
    pub shared_key: Secret,
    /// Names and passwords; with any, a sender must have one of them.
    pub users: Vec<(String, Secret)>,
}

/// One handshake, which the server begins.
pub(super) struct Handshake {
    nonce: String,
    auth: String,
}

/// What a sender's `PING` came to.
pub(super) struct Pong {
    /// Why it may not send; none if it may.
    pub refused: Option<&'static str>,
    /// `PONG`, as MessagePack.
    pub pong: Vec<u8>,
}

impl Handshake {
    pub(super) fn new(security: &ForwardSecurity) -> Self {
        let auth = if security.users.is_empty() { String::new() } else { salt() };
        Self { nonce: salt(), auth }
    }

    /// `["HELO", {"nonce", "auth", "keepalive"}]`. Nonces are digits, so that they are the same to senders that take them as text.
    pub(super) fn helo(&self) -> Vec<u8> {
        let mut out = vec![0x92];
        write_str(&mut out, b"HELO");
        out.push(0x83);
        write_str(&mut out, b"nonce");
        write_str(&mut out, self.nonce.as_bytes());
        write_str(&mut out, b"auth");
        write_str(&mut out, self.auth.as_bytes());
        write_str(&mut out, b"keepalive");
        out.push(0xc3);
        out
    }

    /// Checks `["PING", host, salt, key digest, user, password digest]`, and says the same of this server to a sender that may send.
    pub(super) fn answer(&self, security: &ForwardSecurity, host: &str, ping: &[u8]) -> Result<Pong, Malformed> {
        let mut reader = Reader::new(ping);
        if reader.token()? != Token::Array(6) || bytes(&mut reader)? != b"PING" {
            return Err(Malformed::Unexpected(
                "expected [\"PING\", host, salt, digest, user, digest] before any message",
            ));
        }
        let (client, salt, key) = (bytes(&mut reader)?, bytes(&mut reader)?, bytes(&mut reader)?);
        let (user, password) = (bytes(&mut reader)?, bytes(&mut reader)?);
        let shared_key = security.shared_key.expose().as_bytes();
        let refused = if client == host.as_bytes() {
            Some("the same host name on both sides")
        } else if !is_same(&digest(&[salt, client, self.nonce.as_bytes(), shared_key]), key) {
            Some("shared key mismatch")
        } else if !self.knows(security, user, password) {
            Some("username/password mismatch")
        } else {
            None
        };
        let mut pong = vec![0x95];
        write_str(&mut pong, b"PONG");
        pong.push(if refused.is_some() { 0xc2 } else { 0xc3 });
        write_str(&mut pong, refused.unwrap_or_default().as_bytes());
        write_str(&mut pong, host.as_bytes());
        // Who does not know the key learns nothing that is made of it.
        let proof = refused.is_none().then(|| digest(&[salt, host.as_bytes(), self.nonce.as_bytes(), shared_key]));
        write_str(&mut pong, proof.unwrap_or_default().as_bytes());
        Ok(Pong { refused, pong })
    }

    /// Whether it is one of the users; all are compared, so that the time does not tell which there are.
    fn knows(&self, security: &ForwardSecurity, user: &[u8], password: &[u8]) -> bool {
        let mut is_known = security.users.is_empty();
        for (name, secret) in &security.users {
            let expected = digest(&[self.auth.as_bytes(), name.as_bytes(), secret.expose().as_bytes()]);
            is_known |= is_same(&expected, password) & (name.as_bytes() == user);
        }
        is_known
    }
}

fn salt() -> String {
    let mut bytes = [0; NONCE_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    match reader.token()? {
        Token::Str(bytes) | Token::Bin(bytes) => Ok(bytes),
        _ => Err(Malformed::Unexpected("expected texts in PING")),
    }
}

fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha512::new();
    for part in parts {
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

fn is_same(expected: &str, sent: &[u8]) -> bool {
    expected.as_bytes().ct_eq(sent).into()
}
