//! How it looks.

use vitrine_flags_engine::{Explained, Explanation};
use vitrine_kit::html::escape;
use vitrine_kit::percent;

use super::frame::{FRAME, WHY, time};
use super::life;
use crate::audit::Entry;
use crate::flag_store::{DEFAULT_SET, FileStatus, InForce, SetInForce, StoredFlag, Writer};
use crate::operation::set_name;
use crate::registrations::Registrations;

/// Where a flag's page is.
pub(super) fn flag_address(set: &str, key: &str) -> String {
    let key = percent::encode(key);
    if set.is_empty() { format!("/flags/{key}") } else { format!("/flags/{key}?set={}", percent::encode(set)) }
}

/// A page that says what went wrong.
pub(super) fn problem(message: &str) -> String {
    let message = escape(message);
    FRAME.page(
        "Refused",
        &format!("<section class=empty><h2>{message}</h2><p><a href=\"/\">Back to the flags</a></p></section>"),
    )
}

/// A page that asks for a token.
pub(super) fn sign_in(problem: Option<&str>) -> String {
    let problem = problem.map(|problem| format!("<p class=bad>{}</p>", escape(problem))).unwrap_or_default();
    FRAME.page(
        "Sign in",
        &format!(
            "<section class=empty><h2>Which token do you have?</h2>{problem}<form class=ask method=post action=\"/sign-in\">\
             <input type=password name=token aria-label=Token autocomplete=off required autofocus><button>Sign in</button></form></section>"
        ),
    )
}

/// All flags with the rules in force.
pub(super) fn flags(
    now: &InForce,
    (name, set): (&str, &SetInForce),
    file: &str,
    registrations: &Registrations,
) -> String {
    let unknown = if name == DEFAULT_SET { life::unknown(registrations, now) } else { String::new() };
    let (count, of) = (set.snapshot.flags().len(), escape(&set_name(name)));
    let mut body = format!("<h1>Flags</h1><p class=soft>{count} flags of {of} at revision {}</p>", now.revision);
    body.push_str(file);
    if set.snapshot.flags().len() == 0 {
        body.push_str(
            "<section class=empty><h2>There are no flags yet</h2><p>Write one, or take in a file of flagd's:</p>\
            <pre>curl -X POST --data-binary @flags.json 'http://HOST/api/v1/import?why=first'</pre></section>",
        );
        body.push_str(&unknown);
        return FRAME.page("Flags", &body);
    }
    body.push_str("<div class=panel><table><thead><tr><th>Flag<th>Type<th>Without a rule<th>Rule in force<th>Life<th>Changed (UTC)<th>State</tr></thead><tbody>");
    for flag in set.snapshot.flags() {
        let Some(stored) = set.stored(flag.key()) else { continue };
        let default = match flag.default_variant() {
            Some(variant) => format!("{} = <code>{}</code>", escape(&variant.name), escape(&variant.json)),
            None => "<span class=soft>the caller's own</span>".to_owned(),
        };
        let rule = match (flag.broken(), flag.targeting_json()) {
            (Some(reason), _) => format!("<span class=bad>{}</span>", escape(reason)),
            (None, Some(rule)) => {
                format!("<details><summary>a rule</summary><pre>{}</pre></details>", escape(&pretty(rule)))
            }
            (None, None) => "<span class=soft>none</span>".to_owned(),
        };
        body.push_str(&format!(
            "<tr><td><a href=\"{}\"><b>{}</b></a><td>{}<td>{default}<td>{rule}<td>{}<td class=mono>{}<td>{}</tr>",
            flag_address(name, flag.key()),
            escape(flag.key()),
            flag.kind().name(),
            life::cell(registrations, name, set, flag.key()),
            time(stored.changed_ms),
            switch(name, flag.key(), stored, flag.is_enabled())
        ));
    }
    body.push_str("</tbody></table></div>");
    body.push_str(&unknown);
    FRAME.page("Flags", &body)
}

/// How the file of definitions fares.
pub(super) fn file(file: &FileStatus, now_ms: i64) -> String {
    let writes = match file.writer {
        Writer::File => "its flags are changed there",
        Writer::Store => "it was taken in once, and its flags are changed here",
    };
    let taken = match file.taken_ms {
        Some(taken_ms) => {
            format!(
                "{} flags taken {} UTC, {} s ago",
                file.keys.len(),
                time(taken_ms),
                now_ms.saturating_sub(taken_ms) / 1_000
            )
        }
        None => "nothing taken yet".to_owned(),
    };
    let problem = file.problem.as_ref();
    let problem =
        problem.map(|problem| format!("<br><b class=bad>What it says now is not in force: {}</b>", escape(problem)));
    format!("<p>File <code>{}</code>: {writes}; {taken}.{}</p>", escape(&file.path), problem.unwrap_or_default())
}

/// The form that switches a flag.
fn switch(set: &str, key: &str, stored: &StoredFlag, enabled: bool) -> String {
    let (state, act) = if enabled { ("enabled", "Disable") } else { ("<b class=bad>disabled</b>", "Enable") };
    format!(
        "<details><summary>{state}</summary><form class=ask method=post action=\"/flags/{}/state\"><input type=hidden name=set value=\"{}\"><input type=hidden name=revision value={}>\
         <input type=hidden name=enabled value={}>{WHY}\
         <input name=at aria-label=\"When, at once if empty\" placeholder=\"at once, or 2026-12-24T18:00:00Z\">\
         <span><input type=checkbox name=propose value=true aria-label=\"When others approve\"> when others approve</span>\
         <button>{act}</button></form></details>",
        percent::encode(key),
        escape(set),
        stored.revision,
        !enabled
    )
}

