//! Examples in the documentation: the code blocks of a page, by the words behind their opening fence.

use std::fs;

use vpoller_testkit::workspace;

/// A fenced block.
pub(crate) struct Block {
    /// The words behind the fence, such as `json request`.
    pub kind: String,
    /// What stands between the fences, without the last line break.
    pub text: String,
}

/// The fenced blocks of a page of the source tree, in order.
#[track_caller]
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(workspace::root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut parts = text.split("\n```");
    parts.next();
    let mut blocks = Vec::new();
    while let (Some(block), Some(_text_after)) = (parts.next(), parts.next()) {
        let (kind, text) = block.split_once('\n').unwrap_or_else(|| panic!("{page}: an empty block"));
        blocks.push(Block { kind: kind.to_owned(), text: text.to_owned() });
    }
    blocks
}

/// The texts of the blocks of one kind.
#[track_caller]
pub(crate) fn programs(page: &str, language: &str) -> Vec<String> {
    blocks(page).into_iter().filter(|block| block.kind == language).map(|block| block.text).collect()
}

#[test]
fn blocks_are_found_by_their_fences() {
    let found = blocks("docs/protocol.md");
    let first = found.first().unwrap();
    assert_eq!((first.kind.as_str(), first.text.lines().next()), ("python", Some("import zmq")));
    assert!(found.iter().all(|block| ["python", "ruby", "rust", "json", "text"].iter().any(|word| block.kind.starts_with(word))));
}
