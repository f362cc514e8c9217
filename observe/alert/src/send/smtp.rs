//! The conversation with a relay: RFC 5321, with STARTTLS (RFC 3207) and AUTH (RFC 4954).
//!
//! lettre writes letters and holds such conversations, too, but its TLS would have rustls write logs in the whole program, and would trust other
//! authorities than everything else here.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use lettre::Message;
use md5::Md5;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use vitrine_kit::Secret;
use vitrine_observe_routing::Smtp;
use vitrine_platform_fetch::Tls;

use super::{Failure, shortened, with_causes};

/// Port on which TLS comes before all else.
const IMPLICIT_TLS_PORT: u16 = 465;
/// Longest line of an answer, in bytes.
const MAX_LINE_BYTES: u64 = 4096;
/// Most lines of an answer.
const MAX_LINES: usize = 100;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A conversation.
struct Relay {
    stream: BufReader<Box<dyn Stream>>,
    /// What the relay says that it can do, in capital letters.
    can: Vec<String>,
}

/// What proves who hands over; empty where there is none.
pub(super) struct Proof {
    /// A password that the relay is told.
    pub(super) password: Secret,
    /// A secret that it is not.
    pub(super) secret: Secret,
}

/// Hands a letter over. The caller bounds the time.
pub(super) async fn hand_over(smtp: &Smtp, proof: &Proof, message: &Message) -> Result<(), Failure> {
    let Some((host, port)) = &smtp.smarthost else { return Err(Failure::never("no smarthost")) };
    let connected = TcpStream::connect((host.as_str(), *port)).await;
    let stream: Box<dyn Stream> =
        Box::new(connected.map_err(|e| Failure::later(format!("no connection to the relay: {e}")))?);
    let is_implicit = smtp.is_implicit_tls.unwrap_or(*port == IMPLICIT_TLS_PORT);
    let stream = if is_implicit { secret(smtp, host, stream).await? } else { stream };
    let mut relay = Relay { stream: BufReader::new(stream), can: Vec::new() };
    relay.answer("greeting", 220).await?;
    relay.hello(&smtp.hello).await?;
    if smtp.requires_tls && !is_implicit {
        if !relay.can("STARTTLS") {
            return Err(Failure::later(
                "'require_tls' is true (default) but the relay does not advertise the STARTTLS extension",
            ));
        }
        relay.say("STARTTLS", 220).await?;
        // What was said before it was secret counts for nothing.
        if !relay.stream.buffer().is_empty() {
            return Err(Failure::later("the relay spoke before TLS began"));
        }
        relay = Relay { stream: BufReader::new(secret(smtp, host, relay.stream.into_inner()).await?), can: Vec::new() };
        relay.hello(&smtp.hello).await?;
    }
    if !smtp.username.is_empty() {
        relay.log_in(smtp, proof).await?;
    }
    let envelope = message.envelope();
    let from = envelope.from().map(ToString::to_string).unwrap_or_default();
    relay.say(&format!("MAIL FROM:<{from}>"), 250).await?;
    for to in envelope.to() {
        relay.say(&format!("RCPT TO:<{to}>"), 250).await?;
    }
    relay.say("DATA", 354).await?;
    relay.write(&stuffed(&message.formatted())).await?;
    relay.answer("letter", 250).await?;
    // It has the letter; whether it hears the farewell does not matter.
    let _ = relay.write(b"QUIT\r\n").await;
    Ok(())
}

