//! Tests of `state/`, on folders that they may damage.

mod crash;
mod damage;
mod fuzz;
mod locks;
mod refusals;
mod replay;
mod restore;
mod session;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::address::Address;
use crate::object;
use crate::value::Value;

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub fn record(id: &str) -> Record {
    let object = |value: Value| value.as_object().unwrap().clone();
    Record {
        id: id.to_owned(),
        inputs: object(object! { "share" => 0.1 + 0.2, "password" => Value::from("hunter2").sensitive() }),
        outputs: object(object! { "dns_name" => format!("{id}.example.com") }),
        generation: 1,
        depends_on: vec![address("vpc.main")],
        prevent_destroy: false,
        unfinished: false,
    }
}

pub fn put(name: &str, id: &str) -> Change {
    Change::Put { address: address(name), record: record(id) }
}

pub fn begin(operation: &str) -> Entry {
    Entry::Begin(Begin {
        operation: operation.to_owned(),
        address: address("image.shop"),
        action: Action::Create,
        generation: 1,
        id: None,
        inputs: record("").inputs,
        depends_on: Vec::new(),
        note: "bakes the image".to_owned(),
    })
}

pub fn done(operation: &str, change: Change) -> Entry {
    Entry::Done { operation: operation.to_owned(), change }
}

pub fn first() -> Snapshot {
    Snapshot::new("shop", "123456789012", "eu-central-1", None)
}

/// A store in a folder, and the guard that keeps the folder.
pub fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::at(folder.path().join("shop")), folder)
}

/// One session that writes the entries, with a checkpoint if `checkpoint`.
pub async fn session(store: &Store, entries: Vec<Entry>, checkpoint: bool) -> Snapshot {
    let lock = store.lock("bgform apply").unwrap();
    let snapshot = store.load().unwrap().map_or_else(first, |loaded| loaded.snapshot);
    let journal = store.begin_session(&lock, snapshot).unwrap();
    for entry in entries {
        journal.append(entry).await.unwrap();
    }
    let mut snapshot = journal.snapshot();
    if checkpoint {
        store.checkpoint(&lock, &mut snapshot).unwrap();
    }
    snapshot
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

pub fn overwrite(path: &Path, bytes: impl AsRef<[u8]>) {
    #[allow(clippy::disallowed_methods, reason = "a test breaks the files that state/ wrote")]
    fs::write(path, bytes).unwrap();
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Code, message and help, with the store's folder as `DIR`, times as `TIME`.
pub fn told(store: &Store, error: &StateError) -> String {
    let code = miette::Diagnostic::code(error).unwrap().to_string();
    let help = miette::Diagnostic::help(error).unwrap().to_string();
    let text = format!("{code}\n{error}\nhelp: {help}").replace(&store.place().display().to_string(), "DIR");
    regex::Regex::new(r"\d{4}-\d\d-\d\dT[\d:]+Z").unwrap().replace_all(&text, "TIME").into_owned()
}
