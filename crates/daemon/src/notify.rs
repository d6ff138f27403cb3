//! Telling systemd how it goes; nothing happens where systemd did not start us.
//!
//! A failure to notify is no reason to stop working, so it is only logged for debugging.

use sd_notify::NotifyState;

/// Everything is set up and running.
pub fn ready() {
    send(NotifyState::Ready);
}

/// The program is on its way out.
pub fn stopping() {
    send(NotifyState::Stopping);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    send(NotifyState::Status(text));
}

fn send(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::debug!("cannot notify the service manager: {error}");
    }
}
