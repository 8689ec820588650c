//! Refusals before anything is touched, and failures that end a run.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::*;

#[test]
fn the_second_to_lock_is_told_who_was_first() {
    let (store, _folder) = store();
    let first = store.lock("bgform apply").unwrap();
    let error = store.lock("bgform destroy").unwrap_err();
    let StateError::Locked { holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(**holder, *first.holder());
    let text = told(&store, &error)
        .replace(&holder.pid.to_string(), "PID")
        .replace(&holder.host, "HOST")
        .replace(&format!("of {}", holder.user), "of USER");
    insta::assert_snapshot!(text, @"
    bgform::state::locked
    the state in `DIR` is in use by `bgform apply` of USER on HOST (process PID), since TIME
    help: nothing was changed. Wait until it ends (`--lock-timeout 10m` does so), or `kill -INT PID` on HOST: it finishes what is under way and frees the lock. A dead holder's lock is taken over by itself; `bgform state unlock` takes it from a living one
    ");
    drop(first);
    store.lock("bgform destroy").unwrap();
}

#[tokio::test]
async fn the_lock_is_held_until_the_journal_is_closed() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, first()).unwrap();
    let again = store.begin_session(&lock, journal.snapshot());
    assert!(matches!(again, Err(StateError::Locked { .. })), "{again:?}");
    drop(lock);
    assert!(matches!(store.lock("bgform plan"), Err(StateError::Locked { .. })));
    drop(journal);
    store.lock("bgform plan").unwrap();
}

#[tokio::test]
async fn a_state_read_before_somebody_elses_run_is_stale() {
    let (store, _folder) = store();
    let early = session(&store, vec![], true).await;
    session(&store, vec![begin("a")], false).await;
    let lock = store.lock("bgform apply").unwrap();
    let error = store.begin_session(&lock, early).unwrap_err();
    insta::assert_snapshot!(told(&store, &error), @"
    bgform::state::stale
    the state in `DIR` changed between reading and locking it
    help: another bgform finished in between; nothing was changed. Run the command again
    ");
    let error = store.begin_session(&lock, first()).unwrap_err();
    assert!(matches!(error, StateError::WrongLineage { .. }));
}

#[tokio::test]
async fn the_journal_of_another_state_is_refused() {
    let (store, _folder) = store();
    session(&store, vec![begin("a")], true).await;
    let mut snapshot = store.load().unwrap().unwrap().snapshot;
    let (ours, theirs) = ("0".repeat(32), snapshot.lineage.clone());
    snapshot.lineage.clone_from(&ours);
    overwrite(&store.place().join("snapshot.json"), crate::state::document::encode(&snapshot).unwrap());
    let text = told(&store, &store.load().unwrap_err()).replace(&theirs, "THEIRS").replace(&ours, "OURS");
    insta::assert_snapshot!(text, @"
    bgform::state::wrong_lineage
    `DIR/journal.jsonl` belongs to another state: its lineage is THEIRS, not OURS
    help: two states were mixed in one place; nothing was changed. Put the file that belongs here back, or give each stack a place of its own
    ");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    overwrite(&folder.path().join("file"), b"");
    let store = Store::at(folder.path().join("file").join("shop"));
    insta::assert_snapshot!(told(&store, &store.lock("bgform apply").unwrap_err()).replace(&folder.path().display().to_string(), "TMP"), @"
    bgform::state::unwritable
    `TMP/file` cannot be written: not a directory
    help: all that was durable before stands. See who may write it with `ls -ld TMP/file` and whether the disk is read-only with `findmnt -T TMP`; then run the same command again
    ");
}

#[test]
fn a_place_that_takes_nothing_is_told_before_a_session_begins() {
    let (store, folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    std::fs::remove_dir_all(store.place()).unwrap();
    let error = store.begin_session(&lock, first()).unwrap_err();
    assert!(matches!(error, StateError::Unwritable { .. }), "{error:?}");
    let full = std::io::ErrorKind::StorageFull.into();
    let error = crate::state::file::unwritable(store.place(), &full);
    insta::assert_snapshot!(told(&store, &error).replace(&folder.path().display().to_string(), "TMP"), @"
    bgform::state::full
    the disk is full: `DIR` cannot be written
    help: all that was durable before stands. Make room (`df -h TMP` shows the disk), then run the same command again
    ");
    assert!(!store.exists().unwrap());
}

/// A journal on a file that fails in its own way.
fn journal_on(store: &Store, file: File) -> Journal {
    let lock = store.lock("bgform apply").unwrap();
    let path = store.place().join("journal.jsonl");
    let file = Box::new(crate::state::folder::Appender { file, path: path.clone() });
    Journal::start(file, path, first(), Arc::clone(lock.held())).unwrap()
}

#[tokio::test]
async fn after_a_failed_write_the_journal_takes_nothing_more() {
    let (store, _folder) = store();
    let journal = journal_on(&store, OpenOptions::new().write(true).open("/dev/full").unwrap());
    let error = journal.append(done("a", put("image.shop", "ami-1"))).await.unwrap_err();
    assert!(matches!(error, StateError::Full { .. }), "{error:?}");
    let error = journal.append(begin("b")).await.unwrap_err();
    insta::assert_snapshot!(told(&store, &error), @"
    bgform::state::journal_closed
    the journal `DIR/journal.jsonl` takes no more records since one could not be made durable: the disk is full: `DIR/journal.jsonl` cannot be written
    help: the run ends here, so that nothing happens that is not written down. Put the disk right and run the same command again: it goes on from the last durable record
    ");
    assert_eq!(journal.snapshot().resources.len(), 0);
}

#[tokio::test]
async fn after_a_failed_sync_the_journal_takes_nothing_more() {
    let (store, _folder) = store();
    // A pipe accepts writes and cannot be synced.
    let (_reader, writer) = std::io::pipe().unwrap();
    let journal = journal_on(&store, File::from(OwnedFd::from(writer)));
    let error = journal.append(done("a", put("image.shop", "ami-1"))).await.unwrap_err();
    assert!(matches!(error, StateError::Unwritable { .. }), "{error:?}");
    let error = journal.append(begin("b")).await.unwrap_err();
    assert!(matches!(error, StateError::JournalClosed { .. }), "{error:?}");
    assert_eq!((journal.syncs(), journal.snapshot().resources.len()), (1, 0));
}

#[tokio::test]
async fn what_would_not_read_back_is_refused_and_harms_nothing_else() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, first()).unwrap();
    let odd = Address::new("deployment", "web.green.image");
    let error = journal.append(done("a", Change::Put { address: odd, record: record("ami-1") })).await;
    insta::assert_snapshot!(told(&store, &error.unwrap_err()), @"
    bgform::state::not_storable
    done a cannot be saved, as it could not be read again: `deployment.web.green.image` is not an address at line 1 column 153
    help: nothing was written and no call was made for it. A value nested deeper than 100 does this: make it flatter. Anything else is a mistake in bgform: please report it with this text
    ");
    let deep = (0..200).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let error =
        journal.append(done("a", Change::Existing { address: address("vpc.main"), value: deep })).await;
    assert!(matches!(error, Err(StateError::NotStorable { .. })), "{error:?}");
    journal.append(begin("b")).await.unwrap();
}

#[test]
fn a_serial_that_is_not_kept_is_told() {
    let (store, _folder) = store();
    insta::assert_snapshot!(told(&store, &store.load_serial(7).unwrap_err()), @"
    bgform::state::no_such_serial
    there is no serial 7 in `DIR/history`
    help: `bgform state history` lists the kept ones: the last 50
    ");
}
