//! What is known of the metrics of a file.

use std::collections::BTreeSet;

use vitrine_kit::varint;

use crate::MetadataEntry;
use crate::chunk::{read_byte, read_bytes, read_length};
use crate::error::FileError;
use crate::file::names::KINDS;

/// All entries.
pub(crate) fn write(entries: &BTreeSet<MetadataEntry>) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        out.push(KINDS.iter().position(|kind| *kind == entry.kind).unwrap_or(0) as u8);
        for text in [&entry.metric, &entry.help, &entry.unit] {
            varint::write(&mut out, text.len() as u64);
            out.extend(text.as_bytes());
        }
    }
    out
}

/// All entries.
pub(crate) fn read(mut bytes: &[u8]) -> Result<Vec<MetadataEntry>, FileError> {
    let bytes = &mut bytes;
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let kind =
            KINDS.get(usize::from(read_byte(bytes)?)).ok_or(FileError::Damaged("a metric of an unknown kind"))?;
        let mut text = || {
            let most = bytes.len();
            let length = read_length(bytes, most)?;
            let text = std::str::from_utf8(read_bytes(bytes, length)?);
            text.map(str::to_owned).map_err(|_| FileError::Damaged("a text that is not UTF-8"))
        };
        entries.push(MetadataEntry { metric: text()?, kind: *kind, help: text()?, unit: text()? });
    }
    Ok(entries)
}
