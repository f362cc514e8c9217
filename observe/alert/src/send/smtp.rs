//! The conversation with a relay: RFC 5321, with STARTTLS (RFC 3207) and AUTH (RFC 4954).
//!
//! lettre writes letters and holds such conversations, too, but its TLS would have rustls write logs in the whole program, and would trust other
//! authorities than everything else here.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lettre::Message;
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

/// Hands a letter over. The caller bounds the time.
pub(super) async fn hand_over(smtp: &Smtp, password: &Secret, message: &Message) -> Result<(), Failure> {
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
        relay.log_in(&smtp.username, password).await?;
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

    async fn log_in(&mut self, username: &str, password: &Secret) -> Result<(), Failure> {
        let ways = self.can.iter().find_map(|line| line.strip_prefix("AUTH ")).unwrap_or_default().to_owned();
        let knows = |way: &str| ways.split_whitespace().any(|known| known == way);
        if knows("PLAIN") {
            let said = BASE64_STANDARD.encode(format!("\0{username}\0{}", password.expose()));
            self.command("AUTH PLAIN", &format!("AUTH PLAIN {said}"), 235).await.map(drop)
        } else if knows("LOGIN") {
            self.say("AUTH LOGIN", 334).await?;
            self.command("user name", &BASE64_STANDARD.encode(username), 334).await?;
            self.command("password", &BASE64_STANDARD.encode(password.expose()), 235).await.map(drop)
        } else {
            Err(Failure::later(format!(
                "the relay knows no way to log in that is known here: PLAIN or LOGIN expected, {ways:?} found"
            )))
        }
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
    fn no_line_of_a_letter_is_taken_for_its_end() {
        assert_eq!(super::stuffed(b"a\r\n.\r\n.b\r\n"), b"a\r\n..\r\n..b\r\n.\r\n");
        assert_eq!(super::stuffed(b"a"), b"a\r\n.\r\n");
    }
}
