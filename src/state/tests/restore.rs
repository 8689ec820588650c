//! Restores a kept serial, from a readable state and from each kind of unreadable one.

use super::*;

/// Two serials, the second with one image more.
async fn two_serials() -> (Store, TempDir) {
    let (store, folder) = store();
    for name in ["image.a", "image.b"] {
        session(&store, vec![done("x", put(name, "ami"))], true).await;
    }
    (store, folder)
}

fn restore(store: &Store, serial: Option<u64>) -> Restored {
    store.restore(&store.lock("bgform state restore").unwrap(), serial).unwrap()
}

fn loaded(store: &Store) -> Loaded {
    store.load().unwrap().unwrap()
}

#[tokio::test]
async fn an_earlier_serial_becomes_the_next_one() {
    let (store, _folder) = two_serials().await;
    session(&store, vec![done("x", put("image.c", "ami"))], false).await;
    let restored = restore(&store, Some(1));
    assert_eq!(restored, Restored { from: 1, serial: 3, records: 0, aside: Vec::new() });
    let now = loaded(&store);
    assert_eq!((now.snapshot.resources.len(), now.snapshot.serial, now.snapshot.sequence), (1, 3, 3));
    let next = session(&store, vec![done("x", put("image.d", "ami"))], true).await;
    assert_eq!((next.resources.len(), next.serial), (2, 4));
}

#[tokio::test]
async fn a_snapshot_that_does_not_read_is_replaced_and_the_journal_still_counts() {
    for missing in [false, true] {
        let (store, _folder) = two_serials().await;
        session(&store, vec![done("x", put("image.c", "ami")), begin("open")], false).await;
        let path = store.place().join("snapshot.json");
        match missing {
            true => fs::remove_file(&path).unwrap(),
            false => overwrite(&path, b"{"),
        }
        let restored = restore(&store, None);
        assert_eq!((restored.from, restored.serial, restored.records), (2, 2, 2));
        assert_eq!(restored.aside.len(), usize::from(!missing));
        let now = loaded(&store);
        assert_eq!((now.snapshot.resources.len(), now.open.len()), (3, 1));
    }
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_and_its_sound_part_stays() {
    let (store, _folder) = two_serials().await;
    session(&store, vec![done("x", put("image.c", "ami")), begin("b"), begin("c")], false).await;
    let path = store.place().join("journal.jsonl");
    let damaged = fs::read_to_string(&path).unwrap().replace("\"operation\":\"c\"", "\"operation\":\"d\"");
    overwrite(&path, &damaged);
    assert!(matches!(store.load(), Err(StateError::JournalRecord { line: 3, .. })));
    let restored = restore(&store, None);
    assert_eq!((restored.serial, restored.records, restored.aside.len()), (2, 2, 2));
    assert_eq!(fs::read_to_string(&restored.aside[0]).unwrap(), damaged);
    let now = loaded(&store);
    assert_eq!((now.snapshot.resources.len(), now.open.len()), (3, 1));
    session(&store, vec![done("b", put("image.shop", "ami"))], true).await;
    assert_eq!(loaded(&store).snapshot.resources.len(), 4);
}

#[tokio::test]
async fn a_journal_that_does_not_go_on_from_the_serial_is_set_aside() {
    let (store, _folder) = two_serials().await;
    session(&store, vec![done("x", put("image.c", "ami"))], false).await;
    // Somebody has put an old snapshot back by hand.
    fs::copy(store.place().join("history/00000000.json"), store.place().join("snapshot.json")).unwrap();
    assert!(matches!(store.load(), Err(StateError::JournalGap { .. })));
    let restored = restore(&store, Some(1));
    assert_eq!((restored.serial, restored.records, restored.aside.len()), (1, 0, 2));
    assert_eq!(loaded(&store).snapshot.resources.len(), 1);
    // Later kept serials are not overwritten.
    assert_eq!(session(&store, vec![], true).await.serial, 3);
}

#[tokio::test]
async fn a_newer_format_is_not_gone_back_behind() {
    let (store, _folder) = two_serials().await;
    let path = store.place().join("snapshot.json");
    overwrite(&path, fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2"));
    let lock = store.lock("bgform state restore").unwrap();
    assert!(matches!(store.restore(&lock, None), Err(StateError::NewerVersion { .. })));
    assert!(matches!(store.restore(&lock, Some(7)), Err(StateError::NoSuchSerial { .. })));
}

#[tokio::test]
async fn a_state_that_was_moved_is_not_made_again_where_it_was() {
    let (store, folder) = two_serials().await;
    let to = Store::at(folder.path().join("elsewhere"));
    let (lock, there) =
        (store.lock("bgform state migrate").unwrap(), to.lock("bgform state migrate").unwrap());
    let mut snapshot = loaded(&store).snapshot;
    store.migrate(&lock, &to, &there, "elsewhere", &mut snapshot).unwrap();
    assert!(matches!(store.restore(&lock, None), Err(StateError::Moved { .. })));
    assert_eq!(loaded(&to).snapshot, snapshot);
}
