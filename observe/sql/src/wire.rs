//! What a worker and the process that it works for say to each other.
//!
//! A message is a frame: the lengths of its two parts (four bytes each, little endian), then JSON, then bytes as they are.

use std::io::{self, Read};

use bytes::{Buf, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::source::Source;
use crate::{Format, SqlError};

/// Most bytes of an answer in one message: longer ones are sent in several.
pub(crate) const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// Most bytes of JSON in a message of a worker: the services of a longest statement, each character escaped.
const MAX_JSON_BYTES: usize = 6 * crate::MAX_STATEMENT_BYTES;
/// Bytes of the two lengths.
const LENGTHS: usize = 8;

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// The first message: on how many threads it runs statements, and how many bytes a statement may take.
    Begin { threads: usize, memory_bytes: usize },
    /// A statement; the one before has ended. Its number is in what the worker asks for.
    Run { run: u64, text: String, format: Format },
    /// The next rows of a scan: the message's bytes are the next part of an Arrow IPC stream.
    Rows { scan: u64 },
    /// A scan has no more rows.
    End { scan: u64 },
    /// A scan cannot go on.
    Failed { scan: u64, error: SqlError },
}

/// What a worker says. The number of the statement keeps apart what a task asks for that outlived its statement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// It has heard of a statement, and does what it can from here on.
    Begun,
    /// Begin a scan and send its first rows. No other scan of this worker has its number.
    Open { run: u64, scan: u64, source: Source },
    /// Send the next rows of a scan.
    Next { run: u64, scan: u64 },
    /// No caller wants the rest of a scan.
    Close { run: u64, scan: u64 },
    /// The message's bytes are the next ones of the answer.
    Answer,
    /// The statement has ended. The worker takes another one, or is of no further use.
    Done { outcome: Result<(), SqlError>, again: bool },
}

/// What stands before the bytes of a message.
pub(crate) fn head(message: &impl Serialize, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; LENGTHS];
    serde_json::to_writer(&mut head, message)?;
    let length = |length: usize| u32::try_from(length).map(u32::to_le_bytes).map_err(io::Error::other);
    let json = length(head.len() - LENGTHS)?;
    head[..4].copy_from_slice(&json);
    head[4..LENGTHS].copy_from_slice(&length(bytes)?);
    Ok(head)
}

fn lengths(bytes: [u8; LENGTHS]) -> (usize, usize) {
    let [a, b, c, d, e, f, g, h] = bytes;
    (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize)
}

/// Reads the next message and its bytes, waiting for them. At the end of what is sent it is an error.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut both = [0; LENGTHS];
    from.read_exact(&mut both)?;
    let (json, bytes) = lengths(both);
    let (mut head, mut body) = (vec![0; json], vec![0; bytes]);
    from.read_exact(&mut head)?;
    from.read_exact(&mut body)?;
    Ok((serde_json::from_slice(&head)?, body))
}

/// Messages of a worker as they come in.
pub(crate) struct Messages<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// Messages out of this.
    pub(crate) fn new(from: R) -> Self {
        Self { from, buffer: BytesMut::new() }
    }

    /// The next message and its bytes; none when no more come. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn next(&mut self) -> io::Result<Option<(FromWorker, Bytes)>> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<(FromWorker, Bytes)>> {
        let Some(both) = self.buffer.first_chunk::<LENGTHS>() else { return Ok(None) };
        let (json, bytes) = lengths(*both);
        if json > MAX_JSON_BYTES || bytes > MAX_RESPONSE_BYTES {
            return Err(io::Error::other(format!("a message of {json} and {bytes} bytes")));
        }
        let whole = LENGTHS + json + bytes;
        if self.buffer.len() < whole {
            self.buffer.reserve(whole - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(LENGTHS);
        let head = self.buffer.split_to(json);
        let body = self.buffer.split_to(bytes).freeze();
        Ok(Some((serde_json::from_slice(&head)?, body)))
    }
}

#[cfg(test)]
mod tests {
    use super::{FromWorker, Messages, ToWorker, head, read};
    use crate::Format;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let run = ToWorker::Run { run: 7, text: "SELECT 'é'".to_owned(), format: Format::Csv };
        let frame = [head(&run, 3).unwrap(), b"abc".to_vec()].concat();
        let (found, bytes) = read::<ToWorker>(&mut frame.as_slice()).unwrap();
        assert_eq!((format!("{found:?}"), bytes.as_slice()), (format!("{run:?}"), b"abc".as_slice()));
        assert!(read::<ToWorker>(&mut &frame[..frame.len() - 1]).is_err());
    }

    #[tokio::test]
    async fn messages_are_told_apart_and_bounded() {
        let one = [head(&FromWorker::Answer, 2).unwrap(), b"ab".to_vec()].concat();
        let two = head(&FromWorker::Next { run: 1, scan: 2 }, 0).unwrap();
        let both = [one, two].concat();
        let mut messages = Messages::new(both.as_slice());
        let (first, bytes) = messages.next().await.unwrap().unwrap();
        assert!(matches!(first, FromWorker::Answer) && &*bytes == b"ab");
        let (second, _) = messages.next().await.unwrap().unwrap();
        assert!(matches!(second, FromWorker::Next { run: 1, scan: 2 }));
        assert!(messages.next().await.unwrap().is_none());
        let mut messages = Messages::new([0xff; 8].as_slice());
        assert!(messages.next().await.is_err());
    }
}
