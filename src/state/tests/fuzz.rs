//! Whatever a journal or a snapshot holds, reading it ends: with a state, or with a refusal. Damage
//! that its checksum shows is refused early, so most of it here comes under a checksum that is right.
//!
//! A million cases of each: `PROPTEST_CASES=1000000 cargo test --lib state::tests::fuzz`.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::replay::{any_entry, frames};
use super::*;
use crate::state::{document, frame};

const PATH: &str = "journal.jsonl";

/// What is put in place of a piece of the text.
fn any_piece() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[\\[\\]{}\":,0-9a-z._ -]{0,4}",
        2 => prop::sample::select(vec![
            "null", "true", "-1", "1e400", "1e-400", "18446744073709551616", "\"\"", "[]", "{}", "\\u0000", "\\ud800",
            "\"done\"", "\"fact\"", "\"sequence\":2,", "\"version\":1,", "\"9999-12-31T23:59:59Z\"", "\n",
        ])
        .prop_map(str::to_owned),
        1 => (1..2000usize).prop_map(|deep| "[".repeat(deep)),
        1 => ".{0,8}",
    ]
}

fn any_damage() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..24usize, any_piece()), 1..4)
}

fn damaged(text: &[u8], damage: &[(prop::sample::Index, usize, String)]) -> Vec<u8> {
    let mut text = text.to_vec();
    for (at, length, piece) in damage {
        let at = at.index(text.len() + 1);
        let end = (at + length).min(text.len());
        text.splice(at..end, piece.bytes());
    }
    text
}

/// Reads it as a store does, and writes again what came of it.
fn journal(bytes: &[u8]) {
    let Ok(read) = frame::parse(bytes, Path::new(PATH)) else { return };
    let mut snapshot = first();
    if let Some(frame) = read.frames.first() {
        snapshot.lineage.clone_from(&frame.lineage);
    }
    if frame::fold(&mut snapshot, &read.frames, Path::new(PATH)).is_ok()
        && let Ok(text) = document::encode(&snapshot)
    {
        document::decode(&text, Path::new(PATH), String::new).expect("what was written reads");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_journal_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        journal(&bytes);
    }

    #[test]
    fn a_journal_damaged_under_right_checksums_is_read_or_refused(
        entries in prop::collection::vec(any_entry(), 1..5),
        damage in any_damage(),
        line in any::<prop::sample::Index>(),
    ) {
        let mut lines: Vec<Vec<u8>> =
            frames("lineage", entries).iter().map(|one| frame::encode(one).unwrap()).collect();
        let line = line.index(lines.len());
        let body = lines[line].trim_ascii_end().split(|byte| *byte == b',').skip(1).collect::<Vec<_>>().join(&b',');
        let body = damaged(&body, &damage);
        let crc = format!("{{\"crc\":\"{:08x}\",", crc32fast::hash(&body));
        lines[line] = [crc.as_bytes(), &body, b"\n"].concat();
        journal(&lines.concat());
    }

    #[test]
    fn any_bytes_are_a_snapshot_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(document::decode(&bytes, Path::new("snapshot.json"), String::new).is_err());
    }

    #[test]
    fn a_snapshot_damaged_under_a_right_checksum_is_read_or_refused(
        entries in prop::collection::vec(any_entry(), 0..5),
        damage in any_damage(),
    ) {
        let mut snapshot = first();
        let sound = frames(&snapshot.lineage, entries);
        frame::fold(&mut snapshot, &sound, Path::new(PATH)).unwrap();
        let text = damaged(&document::encode(&snapshot).unwrap(), &damage);
        let read = |text: &[u8]| document::decode(text, Path::new("snapshot.json"), String::new);
        let _ = read(&text);
        let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&text) else { return Ok(()) };
        let Some(members) = json.as_object_mut() else { return Ok(()) };
        members.shift_remove("checksum");
        let sum = hex::encode(Sha256::digest(serde_json::to_vec(&json).unwrap()));
        json["checksum"] = format!("sha256:{sum}").into();
        if let Ok(snapshot) = read(&serde_json::to_vec(&json).unwrap()) {
            document::encode(&snapshot).expect("what was read is written");
        }
    }
}
