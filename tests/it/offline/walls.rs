//! The rooms of `src/README.md`, and that none imports one above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const MAP: &str = include_str!("../../../src/README.md");

/// The first words of a section's table rows, as they stand in backticks.
fn rows(section: &str, columns: usize) -> Vec<Vec<String>> {
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let cells = |line: &str| {
        let cells = line.split('|').skip(1).take(columns);
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    lines.map(cells).collect()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => sources(&path, files),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
}

/// The lines of a file that are code: no comments, no tests.
fn code(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a file");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect()
}

/// Tests may look up: they are held by nobody.
fn is_test(place: &Path) -> bool {
    place.iter().filter_map(|part| part.to_str()).any(|part| part.contains("test"))
}

/// The rooms that each room names as `crate::ROOM` outside comments, with a file that does.
fn imports(src: &Path, rooms: &[String]) -> BTreeMap<(String, String), PathBuf> {
    let mut files = Vec::new();
    sources(src, &mut files);
    let mut found = BTreeMap::new();
    for file in files {
        let place = file.strip_prefix(src).expect("below src").to_owned();
        let first = place.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
        let room = first.trim_end_matches(".rs").to_owned();
        // Crates of their own, and the crate's own root.
        if ["lang", "sandbox", "clock", "lib", "main"].contains(&room.as_str()) {
            continue;
        }
        assert!(rooms.contains(&room), "{} is in no room of src/README.md", place.display());
        if is_test(&place) {
            continue;
        }
        for line in code(&file) {
            for (at, _) in line.match_indices("crate::") {
                let name: String =
                    line[at + 7..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if rooms.contains(&name) && name != room {
                    found.entry((room.clone(), name)).or_insert_with(|| place.clone());
                }
            }
        }
    }
    found
}

#[test]
fn no_room_imports_one_above_it() {
    let (map, left) = MAP.split_once("## Still upward").expect("both tables");
    let (map, _) = map.split_once("\n\nIn `lang`").expect("the table of rooms");
    let rooms: Vec<String> = rows(map, 1).into_iter().flatten().collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in &rooms {
        let there = [src.join(room), src.join(format!("{room}.rs"))].iter().any(|path| path.exists());
        assert!(there, "`{room}` of src/README.md is not there");
    }
    let height = |room: &str| rooms.iter().position(|other| other == room).expect("a room");
    let known: BTreeSet<(String, String)> =
        rows(left, 2).into_iter().map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let imports = imports(&src, &rooms);
    assert!(imports.len() > 30, "the imports were not found: {imports:?}");
    let upward: BTreeSet<_> =
        imports.keys().filter(|(from, to)| height(to) < height(from)).cloned().collect();
    let new: Vec<_> = upward
        .difference(&known)
        .map(|(from, to)| (from, to, &imports[&(from.clone(), to.clone())]))
        .collect();
    assert!(new.is_empty(), "these go up: {new:#?}");
    let gone: Vec<_> = known.difference(&upward).collect();
    assert!(gone.is_empty(), "src/README.md lists what is gone: {gone:?}");
}

/// A fleet and a router are seams: what ships by them knows neither AWS's services nor a kind by its name.
#[test]
fn a_rollout_names_no_service() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let kinds: Vec<String> =
        bgform::kind::managed().iter().map(|kind| format!("\"{}\"", kind.schema().kind)).collect();
    let mut words: Vec<&str> = kinds.iter().map(String::as_str).collect();
    words.extend([
        "aws_",
        "Service::",
        "autoscaling",
        "ec2",
        "elbv2",
        "elasticloadbalancing",
        "ssm:",
        "iam:",
    ]);
    let (mut files, mut found) = (Vec::new(), Vec::new());
    for room in ["deployment", "rollout"] {
        sources(&src.join(room), &mut files);
    }
    assert!(files.len() > 60, "the files were not found");
    for file in files.iter().filter(|file| !is_test(file.strip_prefix(&src).expect("below src"))) {
        let named = |line: &String| words.iter().any(|word| line.contains(word));
        found.extend(code(file).into_iter().filter(named).map(|line| (file.clone(), line)));
    }
    assert!(found.is_empty(), "{found:#?}");
}
