//! Pages that are the same for everyone: fresh for a second, then shown while they are drawn again, and drawn once however many ask.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use vitrine_platform_http::ETag;

use crate::engine::Drawn;

/// For so long a page is shown without a second thought.
pub(crate) const FRESH: Duration = Duration::from_secs(1);
/// For so long it is shown while another is drawn.
pub(crate) const STALE: Duration = Duration::from_secs(60);
/// How many pages of 16 KiB the table is made for; more or fewer fit by their size.
const USUAL_PAGE: u64 = 16 << 10;
/// What a page takes beside its bytes.
const OVERHEAD: usize = 512;

/// A page, ready to be sent.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) html: Bytes,
    pub(crate) gzip: Bytes,
    pub(crate) etags: [HeaderValue; 2],
    drawn_at: Instant,
    is_drawn_again: AtomicBool,
}

impl Page {
    pub(crate) fn new(drawn: Drawn) -> Self {
        let mut encoder = GzEncoder::new(Vec::with_capacity(drawn.html.len() / 3), Compression::fast());
        // Writing to memory cannot fail.
        let gzip = encoder.write_all(drawn.html.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
        let etags = [drawn.html.as_bytes(), &gzip].map(|bytes| ETag::of_content(bytes).header());
        let (drawn_at, is_drawn_again) = (Instant::now(), AtomicBool::new(false));
        Self { status: drawn.status, html: drawn.html.into(), gzip: gzip.into(), etags, drawn_at, is_drawn_again }
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<String, Arc<Page>> for ByBytes {
    fn weight(&self, key: &String, page: &Arc<Page>) -> u64 {
        u64::try_from(key.len() + page.html.len() + page.gzip.len() + OVERHEAD).unwrap_or(u64::MAX)
    }
}

/// A bounded table of pages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PageCache(Arc<Cache<String, Arc<Page>, ByBytes>>);

impl PageCache {
    /// One that takes so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let pages = usize::try_from(bytes / USUAL_PAGE).unwrap_or(usize::MAX);
        Self(Arc::new(Cache::with_weighter(pages, bytes, ByBytes)))
    }

    /// The page of this key, drawn by this where there is none that is good. Only pages that are there (200) are kept.
    pub(crate) async fn get<F, E>(&self, key: String, draw: impl FnOnce() -> F) -> Result<Arc<Page>, E>
    where
        F: Future<Output = Result<Drawn, E>> + Send + 'static,
        E: Send + 'static,
    {
        if let Some(page) = self.0.get(&key) {
            let age = page.drawn_at.elapsed();
            if age <= FRESH || (age <= STALE && page.is_drawn_again.swap(true, Ordering::Relaxed)) {
                return Ok(page);
            }
            if age <= STALE {
                let (cache, drawing) = (self.clone(), draw());
                tokio::spawn(async move { cache.replace(key, drawing).await });
                return Ok(page);
            }
            self.0.remove(&key);
        }
        match self.0.get_value_or_guard_async(&key).await {
            Ok(page) => Ok(page),
            Err(guard) => {
                let page = Arc::new(Page::new(draw().await?));
                if page.status == 200 {
                    // Fails where the key was removed meanwhile: then the next one draws it.
                    let _ = guard.insert(page.clone());
                }
                Ok(page)
            }
        }
    }

    async fn replace<E>(&self, key: String, drawing: impl Future<Output = Result<Drawn, E>>) {
        match drawing.await {
            Ok(drawn) if drawn.status == 200 => self.0.insert(key, Arc::new(Page::new(drawn))),
            Ok(_) => drop(self.0.remove(&key)),
            // What there is goes on being shown, and the next reader tries again.
            Err(_) => {
                if let Some(page) = self.0.get(&key) {
                    page.is_drawn_again.store(false, Ordering::Relaxed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::{Page, PageCache};
    use crate::engine::Drawn;

    fn drawn(status: u16, number: u32) -> Drawn {
        Drawn { status, html: format!("<p>{number}</p>") }
    }

    #[tokio::test]
    async fn one_page_is_drawn_for_all_who_ask() {
        let (cache, draws) = (PageCache::new(1 << 20), Arc::new(AtomicU32::new(0)));
        let ask = |key: &str, status| {
            let (draws, cache, key) = (draws.clone(), cache.clone(), key.to_owned());
            async move {
                let draw = || async move { Ok::<_, ()>(drawn(status, draws.fetch_add(1, Ordering::Relaxed))) };
                cache.get(key, draw).await.expect("drawn")
            }
        };
        let pages = join_all((0..20).map(|_| ask("/", 200))).await;
        assert!(pages.iter().all(|page| Arc::ptr_eq(page, &pages[0])));
        assert_eq!(draws.load(Ordering::Relaxed), 1);
        // What is not there is not kept.
        for _ in 0..2 {
            assert_eq!(ask("/none", 404).await.status, 404);
        }
        assert_eq!(draws.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_page_that_was_not_drawn_is_asked_for_again() {
        let cache = PageCache::new(1 << 20);
        let failed = cache.get("/".to_owned(), || async { Err::<Drawn, _>("busy") }).await;
        assert_eq!(failed.err(), Some("busy"));
        let page = cache.get("/".to_owned(), || async { Ok::<_, &str>(drawn(200, 7)) }).await.expect("drawn");
        assert_eq!(page.html, "<p>7</p>");
    }

    #[test]
    fn each_form_has_a_tag_of_its_own() {
        let page = Page::new(drawn(200, 1));
        assert_ne!(page.etags[0], page.etags[1]);
        assert_ne!(page.html, page.gzip);
    }
}
