//! The field's words, as docs/glossary.md has them.

use vitrine_tests_structure::files;

/// Names that no type, function or module has, and what is said instead.
const REPLACED: &[(&str, &str)] = &[
    ("Answer", "the thing's name: response, reply, result stream, future"),
    ("Asked", "RequestInfo"),
    ("Away", "Unavailable"),
    ("Begun", "what it is: Rewind, a started saga"),
    ("Bell", "Notify"),
    ("Catalogue", "Manifest, or Catalog where it is Consul's or SQL's"),
    ("Course", "SagaDefinition"),
    ("Depot", "SegmentStorage"),
    ("Desk", "Responder"),
    ("Family", "ParentResolver"),
    ("Figures", "stats, totals or metrics, with whose they are: ServiceStats"),
    ("Forget", "ErasureHandler"),
    ("Found", "Lookup, Resolution or what was found"),
    ("Happening", "ConnectionEvent"),
    ("Heard", "Received, or OutcomeReporter"),
    ("Held", "SegmentHandle, Entry"),
    ("Inner", "the owner's name before it: HostInner"),
    ("Joints", "ParentResolver"),
    ("Kept", "ColumnEngine"),
    ("Landing", "a guard"),
    ("Look", "Pick"),
    ("Place", "Cursor, Offset, Location or Range, by meaning"),
    ("Places", "the columns, or locations, that they are"),
    ("Shared", "the owner's name before Inner: PostgresInner"),
    ("Shelf", "SessionFactory"),
    ("Spent", "QueryBudget"),
    ("Standing", "EndpointState"),
    ("Told", "ReplicaSink"),
    ("Troubles", "ErrorLog"),
    ("Undone", "NotSent (a call), Compensated (a saga)"),
    ("Wanted", "Filter, or the set that it is"),
    ("Whose", "Owner"),
    ("Words", "ErrorFormat (an API's), text_index (a store's)"),
    ("beside", "extra_routes"),
    ("catalogue", "manifest, or catalog where it is Consul's or SQL's"),
    ("course", "definition"),
    ("depot", "storage"),
    ("desk", "responder"),
    ("doom", "mark_deleted"),
    ("fly", "single_flight"),
    ("happening", "connection_event"),
    ("heard", "received"),
    ("held", "what it returns"),
    ("hurry", "retry_now"),
    ("kept", "column_engine, or what it returns"),
    ("look_out", "watch_recovery"),
    ("owe", "note_missed_invalidation"),
    ("story", "error_chain"),
    ("tend", "sweep"),
    ("told", "what it returns"),
    ("whose", "owner"),
];

/// How a comment must not begin: it says what is returned.
const NOT_RETURNS: &[&str] = &["Answers ", "Answer "];

/// What stands before a name that is given.
const KEYWORDS: &[&str] = &["struct", "enum", "union", "trait", "type", "fn", "mod"];

/// The names that a line of code gives.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let mut before = "";
    words.filter(move |word| KEYWORDS.contains(&std::mem::replace(&mut before, word)))
}

/// What is wrong with a line; none if nothing is.
fn wrong(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(comment) = line.strip_prefix("//") {
        let text = comment.trim_start_matches(['/', '!']).trim_start();
        let begin = NOT_RETURNS.iter().find(|begin| text.starts_with(**begin))?;
        return Some(format!("{begin:?}: say \"Returns\", or what it does: serves, runs, responds"));
    }
    let (old, instead) = names(line).find_map(|name| REPLACED.iter().find(|(old, _)| *old == name))?;
    Some(format!("{old}: say {instead}"))
}

#[test]
fn names_and_comments_use_the_glossarys_words() {
    let mut found = Vec::new();
    for (path, text) in files(&[".rs", ".proto"]).into_iter().filter(|(path, _)| !path.starts_with("tests/structure/"))
    {
        for (number, line) in text.lines().enumerate() {
            found.extend(wrong(line).map(|why| format!("{path}:{}: {why}", number + 1)));
        }
    }
    assert!(found.is_empty(), "the words are in docs/glossary.md\n{}", found.join("\n"));
}

#[test]
fn replaced_words_are_found_where_a_name_is_given() {
    for (line, is_wrong) in [
        ("pub(crate) struct Held<'a> {", true),
        ("    async fn told(&self) -> String {", true),
        ("mod depot;", true),
        ("/// Answers whether it is there.", true),
        ("//! Answers statements.", true),
        ("    // The answer is there.", false),
        ("let held = table.held();", false),
        ("fn told_twice() {", false),
        ("struct HostInner {", false),
    ] {
        assert_eq!(wrong(line).is_some(), is_wrong, "{line}");
    }
}
