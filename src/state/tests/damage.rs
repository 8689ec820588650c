//! Damage is distinguished from a crash, and refused with the right help.

use super::*;

#[tokio::test]
async fn a_flipped_bit_in_the_journal_is_refused() {
    let (store, _folder) = store();
    session(&store, vec![begin("a"), begin("b"), done("a", put("image.shop", "ami-1"))], false).await;
    let path = store.place().join("journal.jsonl");
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        overwrite(&path, &bytes);
        match store.load() {
            Err(StateError::JournalRecord { .. }) => {}
            // Without its newline the last record was never durable.
            Ok(Some(loaded)) => assert!(loaded.torn && at + 1 == sound.len(), "{at}"),
            other => panic!("{at}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_damaged_journal_record_is_told_by_its_line() {
    let (store, _folder) = store();
    session(&store, vec![begin("a"), begin("b"), begin("c")], false).await;
    let path = store.place().join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    overwrite(&path, text.replace("\"b\"", "\"x\""));
    insta::assert_snapshot!(told(&store, &store.load().unwrap_err()), @"
    bgform::state::journal_record
    line 2 of the journal `DIR/journal.jsonl` is damaged: its checksum does not match
    help: nothing was changed. If there is a copy from before the damage, put it back. If not, `bgform state restore` sets `DIR/journal.jsonl` aside and keeps its first 1 records: read the rest of the copy, as what it tells of exists in the cloud, tagged with this stack, but no longer in the state
    ");
    let lines: Vec<_> = text.lines().collect();
    overwrite(&path, format!("{}\n{}\n", lines[1], lines[0]));
    insta::assert_snapshot!(store.load().unwrap_err().to_string().replace(&store.place().display().to_string(), "DIR"), @"line 2 of the journal `DIR/journal.jsonl` is damaged: it is record 1, after record 2");
}

#[tokio::test]
async fn a_journal_with_records_missing_is_refused() {
    let (store, _folder) = store();
    session(&store, vec![begin("a"), begin("b"), begin("c")], false).await;
    let path = store.place().join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    overwrite(&path, rest);
    insta::assert_snapshot!(told(&store, &store.load().unwrap_err()), @"
    bgform::state::journal_gap
    the journal `DIR/journal.jsonl` goes on at record 2, but the snapshot beside it ends at record 0
    help: the snapshot was probably replaced by an older one; nothing was changed. `bgform state restore` puts the newest serial of `bgform state history` back, or, with --serial, another one, and sets the journal aside
    ");
    let last = rest.split_once('\n').unwrap().1;
    overwrite(&path, format!("{first}\n{last}"));
    assert!(matches!(store.load(), Err(StateError::JournalGap { reached: 1, found: 3, .. })));
}

#[tokio::test]
async fn a_corrupt_snapshot_is_told_with_the_serial_to_restore() {
    let (store, _folder) = store();
    session(&store, vec![done("a", put("image.shop", "ami-1"))], true).await;
    let path = store.place().join("snapshot.json");
    let text = fs::read_to_string(&path).unwrap();
    overwrite(&path, &text[..text.len() / 2]);
    let error = store.load().unwrap_err();
    insta::assert_snapshot!(told(&store, &error).replace(&text[..text.len() / 2].lines().count().to_string(), "N"), @"
    bgform::state::corrupt
    the snapshot `DIR/snapshot.json` does not read: it ends in the middle, at line N
    help: nothing was changed. Serial 1, kept at TIME, reads well: `bgform state restore` puts it in the place of `snapshot.json`; then `bgform plan` shows what differs from the cloud
    ");
    // The named command helps.
    fs::copy(store.place().join("history/00000001.json"), &path).unwrap();
    assert_eq!(store.load().unwrap().unwrap().snapshot.resources.len(), 1);
}

#[tokio::test]
async fn a_snapshot_changed_by_hand_is_refused_and_one_reformatted_is_not() {
    let (store, _folder) = store();
    session(&store, vec![done("a", put("image.shop", "ami-1"))], true).await;
    let path = store.place().join("snapshot.json");
    let text = fs::read_to_string(&path).unwrap();
    let compact: serde_json::Value = serde_json::from_str(&text).unwrap();
    overwrite(&path, compact.to_string());
    store.load().unwrap();
    overwrite(&path, text.replace("ami-1", "ami-2"));
    insta::assert_snapshot!(told(&store, &store.load().unwrap_err()), @"
    bgform::state::checksum
    the snapshot `DIR/snapshot.json` is not as bgform wrote it: its checksum does not match
    help: nothing was changed. Serial 1, kept at TIME, reads well: `bgform state restore` puts it in the place of `snapshot.json`; then `bgform plan` shows what differs from the cloud
    ");
    // Not even a checkpoint overwrites it.
    let lock = store.lock("bgform apply").unwrap();
    let checkpoint = store.checkpoint(&lock, &mut first());
    assert!(matches!(checkpoint, Err(StateError::Checksum { .. })), "{checkpoint:?}");
}

#[tokio::test]
async fn a_flipped_bit_in_the_snapshot_never_changes_the_state() {
    let (store, _folder) = store();
    let kept = session(&store, vec![done("a", put("image.shop", "ami-1"))], true).await;
    let path = store.place().join("snapshot.json");
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        overwrite(&path, &bytes);
        if let Ok(loaded) = store.load() {
            assert_eq!(loaded.unwrap().snapshot, kept, "{at}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_of_a_newer_bgform_is_refused() {
    let (store, _folder) = store();
    session(&store, vec![], true).await;
    let path = store.place().join("snapshot.json");
    let text = fs::read_to_string(&path).unwrap();
    let newer = text
        .replace("\"version\": 1", "\"version\": 2")
        .replace(&format!("\"bgform\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"bgform\": \"7.2.0\"");
    overwrite(&path, newer);
    insta::assert_snapshot!(told(&store, &store.load().unwrap_err()), @"
    bgform::state::newer_version
    the snapshot `DIR/snapshot.json` has format 2; this bgform reads formats up to 1
    help: it was written by bgform 7.2.0: install that version or a later one; nothing was changed, and this one must not write here
    ");
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_no_new_stack() {
    let (store, _folder) = store();
    session(&store, vec![begin("a")], false).await;
    let path = store.place().join("snapshot.json");
    fs::remove_file(&path).unwrap();
    insta::assert_snapshot!(told(&store, &store.load().unwrap_err()), @"
    bgform::state::missing
    `DIR/snapshot.json` is missing, though `DIR/history/00000000.json` is there
    help: nothing was changed. Serial 0, kept at TIME, reads well: `bgform state restore` puts it in the place of `snapshot.json`; then `bgform plan` shows what differs from the cloud
    ");
    fs::remove_dir_all(store.place().join("history")).unwrap();
    insta::assert_snapshot!(told(&store, &store.load().unwrap_err()), @"
    bgform::state::missing
    `DIR/snapshot.json` is missing, though `DIR/journal.jsonl` is there
    help: nothing was changed, and no serial in `DIR/history` reads: put `DIR` back from a backup. What exists is tagged with the name of the stack
    ");
}
