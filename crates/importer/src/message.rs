//! Log lines that a plan carries. Planning itself logs nothing.

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum MessageLevel {
    Info,
    /// It may not be what the operator meant.
    Warning,
    /// Something is not done because of it.
    Error,
}

/// One log line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub level: MessageLevel,
    /// Whether the line begins with the type of the objects, as `[vSphere VirtualMachine]`.
    pub prefixed: bool,
    /// Whether the run ends with a failure because of it.
    pub fails: bool,
    pub text: String,
}

impl Message {
    fn new(level: MessageLevel, prefixed: bool, text: impl Into<String>) -> Self {
        Self { level, prefixed, fails: level == MessageLevel::Error, text: text.into() }
    }

    /// Information without prefix, as the original importer wrote it.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(MessageLevel::Info, false, text)
    }

    /// A warning without prefix, as the original importer wrote those about the configuration.
    pub(crate) fn plain_warning(text: impl Into<String>) -> Self {
        Self::new(MessageLevel::Warning, false, text)
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new(MessageLevel::Warning, true, text)
    }

    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::new(MessageLevel::Error, true, text)
    }

    /// Makes the run fail.
    pub(crate) fn failing(mut self) -> Self {
        self.fails = true;
        self
    }
}
