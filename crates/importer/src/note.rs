//! What a run has to tell, before it is told: planning prints nothing.

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// For people who look.
    Info,
    /// Perhaps not what was meant.
    Warning,
    /// Something is not done.
    Error,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// How bad it is.
    pub level: Level,
    /// Whether the line begins with the type of the objects.
    pub prefixed: bool,
    /// Whether something is not done because of it: the run then fails in the end.
    pub fails: bool,
    /// The line.
    pub text: String,
}

impl Note {
    fn new(level: Level, prefixed: bool, text: impl Into<String>) -> Self {
        Self { level, prefixed, fails: level == Level::Error, text: text.into() }
    }

    /// A line for people who look, as the original wrote it: without prefix.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(Level::Info, false, text)
    }

    /// A warning without prefix, as the original wrote those about the configuration.
    pub fn plain_warning(text: impl Into<String>) -> Self {
        Self::new(Level::Warning, false, text)
    }

    /// Something that may not be what was meant.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::new(Level::Warning, true, text)
    }

    /// Something that is not done.
    pub fn error(text: impl Into<String>) -> Self {
        Self::new(Level::Error, true, text)
    }

    /// Because of this something is not done.
    pub fn failing(mut self) -> Self {
        self.fails = true;
        self
    }
}
