//! What holds the source tree together: its history, and later its borders.

mod history;
