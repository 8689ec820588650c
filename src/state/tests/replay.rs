//! Folding any prefix of the journal, torn anywhere, onto a snapshot from any point gives the state at the
//! end of that prefix.

use proptest::prelude::*;

use super::*;
use crate::state::document;
use crate::state::frame::{self, Frame};

fn any_address() -> impl Strategy<Value = Address> {
    prop::sample::select(vec!["image.a", "image.b", r#"image.c["x"]"#, "vpc.d"]).prop_map(address)
}

fn any_id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["id-1", "id-2", "id-3"]).prop_map(str::to_owned)
}

fn operation() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["o1", "o2", "o3"])
}

fn unseen(operation: &str) -> Unseen {
    let Entry::Begin(begin) = begin(operation) else { unreachable!("it begins") };
    Unseen { begin, since: crate::clock::now() }
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any_address(), any_id(), any::<f64>()).prop_map(|(address, id, number)| {
            let mut record = record(&id);
            let number = if number.is_finite() { number } else { 0.5 };
            record.outputs.insert("number".to_owned(), Value::Number(number));
            Change::Put { address, record }
        }),
        2 => (any_address(), any_id()).prop_map(|(address, id)| Change::Depose { address, id }),
        1 => any_address().prop_map(|address| Change::Remove { address }),
        1 => (any_address(), any_id()).prop_map(|(address, id)| Change::RemoveDeposed { address, id }),
        1 => (any_address(), ".*").prop_map(|(address, text)| Change::Existing { address, value: text.into() }),
        1 => operation().prop_map(|operation| Change::Unseen { create: Box::new(unseen(operation)) }),
        1 => operation().prop_map(|operation| Change::Over { operation: operation.to_owned() }),
        1 => (any_address(), any_id())
            .prop_map(|(address, id)| Change::Leftover { address, record: record(&id) }),
        1 => ".*".prop_map(|text| Change::Outputs { outputs: [("url".to_owned(), text.into())].into() }),
        1 => (any_address(), any_address()).prop_map(|(from, to)| Change::Move { from, to }),
    ]
}

pub fn any_entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        2 => operation().prop_map(begin),
        4 => (operation(), any_change()).prop_map(|(operation, change)| done(operation, change)),
        1 => operation().prop_map(|o| Entry::Failed { operation: o.to_owned(), error: "denied".to_owned() }),
        1 => any_change().prop_map(|change| Entry::Fact { change }),
    ]
}

pub fn frames(lineage: &str, entries: Vec<Entry>) -> Vec<Frame> {
    let framed = |(sequence, entry)| Frame {
        sequence,
        fence: 1,
        lineage: lineage.to_owned(),
        at: crate::clock::now(),
        entry,
    };
    (1..).zip(entries).map(framed).collect()
}

fn fold(snapshot: &Snapshot, frames: &[Frame]) -> (Snapshot, Vec<OpenOperation>) {
    let mut snapshot = snapshot.clone();
    let open = frame::fold(&mut snapshot, frames, Path::new("journal.jsonl")).unwrap();
    (snapshot, open.into_vec())
}

proptest! {
    #[test]
    fn a_journal_torn_anywhere_on_a_snapshot_from_anywhere_is_the_state_up_to_there(
        entries in prop::collection::vec(any_entry(), 0..20),
        taken in any::<prop::sample::Index>(),
        torn in any::<prop::sample::Index>(),
    ) {
        let start = first();
        let frames = frames(&start.lineage, entries);
        let lines: Vec<_> = frames.iter().map(|frame| frame::encode(frame).unwrap()).collect();
        let bytes = lines.concat();
        let cut = torn.index(bytes.len() + 1);
        let mut whole = 0;
        let mut length = 0;
        while whole < lines.len() && length + lines[whole].len() <= cut {
            length += lines[whole].len();
            whole += 1;
        }

        let read = frame::parse(&bytes[..cut], Path::new("journal.jsonl")).unwrap();
        prop_assert_eq!((read.sound, read.torn), (length, length < cut));
        prop_assert_eq!(&read.frames[..], &frames[..whole]);

        // The snapshot was taken at some record before the end, and went through its file.
        let (taken, _) = fold(&start, &frames[..taken.index(whole + 1)]);
        let taken = document::decode(&document::encode(&taken).unwrap(), Path::new(""), String::new).unwrap();
        prop_assert_eq!(fold(&taken, &read.frames), fold(&start, &frames[..whole]));
    }

    #[test]
    fn a_change_made_twice_is_a_change_made_once(
        before in prop::collection::vec(any_change(), 0..10),
        change in any_change(),
    ) {
        let mut once = first();
        before.iter().for_each(|change| once.apply(change));
        once.apply(&change);
        let mut twice = once.clone();
        twice.apply(&change);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_rename_loses_no_resource(before in prop::collection::vec(any_change(), 0..10), from in any_address(), to in any_address()) {
        let mut state = first();
        before.iter().for_each(|change| state.apply(change));
        let ids = |state: &Snapshot| {
            let kept = state.resources.values().chain(state.deposed.iter().map(|old| &old.record));
            kept.map(|record| record.id.clone()).collect::<std::collections::BTreeSet<_>>()
        };
        let earlier = ids(&state);
        state.apply(&Change::Move { from, to });
        prop_assert_eq!(earlier, ids(&state));
    }
}

#[test]
fn deposing_again_after_the_replacement_leaves_the_replacement() {
    let mut state = first();
    let depose = Change::Depose { address: address("image.shop"), id: "ami-1".to_owned() };
    state.apply(&put("image.shop", "ami-1"));
    state.apply(&depose);
    state.apply(&put("image.shop", "ami-2"));
    state.apply(&depose);
    assert_eq!(state.resources[&address("image.shop")].id, "ami-2");
    assert_eq!(state.deposed, [Deposed { address: address("image.shop"), record: record("ami-1") }]);
}

#[test]
fn what_was_replaced_and_is_back_is_no_longer_to_go() {
    let mut state = first();
    let depose = |id: &str| Change::Depose { address: address("image.shop"), id: id.to_owned() };
    state.apply(&put("image.shop", "ami-1"));
    state.apply(&depose("ami-1"));
    state.apply(&put("image.shop", "ami-2"));
    state.apply(&depose("ami-2"));
    state.apply(&put("image.shop", "ami-1"));
    assert_eq!(state.resources[&address("image.shop")].id, "ami-1");
    assert_eq!(state.deposed, [Deposed { address: address("image.shop"), record: record("ami-2") }]);
}

#[test]
fn a_rename_keeps_the_place_and_those_who_point_there() {
    let mut state = first();
    for name in ["vpc.main", "image.a", "image.b"] {
        state.apply(&put(name, name));
    }
    state.apply(&Change::Move { from: address("vpc.main"), to: address("vpc.core") });
    let names: Vec<_> = state.resources.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["vpc.core", "image.a", "image.b"]);
    assert_eq!(state.resources[&address("image.a")].depends_on, [address("vpc.core")]);
}

#[test]
fn what_is_written_of_the_replaced_leaves_what_its_replacement_may_have_made() {
    let mut snapshot = first();
    let mut create = unseen("o1");
    create.begin.generation = 3;
    let address = create.begin.address.clone();
    snapshot.apply(&Change::Unseen { create: Box::new(create) });
    for (generation, is_left) in [(2, true), (3, false)] {
        let record = Record { generation, ..record("id-1") };
        snapshot.apply(&Change::Put { address: address.clone(), record });
        assert_eq!(!snapshot.unseen.is_empty(), is_left);
    }
}
