//! QuickJS, on threads of its own: each has a runtime with bounds on memory, stack and time, which is thrown away after an exception.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rquickjs::{CatchResultExt, Context, Function, Object, Runtime};

use super::{Drawn, Error, Job, Jobs, LOAD_TIME, PAGE_TIME, page};

/// Memory of one runtime, in bytes; a page takes one or two MiB.
const MEMORY: usize = 64 << 20;
/// Stack of scripts, in bytes: React needs more than 64 KiB.
const SCRIPT_STACK: usize = 1 << 20;
/// Stack of a thread, which scripts have only a part of, in bytes.
const THREAD_STACK: usize = 4 << 20;
/// After so many pages a runtime is made again, whatever it may have gathered.
const PAGES: u32 = 2000;

/// Starts a thread that draws what comes.
pub(super) fn start(number: u32, script: Arc<str>, jobs: Jobs) {
    let thread = std::thread::Builder::new().name(format!("pages-{number}")).stack_size(THREAD_STACK);
    if let Err(e) = thread.spawn(move || work(&script, &jobs)) {
        tracing::error!(error = %e, "a thread that draws pages could not be started");
    }
}

/// Draws what comes, until no one can send any more.
fn work(script: &str, jobs: &Jobs) {
    let mut renderer = None;
    loop {
        let job = jobs.blocking_lock().blocking_recv();
        let Some(Job { input, done }) = job else { return };
        // Who asked may have gone meanwhile.
        if done.is_closed() {
            continue;
        }
        let drawn = draw(&mut renderer, script, input);
        if renderer.as_ref().is_some_and(|r: &Renderer| r.pages >= PAGES) || drawn.is_err() {
            renderer = None;
        }
        let _ = done.send(drawn);
    }
}

fn draw(renderer: &mut Option<Renderer>, script: &str, input: String) -> Result<Drawn, Error> {
    if renderer.is_none() {
        *renderer = Some(Renderer::new(script)?);
    }
    let renderer = renderer.as_mut().expect("made just now");
    renderer.pages += 1;
    renderer.render(input)
}

/// One runtime with the script in it.
struct Renderer {
    context: Context,
    // Dropped after the context, which lives in it.
    _runtime: Runtime,
    end: Rc<Cell<Instant>>,
    pages: u32,
}

impl Renderer {
    fn new(script: &str) -> Result<Self, Error> {
        let failed = |e: rquickjs::Error| Error::Script(e.to_string());
        let runtime = Runtime::new().map_err(failed)?;
        runtime.set_memory_limit(MEMORY);
        runtime.set_max_stack_size(SCRIPT_STACK);
        let end = Rc::new(Cell::new(Instant::now() + LOAD_TIME));
        let watched = end.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > watched.get())));
        let context = Context::full(&runtime).map_err(failed)?;
        context.with(|ctx| ctx.eval::<(), _>(script).catch(&ctx).map_err(|e| Error::Script(e.to_string())))?;
        Ok(Self { context, _runtime: runtime, end, pages: 0 })
    }

    fn render(&self, input: String) -> Result<Drawn, Error> {
        self.end.set(Instant::now() + PAGE_TIME);
        let text = self.context.with(|ctx| {
            let render = || -> rquickjs::Result<String> {
                let storefront: Object = ctx.globals().get("storefront")?;
                let render: Function = storefront.get("render")?;
                render.call((input,))
            };
            render().catch(&ctx).map_err(|e| Error::Script(e.to_string()))
        })?;
        page(&text)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::Poll;

    use crate::engine::{Drawn, Engine, EngineKind, Error, QUEUE};

    /// As small as a bundle can be: what it is told to do, it does.
    const SCRIPT: &str = r#"
        var drawn = 0;
        var storefront = {
            render: function (text) {
                var input = JSON.parse(text);
                if (input.do === "throw") throw new Error("broken glass");
                if (input.do === "spin") for (;;) {}
                if (input.do === "fill") { var all = []; for (;;) all.push(new Array(10000).fill(1)); }
                if (input.do === "dive") { return (function dive(n) { return 1 + dive(n + 1); })(0); }
                if (input.do === "other") return "glass";
                drawn += 1;
                return JSON.stringify({status: 200, html: "<p>" + drawn + "</p>"});
            },
        };"#;

    fn engine(script: &str) -> Engine {
        Engine::new(EngineKind::QuickJs, script, 1).expect("it is in the process")
    }

    async fn drawn(engine: &Engine, what: &str) -> Result<Drawn, Error> {
        engine.draw(format!(r#"{{"do": "{what}"}}"#)).await
    }

    #[tokio::test]
    async fn what_goes_wrong_ends_one_page_and_its_runtime() {
        let engine = engine(SCRIPT);
        let page = |n: u32| Ok(Drawn { status: 200, html: format!("<p>{n}</p>") });
        assert_eq!(drawn(&engine, "draw").await, page(1));
        assert_eq!(drawn(&engine, "draw").await, page(2));
        for (what, expected) in [
            ("throw", "broken glass"),
            ("spin", "interrupted"),
            ("fill", "memory"),
            ("dive", "stack"),
            ("other", "something else than a page"),
        ] {
            let Err(Error::Script(message)) = drawn(&engine, what).await else { panic!("{what} was drawn") };
            assert!(message.contains(expected), "{what}: {message}");
            assert_eq!(drawn(&engine, "draw").await, page(1), "after {what} a new runtime begins");
        }
    }

    #[tokio::test]
    async fn a_script_that_is_none_is_said_to_be() {
        let Err(Error::Script(message)) = drawn(&engine("var storefront = {"), "draw").await else { panic!("drawn") };
        assert!(message.contains("invalid property name") && message.contains(":1:19"), "{message}");
    }

    #[tokio::test]
    async fn more_pages_than_can_wait_are_refused() {
        let engine = engine(SCRIPT);
        // One is drawn for a second, and as many wait as may; the others hear so at once.
        let pages = (0..QUEUE + 8).map(|_| engine.draw(r#"{"do": "spin"}"#.to_owned()));
        let mut waiting: Vec<_> = pages.map(Box::pin).collect();
        let mut refused = 0;
        for page in &mut waiting {
            let outcome = std::future::poll_fn(|cx| Poll::Ready(page.as_mut().poll(cx))).await;
            refused += usize::from(outcome == Poll::Ready(Err(Error::Busy)));
        }
        assert!(matches!(refused, 7 | 8), "{refused}");
    }
}
