//! What every contract promises in the same words, asked of every method of every service over gRPC: a malformed id is refused and named,
//! what is not there is NOT_FOUND, a repeat of what may be repeated is answered as the first time, pages give each thing once, and no time is
//! no answer. Who may call at all is a matter of `callers.rs`.
//!
//! A service plugs in with one valid request of each of its methods, in `conformance/contracts.rs`; descriptors say the rest.

#[path = "conformance/contracts.rs"]
mod contracts;
#[path = "conformance/services.rs"]
mod services;
#[path = "conformance/world.rs"]
mod world;

use std::collections::BTreeSet;

use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value};
use tonic::Code;
use vitrine_contracts::{DESCRIPTORS, METHODS, Method, Problem};

use contracts::{APART, NEW_EACH_TIME, UNCHECKED, Valid};
use world::World;

/// A text that is an id of nothing.
const MALFORMED: &str = "not an id";
/// What every id may end with, and none does.
const UNKNOWN: &str = "0UNKNOWN";
/// Sizes of pages that lists are walked with.
const SIZES: &[u32] = &[1, 2, 3, 7, 100];
/// What no list ever gave as a cursor.
const BAD_CURSORS: &[&str] = &["garbage", "%", "AAAA", "bm9uc2Vuc2U", "\u{e9}"];

/// The descriptor of what a method takes or returns.
fn message(pool: &DescriptorPool, method: &Method, output: bool) -> MessageDescriptor {
    let found = descriptor(pool, method);
    if output { found.output() } else { found.input() }
}

fn descriptor(pool: &DescriptorPool, method: &Method) -> MethodDescriptor {
    let (service, name) = method.path.trim_start_matches('/').split_once('/').expect("a path");
    let service = pool.get_service_by_name(service).expect("a service of the contracts");
    service.methods().find(|found| found.name() == name).expect("a method of the service")
}

/// Whether its contract says that it changes nothing.
fn only_reads(pool: &DescriptorPool, method: &Method) -> bool {
    let found = descriptor(pool, method);
    let options = found.method_descriptor_proto().options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

/// Where ids stand in a message: the names of fields, from the outside in.
fn ids(of: &DynamicMessage) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for field in of.descriptor().fields() {
        let name = field.name().to_owned();
        match field.kind() {
            Kind::String if name == "id" || name.ends_with("_id") || name.ends_with("_ids") => found.push(vec![name]),
            Kind::Message(_) if !field.is_list() && of.has_field(&field) => {
                if let Some(inner) = of.get_field(&field).as_message() {
                    found.extend(ids(inner).into_iter().map(|path| [vec![name.clone()], path].concat()));
                }
            }
            _ => {}
        }
    }
    found
}

/// The text at a place; of a list the first one.
fn text_at(message: &DynamicMessage, path: &[String]) -> String {
    let value = message.get_field_by_name(&path[0]).expect("a field");
    match (&*value, &path[1..]) {
        (Value::Message(inner), rest) if !rest.is_empty() => text_at(inner, rest),
        (Value::List(list), _) => list.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        (value, _) => value.as_str().unwrap_or_default().to_owned(),
    }
}

/// The same message with another text there.
fn with(message: &DynamicMessage, path: &[String], text: &str) -> DynamicMessage {
    let mut changed = message.clone();
    let value = match message.get_field_by_name(&path[0]).expect("a field").into_owned() {
        Value::Message(inner) => Value::Message(with(&inner, &path[1..], text)),
        Value::List(_) => Value::List(vec![Value::String(text.to_owned())]),
        _ => Value::String(text.to_owned()),
    };
    changed.set_field_by_name(&path[0], value);
    changed
}

/// Every method with its valid request, as a message.
fn cases(world: &World, pool: &DescriptorPool) -> Vec<(&'static Method, Valid, DynamicMessage)> {
    let valid = contracts::valid(world);
    let methods = METHODS.iter().filter(|method| !APART.iter().any(|(path, _)| *path == method.path));
    methods
        .map(|method| {
            let found = valid.iter().find(|valid| valid.path == method.path);
            let case = found.unwrap_or_else(|| panic!("{}: plug it in, in contracts.rs", method.path)).clone();
            let request = DynamicMessage::decode(message(pool, method, false), &*case.request).expect("its message");
            (method, case, request)
        })
        .collect()
}

fn bytes(message: &DynamicMessage) -> Vec<u8> {
    prost_reflect::prost::Message::encode_to_vec(message)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_contract_keeps_what_all_of_them_promise() {
    let world = World::start().await;
    let pool = DescriptorPool::decode(DESCRIPTORS).expect("the descriptors");
    let cases = cases(&world, &pool);
    let mut wrong = Vec::new();
    for (method, case, request) in &cases {
        wrong.extend(refuses_malformed_ids(&world, method, request).await);
        wrong.extend(says_what_is_not_there(&world, method, case, request).await);
        wrong.extend(has_no_time(&world, method, request).await);
    }
    for (method, _, request) in &cases {
        if request.descriptor().get_field_by_name("page").is_some() {
            wrong.extend(gives_each_thing_once(&world, &pool, method, request).await);
        }
    }
    // Changes come last: those before them changed nothing, and what follows a change by an event alters no list between two looks.
    let is_new = |method: &Method| NEW_EACH_TIME.iter().any(|(path, _)| *path == method.path);
    let repeatable = cases.iter().filter(|(method, ..)| method.repeatable && !is_new(method));
    let (reads, changes): (Vec<_>, Vec<_>) = repeatable.partition(|(method, ..)| only_reads(&pool, method));
    for (method, _, request) in reads.into_iter().chain(changes) {
        wrong.extend(repeats(&world, method, request).await);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), METHODS.len(), wrong.join("\n"));
    world.stop().await;
}

