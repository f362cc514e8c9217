//! A file for each day, a message a line (NDJSON), in the shop's own data.

use std::path::PathBuf;

use vitrine_kit::clock::rfc3339;

use super::{Destination, Outgoing, Parcel};

/// Characters of a date such as `2026-11-28`.
const DATE: usize = 10;

pub(super) struct Lines {
    /// The source's own.
    pub(super) folder: PathBuf,
}

impl Destination for Lines {
    /// The day is that on which the messages came, so that what is sent again stands in the same file.
    fn translate(&self, parcel: &Parcel, _: i64) -> Vec<Outgoing> {
        let mut lines = Vec::new();
        for message in &parcel.messages {
            lines.extend_from_slice(message.0.to_string().as_bytes());
            lines.push(b'\n');
        }
        let day = &rfc3339(parcel.received_at_ms)[..DATE];
        vec![Outgoing::Lines { file: self.folder.join(format!("{day}.ndjson")), lines }]
    }
}
