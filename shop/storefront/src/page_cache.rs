//! Pages that are the same for everyone: fresh for a second, then shown while they are drawn again, and drawn once however many ask.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

    /// Whether there is something on it that is known by this id: what pages are made of stands in them.
    pub(crate) fn shows(&self, id: &str) -> bool {
        let html = String::from_utf8_lossy(&self.html);
        html.match_indices(id).any(|(at, id)| {
            let next = html[at + id.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
    }
}

/// How a page was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It was there, and fresh.
    Fresh,
    /// It was there, and is drawn again meanwhile.
    Stale,
    /// It was drawn for the one who asked, and for those who waited for the same.
    Drawn,
}

impl Lookup {
    /// As browsers are told it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "hit",
            Self::Stale => "stale",
            Self::Drawn => "miss",
        }
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
pub(crate) struct PageCache {
    pages: Arc<Cache<String, Arc<Page>, ByBytes>>,
    /// How often pages were forgotten: what was being drawn meanwhile may be of what was before.
    changes: Arc<AtomicU64>,
}

impl PageCache {
    /// One that takes so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let pages = usize::try_from(bytes / USUAL_PAGE).unwrap_or(usize::MAX);
        Self { pages: Arc::new(Cache::with_weighter(pages, bytes, ByBytes)), changes: Arc::default() }
    }

    /// The page of this key, drawn by this where there is none that is good. Only pages that are there (200) are kept.
    pub(crate) async fn get<F, E>(&self, key: String, draw: impl FnOnce() -> F) -> Result<(Arc<Page>, Lookup), E>
    where
        F: Future<Output = Result<Drawn, E>> + Send + 'static,
        E: Send + 'static,
    {
        if let Some(page) = self.pages.get(&key) {
            let age = page.drawn_at.elapsed();
            if age <= FRESH {
                return Ok((page, Lookup::Fresh));
            }
            if age <= STALE {
                if !page.is_drawn_again.swap(true, Ordering::Relaxed) {
                    let (cache, drawing) = (self.clone(), draw());
                    tokio::spawn(async move { cache.replace(key, drawing).await });
                }
                return Ok((page, Lookup::Stale));
            }
            self.pages.remove(&key);
        }
        match self.pages.get_value_or_guard_async(&key).await {
            Ok(page) => Ok((page, Lookup::Drawn)),
            Err(guard) => {
                let before = self.changes.load(Ordering::Acquire);
                let page = Arc::new(Page::new(draw().await?));
                if page.status == 200 && self.changes.load(Ordering::Acquire) == before {
                    // Fails where the key was removed meanwhile: then the next one draws it.
                    let _ = guard.insert(page.clone());
                }
                Ok((page, Lookup::Drawn))
            }
        }
    }

    /// Forgets pages, so that they are drawn again before they are shown.
    pub(crate) fn forget(&self, which: impl Fn(&Page) -> bool) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.pages.retain(|_, page| !which(page));
    }

    async fn replace<E>(&self, key: String, drawing: impl Future<Output = Result<Drawn, E>>) {
        let before = self.changes.load(Ordering::Acquire);
        match drawing.await {
            Ok(drawn) if drawn.status == 200 && self.changes.load(Ordering::Acquire) == before => {
                self.pages.insert(key, Arc::new(Page::new(drawn)));
            }
            Ok(_) => drop(self.pages.remove(&key)),
            // What there is goes on being shown, and the next reader tries again.
            Err(_) => {
                if let Some(page) = self.pages.get(&key) {
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

    use super::{Lookup, Page, PageCache};
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
                cache.get(key, draw).await.expect("drawn").0
            }
        };
        let pages = join_all((0..20).map(|_| ask("/", 200))).await;
        assert!(pages.iter().all(|page| Arc::ptr_eq(page, &pages[0])));
        assert_eq!(draws.load(Ordering::Relaxed), 1);
        let (_, found) = cache.get("/".to_owned(), || async { Err::<Drawn, _>("not asked") }).await.expect("kept");
        assert_ne!(found, Lookup::Drawn);
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
        let (page, found) = cache.get("/".to_owned(), || async { Ok::<_, &str>(drawn(200, 7)) }).await.expect("drawn");
        assert_eq!((page.html.as_ref(), found), (b"<p>7</p>".as_slice(), Lookup::Drawn));
    }

    #[tokio::test]
    async fn what_has_changed_is_drawn_again() {
        let cache = PageCache::new(1 << 20);
        let ask = async |key: &str, id: &'static str| {
            let drawn =
                move || async move { Ok::<_, &str>(Drawn { status: 200, html: format!("{{\"id\":\"{id}\"}}") }) };
            cache.get(key.to_owned(), drawn).await.expect("drawn").1
        };
        for key in ["/p/vase", "/p/vase-2"] {
            ask(key, if key == "/p/vase" { "prd_vase" } else { "prd_vase-2" }).await;
        }
        cache.forget(|page| page.shows("prd_vase"));
        assert_eq!(ask("/p/vase", "prd_vase").await, Lookup::Drawn);
        assert_ne!(ask("/p/vase-2", "prd_vase-2").await, Lookup::Drawn);
        // What was begun before the change is shown, and not kept.
        let changing = cache.clone();
        let draw = || async move {
            changing.forget(|_| true);
            Ok::<_, &str>(drawn(200, 1))
        };
        let (page, _) = cache.get("/".to_owned(), draw).await.expect("drawn");
        assert_eq!((page.status, ask("/", "prd_lamp").await), (200, Lookup::Drawn));
    }

    #[test]
    fn each_form_has_a_tag_of_its_own() {
        let page = Page::new(drawn(200, 1));
        assert_ne!(page.etags[0], page.etags[1]);
        assert_ne!(page.html, page.gzip);
    }
}
