//! Reading any journal or snapshot ends with a state or with a refusal. Damage that the checksum shows is
//! refused early, so most of it here has a correct checksum.
//!
//! A million cases of each: `PROPTEST_CASES=1000000 cargo test --lib state::tests::fuzz`. Run on 20 to 22
//! November 2026 of journals with damage, of snapshots with damage (569 s) and of records out of place (647 s
//! of a processor, 38 MB): none failed.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::replay::{any_entry, frames};
use super::*;
use crate::state::{document, frame};

const PATH: &str = "journal.jsonl";

/// The replacement of a piece of the text.
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

/// Reads the bytes as a store does, on a snapshot of their lineage, and writes the result again: reading that
/// gives the same.
fn journal(bytes: &[u8]) {
    let mut snapshot = first();
    if let Some(frame) =
        frame::parse(bytes, Path::new(PATH)).ok().and_then(|read| read.frames.into_iter().next())
    {
        snapshot.lineage = frame.lineage;
    }
    journal_on(snapshot, bytes);
}

fn journal_on(mut snapshot: Snapshot, bytes: &[u8]) {
    let Ok(read) = frame::parse(bytes, Path::new(PATH)) else { return };
    let lines: Vec<_> = read.frames.iter().map(|frame| frame::encode(frame).unwrap()).collect();
    let again = frame::parse(&lines.concat(), Path::new(PATH)).unwrap();
    assert_eq!(again.frames, read.frames);
    if frame::fold(&mut snapshot, &read.frames, Path::new(PATH)).is_ok() {
        reads_again(&snapshot);
    }
}

fn reads_again(snapshot: &Snapshot) {
    let Ok(text) = document::encode(snapshot) else { return };
    let again = document::decode(&text, Path::new(PATH), String::new).expect("what was written reads");
    assert_eq!(again, *snapshot);
}

/// A change of whole records, each with a correct checksum.
#[derive(Debug, Clone)]
enum Shuffle {
    Duplicate(prop::sample::Index),
    Drop(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Number(prop::sample::Index, u64),
    Fence(prop::sample::Index, u64),
    OtherLineage(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn any_shuffle() -> impl Strategy<Value = Shuffle> {
    let at = any::<prop::sample::Index>;
    let number = prop_oneof![0..8u64, Just(u64::MAX), Just(u64::MAX - 1)];
    prop_oneof![
        at().prop_map(Shuffle::Duplicate),
        at().prop_map(Shuffle::Drop),
        (at(), at()).prop_map(|(one, other)| Shuffle::Swap(one, other)),
        (at(), number.clone()).prop_map(|(at, number)| Shuffle::Number(at, number)),
        (at(), number).prop_map(|(at, number)| Shuffle::Fence(at, number)),
        at().prop_map(Shuffle::OtherLineage),
        at().prop_map(Shuffle::Cut),
    ]
}

fn shuffled(mut frames: Vec<frame::Frame>, shuffles: &[Shuffle]) -> Vec<u8> {
    let mut cut = None;
    for shuffle in shuffles {
        let place = |at: &prop::sample::Index| at.index(frames.len().max(1));
        match shuffle {
            Shuffle::Cut(at) => cut = Some(*at),
            _ if frames.is_empty() => {}
            Shuffle::Duplicate(at) => frames.push(frames[place(at)].clone()),
            Shuffle::Drop(at) => drop(frames.remove(place(at))),
            Shuffle::Swap(one, other) => {
                let (one, other) = (place(one), place(other));
                frames.swap(one, other);
            }
            Shuffle::Number(at, number) => {
                let at = place(at);
                frames[at].sequence = *number;
            }
            Shuffle::Fence(at, number) => {
                let at = place(at);
                frames[at].fence = *number;
            }
            Shuffle::OtherLineage(at) => {
                let at = place(at);
                frames[at].lineage = "another".to_owned();
            }
        }
    }
    let mut bytes = frames.iter().map(|one| frame::encode(one).unwrap()).collect::<Vec<_>>().concat();
    if let Some(at) = cut {
        bytes.truncate(at.index(bytes.len() + 1));
    }
    bytes
}

/// Replaces one part of a document.
fn replaced(json: &mut serde_json::Value, path: &[prop::sample::Index], with: &serde_json::Value) {
    use serde_json::Value as Json;
    let Some((at, rest)) = path.split_first() else {
        *json = with.clone();
        return;
    };
    match json {
        Json::Array(items) if !items.is_empty() => {
            let at = at.index(items.len());
            replaced(&mut items[at], rest, with);
        }
        Json::Object(members) if !members.is_empty() => {
            let at = at.index(members.len());
            let (_, member) = members.iter_mut().nth(at).unwrap();
            replaced(member, rest, with);
        }
        other => *other = with.clone(),
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let deep = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "$sensitive": [inner] }));
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("image.a"),
        json!("image.c[\"x\"]"),
        json!("image.c[x]"),
        json!([]),
        json!({}),
        json!({ "$percent": 5 }),
        json!({ "$duration": 1e19 }),
        json!({ "$duration": 0.1 }),
        json!({ "$ref": [] }),
        json!({ "$ref": ["vpc.a", 3] }),
        json!({ "$unknown": ["vpc.a", "id"] }),
        json!({ "$object": { "$object": 1 } }),
        json!({ "$sensitive": null }),
        json!({ "image.a": null }),
        json!("9999-12-31T23:59:59Z"),
        json!("-009999-01-02T01:59:59Z"),
        deep(20),
        deep(55),
    ])
}

/// Reads the document with a correct checksum; writing and reading it again gives the same.
fn snapshot_under_checksum(mut json: serde_json::Value) -> Option<Snapshot> {
    json.as_object_mut()?.shift_remove("checksum");
    let sum = hex::encode(Sha256::digest(serde_json::to_vec(&json).unwrap()));
    json["checksum"] = format!("sha256:{sum}").into();
    let text = serde_json::to_vec(&json).unwrap();
    let snapshot = document::decode(&text, Path::new("snapshot.json"), String::new).ok()?;
    reads_again(&snapshot);
    Some(snapshot)
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
    fn records_out_of_place_are_read_or_refused(
        entries in prop::collection::vec(any_entry(), 1..6),
        shuffles in prop::collection::vec(any_shuffle(), 1..4),
        reached in prop_oneof![0..4u64, Just(u64::MAX)],
    ) {
        let bytes = shuffled(frames("lineage", entries), &shuffles);
        journal_on(Snapshot { lineage: "lineage".to_owned(), sequence: reached, ..first() }, &bytes);
    }

    #[test]
    fn a_snapshot_with_other_parts_is_read_or_refused(
        entries in prop::collection::vec(any_entry(), 0..5),
        later in prop::collection::vec(any_entry(), 0..3),
        parts in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..8), any_json()), 1..3),
    ) {
        let mut snapshot = first();
        let sound = frames(&snapshot.lineage, entries);
        frame::fold(&mut snapshot, &sound, Path::new(PATH)).unwrap();
        let mut json = serde_json::from_slice(&document::encode(&snapshot).unwrap()).unwrap();
        for (path, with) in &parts {
            replaced(&mut json, path, with);
        }
        if let Some(read) = snapshot_under_checksum(json) {
            let later = frames(&read.lineage, later);
            journal_on(read, &later.iter().map(|one| frame::encode(one).unwrap()).collect::<Vec<_>>().concat());
        }
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
        if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&text) {
            snapshot_under_checksum(json);
        }
    }
}
