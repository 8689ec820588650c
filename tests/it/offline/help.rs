//! The README and the pages of `bgform help`: what they show is so, and what the binary prints is in the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bgform::cli::help::pages;
use clap::{CommandFactory, Parser};

use crate::kit::product::Product;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names and texts of the README and of all pages.
fn texts() -> Vec<(String, String)> {
    let pages = pages().into_iter().map(|page| (page.name.clone(), page.text()));
    std::iter::once(("README.md".to_owned(), read("README.md"))).chain(pages).collect()
}

/// The contents of the fenced blocks of one language in a page.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let starts = page.match_indices(&fence).map(|(at, _)| &page[at + fence.len()..]);
    starts.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The words of a command line, as a shell splits it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().expect("a word").push(c),
        }
    }
    words
}

/// Asserts that a command line of bgform is one; in a sentence it may be without its arguments.
fn check(line: &str, from: &str, in_a_sentence: bool) {
    use clap::error::ErrorKind;
    let Err(error) = bgform::cli::Args::try_parse_from(words(line)) else { return };
    let named = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    let is_one = error.kind() == ErrorKind::DisplayHelp || (in_a_sentence && named.contains(&error.kind()));
    assert!(is_one, "{from}: {line}: {error}");
}

#[test]
fn the_readme_is_read_in_a_few_minutes() {
    assert!(read("README.md").len() <= 12_000, "{} bytes", read("README.md").len());
}

#[test]
fn every_command_in_a_page_is_one() {
    let mut seen = 0;
    for (name, text) in texts() {
        for line in blocks(&text, "console").iter().flat_map(|block| block.lines()) {
            let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{name}: `{line}` is no command"));
            match command.split(' ').next().unwrap_or_default() {
                "bgform" => {
                    check(command, &name, false);
                    seen += 1;
                }
                "cargo" => {}
                script => assert!(root().join(script).exists(), "{name}: {command}"),
            }
        }
        for span in text.split('`').skip(1).step_by(2).filter(|span| span.starts_with("bgform ")) {
            check(span, &name, true);
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

/// All files below a folder of the repository with one of these endings.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, endings, found),
            false if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) => {
                found.push(path);
            }
            false => {}
        }
    }
}

