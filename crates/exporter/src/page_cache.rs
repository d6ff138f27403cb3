//! Pages that are large and the same for everybody: made once, however many ask at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use tokio::sync::Mutex;
use tokio::task::JoinError;
use tokio::time::Instant;

/// For how long a page is good. What is shown may change at any time; nobody asks more often for it.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The pages that were made last, by what they were made for.
#[derive(Default)]
pub(crate) struct PageCache {
    pages: ArcSwap<HashMap<String, MadePage>>,
    making: Mutex<()>,
}

#[derive(Clone)]
struct MadePage {
    body: Bytes,
    made: Instant,
}

impl PageCache {
    /// The page of this name. `make` runs on a thread that may take its time, once for all who wait. There are only as many names
    /// as the caller lets through.
    ///
    /// # Errors
    /// When `make` panics.
    pub(crate) async fn get(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<Bytes, JoinError> {
        if let Some(body) = self.made(name) {
            return Ok(body);
        }
        let _making = self.making.lock().await;
        if let Some(body) = self.made(name) {
            return Ok(body);
        }
        let body = Bytes::from(tokio::task::spawn_blocking(make).await?);
        let page = MadePage { body: body.clone(), made: Instant::now() };
        let mut pages = HashMap::clone(&self.pages.load());
        pages.retain(|_, page| page.made.elapsed() < GOOD_FOR);
        pages.insert(name.to_owned(), page);
        self.pages.store(Arc::new(pages));
        Ok(body)
    }

    fn made(&self, name: &str) -> Option<Bytes> {
        let pages = self.pages.load();
        pages.get(name).filter(|page| page.made.elapsed() < GOOD_FOR).map(|page| page.body.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_page_is_made_once_for_all_who_ask() {
        let (cache, made) = (Arc::new(PageCache::default()), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let (cache, made) = (Arc::clone(&cache), Arc::clone(&made));
            async move { cache.get("x", move || made.fetch_add(1, Ordering::Relaxed).to_string()).await.unwrap() }
        };
        let many = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(many.iter().all(|body| body == "0"));
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(ask().await, "1");
        assert!(cache.get("y", || panic!("no")).await.is_err());
        assert_eq!(ask().await, "1");
    }
}
