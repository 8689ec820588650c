//! A kill at any point leaves a readable folder, from which the next session continues.

use super::*;
use crate::state::store::Stage;

/// The next session on a copy of the folder: it loads, appends, keeps, and loads again.
async fn goes_on(folder: &Path) -> Loaded {
    let store = Store::at(folder);
    let loaded = store.load().unwrap().unwrap();
    let next = session(&store, vec![done("next", put("image.next", "ami-next"))], true).await;
    assert_eq!(next.resources.len(), loaded.snapshot.resources.len() + 1);
    assert_eq!(store.load().unwrap().unwrap().snapshot, next);
    loaded
}

#[tokio::test]
async fn a_kill_at_any_stage_of_a_checkpoint_leaves_the_state_as_it_was() {
    let (store, folder) = store();
    session(&store, vec![done("x", put("vpc.main", "vpc-1"))], true).await;
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, store.load().unwrap().unwrap().snapshot).unwrap();
    let depose = Change::Depose { address: address("vpc.main"), id: "vpc-1".to_owned() };
    for entry in [begin("a"), done("a", depose), done("b", put("vpc.main", "vpc-2"))] {
        journal.append(entry).await.unwrap();
    }
    let mut snapshot = journal.snapshot();
    let mut stages = Vec::new();
    store
        .checkpoint_in_stages(&lock, &mut snapshot, &mut |stage| {
            copy_folder(store.place(), &folder.path().join(format!("{stage:?}")));
            stages.push(stage);
        })
        .unwrap();
    assert_eq!(stages, [Stage::Put, Stage::Kept, Stage::Emptied]);
    for stage in stages {
        let loaded = goes_on(&folder.path().join(format!("{stage:?}"))).await;
        assert_eq!(loaded.snapshot.resources, snapshot.resources, "{stage:?}");
        assert_eq!(loaded.snapshot.deposed, snapshot.deposed, "{stage:?}");
        assert_eq!((loaded.snapshot.sequence, loaded.open.len()), (4, 0), "{stage:?}");
    }
}

#[tokio::test]
async fn a_torn_tail_is_cut_wherever_it_is_torn() {
    let (store, folder) = store();
    session(&store, vec![begin("a")], false).await;
    let whole = fs::read(store.place().join("journal.jsonl")).unwrap().len();
    session(&store, vec![done("a", put("image.shop", "ami-1"))], false).await;
    let bytes = fs::read(store.place().join("journal.jsonl")).unwrap();
    for cut in whole..bytes.len() {
        let copy = folder.path().join("copy");
        copy_folder(store.place(), &copy);
        overwrite(&copy.join("journal.jsonl"), &bytes[..cut]);
        let loaded = Store::at(&copy).load().unwrap().unwrap();
        assert_eq!((loaded.torn, loaded.open.len()), (cut > whole, 1), "{cut}");
        assert_eq!(loaded.snapshot.resources.len(), 0, "{cut}");
        if cut % 16 == 0 || cut + 1 == bytes.len() {
            goes_on(&copy).await;
            fs::remove_dir_all(&copy).unwrap();
        }
    }
}

#[tokio::test]
async fn a_tail_of_zeros_is_cut_too() {
    let (store, _folder) = store();
    session(&store, vec![begin("a")], false).await;
    let path = store.place().join("journal.jsonl");
    overwrite(&path, [fs::read(&path).unwrap(), vec![0; 4096]].concat());
    assert!(goes_on(store.place()).await.torn);
}

#[tokio::test]
async fn a_kill_while_the_first_snapshot_is_staged_is_a_start_from_nothing() {
    let (store, _folder) = store();
    drop(store.lock("bgform apply").unwrap());
    overwrite(&store.place().join("snapshot.json.tmp"), b"{\"vers");
    assert!(store.load().unwrap().is_none());
    session(&store, vec![], true).await;
    assert_eq!(store.load().unwrap().unwrap().snapshot.serial, 1);
}

#[tokio::test]
async fn reading_beside_a_running_session_sees_what_is_durable() {
    let (store, _folder) = store();
    let lock = store.lock("bgform apply").unwrap();
    let journal = store.begin_session(&lock, first()).unwrap();
    for n in 0..20 {
        journal.append(done("a", put(&format!("image.i{n}"), "ami"))).await.unwrap();
        assert_eq!(store.load().unwrap().unwrap().snapshot, journal.snapshot().clone());
    }
}
