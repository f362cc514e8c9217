//! The driver over a real database: every crash, every failure, and what is written down meanwhile.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use vitrine_kit::Backoff;
use vitrine_platform_store::{Document, Index, Keys, Schema, Store, Stored, Tx};
use vitrine_platform_workflow::{
    Activities, Definition, Definitions, Driver, Error, Journal, Outcome, Phase, Point, Record, Step, Stop, Workflow,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Doc {
    id: String,
    record: Record,
    cause: Option<String>,
}

impl Document for Doc {
    const COLLECTION: &'static str = "workflows";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// The journal of one workflow, and how often it was written.
struct TestJournal {
    stored: Stored<Doc>,
    commits: usize,
}

impl Journal for TestJournal {
    type Cause = String;

    fn write(&mut self, tx: &mut Tx, record: Record, cause: Option<&String>) {
        self.stored.doc.record = record;
        self.stored.doc.cause = cause.cloned().or(self.stored.doc.cause.take());
        tx.update(&self.stored);
    }

    fn committed(&mut self) {
        self.stored.version += 1;
        self.commits += 1;
    }
}

/// What the other side holds: the effect of each step, or that it must not come any more; and what goes wrong there.
#[derive(Clone, Default)]
struct World {
    effects: Arc<Mutex<BTreeMap<String, bool>>>,
    calls: Arc<AtomicUsize>,
    /// At the call with this number.
    fault: Option<(usize, Fault)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refused,
    LostBefore,
    LostAfter,
}

impl World {
    fn call(&self, step: &str, wanted: bool) -> Result<(), String> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let fault = self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Refused) => return Err("refused".to_owned()),
            Some(Fault::LostBefore) => return Err("lost".to_owned()),
            Some(Fault::LostAfter) | None => {}
        }
        let mut effects = self.effects.lock();
        if wanted && effects.get(step) == Some(&false) {
            return Err("refused".to_owned());
        }
        effects.insert(step.to_owned(), wanted);
        if fault.is_some() { Err("lost".to_owned()) } else { Ok(()) }
    }

    fn standing(&self) -> Vec<String> {
        self.effects.lock().iter().filter(|(_, there)| **there).map(|(step, _)| step.clone()).collect()
    }
}

impl Activities for World {
    type Error = String;

    async fn execute(&self, step: &str) -> Result<(), String> {
        self.call(step, true)
    }

    async fn compensate(&self, step: &str) -> Result<(), String> {
        self.call(step, false)
    }

    fn outcome(&self, error: &String) -> Outcome {
        if error == "refused" { Outcome::Refused } else { Outcome::Unknown }
    }
}

fn purchase() -> Definition {
    let steps = [
        Step::tentative("take"),
        Step::tentative("sell").after(["take"]),
        Step::tentative("authorize").after(["take"]),
        Step::firm("capture").after(["sell", "authorize"]).refusable().compensable().repeatable(),
        Step::firm("record").after(["capture"]).refusable().repeatable(),
        Step::firm("ship").after(["record"]).repeatable(),
        Step::firm("settle").after(["record"]).repeatable(),
    ];
    Definition::new("purchase", 1, steps).expect("well formed")
}

/// The same with a step that may have to wait.
fn purchase_that_waits() -> Definition {
    let steps = [
        Step::tentative("take"),
        Step::tentative("sell").after(["take"]),
        Step::tentative("authorize").after(["take"]),
        Step::firm("await").after(["sell", "authorize"]).refusable().compensable().repeatable(),
        Step::firm("capture").after(["await"]).refusable().compensable().repeatable(),
        Step::firm("record").after(["capture"]).refusable().repeatable(),
        Step::firm("ship").after(["record"]).repeatable(),
        Step::firm("settle").after(["record"]).repeatable(),
    ];
    Definition::new("purchase", 2, steps).expect("well formed")
}

/// Two branches, each end of which is written down.
fn environment() -> Definition {
    let steps = [
        Step::firm("network"),
        Step::firm("database").after(["network"]),
        Step::firm("queue").after(["network"]),
        Step::firm("service").after(["database", "queue"]),
    ];
    Definition::new("environment", 1, steps).expect("well formed")
}

struct Bench {
    store: Store,
    definitions: Definitions,
}

impl Bench {
    async fn new() -> Self {
        let store = Store::temporary("workflows", Schema::new().with::<Doc>()).expect("a database");
        store.ready().await.expect("ready");
        Self { store, definitions: Definitions::new([purchase(), purchase_that_waits(), environment()]) }
    }

