//! A browser without a screen: Chromium, driven as a person would drive it.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::process::Process;
use crate::wait::SLOW;
use crate::{ports, wait_until, workspace};

/// Width and height of the window.
const WINDOW: (u32, u32) = (1600, 1000);

/// A browser window of its own, with an empty profile.
pub struct Browser {
    runtime: Runtime,
    client: Client,
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Opens a window.
    ///
    /// # Panics
    /// When Chromium or its driver is missing or does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("folder of a browser");
        let [port] = ports::free();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("HOME", profile.path());
        let driver = Process::spawn_ended_by(libc::SIGTERM, command);
        wait_until(SLOW, "chromedriver (installed by `make setup`)", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime of a browser");
        let data = format!("--user-data-dir={}", profile.path().join("profile").display());
        let window = format!("--window-size={},{}", WINDOW.0, WINDOW.1);
        // Nothing that talks to the outside, and what Chromium wants to run as root in a container.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-sync",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            &window,
            &data,
        ];
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}});
        let capabilities = capabilities.as_object().cloned().expect("an object");
        let connect = async {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await
        };
        let client = within(&runtime, connect).unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        Self { runtime, client, _driver: driver, _profile: profile }
    }

    /// Opens a page.
    #[track_caller]
    pub fn open(&self, url: &str) {
        within(&self.runtime, self.client.goto(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Types into the field that a CSS selector finds.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let typing = async { self.client.find(Locator::Css(selector)).await?.send_keys(text).await };
        within(&self.runtime, typing).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Clicks what a CSS selector finds.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let clicking = async { self.client.find(Locator::Css(selector)).await?.click().await };
        within(&self.runtime, clicking).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Clicks what a CSS selector finds, as soon as it is there and nothing covers it.
    ///
    /// # Panics
    /// When that is not so after [`SLOW`].
    #[track_caller]
    pub fn click_when_there(&self, selector: &str) {
        wait_until(SLOW, &format!("{selector} to click"), || {
            let clicking = async { self.client.find(Locator::Css(selector)).await?.click().await };
            within(&self.runtime, clicking).is_ok()
        });
    }

    /// The text of the page as a person sees it.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        let reading = async { self.client.find(Locator::Css("body")).await?.text().await };
        within(&self.runtime, reading).unwrap_or_default()
    }

    /// Waits until the page shows all these texts.
    ///
    /// # Panics
    /// When one is still missing after [`SLOW`]; with the page.
    #[track_caller]
    pub fn wait_for(&self, texts: &[&str]) {
        let mut missing = Vec::new();
        let shown = crate::wait::poll(SLOW, || {
            let page = self.text();
            missing = texts.iter().filter(|text| !page.contains(**text)).collect();
            missing.is_empty().then_some(())
        });
        assert!(shown.is_some(), "the page does not show {missing:?}:\n{}", self.text());
    }

    /// Waits until at least `count` of the images that a CSS selector finds are loaded and not broken.
    ///
    /// # Panics
    /// When that is not so after [`SLOW`]; with what there is.
    #[track_caller]
    pub fn wait_for_images(&self, selector: &str, count: u64) {
        let script = "const found = [...document.querySelectorAll(arguments[0])]; \
                      return [found.filter(one => one.complete && one.naturalWidth > 1).length, found.map(one => one.src)]";
        let mut last = Value::Null;
        let shown = crate::wait::poll(SLOW, || {
            last = within(&self.runtime, self.client.execute(script, vec![json!(selector)])).unwrap_or_default();
            last[0].as_u64().is_some_and(|shown| shown >= count).then_some(())
        });
        assert!(shown.is_some(), "the page does not show {count} images: {last}");
    }

    /// Waits until nothing moves, loads or is drawn anew any more: two pictures of it are the same.
    ///
    /// # Panics
    /// When that is not so after [`SLOW`].
    #[track_caller]
    pub fn wait_for_idle(&self) {
        let mut before = Vec::new();
        wait_until(SLOW, "a page at rest", || {
            let now = within(&self.runtime, self.client.screenshot()).unwrap_or_default();
            let same = !now.is_empty() && now == before;
            before = now;
            same
        });
    }

    /// Takes a picture of the window into `target/screenshots`, from where `make screenshots` copies it into the documentation.
    #[track_caller]
    pub fn picture(&self, name: &str) {
        let folder = screenshots();
        fs::create_dir_all(&folder).expect("folder of the pictures");
        let picture = within(&self.runtime, self.client.screenshot()).unwrap_or_else(|error| panic!("picture {name}: {error}"));
        fs::write(folder.join(format!("{name}.png")), picture).expect("a picture");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends it otherwise.
        let _ = within(&self.runtime, self.client.clone().close());
    }
}

fn screenshots() -> PathBuf {
    workspace::artefact("screenshots")
}

fn within<T, E: std::fmt::Display>(runtime: &Runtime, work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    let work = async { tokio::time::timeout(SLOW, work).await };
    match runtime.block_on(work) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", SLOW.as_secs())),
    }
}
