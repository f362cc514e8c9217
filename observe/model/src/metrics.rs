//! Metrics as series: what identifies a series, what it is called, and its samples, decoded from what senders write.
//!
//! [`decode_otlp`] reads OTLP and [`decode_remote_write`] reads Prometheus's remote write, both straight from the wire into a
//! [`Batch`](vitrine_observe_series::Batch). What identifies a series is what was sent of it; labels are a view of that, by a
//! [`Translation`].

pub(crate) mod identity;
mod otlp;
mod remote_read;
mod remote_write;
mod sent;
mod taking;
mod text;
mod translation;

pub use identity::Beside;
pub(crate) use identity::PartOfPoint;
pub(crate) use otlp::ZERO_THRESHOLD;
pub use otlp::{decode_otlp, views};
pub use remote_read::{
    ReadQuery, ReadRequest, ReadResponse, ReadResponseType, RemoteReadError, decode_remote_read, read_frames,
};
pub use remote_write::{
    MAX_DECODED_BYTES, RemoteWrite, RemoteWriteError, ReplicaWrite, SeriesWrite, WriteCompression, WriteVersion,
    decode_remote_write, encode_remote_write,
};
pub use sent::SentSeries;
pub(crate) use sent::TextPair;
pub use taking::{MAX_AHEAD_MS, SeriesLimits, Taking, Written};
pub use translation::{HistogramForm, Promotion, RECOMMENDED_PROMOTION, Strategy, Translation};
