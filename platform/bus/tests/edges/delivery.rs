//! However often an event is delivered, and to however many replicas, it takes effect once.

use tonic::{Request, Response, Status};
use vitrine_contracts::bus::v1::event_log_service_server::EventLogService;
use vitrine_contracts::bus::v1::{FetchRequest, FetchResponse};
use vitrine_platform_bus::{Event, replay};
use vitrine_platform_store::{Query, Store};
use vitrine_platform_telemetry::{Config, Telemetry};

use crate::{Effect, Locked, NAME, World, event, world};

/// Returns what was prepared, then nothing more; notes where it was asked to go on.
#[derive(Clone)]
struct Scripted {
    answers: Locked<Vec<FetchResponse>>,
    asked: Locked<Vec<u64>>,
    /// Another replica that gets as far as this while the first answer is under way.
    meanwhile: Option<(Store, u64)>,
}

impl Scripted {
    fn new(mut answers: Vec<FetchResponse>) -> Self {
        answers.reverse();
        Self { answers: Locked::new(answers.into()), asked: Locked::default(), meanwhile: None }
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().expect("no panic").clone()
    }
}

#[tonic::async_trait]
impl EventLogService for Scripted {
    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchResponse>, Status> {
        let first = {
            let mut asked = self.asked.lock().expect("no panic");
            asked.push(request.get_ref().after);
            asked.len() == 1
        };
        if let Some((store, position)) = self.meanwhile.as_ref().filter(|_| first) {
            replay(store, NAME, *position).await.map_err(|e| Status::internal(e.to_string()))?;
        }
        let next = self.answers.lock().expect("no panic").pop();
        match next {
            Some(answer) => Ok(Response::new(answer)),
            None => std::future::pending().await,
        }
    }
}

fn answer(events: Vec<Event>) -> FetchResponse {
    let position = events.last().map_or(0, |e| e.position);
    FetchResponse { events, position }
}

fn quiet() -> Telemetry {
    Telemetry::new(Config { disabled: true, ..Config::default() })
}

async fn all_once(world: &World, keys: &[&str]) {
    for key in keys {
        assert_eq!(world.times(key).await, 1, "{key}");
    }
    let known = world.store.count::<Effect>(Query::all()).await.expect("counted");
    assert_eq!(usize::try_from(known).expect("small"), keys.len());
}

#[tokio::test]
async fn a_repeated_delivery_has_no_further_effect() {
    let world = world();
    let (a, b, c) = (event(1, "a"), event(2, "b"), event(3, "c"));
    let log = Scripted::new(vec![
        answer(vec![a.clone(), b.clone(), b.clone(), a.clone()]),
        answer(vec![a, b, c.clone()]),
        answer(vec![c, event(4, "last")]),
    ]);
    world.follow(log.clone(), &quiet());
    world.done("last").await;
    all_once(&world, &["a", "b", "c", "last"]).await;
    assert_eq!(log.asked()[..3], [0, 2, 3]);
}

#[tokio::test]
async fn what_others_have_done_is_not_done_again() {
    // While nothing was found up to 500, another replica went on to 600.
    let world = world();
    let nothing = FetchResponse { events: Vec::new(), position: 500 };
    let mut log = Scripted::new(vec![nothing, answer(vec![event(600, "done"), event(601, "last")])]);
    log.meanwhile = Some((world.store.clone(), 600));
    world.follow(log.clone(), &quiet());
    world.done("last").await;
    all_once(&world, &["last"]).await;
    assert_eq!(log.asked()[..2], [0, 600], "a place is never given up again");
}

#[tokio::test]
async fn a_stretch_of_other_events_is_not_looked_at_twice() {
    let world = world();
    let nothing = FetchResponse { events: Vec::new(), position: 5000 };
    let log = Scripted::new(vec![nothing, answer(vec![event(5001, "last")])]);
    world.follow(log.clone(), &quiet());
    world.done("last").await;
    assert_eq!(log.asked()[..2], [0, 5000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_work() {
    let mut world = world();
    let replicas: Vec<_> = (0..3).map(|_| world.start()).collect();
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).chain(["last".to_owned()]).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    world.publish(&keys).await;
    world.done("last").await;
    all_once(&world, &keys).await;
    // Each may be handed to several, and commits of one only.
    world.stop.cancel();
    for replica in replicas {
        replica.await.expect("no panic");
    }
    let mut handed = 0;
    while world.handed.try_recv().is_ok() {
        handed += 1;
    }
    assert!(handed >= keys.len(), "{handed}");
}
