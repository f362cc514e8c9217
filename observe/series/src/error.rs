//! What goes wrong with files of series.

/// Why a file was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk, or whatever holds the file, failed.
    #[error("cannot {what}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// What was answered.
        #[source]
        cause: std::io::Error,
    },
    /// What was read is not what such a file looks like.
    #[error("the file of series is damaged: {0}")]
    Damaged(&'static str),
    /// There is more than a file can hold.
    #[error("too large for one file of series: {0}")]
    TooLarge(&'static str),
}

impl FileError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| match cause.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Damaged("it ends too early"),
            _ => Self::Io { what, cause },
        }
    }
}
