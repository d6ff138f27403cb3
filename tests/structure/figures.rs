//! How big each crate is, and what of it is tangled. Of another checkout too:
//!
//!     VPOLLER_TREE=/path/of/a/checkout cargo test --test integration structure::figures -- --nocapture

use super::circles::{circles, files, top_modules};
use super::names::repeated;
use super::sources;

#[test]
fn no_crate_holds_a_quarter_of_the_code() {
    let sources = sources();
    let sizes: Vec<usize> = sources.packages.iter().map(|package| package.lines.values().sum()).collect();
    let all: usize = sizes.iter().sum();
    println!("| crate | files | lines without tests | circles of top modules | circles of files | names used twice |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (number, package) in sources.packages.iter().enumerate() {
        let lengths = |graph| circles(&graph).iter().map(|circle| circle.len().to_string()).collect::<Vec<_>>().join(", ");
        let (modules, of_files) = (lengths(top_modules(sources, number)), lengths(files(sources, number)));
        let (name, count, twice) = (&package.name, package.lines.len(), repeated(sources, number).len());
        println!("| {name} | {count} | {} | {modules} | {of_files} | {twice} |", sizes[number]);
    }
    println!("all: {all} lines");
    for (package, size) in sources.packages.iter().zip(sizes) {
        assert!(size * 4 < all, "{} has {size} of {all} lines: what of it stands for itself?", package.name);
    }
}
