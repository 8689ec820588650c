//! What the README shows is so.

use clap::Parser;
use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");

/// The contents of the fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let starts = README.match_indices(&fence).map(|(at, _)| &README[at + fence.len()..]);
    starts.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_command_in_the_readme_is_one() {
    let mut seen = 0;
    for line in blocks("console").iter().flat_map(|block| block.lines()) {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("`{line}` is no command"));
        let program = command.split(' ').next().unwrap_or_default();
        match program {
            "bgform" => {
                let parsed = bgform::cli::Args::try_parse_from(command.split(' '));
                assert!(
                    parsed.is_ok(),
                    "{command}: {}",
                    parsed.err().map(|e| e.to_string()).unwrap_or_default()
                );
                seen += 1;
            }
            "cargo" => {}
            script => {
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
                assert!(path.exists(), "{command}");
            }
        }
    }
    assert!(seen >= 4);
}

#[test]
fn every_fault_is_in_the_readme_with_its_example() {
    let table =
        README.split("<!-- faults").nth(1).and_then(|rest| rest.split("## ").next()).unwrap_or_default();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let kinds = bgform::sandbox::faults::KINDS;
    assert_eq!(rows.len(), kinds.len());
    for (row, (name, example)) in rows.iter().zip(kinds) {
        assert!(row.starts_with(&format!("| `{name}` | `{example}` |")), "{row}");
    }
}

/// All Rust files below a folder of the repository.
fn sources(folder: &std::path::Path, texts: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => sources(&path, texts),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                texts.push_str(&std::fs::read_to_string(path).unwrap());
            }
            false => {}
        }
    }
}

#[test]
fn every_sentence_about_recovery_has_its_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = String::new();
    for folder in ["src", "tests/it"] {
        sources(&root.join(folder), &mut texts);
    }
    let page = README.split("<!-- recovery").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
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
fn every_stack_in_the_readme_is_valid_and_formatted() {
    let product = crate::product::Product::alone();
    for (index, text) in blocks("deploy").iter().enumerate() {
        let name = format!("readme-{index}.deploy");
        product.write(&name, text);
        product.run(&["validate", &name]).exits(0);
        product.run(&["fmt", "--check", &name]).exits(0);
    }
}

#[test]
fn the_stacks_of_the_repository_are_formatted_and_the_explicit_one_is_the_examples() {
    let product = crate::product::Product::alone();
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
fn the_stories_in_the_readme_are_told() {
    let marked = README.split("<!-- story: kept by tests/it/readme.rs -->").skip(1);
    let block = |rest: &str| {
        rest.split("```text\n").nth(1).and_then(|rest| rest.split("```").next().map(str::to_owned))
    };
    let stories: Vec<String> = marked.filter_map(block).collect();
    let product = crate::product::Product::on_sandbox(&[]);
    product.copy_stack("release.deploy");
    let release = |command: &[&str], release: &str| {
        let release = format!("release={release}");
        product.run(&[command, &["release.deploy", "--var", &release]].concat()).exits(0)
    };
    release(&["apply", "--auto-approve"], "1.0").says("web: 1.0 is live on blue.");
    let told = [release(&["apply", "--auto-approve"], "2.0"), release(&["plan"], "1.0")];
    assert_eq!(stories.len(), told.len());
    for (story, run) in stories.iter().zip(told) {
        assert!(run.out.contains(story.as_str()), "{story}\nis not in\n{}", run.out);
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let product = crate::product::Product::alone();
    let commands = ["validate", "fmt", "plan", "apply", "destroy", "import", "show", "graph", "permissions"];
    for command in commands.iter().chain(&["completions", "sandbox", "rehearse"]) {
        product.run(&[command, "--help"]).exits(0).says("Examples");
    }
}
