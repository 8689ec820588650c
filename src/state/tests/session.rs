//! The writes of a session, and that they are there afterwards.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn what_a_session_keeps_is_what_the_next_one_loads() {
    let (store, _folder) = store();
    assert!(!store.exists().unwrap() && store.load().unwrap().is_none());
    let kept = session(&store, vec![begin("a"), done("a", put("image.shop", "ami-1"))], true).await;
    assert_eq!((kept.serial, kept.sequence), (1, 2));
    let loaded = store.load().unwrap().unwrap();
    assert_eq!((loaded.snapshot, loaded.open, loaded.torn), (kept, vec![], false));
    assert_eq!(fs::read(store.place().join("journal.jsonl")).unwrap(), b"");
}

#[tokio::test]
async fn a_run_killed_before_its_first_checkpoint_is_still_known() {
    let (store, _folder) = store();
    let call = Call {
        operation: "b".to_owned(),
        ordinal: 0,
        service: "ec2".to_owned(),
        action: "RunInstances".to_owned(),
        token: Some("token".to_owned()),
    };
    let made = Made { operation: "b".to_owned(), id: "i-1".to_owned(), what: "builder".to_owned() };
    let entries = vec![
        begin("a"),
        begin("b"),
        done("a", put("image.shop", "ami-1")),
        Entry::Call(call.clone()),
        begin("c"),
        Entry::Made(made.clone()),
        Entry::Failed { operation: "c".to_owned(), error: "denied".to_owned() },
    ];
    session(&store, entries, false).await;
    let loaded = store.load().unwrap().unwrap();
    assert_eq!(loaded.snapshot.resources[&address("image.shop")], record("ami-1"));
    let [open] = &loaded.open[..] else { panic!("{:?}", loaded.open) };
    assert_eq!(Entry::Begin(open.begin.clone()), begin("b"));
    assert_eq!((&open.calls[..], &open.made[..]), (&[call][..], &[made][..]));
}

#[tokio::test]
async fn an_open_operation_outlives_a_checkpoint() {
    let (store, _folder) = store();
    session(&store, vec![begin("a"), done("x", put("vpc.main", "vpc-1"))], true).await;
    assert_eq!(store.load().unwrap().unwrap().open.len(), 1);
    session(&store, vec![done("a", put("image.shop", "ami-1"))], true).await;
    let loaded = store.load().unwrap().unwrap();
    assert_eq!((loaded.open.len(), loaded.snapshot.resources.len()), (0, 2));
    assert_eq!(fs::read(store.place().join("journal.jsonl")).unwrap(), b"");
}

#[tokio::test]
async fn entries_that_wait_together_share_one_sync() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, first()).unwrap();
    let mut appends = Box::pin(join_all((0..50).map(|n| journal.append(begin(&n.to_string())))));
    // While a checkpoint has its turn nothing is written, so all appends come to wait.
    let turn = lock.held().turn();
    assert!((&mut appends).now_or_never().is_none());
    drop(turn);
    assert!(appends.await.iter().all(Result::is_ok));
    assert_eq!(journal.syncs(), 1);
    assert_eq!(store.load().unwrap().unwrap().open.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_append_and_nothing_is_lost() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = Arc::new(store.begin_session(&lock, first()).unwrap());
    let tasks = (0..100).map(|n: u32| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let operation = n.to_string();
            journal.append(begin(&operation)).await.unwrap();
            journal.append(done(&operation, put(&format!("image.i{n}"), &operation))).await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let loaded = store.load().unwrap().unwrap();
    assert_eq!(loaded.snapshot, journal.snapshot());
    assert_eq!((loaded.snapshot.resources.len(), loaded.open.len()), (100, 0));
    assert!(journal.syncs() <= 200);
}

#[tokio::test]
async fn an_entry_whose_task_is_cancelled_is_written_all_the_same() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, first()).unwrap();
    let turn = lock.held().turn();
    assert!(journal.append(begin("a")).now_or_never().is_none());
    drop(turn);
    drop(journal);
    assert_eq!(store.load().unwrap().unwrap().open.len(), 1);
}

#[tokio::test]
async fn a_checkpoint_in_the_middle_of_a_session_loses_nothing() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, first()).unwrap();
    journal.append(done("a", put("vpc.main", "vpc-1"))).await.unwrap();
    let mut early = journal.snapshot();
    journal.append(done("b", put("image.shop", "ami-1"))).await.unwrap();
    store.checkpoint(&lock, &mut early).unwrap();
    assert_eq!(store.load().unwrap().unwrap().snapshot.resources, journal.snapshot().resources);
    store.checkpoint(&lock, &mut journal.snapshot()).unwrap();
    journal.append(done("c", put("image.other", "ami-2"))).await.unwrap();
    let loaded = store.load().unwrap().unwrap().snapshot;
    assert_eq!((loaded.serial, loaded.resources), (2, journal.snapshot().resources));
}

#[tokio::test]
async fn only_the_owner_can_read_what_is_kept() {
    let (store, _folder) = store();
    session(&store, vec![begin("a")], true).await;
    assert_eq!((mode(store.place()), mode(&store.place().join("history"))), (0o700, 0o700));
    for file in [
        "snapshot.json",
        "journal.jsonl",
        "locks/00000001.json",
        "history/00000000.json",
        "history/00000001.json",
    ] {
        assert_eq!(mode(&store.place().join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn the_last_fifty_serials_are_kept() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let mut snapshot = first();
    drop(store.begin_session(&lock, snapshot.clone()).unwrap());
    for _ in 0..53 {
        store.checkpoint(&lock, &mut snapshot).unwrap();
    }
    let history = store.history().unwrap();
    assert_eq!((history.len(), history[0].serial, history[49].serial), (50, 4, 53));
    assert_eq!(history[49].written_by.command, "bgform apply");
    assert_eq!(store.load_serial(53).unwrap(), snapshot);
}

#[tokio::test]
async fn a_restored_serial_goes_on_past_the_newer_ones() {
    let (store, _folder) = store();
    for n in 1..=3 {
        session(&store, vec![done("a", put(&format!("image.i{n}"), "ami"))], true).await;
    }
    let history = store.place().join("history");
    fs::copy(history.join("00000001.json"), store.place().join("snapshot.json")).unwrap();
    let kept = session(&store, vec![done("b", put("image.other", "ami"))], true).await;
    assert_eq!((kept.serial, kept.resources.len()), (4, 2));
    assert_eq!(store.load_serial(3).unwrap().resources.len(), 3);
}
