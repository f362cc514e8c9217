//! From a compressed body to a message.

use std::borrow::Cow;
use std::io::Read;

use super::{RemoteWriteError, WriteCompression};

/// Most bytes of a message, decompressed: what Prometheus takes.
pub const MAX_DECODED_BYTES: usize = 32 << 20;
/// The zstd window that a sender may ask for, as a power of two: 8 MiB, what RFC 8878 asks every decoder to have.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;
/// Memory that is taken at once for what zstd does not say the size of.
const FIRST_BYTES: usize = 64 << 10;

/// The message. What it says of its size is checked before memory is taken for it.
pub(super) fn decompress(compression: WriteCompression, body: &[u8]) -> Result<Cow<'_, [u8]>, RemoteWriteError> {
    match compression {
        WriteCompression::None if body.len() > MAX_DECODED_BYTES => {
            Err(RemoteWriteError::TooLarge { bytes: body.len() as u64 })
        }
        WriteCompression::None => Ok(Cow::Borrowed(body)),
        WriteCompression::Snappy => snappy(body).map(Cow::Owned),
        WriteCompression::Zstd => zstd(body).map(Cow::Owned),
    }
}

fn snappy(body: &[u8]) -> Result<Vec<u8>, RemoteWriteError> {
    let failed = |cause: snap::Error| RemoteWriteError::Compression {
        what: "snappy in its block format",
        cause: cause.to_string(),
    };
    let bytes = snap::raw::decompress_len(body).map_err(failed)?;
    if bytes > MAX_DECODED_BYTES {
        return Err(RemoteWriteError::TooLarge { bytes: bytes as u64 });
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(failed)
}

fn zstd(body: &[u8]) -> Result<Vec<u8>, RemoteWriteError> {
    let failed = |cause: std::io::Error| RemoteWriteError::Compression { what: "zstd", cause: cause.to_string() };
    let mut decoder = zstd::Decoder::with_buffer(body).map_err(failed)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(failed)?;
    let mut message = Vec::with_capacity(FIRST_BYTES);
    let most = MAX_DECODED_BYTES as u64;
    // One byte more than may be tells that there is more.
    decoder.take(most + 1).read_to_end(&mut message).map_err(failed)?;
    if message.len() as u64 > most {
        return Err(RemoteWriteError::TooLarge { bytes: message.len() as u64 });
    }
    Ok(message)
}