async fn secret(smtp: &Smtp, host: &str, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, Failure> {
    let tls = Tls::new(&smtp.tls).map_err(|e| Failure::never(with_causes(&e)))?;
    let connected = tls.connect(host, stream).await;
    Ok(Box::new(connected.map_err(|e| Failure::later(format!("no TLS connection to the relay: {e}")))?))
}

impl Relay {
    fn can(&self, what: &str) -> bool {
        self.can.iter().any(|line| line.split(' ').next() == Some(what))
    }

    async fn hello(&mut self, name: &str) -> Result<(), Failure> {
        let name = if name.is_empty() { "localhost" } else { name };
        self.can =
            self.say(&format!("EHLO {name}"), 250).await?.into_iter().map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    /// By the first of the ways, in the order in which the relay names them, for which there is what proves it.
    async fn log_in(&mut self, smtp: &Smtp, proof: &Proof) -> Result<(), Failure> {
        let (name, password, secret) = (&smtp.username, proof.password.expose(), proof.secret.expose());
        let ways = self.can.iter().find_map(|line| line.strip_prefix("AUTH ")).unwrap_or_default().to_owned();
        for way in ways.split_whitespace() {
            match way {
                "CRAM-MD5" if !secret.is_empty() => {
                    let challenge = self.say("AUTH CRAM-MD5", 334).await?.concat();
                    let challenge = BASE64_STANDARD.decode(challenge.trim());
                    let challenge = challenge.map_err(|_| Failure::later("the relay's challenge is no Base64"))?;
                    let said = BASE64_STANDARD.encode(format!("{name} {}", digest(secret, &challenge)));
                    return self.command("the response", &said, 235).await.map(drop);
                }
                "PLAIN" if !password.is_empty() => {
                    let said = BASE64_STANDARD.encode(format!("{}\0{name}\0{password}", smtp.identity));
                    return self.command("AUTH PLAIN", &format!("AUTH PLAIN {said}"), 235).await.map(drop);
                }
                "LOGIN" if !password.is_empty() => {
                    self.say("AUTH LOGIN", 334).await?;
                    self.command("user name", &BASE64_STANDARD.encode(name), 334).await?;
                    return self.command("password", &BASE64_STANDARD.encode(password), 235).await.map(drop);
                }
                _ => {}
            }
        }
        Err(Failure::later(format!(
            "the relay knows no way to log in: expected CRAM-MD5 with auth_secret, or PLAIN or LOGIN with auth_password, not {ways:?}"
        )))
    }

    /// Says a line that holds no secret.
    async fn say(&mut self, line: &str, expected: u16) -> Result<Vec<String>, Failure> {
        self.command(line, line, expected).await
    }

    async fn command(&mut self, name: &str, line: &str, expected: u16) -> Result<Vec<String>, Failure> {
        if line.contains(['\r', '\n']) {
            return Err(Failure::never(format!("{name:?} holds a line break")));
        }
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.answer(name, expected).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|e: io::Error| Failure::later(format!("the relay hung up: {e}")))
    }

    /// Reads an answer; returns its lines without the code.
    async fn answer(&mut self, to: &str, expected: u16) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        while lines.len() < MAX_LINES {
            let mut line = Vec::new();
            let read = (&mut self.stream).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await;
            read.map_err(|e| Failure::later(format!("the relay hung up: {e}")))?;
            if !line.ends_with(b"\n") {
                return Err(Failure::later(format!("the relay's answer to {to} ends in the middle")));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let is_last = !line.get(3..).is_some_and(|rest| rest.starts_with('-'));
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if is_last && code == Some(expected) {
                return Ok(lines);
            }
            if is_last {
                // From 500 on the relay will never take it.
                let may_retry = !matches!(code, Some(500..=599));
                let reason = format!("the relay answered {to} with {}", shortened(line.as_bytes()));
                return Err(Failure { may_retry, reason });
            }
        }
        Err(Failure::later(format!("the relay's answer to {to} does not end")))
    }
}

/// What CRAM-MD5 (RFC 2195) answers to a challenge.
fn digest(secret: &str, challenge: &[u8]) -> String {
    let mut mac = Hmac::<Md5>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(challenge);
    hex::encode(mac.finalize().into_bytes())
}

/// A letter with its end, and with a second point before each line that begins with one.
fn stuffed(letter: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(letter.len() + 5);
    for line in letter.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_challenge_is_answered() {
        // RFC 2195, section 2.
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(super::digest("tanstaaftanstaaf", challenge), "b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn no_line_of_a_letter_is_taken_for_its_end() {
        assert_eq!(super::stuffed(b"a\r\n.\r\n.b\r\n"), b"a\r\n..\r\n..b\r\n.\r\n");
        assert_eq!(super::stuffed(b"a"), b"a\r\n.\r\n");
    }
}
