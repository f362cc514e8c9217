//! A flags service in a folder of its own, with a clock in the test's hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use futures::future::BoxFuture;
use http::Request;
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{
    Access, Author, Driver, Error, FlagStore, Language, Measurements, NoObservatory, Writer, error_format, router,
};
use vitrine_kit::clock::{Clock, Manual};
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;

/// When the clock begins.
pub(crate) const START_MS: i64 = 1_795_228_166_042;

/// What guards are answered.
#[derive(Clone, Debug)]
pub(crate) struct Answers(pub(crate) Arc<Mutex<Result<Option<f64>, String>>>);

impl Measurements for Answers {
    fn ask<'m>(&'m self, _: Language, _: &'m str) -> BoxFuture<'m, Result<Option<f64>, String>> {
        Box::pin(std::future::ready(self.0.lock().clone()))
    }
}

pub(crate) struct Served {
    pub(crate) answers: Answers,
    driver: tokio::sync::Mutex<Driver>,
    pub(crate) flags: FlagStore,
    pub(crate) access: Access,
    pub(crate) hand: Manual,
    clock: Clock,
    router: Router,
    folder: TempDir,
}

impl Served {
    pub(crate) async fn empty() -> Self {
        let (clock, hand) = Clock::manual(START_MS);
        Self::over(tempfile::tempdir().expect("a folder"), clock, hand).await
    }

    async fn over(folder: TempDir, clock: Clock, hand: Manual) -> Self {
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), clock.clone()).await.expect("opened");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        let router = nowhere(router(&flags, &access, &faults), error_format);
        let answers = Answers(Arc::new(Mutex::new(Ok(None))));
        let driver = Driver::new(&flags, Arc::new(answers.clone())).into();
        Self { answers, driver, flags, access, hand, clock, router, folder }
    }

    /// The same after a restart.
    pub(crate) async fn again(self) -> Self {
        let Self { answers, driver, flags, access, hand, clock, router, folder } = self;
        drop((answers, driver, flags, access, router));
        Self::over(folder, clock, hand).await
    }

    /// A path in the service's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has a file of definitions followed.
    pub(crate) async fn follow_file(&self, path: &Path, writer: Writer) {
        let driver = Driver::new(&self.flags, Arc::new(self.answers.clone()));
        *self.driver.lock().await = driver.with_file(path, writer).await.expect("a look at the file");
    }

    /// Does what is due, and returns when something is due next.
    pub(crate) async fn turn(&self) -> Result<Option<i64>, Error> {
        self.driver.lock().await.turn().await
    }

    /// The status, and the body as JSON; null where it is none.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let (status, text) = self.text(method, path, headers, body).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// A page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let (status, text) = self.text("GET", path, &[], "").await;
        assert_eq!(status, 200, "{text}");
        text
    }

    /// Sends a form, and returns the status.
    pub(crate) async fn submit(&self, path: &str, form: &str) -> u16 {
        self.text("POST", path, &[("content-type", "application/x-www-form-urlencoded")], form).await.0
    }

    async fn text(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

pub(crate) fn author() -> Author {
    Author { who: "ada".to_owned(), why: "because".to_owned() }
}

/// A boolean flag.
pub(crate) fn flag(default: &str) -> String {
    format!(r#"{{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "{default}"}}"#)
}
