//! What goes wrong with segments.

/// Why a segment was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk, or whatever holds the segment, failed.
    #[error("cannot {what}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// What was answered.
        #[source]
        cause: std::io::Error,
    },
    /// What was read is not what a segment looks like.
    #[error("the segment is damaged: {0}")]
    Damaged(String),
    /// There is more than a segment can hold.
    #[error("too large for one segment: {0}")]
    TooLarge(String),
    /// It cannot be written as asked.
    #[error("cannot write a segment: {0}")]
    Refused(String),
    /// The Parquet library refused.
    #[error("cannot {what}")]
    Parquet {
        /// What was attempted.
        what: &'static str,
        /// What was answered.
        #[source]
        cause: parquet::errors::ParquetError,
    },
}
