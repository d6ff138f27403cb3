//! What a panic said.

use std::any::Any;

/// The message of a panic that was caught, by its payload.
#[must_use]
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[tokio::test]
    async fn a_panic_becomes_its_message() {
        let late = async {
            tokio::task::yield_now().await;
            panic!("bad {}", 2)
        };
        let payload: Box<dyn Any + Send> = AssertUnwindSafe(late).catch_unwind().await.map(|(): ()| ()).expect_err("a panic");
        assert_eq!(panic_message(&*payload), "bad 2");
        let payload = catch_unwind(|| panic!("plain")).expect_err("a panic");
        assert_eq!(panic_message(&*payload), "plain");
        assert_eq!(panic_message(&7), "a panic without a message");
    }
}
