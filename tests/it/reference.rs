//! The README's reference says what the kinds and functions say of themselves.

use std::path::Path;

use bgform::stack::reference::reference;

const BEGIN: &str = "<!-- reference: made by BGFORM_WRITE_REFERENCE=1 cargo test reference -->\n";
const END: &str = "<!-- end of reference -->\n";

#[test]
fn the_readme_has_the_reference_of_this_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("the README");
    let (before, rest) = readme.split_once(BEGIN).expect("where the reference begins");
    let (there, after) = rest.split_once(END).expect("where the reference ends");
    let expected = format!("\n{}\n", reference());
    if std::env::var_os("BGFORM_WRITE_REFERENCE").is_some() {
        #[allow(clippy::disallowed_methods, reason = "the README is no state")]
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).expect("it is written");
        return;
    }
    assert!(
        there == expected,
        "the README's reference is not of this version; run: BGFORM_WRITE_REFERENCE=1 cargo test reference"
    );
}

#[test]
fn every_kind_has_its_section_and_every_row_as_many_cells_as_its_head() {
    let text = reference();
    for kind in bgform::kind::managed() {
        assert!(text.contains(&format!("\n#### `{}`\n", kind.schema().kind)), "{}", kind.schema().kind);
    }
    for kind in bgform::kind::existing() {
        assert!(
            text.contains(&format!("\n#### `existing {}`\n", kind.schema().kind)),
            "{}",
            kind.schema().kind
        );
    }
    let mut cells = 0;
    for line in text.lines() {
        let count = line.replace("\\|", "").matches('|').count();
        if line.starts_with('|') && cells != 0 {
            assert_eq!(count, cells, "{line}");
        }
        cells = if line.starts_with('|') { count } else { 0 };
    }
}