#[test]
fn every_page_that_is_named_somewhere_is_there() {
    let functions = bgform::stack::reference::each_function();
    let names: BTreeSet<String> = pages().into_iter().chain(functions).map(|page| page.name).collect();
    let commands = bgform::cli::Args::command();
    let mut paths = vec![root().join("README.md")];
    for folder in ["src", "stacks"] {
        files(&root().join(folder), &["rs", "md", "deploy"], &mut paths);
    }
    let mut seen = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, begin) in text.match_indices("`bgform help ") {
            let name = text[at + begin.len()..].split('`').next().unwrap_or_default();
            let is_command = commands.find_subcommand(name.split(' ').next().unwrap_or_default()).is_some();
            let is_filled_in = name.starts_with(['{', '$']) || name.chars().all(|c| c.is_ascii_uppercase());
            assert!(names.contains(name) || is_command || is_filled_in, "{}: {name}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn every_link_in_the_repository_leads_to_a_file() {
    let mut pages = vec![root().join("README.md")];
    for folder in ["src", "tests"] {
        files(&root().join(folder), &["md"], &mut pages);
    }
    let mut seen = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("https://")) {
            assert!(page.with_file_name(link).exists(), "{}: {link}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn the_page_of_the_sandbox_counts_the_actions_of_each_service() {
    let page = read("src/sandbox/README.md");
    for folder in std::fs::read_dir(root().join("src/sandbox")).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(shapes) = std::fs::read_to_string(folder.join("shapes.txt")) else { continue };
        let is_action = |line: &&str| matches!(line.split(' ').nth(1), Some("plain" | "own" | "rest"));
        let service = folder.file_name().unwrap().to_str().unwrap();
        let row = format!("| `{service}` | {} |", shapes.lines().filter(is_action).count());
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn the_reference_in_the_repository_is_what_this_version_prints() {
    let folder = root().join("src/help/reference");
    let mut there = BTreeSet::new();
    for page in bgform::stack::reference::topics().into_iter().chain(bgform::stack::reference::kinds()) {
        let path = folder.join(format!("{}.md", page.name.replace(' ', "_")));
        if std::env::var_os("BGFORM_WRITE_REFERENCE").is_some() {
            #[allow(clippy::disallowed_methods, reason = "a page is no state")]
            std::fs::write(&path, page.text()).expect("it is written");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        let how = "run: BGFORM_WRITE_REFERENCE=1 cargo test --test it the_reference";
        assert!(golden == page.text(), "{} is not of this version; {how}", path.display());
        there.insert(path);
    }
    let mut all = Vec::new();
    files(&folder, &["md"], &mut all);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), there);
}

#[test]
fn every_kind_has_its_page_and_every_row_as_many_cells_as_its_head() {
    let all = pages();
    let named = |name: &str| all.iter().any(|page| page.name == name && page.text().starts_with("# `"));
    for kind in bgform::kind::managed() {
        assert!(named(kind.schema().kind), "{}", kind.schema().kind);
    }
    for kind in bgform::kind::existing() {
        assert!(named(&format!("existing {}", kind.schema().kind)), "{}", kind.schema().kind);
    }
    for page in &all {
        let mut cells = 0;
        for line in page.text().lines() {
            let count = line.replace("\\|", "").matches('|').count();
            if line.starts_with('|') && cells != 0 {
                assert_eq!(count, cells, "{}: {line}", page.name);
            }
            cells = if line.starts_with('|') { count } else { 0 };
        }
    }
}

#[test]
fn help_lists_the_pages_and_prints_each_as_it_is_in_the_repository() {
    let product = Product::alone();
    let listed = product.run(&["help"]).exits(0).says("  apply ");
    let mut written = Vec::new();
    files(&root().join("src/help"), &["md"], &mut written);
    assert_eq!(written.len(), pages().len());
    let readme = read("README.md");
    let topic = |path: &&PathBuf| path.parent().is_some_and(|folder| folder.ends_with("help"));
    for path in written.iter().filter(topic) {
        let link = format!("(src/help/{})", path.file_name().unwrap().to_str().unwrap());
        assert!(readme.contains(&link), "{link} is not in the README");
    }
    let has_comment = |line: &&str| !line.starts_with("<!--");
    for path in written {
        let name = path.file_stem().unwrap().to_str().unwrap().replace('_', " ");
        // The words of a name are joined as one likes: `target group` is `target_group`.
        let last = name.trim_start_matches("existing ");
        let listed_as = [last.to_owned(), last.replace(' ', "_"), last.replace(' ', "-")];
        assert!(listed_as.iter().any(|name| listed.out.contains(&**name)), "{name} is not listed");
        let printed = product.run(&["help", &name]).exits(0).out;
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(has_comment) {
            let line = line.split(" <!--").next().unwrap_or_default();
            assert!(printed.contains(line), "{name}: {line}\nis not in\n{printed}");
        }
        assert!(!printed.contains("<!--"), "{name}: {printed}");
    }
}

#[test]
fn a_command_that_is_a_topic_too_has_both_pages() {
    let product = Product::alone();
    let page = product.run(&["help", "sandbox"]).exits(0).says("# The sandbox");
    page.says("## `bgform sandbox --help`").says("Usage: bgform sandbox [OPTIONS] <COMMAND>");
    let command = product.run(&["help", "sandbox", "up"]).exits(0);
    assert_eq!(command.out, product.run(&["sandbox", "up", "--help"]).exits(0).out);
    assert_eq!(product.run(&["help"]).exits(0).out, product.run(&["--help"]).exits(0).out);
}

#[test]
fn a_topic_that_is_none_is_told_with_the_nearest_one_and_the_list() {
    let product = Product::alone();
    let told = product.run(&["help", "recovry"]).exits(2);
    let told =
        told.says("there is no command, topic, kind or function `recovry`").says("`bgform help recovery`");
    told.says("language, deployments, strategies, gates").says("`bgform help` lists");
    product.run(&["help", "existing", "vpcs"]).exits(2).says("`bgform help existing vpc`");
}

#[test]
fn every_fault_is_in_its_page_with_its_example() {
    let page = read("src/help/sandbox.md");
    let table =
        page.split("<!-- faults").nth(1).and_then(|rest| rest.split("## ").next()).unwrap_or_default();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let kinds = bgform::sandbox::faults::KINDS;
    assert_eq!(rows.len(), kinds.len());
    for (row, (name, example)) in rows.iter().zip(kinds) {
        assert!(row.starts_with(&format!("| `{name}` | `{example}` |")), "{row}");
    }
}

#[test]
fn every_sentence_about_recovery_has_its_test() {
    let mut paths = Vec::new();
    for folder in ["src", "tests/it"] {
        files(&root().join(folder), &["rs"], &mut paths);
    }
    let texts: String = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let page = read("src/help/recovery.md");
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with("- ")).collect();
    for line in &lines {
        let (said, tests) = line.split_once("<!-- ").unwrap_or_else(|| panic!("no test: {line}"));
        let sentences = said.trim_end().trim_end_matches('.').split(". ").count();
        let tests: BTreeSet<_> = tests.trim_end_matches(" -->").split(' ').collect();
        assert!(tests.len() >= sentences, "{sentences} sentences, {} tests: {line}", tests.len());
        for test in tests {
            let (before, _) = texts.split_once(&format!("fn {test}(")).unwrap_or_default();
            let attribute =
                before.lines().rev().find(|line| !line.trim().is_empty() && line.trim() != "async");
            assert!(
                attribute.is_some_and(|line| line.ends_with("test]")),
                "there is no test `{test}`: {line}"
            );
        }
    }
    assert!(lines.len() > 10);
}

#[test]
fn every_stack_in_a_page_is_valid_and_formatted() {
    let product = Product::alone();
    let mut seen = 0;
    for (page, text) in texts() {
        // A module's first line is a comment with its path.
        for module in blocks(&text, "module") {
            let path = module.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a path");
            product.write(path, &module);
            product.run(&["fmt", "--check", path]).exits(0);
        }
        for text in blocks(&text, "deploy") {
            let name = format!("{}-{seen}.deploy", page.replace('.', "-"));
            product.write(&name, &text);
            let release = text.contains("variable \"release\"").then_some(["--var", "release=1.0"]);
            let release = release.iter().flatten().copied();
            product.run(&["validate", &name].into_iter().chain(release).collect::<Vec<_>>()).exits(0);
            product.run(&["fmt", "--check", &name]).exits(0);
            seen += 1;
        }
    }
    assert!(seen > 2, "{seen}");
}

#[test]
fn the_stacks_of_the_repository_are_formatted_and_the_explicit_one_is_the_examples() {
    let product = Product::alone();
    product.copy_stack("explicit.deploy");
    product.run(&["fmt", "--check", "explicit.deploy"]).exits(0);
    product.run(&["validate", "explicit.deploy"]).exits(0).says("is valid: 14 resources");
    for name in ["shop.deploy", "canary.deploy", "release.deploy"] {
        product.copy_stack(name);
        product.run(&["fmt", "--check", name]).exits(0);
        product.run(&["validate", name, "--var", "release=1.0"]).exits(0);
    }
    product.copy_stack("hello.deploy");
    product.run(&["fmt", "--check", "hello.deploy"]).exits(0);
    product.run(&["validate", "hello.deploy"]).exits(0).says("is valid: 9 resources");
}

#[test]
fn every_command_has_help_with_an_example() {
    let product = Product::alone();
    let commands = ["validate", "fmt", "plan", "apply", "destroy", "import", "show", "graph", "permissions"];
    for command in commands.iter().chain(&["completions", "sandbox", "rehearse"]) {
        product.run(&[command, "--help"]).exits(0).says("Examples");
    }
}
