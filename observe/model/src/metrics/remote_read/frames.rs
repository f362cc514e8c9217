//! Responses as a stream: frames of `ChunkedReadResponse`, each with its length and its checksum.
//!
//! The source is prometheus/prometheus `storage/remote/{chunked,codec}.go`.

use vitrine_kit::varint;
use vitrine_observe_series::{Labels, Value};

use super::chunks::{Chunk, pack};
use super::labels;
use crate::metrics::remote_write::encode::{bytes, number};

/// Bytes of chunks after which a frame ends, as Prometheus has it by default.
const FRAME_BYTES: usize = 1 << 20;

/// The frames of one series, the answer to the query of this place in the request. Samples are in order of time.
pub fn read_frames(query: usize, of: &Labels, samples: impl Iterator<Item = (i64, Value)>) -> Vec<u8> {
    let mut named = Vec::new();
    labels(&mut named, of);
    let (mut out, mut series) = (Vec::new(), named.clone());
    for chunk in pack(samples) {
        push_chunk(&mut series, &chunk);
        if series.len() >= FRAME_BYTES {
            push_frame(&mut out, query, &series);
            series.truncate(named.len());
        }
    }
    if series.len() > named.len() {
        push_frame(&mut out, query, &series);
    }
    out
}

fn push_chunk(series: &mut Vec<u8>, chunk: &Chunk) {
    let mut message = Vec::with_capacity(chunk.data.len() + 32);
    number(&mut message, 1, chunk.first_ms as u64);
    number(&mut message, 2, chunk.last_ms as u64);
    number(&mut message, 3, chunk.encoding);
    bytes(&mut message, 4, &chunk.data);
    bytes(series, 2, &message);
}

fn push_frame(out: &mut Vec<u8>, query: usize, series: &[u8]) {
    let mut message = Vec::with_capacity(series.len() + 16);
    bytes(&mut message, 1, series);
    number(&mut message, 2, query as u64);
    varint::write(out, message.len() as u64);
    out.extend_from_slice(&castagnoli(&message).to_be_bytes());
    out.extend_from_slice(&message);
}

/// The polynomial of CRC-32C with its bits reversed.
const CASTAGNOLI: u32 = 0x82F6_3B78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < table.len() {
        let (mut crc, mut bit) = (place as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ CASTAGNOLI } else { crc >> 1 };
            bit += 1;
        }
        table[place] = crc;
        place += 1;
    }
    table
};

/// CRC-32C.
fn castagnoli(message: &[u8]) -> u32 {
    !message.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use vitrine_observe_series::{Labels, Value};

    use super::{castagnoli, read_frames};

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        for (message, wanted) in [(&b"123456789"[..], 0xE306_9283), (&[0; 32], 0x8A91_36AA), (&[0xFF; 32], 0x62A8_AB43)]
        {
            assert_eq!(castagnoli(message), wanted);
        }
    }

    #[test]
    fn a_long_series_has_several_frames() {
        let labels = Labels::of([("__name__", "up")]);
        assert!(read_frames(0, &labels, std::iter::empty()).is_empty());
        let mut bits = 1_u64;
        let noise = (0..200_000).map(|time| {
            bits = bits.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (time * 15_000, Value::Float(bits))
        });
        let frames = read_frames(3, &labels, noise);
        let (mut rest, mut sizes) = (&frames[..], Vec::new());
        while !rest.is_empty() {
            let length = vitrine_kit::varint::read(&mut rest).expect("a length");
            let (crc, behind) = rest.split_at(4);
            let message;
            (message, rest) = behind.split_at(length as usize);
            assert_eq!(crc, castagnoli(message).to_be_bytes());
            assert!(message.ends_with(&[0x10, 3]), "it says which query it is of");
            sizes.push(message.len());
        }
        assert_eq!(sizes.len(), 2, "{sizes:?}");
    }
}