/// One flag: its definition, why it has its value for a context, and its history.
pub(super) fn flag(
    (set, key, stored): (&str, &str, &StoredFlag),
    context: &str,
    explained: Result<&Explanation, &String>,
    roll_out: &str,
    entries: &[Entry],
) -> String {
    let enabled = stored.is_enabled();
    let mut body = format!(
        "<h1>{}</h1><p class=soft>{}, revision {}, changed {} UTC</p>{}<h2>Definition</h2><pre>{}</pre>",
        escape(key),
        escape(&set_name(set)),
        stored.revision,
        time(stored.changed_ms),
        switch(set, key, stored, enabled),
        escape(&stored.definition)
    );
    body.push_str(&format!(
        "<h2>Why has it its value?</h2><form class=ask method=get><input type=hidden name=set value=\"{}\"><input name=context aria-label=\"Context as JSON\" value=\"{}\"><button>Explain</button></form>",
        escape(set),
        escape(context)
    ));
    match explained {
        Err(problem) => body.push_str(&format!("<p class=bad>{}</p>", escape(problem))),
        Ok(explained) => body.push_str(&explanation(explained)),
    }
    body.push_str(roll_out);
    body.push_str(&format!("<h2>Not needed any more?</h2>{}", life::archive_form(set, key, stored.revision)));
    body.push_str("<h2>History</h2>");
    body.push_str(&table(entries));
    FRAME.page(key, &body)
}

fn explanation(explained: &Explanation) -> String {
    let value = explained.value.as_ref().map_or_else(|| "the caller's own".to_owned(), ToString::to_string);
    let mut out = format!(
        "<p><b>{}</b> = <code>{}</code> <span class=soft>{}</span></p>",
        escape(explained.variant.as_deref().unwrap_or("no variant")),
        escape(&value),
        explained.reason
    );
    if let Some(error) = &explained.error {
        out.push_str(&format!("<p class=bad>{}</p>", escape(error)));
    }
    if let Some(rule) = &explained.rule {
        out.push_str("<div class=panel><table><thead><tr><th>Node<th>Value<th>Where</tr></thead><tbody>");
        rows(rule, 0, &mut out);
        out.push_str("</tbody></table></div>");
    }
    out
}

fn rows(node: &Explained, depth: usize, out: &mut String) {
    let name = if node.decides { format!("<b>{}</b>", escape(&node.node)) } else { escape(&node.node) };
    let bucket = node.bucket.as_ref().map(|bucket| {
        format!(
            " <span class=soft>{} of {}, bucket {} from {} to {}</span>",
            bucket.at, bucket.total, bucket.number, bucket.range.0, bucket.range.1
        )
    });
    out.push_str(&format!(
        "<tr><td style=\"padding-left:{}rem\">{name}<td><code>{}</code>{}<td class=soft>{}</tr>",
        1 + depth,
        escape(&node.value.to_string()),
        bucket.unwrap_or_default(),
        node.location
    ));
    for child in &node.children {
        rows(child, depth + 1, out);
    }
}

/// The last changes.
pub(super) fn history(entries: &[Entry]) -> String {
    FRAME.page("History", &format!("<h1>What was changed</h1>{}", table(entries)))
}

fn table(entries: &[Entry]) -> String {
    let mut out = String::from(
        "<div class=panel><table><thead><tr><th class=num>Revision<th>When (UTC)<th>Who<th>Why<th>What<th></tr></thead><tbody>",
    );
    for entry in entries {
        let changes: String = entry.changes.iter().map(changed).collect();
        let revision = entry.revision;
        // What changed no flag cannot be taken back.
        let undo = if entry.changes.is_empty() {
            String::new()
        } else {
            format!("<form class=ask method=post action=\"/history/{revision}/undo\">{WHY}<button>Undo</button></form>")
        };
        out.push_str(&format!(
            "<tr><td class=num>{revision}<td class=mono>{}<td>{}<td>{}<td>{} {changes}<td>{undo}</tr>",
            time(entry.at_ms),
            escape(&entry.who),
            escape(&entry.why),
            about(entry)
        ));
    }
    if entries.is_empty() {
        out.push_str("<tr><td colspan=6 class=soft>Nothing was changed yet.</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// What was done, where, and what else it is about.
fn about(entry: &Entry) -> String {
    let mut out = entry.action.name().to_owned();
    if !entry.set.is_empty() {
        out.push_str(&format!(" in {}", escape(&set_name(&entry.set))));
    }
    if let Some(about) = &entry.about {
        out.push_str(&format!(" <span class=soft>{}</span>", escape(about)));
    }
    out
}

fn changed(changed: &crate::audit::Changed) -> String {
    let name = changed.key.as_deref().unwrap_or("what flags share");
    let text = |definition: &Option<String>| definition.as_deref().map_or_else(|| "(none)".to_owned(), escape);
    format!(
        "<details><summary>{}</summary><pre>{}</pre><pre>{}</pre></details>",
        escape(name),
        text(&changed.before),
        text(&changed.after)
    )
}

/// JSON with its lines.
fn pretty(json: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(json).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| json.to_owned())
}