async fn refuses_malformed_ids(world: &World, method: &Method, request: &DynamicMessage) -> Vec<String> {
    let mut wrong = Vec::new();
    for path in ids(request) {
        let place = path.join(".");
        if UNCHECKED.iter().any(|(unchecked, field, _)| *unchecked == method.path && *field == place) {
            continue;
        }
        let refused = world.call(method, &bytes(&with(request, &path, MALFORMED))).await;
        let Err(status) = refused else {
            wrong.push(format!("{}: a malformed {place} is taken", method.path));
            continue;
        };
        let problem = Problem::from_status(&status);
        let leaf = path.last().expect("a name").trim_end_matches('s');
        let named = problem.field.as_deref().is_some_and(|field| field.ends_with(leaf));
        if problem.code != Code::InvalidArgument || !named || problem.expected.is_none() {
            wrong.push(format!("{}: a malformed {place} is {problem:?}", method.path));
        }
    }
    wrong
}

async fn says_what_is_not_there(
    world: &World,
    method: &Method,
    case: &Valid,
    request: &DynamicMessage,
) -> Option<String> {
    let path: Vec<String> = case.subject?.split('.').map(str::to_owned).collect();
    let known = text_at(request, &path);
    let prefix = known.split('_').next().unwrap_or_default();
    let unknown = with(request, &path, &format!("{prefix}_{UNKNOWN}"));
    match world.call(method, &bytes(&unknown)).await {
        Err(status) if status.code() == Code::NotFound && !status.message().is_empty() => None,
        other => Some(format!("{}: an unknown {} is {other:?}", method.path, path.join("."))),
    }
}

async fn has_no_time(world: &World, method: &Method, request: &DynamicMessage) -> Option<String> {
    match world.call_within(method, &bytes(request), Some("0n")).await {
        Err(status) if status.code() == Code::DeadlineExceeded => None,
        other => Some(format!("{}: without any time it is {other:?}", method.path)),
    }
}

/// What a page holds: the items, each as its bytes, and where the next one begins.
fn page_of(pool: &DescriptorPool, method: &Method, answer: &[u8]) -> (Vec<Vec<u8>>, String) {
    let answer = DynamicMessage::decode(message(pool, method, true), answer).expect("its message");
    let list = answer.descriptor().fields().find(|field| field.is_list()).expect("a list");
    let items =
        answer.get_field(&list).as_list().expect("a list").iter().filter_map(Value::as_message).map(bytes).collect();
    (items, text_at(&answer, &["page".to_owned(), "next_cursor".to_owned()]))
}

fn asking(request: &DynamicMessage, size: u32, cursor: &str) -> Vec<u8> {
    let page = request.descriptor().get_field_by_name("page").expect("a page");
    let Kind::Message(descriptor) = page.kind() else { panic!("the page is no message") };
    let mut asked = DynamicMessage::new(descriptor);
    asked.set_field_by_name("size", Value::U32(size));
    asked.set_field_by_name("cursor", Value::String(cursor.to_owned()));
    let mut request = request.clone();
    request.set_field(&page, Value::Message(asked));
    bytes(&request)
}

async fn gives_each_thing_once(
    world: &World,
    pool: &DescriptorPool,
    method: &Method,
    request: &DynamicMessage,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut whole = None;
    for size in SIZES {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = world.call(method, &asking(request, *size, &cursor)).await.expect("a page");
            let (items, next) = page_of(pool, method, &answer);
            if items.len() > usize::try_from(*size).expect("small") {
                wrong.push(format!("{}: {} items on a page of {size}", method.path, items.len()));
            }
            all.extend(items);
            if next.is_empty() {
                break;
            }
            cursor = next;
        }
        let once: BTreeSet<&Vec<u8>> = all.iter().collect();
        if once.len() != all.len() || all.len() < 3 {
            wrong.push(format!(
                "{}: pages of {size} give {} items, {} of them once",
                method.path,
                all.len(),
                once.len()
            ));
        }
        let first = whole.get_or_insert_with(|| all.clone());
        if *first != all {
            wrong.push(format!("{}: pages of {size} give another list than those of {}", method.path, SIZES[0]));
        }
    }
    for (size, cursor, field) in
        BAD_CURSORS.iter().map(|cursor| (1, *cursor, "page.cursor")).chain([(101, "", "page.size")])
    {
        let problem = world.call(method, &asking(request, size, cursor)).await.map_err(|s| Problem::from_status(&s));
        if !problem.as_ref().is_err_and(|p| p.code == Code::InvalidArgument && p.field.as_deref() == Some(field)) {
            wrong.push(format!("{}: size {size} and cursor {cursor:?} are {problem:?}", method.path));
        }
    }
    wrong
}

async fn repeats(world: &World, method: &Method, request: &DynamicMessage) -> Option<String> {
    let first = world.call(method, &bytes(request)).await;
    let second = world.call(method, &bytes(request)).await;
    match (&first, &second) {
        (Ok(first), Ok(second)) if first == second => None,
        _ => Some(format!("{}: first {first:?}, and then {second:?}", method.path)),
    }
}
