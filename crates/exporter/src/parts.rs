//! The parts of our own page, by name. Settings and queries choose among them; what each shows is in [`crate::collectors`].

/// All of them in the order of the page, each with whether it is shown when nothing is set.
const PARTS: [(&str, bool); 13] = [
    ("exporter", true),
    ("vcenter", true),
    ("vm", true),
    ("vm_disk", false),
    ("vm_nic", false),
    ("vm_cpu", false),
    ("snapshot", true),
    ("snapshot_each", false),
    ("guest", true),
    ("host", true),
    ("cluster", true),
    ("datastore", true),
    ("resource_pool", false),
];

/// The names of all parts.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|(name, _)| *name)
}

/// The names of the parts that are shown when nothing is set.
pub(crate) fn usual_names() -> impl Iterator<Item = &'static str> {
    PARTS.iter().filter(|(_, is_usual)| *is_usual).map(|(name, _)| *name)
}
