//! What the driver's errors mean. MongoDB marks most of what may be tried again with labels; servers that speak its protocol (DocumentDB,
//! FerretDB, Cosmos DB) say the same with codes alone, and in words of their own.

use ::mongodb::error::{
    Error as MongoError, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};

/// "Another document has this key", today and in servers of old.
const DUPLICATE: [i32; 3] = [11_000, 11_001, 12_582];
/// Others were in the way, and nothing was done: WriteConflict, TransactionAborted, SnapshotUnavailable, NoSuchTransaction.
const COLLISION: [i32; 4] = [112, 244, 246, NO_SUCH_TRANSACTION];
/// The transaction is not known. After a commit whose answer was lost that says nothing, unless it comes with a label.
const NO_SUCH_TRANSACTION: i32 = 251;
/// The server ended what took too long, or waited too long for: LockTimeout, LockBusy, MaxTimeMSExpired, NetworkInterfaceExceededTimeLimit,
/// ExceededTimeLimit.
const TOO_LONG: [i32; 5] = [24, 46, 50, 202, 262];
/// The server stops, starts, or is not the primary any more (Server Discovery and Monitoring, "not writable primary" and "recovering"), or
/// cannot reach those behind it: HostUnreachable, HostNotFound, NetworkTimeout, SocketException.
const GONE: [i32; 12] = [6, 7, 89, 91, 189, 9001, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436];
/// The user may not do this, or is not who they say: Unauthorized, AuthenticationFailed.
const REFUSED: [i32; 2] = [13, 18];

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning<'a> {
    /// No server is there, or it is not there for us.
    Gone,
    /// Others were in the way: another time it may go.
    Collision,
    /// It took too long, and was ended.
    TooLong,
    /// Another document has the same key of the index that is named, if one is.
    Duplicate(Option<&'a str>),
    /// The user may not do this.
    Refused,
    /// Anything else.
    Other,
}

/// What a failure means. What has no server comes first: in a transaction the driver gives it the same label as a collision.
pub(crate) fn meaning(error: &MongoError) -> Meaning<'_> {
    match error.kind.as_ref() {
        ErrorKind::ServerSelection { .. }
        | ErrorKind::Io(_)
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::ConnectionPoolCleared { .. } => return Meaning::Gone,
        ErrorKind::Authentication { .. } => return Meaning::Refused,
        _ => {}
    }
    match said(error) {
        Some((code, message)) if DUPLICATE.contains(&code) => Meaning::Duplicate(index_in(message)),
        Some((code, _)) if GONE.contains(&code) => Meaning::Gone,
        Some((code, _)) if REFUSED.contains(&code) => Meaning::Refused,
        Some((code, _)) if COLLISION.contains(&code) => Meaning::Collision,
        _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => Meaning::Collision,
        Some((code, _)) if TOO_LONG.contains(&code) => Meaning::TooLong,
        _ => Meaning::Other,
    }
}

/// Whether a transaction that failed with this before its commit may succeed when it is tried again at once.
pub(crate) fn may_go_another_time(error: &MongoError) -> bool {
    match meaning(error) {
        Meaning::Collision => true,
        // Another server may have taken over; but one was looked for as long as may be.
        Meaning::Gone => !matches!(error.kind.as_ref(), ErrorKind::ServerSelection { .. }),
        _ => false,
    }
}

/// What a failed commit leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was committed.
    Failed,
    /// Whether it was committed is not known; asking again may tell.
    Retry,
    /// Whether it was committed is not known.
    Unknown,
}

/// What a failed commit leaves open.
pub(crate) fn outcome(error: &MongoError) -> Outcome {
    let code = said(error).map(|(code, _)| code);
    match meaning(error) {
        _ if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => Outcome::Retry,
        _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => Outcome::Failed,
        Meaning::Gone => Outcome::Retry,
        Meaning::TooLong => Outcome::Unknown,
        _ if code == Some(NO_SUCH_TRANSACTION) => Outcome::Unknown,
        _ => Outcome::Failed,
    }
}

/// Whether the server said this code.
pub(crate) fn has_code(error: &MongoError, code: i32) -> bool {
    said(error).is_some_and(|(said, _)| said == code)
}

/// The code and the words of the server, wherever it puts them.
fn said(error: &MongoError) -> Option<(i32, &str)> {
    match error.kind.as_ref() {
        ErrorKind::Command(e) => Some((e.code, &e.message)),
        ErrorKind::Write(WriteFailure::WriteError(e)) => Some((e.code, &e.message)),
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => Some((e.code, &e.message)),
        ErrorKind::InsertMany(e) => {
            let first = e.write_errors.iter().flatten().next().map(|e| (e.code, e.message.as_str()));
            first.or_else(|| e.write_concern_error.as_ref().map(|e| (e.code, e.message.as_str())))
        }
        _ => None,
    }
}

/// The index that a message about a key names. MongoDB: "E11000 duplicate key error collection: d.c index: i_email dup key: { ... }", and of
/// old "index: d.c.$i_email dup key"; DocumentDB: "Duplicate key violation on the requested collection: Index 'i_email'".
fn index_in(message: &str) -> Option<&str> {
    const WORD: &str = "index";
    // Behind this are values, in which anything may stand.
    let message = message.split("dup key").next().unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    let part_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.');
    lower.match_indices(WORD).find_map(|(at, _)| {
        let (before, behind) = (message.get(..at)?, message.get(at + WORD.len()..)?);
        let alone = !before.ends_with(part_of_a_name) && !behind.starts_with(part_of_a_name);
        let name = behind.trim_start_matches(|c: char| !part_of_a_name(c)).split(|c| !part_of_a_name(c)).next()?;
        let name = name.rsplit_once(".$").map_or(name, |(_, name)| name);
        (alone && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::index_in;

    #[test]
    fn an_index_is_found_in_the_words_of_any_server() {
        for (message, index) in [
            (
                "E11000 duplicate key error collection: d.c index: i_email dup key: { keys.email: \"2a\" }",
                Some("i_email"),
            ),
            ("E11000 duplicate key error collection: d.c index: _id_ dup key: { _id: \"a\" }", Some("_id_")),
            ("E11000 duplicate key error index: d.c.$i_email  dup key: { : \"a\" }", Some("i_email")),
            (
                "E11000 duplicate key error collection: d.c index: i_a collation: { locale: \"en\" } dup key: {}",
                Some("i_a"),
            ),
            ("E11000 duplicate key error collection: d.c index: i_a dup key: { k: \" index: i_b \" }", Some("i_a")),
            ("E11000 duplicate key error collection: index_1.c index: i_a dup key: { k: 1 }", Some("i_a")),
            ("Duplicate key violation on the requested collection: Index 'i_email'", Some("i_email")),
            ("Duplicate key violation on the requested collection: Index '_id_'", Some("_id_")),
            ("duplicate key in INDEX \"i_email\"", Some("i_email")),
            ("Duplicate key violation on the requested collection: Index '<unknown>'", Some("unknown")),
            ("E11000 duplicate key error collection: d.c. Failed _id or unique index constraint.", Some("constraint.")),
            ("E11000 duplicate key error collection: d.c", None),
            ("Ünïque ındex index: i_ü dup key", Some("i_ü")),
            ("index", None),
            ("", None),
        ] {
            assert_eq!(index_in(message), index, "{message}");
        }
    }
}
