//! `bgform state`: what is moved, forgotten and looked back at.

use bgform::state::{Change, Entry};

use super::{address, cut_short, record, with_state};

#[tokio::test]
async fn a_moved_resource_keeps_its_record_and_who_needs_it_follows() {
    let (product, store) = with_state(Vec::new()).await;
    product
        .run(&["state", "mv", "security_group.edge", "security_group.front", "shop.deploy"])
        .exits(0)
        .says("`security_group.edge` is now `security_group.front` (sg-1)")
        .says("Kept as serial 2");
    let after = store.load().unwrap().unwrap().snapshot;
    assert_eq!(after.resources[&address("security_group.front")].id, "sg-1");
    assert_eq!(after.resources[&address("security_group.web")].depends_on, [address("security_group.front")]);
    assert_eq!(after.written_by.command, "bgform state mv");
    assert_eq!(product.wire.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_move_that_would_lose_or_twist_something_is_refused_and_changes_nothing() {
    let (product, store) = with_state(Vec::new()).await;
    let mv = |from: &str, to: &str| product.run(&["state", "mv", from, to]).exits(2);
    mv("security_group.edg", "security_group.new").says("did you mean `security_group.edge`?");
    mv("security_group.edge", "security_group.web").says("stands for sg-2 already");
    mv("security_group.edge", "target_group.edge").says("a `security_group` cannot become a `target_group`");
    mv("security_group.edge", "security_group.edge").says("moved to itself");
    mv("target_group.shop", "target_group.web").says("has several instances");
    mv("edge", "security_group.web").says("`edge` is not an address");
    assert_eq!(store.load().unwrap().unwrap().snapshot.serial, 1);
}

#[tokio::test]
async fn what_is_removed_from_state_stays_in_the_account() {
    let (product, store) = with_state(Vec::new()).await;
    product
        .run(&["state", "rm", "security_group.web", "target_group.shop", "shop.deploy"])
        .exits(0)
        .says("Forgot `security_group.web`: sg-2 stays, and is no longer managed")
        .says("arn:blue stays")
        .says("arn:old stays and will not be deleted");
    let after = store.load().unwrap().unwrap().snapshot;
    assert_eq!(after.resources.keys().map(ToString::to_string).collect::<Vec<_>>(), ["security_group.edge"]);
    assert!(after.deposed.is_empty());
    assert_eq!(product.wire.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_removal_of_what_is_not_there_removes_nothing() {
    let (product, store) = with_state(Vec::new()).await;
    let run = product.run(&["state", "rm", "security_group.edge", "security_group.wep"]).exits(2);
    run.says("did you mean `security_group.web`?");
    product.run(&["state", "rm", "shop.deploy"]).exits(2).says("no address is given");
    product.run(&["state", "rm", "edge", "shop.deploy"]).exits(2).says("`edge` is not an address");
    assert_eq!(store.load().unwrap().unwrap().snapshot.resources.len(), 3);
}

#[tokio::test]
async fn state_is_not_changed_by_hand_while_an_operation_is_open_or_another_bgform_holds_it() {
    let (product, store) = with_state(cut_short()).await;
    let rm = || product.run(&["state", "rm", "security_group.edge"]).exits(1);
    rm().says("an earlier apply was cut short while it worked on `listener.http`")
        .says("Run `bgform apply` first");
    let lock = store.lock("bgform apply").unwrap();
    rm().says("is in use by `bgform apply`");
    drop(lock);
    assert_eq!(store.load().unwrap().unwrap().snapshot.resources.len(), 3);
}

#[tokio::test]
async fn history_lists_serials_and_each_can_be_shown() {
    let (product, _) = with_state(Vec::new()).await;
    product.run(&["state", "rm", "security_group.edge"]).exits(0);
    let history = product.run(&["state", "history"]).exits(0).out;
    let lines: Vec<Vec<&str>> = history.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["serial", "taken", "at", "resources", "by", "command"]);
    assert_eq!((lines[1][0], lines[1][2]), ("2", "2"), "{history}");
    assert!(lines[1].ends_with(&["bgform", "state", "rm", "(0.1.0)"]), "{history}");
    assert_eq!((lines[2][0], lines[2][2]), ("1", "3"), "{history}");
    product.run(&["state", "show", "--serial", "1", "security_group.edge"]).exits(0).says("sg-1");
    product.run(&["state", "show", "security_group.edge"]).exits(2);
    product.run(&["state", "show", "--serial", "9"]).exits(1).says("there is no serial 9");
}

#[tokio::test]
async fn a_fact_in_the_journal_is_part_of_what_is_listed() {
    let late = Change::Put { address: address("listener.http"), record: record("arn:late", "-") };
    let (product, _) = with_state(vec![Entry::Fact { change: late }]).await;
    product.run(&["state", "list", "--ids"]).exits(0).says("arn:late");
}
