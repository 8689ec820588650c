//! What the product is built from, as `cargo metadata` has it: licences, sources, and crates that are there
//! twice. Advisories are not looked at: CI reaches no database of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences whose terms allow a binary under MIT or Apache-2.0.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "ISC",
    "BSD-3-Clause",
    "Zlib",
    "Unicode-3.0",
    "0BSD",
    "BlueOak-1.0.0",
    "Apache-2.0 WITH LLVM-exception",
];

/// Crates that another one does instead of, and why.
const BANNED: [(&str, &str); 3] = [
    ("openssl-sys", "rustls with ring is what speaks TLS"),
    ("aws-lc-sys", "rustls with ring is what speaks TLS"),
    ("chrono", "jiff is what knows time"),
];

/// Crates of the linked product that are there in several versions, how many, and because of whom.
const SEVERAL: [(&str, usize, &str); 13] = [
    ("base64", 2, "hyper-util is ahead"),
    ("cpufeatures", 2, "sha2 0.10 and chacha20"),
    ("foldhash", 2, "hashbrown"),
    ("getrandom", 3, "ring, rand 0.9 and tempfile"),
    ("hashbrown", 3, "petgraph, lru and indexmap"),
    ("http", 2, "aws-smithy-runtime-api converts between 0.2 and 1"),
    ("http-body", 2, "aws-smithy-types converts between 0.4 and 1"),
    ("object", 2, "backtrace of miette, and psm's build"),
    ("rand", 2, "proptest is ahead"),
    ("rand_core", 2, "rand"),
    ("syn", 2, "derives that are behind"),
    ("synstructure", 2, "syn"),
    ("unicode-width", 2, "miette is behind"),
];

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The packages that are built.
fn packages(metadata: &Value) -> Vec<&Value> {
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a list").iter();
    let nodes: BTreeSet<&str> = nodes.filter_map(|node| node["id"].as_str()).collect();
    let all = metadata["packages"].as_array().expect("a list").iter();
    all.filter(|package| package["id"].as_str().is_some_and(|id| nodes.contains(id))).collect()
}

/// Whether an SPDX expression can be met with what is allowed; `/` is an older word for `OR`.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.trim().replace('/', " OR ");
    // Split where no parenthesis is open.
    let split = |word: &str| {
        let (mut parts, mut open, mut from) = (Vec::new(), 0, 0);
        for (at, c) in expression.char_indices() {
            open += i32::from(c == '(') - i32::from(c == ')');
            if open == 0 && expression[at..].starts_with(word) {
                parts.push(expression[from..at].to_owned());
                from = at + word.len();
            }
        }
        parts.push(expression[from..].to_owned());
        parts
    };
    let (either, all) = (split(" OR "), split(" AND "));
    let inner = expression.trim().strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    match (either.len(), all.len(), inner) {
        (2.., ..) => either.iter().any(|one| is_allowed(one)),
        (_, 2.., _) => all.iter().all(|one| is_allowed(one)),
        (_, _, Some(inner)) => is_allowed(inner),
        _ => ALLOWED.contains(&expression.trim()),
    }
}

#[test]
fn an_expression_is_met_as_spdx_means_it() {
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-3.0) AND Unicode-3.0"] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", ""] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

#[test]
fn every_crate_comes_from_the_registry_under_a_licence_that_allows_it() {
    let metadata = metadata();
    let packages = packages(&metadata);
    assert!(packages.len() > 100, "{}", packages.len());
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        match package["source"].as_str() {
            None if name.starts_with("bgform") => {}
            Some("registry+https://github.com/rust-lang/crates.io-index") => {}
            other => wrong.push(format!("{name} comes from {other:?}")),
        }
        if !package["license"].as_str().is_some_and(is_allowed) {
            wrong.push(format!("{name} has the licence {}", package["license"]));
        }
        wrong.extend(BANNED.iter().filter(|(one, _)| *one == name).map(|(one, why)| format!("{one}: {why}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_crate_is_there_several_times_but_these() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages(&metadata) {
        *versions.entry(package["name"].as_str().unwrap_or_default()).or_default() += 1;
    }
    let told = |name: &str| SEVERAL.iter().find(|(one, ..)| *one == name).map_or(1, |(_, count, _)| *count);
    let wrong: Vec<_> = versions.iter().filter(|(name, count)| told(name) != **count).collect();
    assert!(wrong.is_empty(), "SEVERAL does not say so: {wrong:?}");
    let gone: Vec<_> = SEVERAL.iter().filter(|(name, ..)| !versions.contains_key(name)).collect();
    assert!(gone.is_empty(), "SEVERAL has crates that are not there: {gone:?}");
}
