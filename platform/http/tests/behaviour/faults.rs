//! What faults do at the edge: each effect is there while its fault is, and gone when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use vitrine_platform_faults::{At, Faults, SiteName};
use vitrine_platform_http::{Router, faulted};
use vitrine_tests_faults::{arm, clear};

struct World {
    faults: Faults,
    router: Router,
    asked: Arc<AtomicU32>,
}

fn world() -> World {
    let (faults, asked) = (Faults::default(), Arc::new(AtomicU32::new(0)));
    let site = faults.site(SiteName::new(At::Edge, "gateway"));
    let counted = asked.clone();
    let handler = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        "x".repeat(10 * 1024)
    };
    let router = Router::new()
        .route("/things/{id}", get(handler.clone()))
        .route("/others", get(handler))
        .layer(from_fn(move |request: Request, next: Next| faulted(site.clone(), request, next)));
    World { faults, router, asked }
}

impl World {
    fn arm(&self, what: &str, rest: &str) {
        arm(&self.faults, what, &format!(r#""at": "edge", "service": ["gateway"]{rest}"#));
    }

    /// The status of an answer, and whether it took at least so long.
    async fn ask(&self, path: &str, least: Duration) -> (u16, bool) {
        let began = Instant::now();
        let status = crate::get(&self.router, path).await.status.as_u16();
        (status, began.elapsed() >= least)
    }
}

#[tokio::test]
async fn requests_are_slow_and_fail_until_it_ends() {
    const WAIT: Duration = Duration::from_millis(80);
    let world = world();
    for (what, rest, path, status, is_slow, is_handled) in [
        (r#"{"delay": {"ms": 80}}"#, "", "/things/1", 200, true, true),
        (r#"{"bandwidth": {"kib_s": 100}}"#, "", "/things/1", 200, true, true),
        (r#"{"error": {"code": "UNAVAILABLE"}}"#, "", "/things/1", 503, false, false),
        (r#"{"error": {"code": "INTERNAL", "when": "after"}}"#, "", "/things/1", 500, false, true),
        (r#"{"error": {"code": "UNAVAILABLE"}}"#, r#", "method": ["GET /things*"]"#, "/things/1", 503, false, false),
        (r#"{"error": {"code": "UNAVAILABLE"}}"#, r#", "method": ["GET /things*"]"#, "/others", 200, false, true),
        (r#"{"error": {"code": "UNAVAILABLE"}}"#, r#", "method": ["POST*"]"#, "/others", 200, false, true),
    ] {
        world.arm(what, rest);
        let before = world.asked.load(Ordering::SeqCst);
        assert_eq!(world.ask(path, WAIT).await, (status, is_slow), "{what}{rest} {path}");
        assert_eq!(world.asked.load(Ordering::SeqCst) - before, u32::from(is_handled), "{what}{rest} {path}");
        clear(&world.faults);
        assert_eq!(world.ask(path, WAIT).await, (200, false), "{what}{rest} {path}");
    }
    world.arm(r#"{"error": {"code": "UNAVAILABLE"}}"#, "");
    let problem = crate::get(&world.router, "/others").await.problem();
    assert_eq!(problem["detail"], "the database does not answer at the moment");
}
