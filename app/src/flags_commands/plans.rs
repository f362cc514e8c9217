//! The commands about sets, segments, plans and change requests.

use anyhow::{Context, Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use vitrine_kit::clock::rfc3339;
use vitrine_kit::percent;

use super::ask::{about, content, in_set, read, revision_of, say_made, send, text};
use crate::Usage;
use crate::cli::{
    FlagsActArgs, FlagsApproveArgs, FlagsAskArgs, FlagsCompareArgs, FlagsPromoteArgs, FlagsRollOutArgs,
    FlagsSegmentArgs,
};
use crate::say::say;

fn list<'b>(body: &'b Value, name: &str) -> Result<&'b Vec<Value>> {
    body[name].as_array().context("the answer is not one of a flags service")
}

fn names(of: &Value) -> String {
    of.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}

fn time(ms: &Value) -> String {
    rfc3339(ms.as_i64().unwrap_or(0))
}

fn set_name(set: &Value) -> &str {
    match text(set) {
        "" => "(default)",
        name => name,
    }
}

/// `vitrine flags sets`
pub(super) async fn sets(at: &FlagsAskArgs) -> Result<()> {
    for set in list(&read(at, "sets").await?, "sets")? {
        say!("{}  {} flags", set_name(&set["name"]), set["flags"]);
    }
    Ok(())
}

async fn differences(at: &FlagsAskArgs, from: &str, to: &str) -> Result<Value> {
    read(at, &format!("sets/compare?{}", percent::form([("from", from), ("to", to)]))).await
}

/// `vitrine flags compare`
pub(super) async fn compare(args: &FlagsCompareArgs) -> Result<()> {
    let body = differences(&args.at, &args.from, &args.to).await?;
    for flag in list(&body, "flags")? {
        let side = |side: &Value| match side["revision"].as_u64() {
            Some(revision) => format!("revision {revision}"),
            None => "not there".to_owned(),
        };
        say!("{}  {} -> {}", text(&flag["key"]), side(&flag["from"]), side(&flag["to"]));
    }
    if body["sharedDiffers"] == true {
        say!("what flags share differs, too");
    }
    Ok(())
}

/// `vitrine flags promote`: for the revisions that are in force now.
pub(super) async fn promote(args: &FlagsPromoteArgs) -> Result<()> {
    let source = FlagsAskArgs { set: args.from.clone(), ..args.at.clone() };
    let mut flags = Vec::new();
    let is_there = super::ask::has_set(&args.at).await?;
    for key in &args.keys {
        let from = revision_of(&source, key).await?;
        let to = if is_there { revision_of(&args.at, key).await? } else { 0 };
        flags.push(json!({"key": key, "from": from, "to": to}));
    }
    let body = json!({"from": args.from, "flags": flags}).to_string();
    let about = about(&args.at, &args.when, &args.why, None);
    say_made(&send(&args.at, Method::POST, &format!("promote?{about}"), body).await?);
    Ok(())
}

/// `vitrine flags segments`
pub(super) async fn segments(at: &FlagsAskArgs) -> Result<()> {
    for segment in list(&read(at, &in_set(at, "segments")).await?, "segments")? {
        let used_by = &segment["usedBy"];
        let users: Vec<String> = [("flags", &used_by["flags"]), ("segments", &used_by["segments"])]
            .into_iter()
            .filter(|(_, users)| users.as_array().is_some_and(|users| !users.is_empty()))
            .map(|(what, users)| format!("{what} {}", names(users)))
            .collect();
        let users = if users.is_empty() { "nothing".to_owned() } else { users.join("; ") };
        say!("{}  {}  used by {users}", text(&segment["name"]), segment["rule"]);
    }
    Ok(())
}

/// `vitrine flags segment`: for the revision that is in force now.
pub(super) async fn segment(args: &FlagsSegmentArgs) -> Result<()> {
    let revision = match super::ask::has_set(&args.at).await? {
        true => read(&args.at, &in_set(&args.at, "shared")).await?["revision"].as_u64().unwrap_or(0),
        false => 0,
    };
    let about = about(&args.at, &args.when, &args.why, Some(revision));
    let path = format!("segments/{}?{about}", percent::encode(&args.name));
    let body = match args.delete {
        true => send(&args.at, Method::DELETE, &path, String::new()).await?,
        false => send(&args.at, Method::PUT, &path, content(args.file.as_deref())?).await?,
    };
    say_made(&body);
    Ok(())
}