    fn driver(&self) -> Driver {
        Driver::new(self.store.clone()).with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO))
    }

    async fn begin(&self, id: &str, definition: &str) -> (Workflow, TestJournal) {
        let workflow = Workflow::begin(self.definitions.get(definition).expect("known").clone());
        let doc = Doc { id: id.to_owned(), record: workflow.record(), cause: None };
        let mut tx = self.store.begin();
        tx.insert(&doc);
        tx.commit().await.expect("written");
        (workflow, TestJournal { stored: Stored { doc, version: 1 }, commits: 1 })
    }

    async fn read(&self, id: &str) -> (Workflow, TestJournal) {
        let stored = self.store.get::<Doc>(id).await.expect("read").expect("there");
        (Workflow::read(&self.definitions, &stored.record).expect("readable"), TestJournal { stored, commits: 0 })
    }

    /// Drives to the end, taking over after each crash and wait. Returns where it ended.
    async fn finish(&self, id: &str, mut driver: Driver, world: &World) -> Phase {
        loop {
            let (mut workflow, mut journal) = self.read(id).await;
            if workflow.phase().is_final() {
                return workflow.phase();
            }
            let driven = async {
                driver.take_over(&mut workflow, &mut journal, &"interrupted".to_owned()).await?;
                if let Stop::Ended { cause } = driver.drive(&mut workflow, &mut journal, world).await? {
                    driver.end(&mut workflow, &mut journal, cause.as_ref()).await?;
                }
                Ok::<_, Error>(())
            };
            match driven.await {
                Ok(()) => {}
                Err(Error::Stopped) => driver = self.driver(),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// Dies at the point with this number.
fn dying_at(number: usize) -> (impl Fn(Point) -> bool, Arc<AtomicUsize>) {
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = passed.clone();
    (move |_| passed.fetch_add(1, Ordering::Relaxed) != number, counter)
}

#[tokio::test]
async fn a_purchase_costs_three_commits_and_an_environment_one_for_each_step() {
    let bench = Bench::new().await;
    for (definition, commits) in [("purchase/1", 3), ("purchase/2", 3), ("environment/1", 5)] {
        let (world, driver) = (World::default(), bench.driver());
        let (mut workflow, mut journal) = bench.begin(definition, definition).await;
        let stop = driver.drive(&mut workflow, &mut journal, &world).await.expect("driven");
        assert_eq!(stop, Stop::Ended { cause: None });
        driver.end(&mut workflow, &mut journal, None).await.expect("written");
        assert_eq!((workflow.phase(), journal.commits), (Phase::Done, commits), "{definition}");
        assert_eq!(world.standing().len(), workflow.definition().steps().len());
        let (read, _) = bench.read(definition).await;
        assert_eq!((read.phase(), read.record().steps.len()), (Phase::Done, 0));
    }
}

/// Dies at a point, then at one after that, for all of those; returns how often it died first.
async fn dead_at(bench: &Bench, definition: &str, first: usize) -> usize {
    for second in 0.. {
        let (world, id) = (World::default(), format!("{definition}-{first}-{second}"));
        let (mut workflow, mut journal) = bench.begin(&id, definition).await;
        let (dying, _) = dying_at(first);
        let driver = bench.driver().with_probe(Arc::new(dying));
        if driver.drive(&mut workflow, &mut journal, &world).await.is_ok() {
            return second;
        }
        let (dying, passed) = dying_at(second);
        let ended = bench.finish(&id, bench.driver().with_probe(Arc::new(dying)), &world).await;
        let expected = if ended == Phase::Done { workflow.definition().steps().len() } else { 0 };
        assert_eq!(world.standing().len(), expected, "{id}: {ended:?}");
        if passed.load(Ordering::Relaxed) <= second {
            return second + 1;
        }
    }
    unreachable!("every workflow ends")
}

#[tokio::test]
async fn dead_at_any_point_and_at_any_after_that_it_is_done_or_undone() {
    /// More than any of them has.
    const POINTS: usize = 32;
    let bench = Bench::new().await;
    for (definition, calls, commits) in [("purchase/1", 7, 1), ("purchase/2", 8, 1), ("environment/1", 4, 3)] {
        let deaths = join_all((0..POINTS).map(|first| dead_at(&bench, definition, first))).await;
        // Before and after each call, and before and after each commit but the first and the last.
        let points = 2 * (calls + commits);
        assert!(deaths[..points].iter().all(|deaths| *deaths > 2), "{deaths:?}");
        assert!(deaths[points..].iter().all(|deaths| *deaths == 0), "{deaths:?}");
    }
}

#[tokio::test]
async fn whatever_call_fails_in_whatever_way_it_is_done_or_undone() {
    let bench = Bench::new().await;
    for fault in [Fault::Refused, Fault::LostBefore, Fault::LostAfter] {
        for at in 0..7 {
            let (world, id) = (World { fault: Some((at, fault)), ..World::default() }, format!("{fault:?}-{at}"));
            let (mut workflow, mut journal) = bench.begin(&id, "purchase/1").await;
            let stop = bench.driver().drive(&mut workflow, &mut journal, &world).await.expect("driven");
            let Stop::Ended { cause } = stop else { panic!("{id}: a repeat helps: {stop:?}") };
            bench.driver().end(&mut workflow, &mut journal, cause.as_ref()).await.expect("written");
            // Up to the capture anything turns back; the capture and the record only a refusal; the rest nothing.
            let back = at < 3 || (fault == Fault::Refused && at < 5);
            assert_eq!(workflow.phase(), if back { Phase::Undone } else { Phase::Done }, "{id}");
            assert_eq!(world.standing().len(), if back { 0 } else { 7 }, "{id}");
            assert_eq!(journal.stored.cause.is_some(), back, "{id}");
        }
    }
}

/// Refuses to execute one step, and to compensate another, always.
struct Stubborn(World, &'static str, &'static str);

impl Activities for Stubborn {
    type Error = String;
    async fn execute(&self, step: &str) -> Result<(), String> {
        if step == self.1 { Err("refused".to_owned()) } else { self.0.execute(step).await }
    }
    async fn compensate(&self, step: &str) -> Result<(), String> {
        if step == self.2 { Err("refused".to_owned()) } else { self.0.compensate(step).await }
    }
    fn outcome(&self, error: &String) -> Outcome {
        self.0.outcome(error)
    }
}

#[tokio::test]
async fn a_refusal_where_nothing_may_be_refused_is_told_and_nothing_is_undone() {
    let bench = Bench::new().await;
    let world = World::default();
    let (mut workflow, mut journal) = bench.begin("stubborn", "environment/1").await;
    let stubborn = Stubborn(world.clone(), "queue", "");
    let stop = bench.driver().drive(&mut workflow, &mut journal, &stubborn).await.expect("driven");
    assert_eq!(stop, Stop::Waiting { step: "queue".to_owned(), error: "refused".to_owned(), refused: true });
    assert_eq!(world.standing(), ["database", "network"], "the other branch was done");
    let record = serde_json::to_value(bench.read("stubborn").await.0.record()).expect("written");
    let steps = json!({"network": "done", "database": "done", "queue": "started"});
    assert_eq!(record, json!({"definition": "environment/1", "phase": "forward", "steps": steps}));
    assert_eq!(bench.finish("stubborn", bench.driver(), &world).await, Phase::Done, "it goes on when it may");
}

#[tokio::test]
async fn why_it_turned_back_is_known_however_long_that_takes() {
    let bench = Bench::new().await;
    let world = World::default();
    let (mut workflow, mut journal) = bench.begin("slow", "purchase/1").await;
    let stubborn = Stubborn(world.clone(), "authorize", "sell");
    let stop = bench.driver().drive(&mut workflow, &mut journal, &stubborn).await.expect("driven");
    assert!(matches!(stop, Stop::Waiting { ref step, refused: true, .. } if step == "sell"), "{stop:?}");
    assert_eq!(bench.finish("slow", bench.driver(), &world).await, Phase::Undone);
    let (_, journal) = bench.read("slow").await;
    assert_eq!(journal.stored.cause.as_deref(), Some("refused"), "not that it was taken over");
    assert!(world.standing().is_empty());
}

/// Waits at one step, as long as this is so.
struct Waiting(World, AtomicBool);

impl Activities for Waiting {
    type Error = String;
    async fn execute(&self, step: &str) -> Result<(), String> {
        if step == "await" && self.1.load(Ordering::Relaxed) {
            Err("waits".to_owned())
        } else {
            self.0.execute(step).await
        }
    }
    async fn compensate(&self, step: &str) -> Result<(), String> {
        self.0.compensate(step).await
    }
    fn outcome(&self, error: &String) -> Outcome {
        if error == "waits" { Outcome::Pending } else { self.0.outcome(error) }
    }
}

#[tokio::test]
async fn a_workflow_that_waits_is_left_and_outlives_its_process() {
    let bench = Bench::new().await;
    for (id, is_refused) in [("goes-on", false), ("turns-back", true)] {
        let world = World::default();
        let waiting = Waiting(world.clone(), AtomicBool::new(true));
        let pending = Stop::Pending { step: "await".to_owned(), error: "waits".to_owned() };
        let (mut workflow, mut journal) = bench.begin(id, "purchase/2").await;
        let stop = bench.driver().drive(&mut workflow, &mut journal, &waiting).await.expect("driven");
        assert_eq!((stop, journal.commits), (pending.clone(), 2));
        // Its process dies, twice.
        for _ in 0..2 {
            let (mut workflow, mut journal) = bench.read(id).await;
            bench.driver().take_over(&mut workflow, &mut journal, &"interrupted".to_owned()).await.expect("claimed");
            let stop = bench.driver().drive(&mut workflow, &mut journal, &waiting).await.expect("driven");
            assert_eq!((stop, workflow.phase()), (pending.clone(), Phase::Forward));
            assert_eq!(world.standing(), ["authorize", "sell", "take"]);
        }
        waiting.1.store(false, Ordering::Relaxed);
        if is_refused {
            let stubborn = Stubborn(world.clone(), "await", "");
            let (mut workflow, mut journal) = bench.read(id).await;
            let stop = bench.driver().drive(&mut workflow, &mut journal, &stubborn).await.expect("driven");
            let Stop::Ended { cause } = stop else { panic!("{stop:?}") };
            bench.driver().end(&mut workflow, &mut journal, cause.as_ref()).await.expect("written");
            assert_eq!((workflow.phase(), journal.stored.cause.as_deref()), (Phase::Undone, Some("refused")));
            assert!(world.standing().is_empty());
        } else {
            assert_eq!(bench.finish(id, bench.driver(), &world).await, Phase::Done);
            assert_eq!(world.standing().len(), 8);
        }
    }
}

#[tokio::test]
async fn who_comes_second_loses() {
    let bench = Bench::new().await;
    let world = World::default();
    let (mut workflow, mut journal) = bench.begin("raced", "purchase/1").await;
    assert_eq!(bench.finish("raced", bench.driver(), &world).await, Phase::Undone, "taken over before its capture");
    let late = async {
        let stop = bench.driver().drive(&mut workflow, &mut journal, &world).await?;
        assert_eq!(stop, Stop::Ended { cause: Some("refused".to_owned()) });
        bench.driver().end(&mut workflow, &mut journal, None).await
    };
    let late = late.await;
    assert!(matches!(late, Err(Error::Lost)), "{late:?}");
    assert!(world.standing().is_empty());
}

#[test]
fn records_of_others_are_told_from_ours() {
    let definitions = Definitions::new([purchase(), environment()]);
    let read = |record: serde_json::Value| -> Result<Phase, String> {
        let record: Record = serde_json::from_value(record).map_err(|e| e.to_string())?;
        Workflow::read(&definitions, &record).map(|workflow| workflow.phase()).map_err(|e| e.to_string())
    };
    let golden = json!({"definition": "purchase/1", "phase": "forward", "steps": {"take": "done", "sell": "done", "authorize": "done", "capture": "started"}});
    assert_eq!(read(golden), Ok(Phase::Forward));
    let taken_over =
        json!({"take": "done", "sell": "done", "authorize": "done", "capture": "unknown", "record": "unknown"});
    assert_eq!(read(json!({"definition": "purchase/1", "phase": "forward", "steps": taken_over})), Ok(Phase::Forward));
    assert_eq!(read(json!({"definition": "purchase/1", "phase": "undone", "steps": {}})), Ok(Phase::Undone));
    let cases = [
        (
            json!({"definition": "purchase/9", "phase": "forward", "steps": {}}),
            "purchase/9, and this version knows purchase/1, environment/1",
        ),
        (
            json!({"definition": "purchase/1", "phase": "forward", "steps": {"wrap": "done"}}),
            "the step wrap, which purchase/1 does not have",
        ),
        (
            json!({"definition": "purchase/1", "phase": "forward", "steps": {"record": "started"}}),
            "record cannot be Started yet",
        ),
        (
            json!({"definition": "purchase/1", "phase": "forward", "steps": {"take": "compensated"}}),
            "take cannot be Compensated yet",
        ),
        (json!({"definition": "purchase/1", "phase": "sideways", "steps": {}}), "sideways"),
        (json!({"definition": "purchase/1", "phase": "forward", "steps": {"take": "eaten"}}), "eaten"),
        (json!({"definition": "purchase/1", "phase": "forward"}), "steps"),
        (json!({"definition": "purchase/1", "phase": "forward", "steps": {}, "more": 1}), "more"),
    ];
    for (record, expected) in cases {
        let told = read(record).expect_err("it is not ours");
        assert!(told.contains(expected), "{told}");
    }
}
