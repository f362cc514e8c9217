//! Exemplars of a file, in the order of their series.

use std::sync::Arc;

use vitrine_kit::varint;

use crate::chunk::{read_bytes, read_length, read_signed, write_signed};
use crate::error::FileError;
use crate::file::BLOCK_SERIES;
use crate::{Exemplar, Label, Labels};

/// Adds exemplars of a series, by its place in the block.
pub(crate) fn write(series: usize, exemplars: &[Exemplar], out: &mut Vec<u8>) {
    varint::write(out, series as u64);
    varint::write(out, exemplars.len() as u64);
    let text = |out: &mut Vec<u8>, text: &str| {
        varint::write(out, text.len() as u64);
        out.extend(text.as_bytes());
    };
    for exemplar in exemplars {
        write_signed(out, exemplar.time_ms);
        out.extend(exemplar.value.to_bits().to_le_bytes());
        varint::write(out, exemplar.labels.len() as u64);
        for label in exemplar.labels.iter() {
            text(out, &label.name);
            text(out, &label.value);
        }
    }
}

fn read_text(bytes: &mut &[u8]) -> Result<Arc<str>, FileError> {
    let most = bytes.len();
    let length = read_length(bytes, most)?;
    let text = std::str::from_utf8(read_bytes(bytes, length)?);
    text.map(Arc::from).map_err(|_| FileError::Damaged("a text that is not UTF-8"))
}

/// Exemplars of a block, by the place of their series in it.
pub(crate) fn read_block(mut bytes: &[u8]) -> Result<Vec<(usize, Vec<Exemplar>)>, FileError> {
    let bytes = &mut bytes;
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let series = read_length(bytes, BLOCK_SERIES - 1)?;
        let most = bytes.len();
        let mut exemplars = Vec::new();
        for _ in 0..read_length(bytes, most)? {
            let time_ms = read_signed(bytes)?;
            let bits = read_bytes(bytes, 8)?.first_chunk().map_or(0, |bits| u64::from_le_bytes(*bits));
            let mut labels = Vec::new();
            for _ in 0..read_length(bytes, most)? {
                labels.push(Label { name: read_text(bytes)?, value: read_text(bytes)? });
            }
            exemplars.push(Exemplar { labels: Labels::new(labels), value: f64::from_bits(bits), time_ms });
        }
        found.push((series, exemplars));
    }
    Ok(found)
}