/// `vitrine flags planned`
pub(super) async fn planned(at: &FlagsAskArgs) -> Result<()> {
    for schedule in list(&read(at, "schedules").await?, "schedules")? {
        let failed = schedule["failed"].as_str().map(|failed| format!("  not made: {failed}")).unwrap_or_default();
        say!(
            "schedule {}  {}  {} {} in {}  {}: {}{failed}",
            schedule["id"],
            time(&schedule["atMs"]),
            text(&schedule["operation"]["do"]),
            text(&schedule["operation"]["key"]),
            set_name(&schedule["set"]),
            text(&schedule["author"]["who"]),
            text(&schedule["author"]["why"]),
        );
    }
    for roll_out in list(&read(at, "rollouts").await?, "rollouts")? {
        let reached = roll_out["reached"].as_u64().and_then(|reached| usize::try_from(reached).ok());
        let share =
            reached.and_then(|reached| reached.checked_sub(1)).map_or(&Value::Null, |last| &roll_out["shares"][last]);
        let state = text(&roll_out["state"]);
        let next =
            if state == "running" { format!(", next step {}", time(&roll_out["nextMs"])) } else { String::new() };
        let because = roll_out["because"].as_str().map(|because| format!("  {because}")).unwrap_or_default();
        say!(
            "roll-out {}  {} in {} to {}  {share} %  {state}{next}{because}",
            roll_out["id"],
            text(&roll_out["key"]),
            set_name(&roll_out["set"]),
            text(&roll_out["plan"]["to"]),
        );
    }
    Ok(())
}

/// `vitrine flags cancel`
pub(super) async fn cancel(args: &FlagsActArgs) -> Result<()> {
    let path = format!("schedules/{}?{}", args.id, percent::form([("why", args.why.as_str())]));
    say_made(&send(&args.at, Method::DELETE, &path, String::new()).await?);
    Ok(())
}

/// Does something with a roll-out or a change request.
pub(super) async fn act(args: &FlagsActArgs, of: &str, act: &str) -> Result<()> {
    let path = format!("{of}/{}/{act}?{}", args.id, percent::form([("why", args.why.as_str())]));
    say_made(&send(&args.at, Method::POST, &path, String::new()).await?);
    Ok(())
}

/// `vitrine flags rollout`: from the default variant and for the revision that are in force now.
pub(super) async fn roll_out(args: &FlagsRollOutArgs) -> Result<()> {
    let path = format!("flags/{}", percent::encode(&args.key));
    let flag = read(&args.at, &in_set(&args.at, &path)).await?;
    let from = flag["defaultVariant"].as_str().ok_or_else(|| anyhow!("the flag has no default variant"))?;
    let guard = match &args.guard {
        None => Value::Null,
        Some(query) => {
            let (is, value) = match (args.above, args.below) {
                (Some(value), None) => ("above", value),
                (None, Some(value)) => ("below", value),
                _ => return Err(Usage("--guard: expected --above or --below, too".to_owned()).into()),
            };
            let then = if args.revert { "revert" } else { "stop" };
            json!({"language": args.language.name(), "query": query, "is": is, "value": value, "for": args.r#for, "then": then})
        }
    };
    let plan = json!({"from": from, "to": args.to, "steps": args.steps, "every": args.every, "guard": guard});
    let about = about(&args.at, &args.when, &args.why, flag["revision"].as_u64());
    say_made(&send(&args.at, Method::POST, &format!("{path}/rollout?{about}"), plan.to_string()).await?);
    Ok(())
}

/// `vitrine flags requests`
pub(super) async fn requests(at: &FlagsAskArgs) -> Result<()> {
    for request in list(&read(at, "requests").await?, "requests")? {
        let approvals = request["approvals"].as_array().into_iter().flatten();
        let approvals: Vec<&str> = approvals.map(|approval| text(&approval["who"])).collect();
        let at = request["atMs"].as_i64().map(|at| format!(" at {}", rfc3339(at))).unwrap_or_default();
        let because = request["because"].as_str().map(|because| format!("  {because}")).unwrap_or_default();
        say!(
            "change request {}  {}  {}: {}  approved by [{}]{because}\n  hash {}\n  in {}{at}: {}",
            request["id"],
            text(&request["state"]),
            text(&request["author"]["who"]),
            text(&request["author"]["why"]),
            approvals.join(", "),
            text(&request["hash"]),
            set_name(&request["set"]),
            request["operation"],
        );
    }
    Ok(())
}

/// `vitrine flags approve`
pub(super) async fn approve(args: &FlagsApproveArgs) -> Result<()> {
    let about = percent::form([("hash", args.hash.as_str()), ("why", args.why.as_str())]);
    say_made(&send(&args.at, Method::POST, &format!("requests/{}/approve?{about}", args.id), String::new()).await?);
    Ok(())
}
