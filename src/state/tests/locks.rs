//! The number of a lock increases, and records under a lower number do not count.

use super::*;
use crate::state::frame::{self, Frame};
use crate::state::lock::Holder;

fn frame(fence: u64, sequence: u64) -> Frame {
    let entry = done("a", put(&format!("image.i{fence}-{sequence}"), "ami"));
    Frame { sequence, fence, lineage: "lineage".to_owned(), at: crate::clock::now(), entry }
}

#[test]
fn what_a_late_holder_wrote_does_not_count() {
    let written = [(1, 1), (1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (1, 5)];
    let lines: Vec<_> = written.iter().map(|(fence, n)| frame::encode(&frame(*fence, *n)).unwrap()).collect();
    let read = frame::parse(&lines.concat(), Path::new("journal.jsonl")).unwrap();
    let counts: Vec<_> = read.frames.iter().map(|frame| (frame.fence, frame.sequence)).collect();
    assert_eq!(counts, [(1, 1), (1, 2), (2, 3), (2, 4)]);
    assert_eq!((read.sound, read.fence()), (lines.concat().len(), 2));
}

#[tokio::test]
async fn who_was_relieved_is_refused_every_write() {
    let (store, _folder) = store();
    session(&store, vec![], true).await;
    let late = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&late, store.load().unwrap().unwrap().snapshot).unwrap();
    journal.append(begin("a")).await.unwrap();
    let next = store.contend(Holder::this_process("bgform state unlock")).seize().unwrap();
    assert_eq!((late.fence(), next.fence()), (2, 3));
    assert_eq!(next.taken_from().map(|holder| holder.command.as_str()), Some("bgform apply"));
    let before = fs::read(store.place().join("journal.jsonl")).unwrap();

    let error = journal.append(begin("b")).await.unwrap_err();
    let StateError::TakenOver { by: Some(by), .. } = &error else { panic!("{error:?}") };
    assert_eq!(by.command, "bgform state unlock");
    assert!(matches!(journal.append(begin("c")).await, Err(StateError::TakenOver { .. })));
    let kept = store.checkpoint(&late, &mut journal.snapshot());
    assert!(matches!(kept, Err(StateError::TakenOver { .. })), "{kept:?}");
    assert_eq!(fs::read(store.place().join("journal.jsonl")).unwrap(), before);
    drop((journal, late));
    // The new holder continues.
    let loaded = store.load().unwrap().unwrap();
    let journal = store.begin_session(&next, loaded.snapshot).unwrap();
    journal.append(done("a", put("image.shop", "ami"))).await.unwrap();
    assert_eq!(store.load().unwrap().unwrap().open, []);
}

#[tokio::test]
async fn a_number_is_not_given_twice_though_the_locks_are_gone() {
    let (store, _folder) = store();
    for _ in 0..3 {
        session(&store, vec![begin("a")], false).await;
    }
    fs::remove_dir_all(store.place().join("locks")).unwrap();
    assert_eq!(store.lock("bgform apply").unwrap().fence(), 4);
    session(&store, vec![done("a", put("image.shop", "ami"))], false).await;
    assert_eq!(store.load().unwrap().unwrap().snapshot.resources.len(), 1);
}

#[test]
fn one_of_many_has_the_lock() {
    let (store, _folder) = store();
    let taken: Vec<_> = std::thread::scope(|scope| {
        let each: Vec<_> = (0..16).map(|_| scope.spawn(|| store.lock("bgform apply").ok())).collect();
        each.into_iter().filter_map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(taken.len(), 1);
}
