//! Holds every resource kind against its own schema, on a control plane that nobody here wrote:
//! what is declared reads back, what changes is seen and can be changed, what is deleted is gone,
//! and every field of the API's create input is offered or said to be left out.
//!
//! A kind's file here says what its prerequisites are and one other value for each attribute:
//! `pub fn cases() -> Vec<Case>`, and a test that calls [`conform`].

use std::collections::{BTreeMap, BTreeSet};

use bgform::address::Address;
use bgform::kind::schema::{OnChange, Schema};
use bgform::kind::{self, AnyKind, Boxed, Live, Wanted};
use bgform::plan::diff::{diff, drift};
use bgform::plan::observe::overlaid;
use bgform::state::Record;
use bgform::value::{Object, Value};

mod autoscaling_group;
mod ecs_cluster;
mod ecs_service;
mod fields;
mod iam_role;
mod image;
mod instance;
mod instance_profile;
mod launch_template;
mod listener;
mod listener_rule;
mod load_balancer;
mod log_group;
mod random;
mod route53_record;
mod security_group;
mod target_group;
mod task_definition;
mod trial;
mod world;

pub use trial::{Case, Change, How, Trial};
pub use world::{Ground, World};

#[test]
fn every_managed_kind_is_held_against_its_schema() {
    let here = include_str!("mod.rs");
    for kind in kind::managed() {
        let module = format!("\nmod {};\n", kind.schema().kind);
        assert!(here.contains(&module), "tests/it/moto/conformance needs `{}`", module.trim());
    }
}

/// Tries every case of a kind on moto, then whether all of them together say something of each
/// attribute.
pub async fn conform(kind: &str, cases: Vec<Case>) {
    conform_on(Ground::Moto, kind, cases).await;
}

/// The same on either server.
pub async fn conform_on(ground: Ground, kind: &str, cases: Vec<Case>) {
    let kind = kind::find_managed(kind).unwrap_or_else(|| panic!("`{kind}` is in the registry"));
    fields::every_field_is_offered_or_left_out(kind.schema(), &kind.create_inputs());
    let mut said = BTreeMap::new();
    for case in cases {
        let world = World::on(ground).await;
        let trial = (case.prepare)(&world).await.on(ground);
        for change in &trial.changes {
            let attribute = attribute(kind.schema(), change.attribute);
            if let How::Create(why) | How::Untold(why) = change.how {
                println!("{}: `{attribute}`: {why}", case.name);
            }
            said.entry(attribute).or_insert_with(Vec::new).push(matches!(change.how, How::Untold(_)));
        }
        Proof { kind, schema: kind.schema(), case: case.name, world: &world, trial: &trial }.run().await;
    }
    for attribute in &kind.schema().attributes {
        let said = said.get(attribute.name).unwrap_or_else(|| panic!("no case changes `{}`", attribute.name));
        let untold = said.iter().filter(|untold| **untold).count();
        assert!(untold == 0 || said.len() == 1, "`{}` is tried and said to be untold", attribute.name);
    }
}

fn attribute(schema: &Schema, name: &str) -> &'static str {
    let attribute = schema.attribute(name);
    attribute.unwrap_or_else(|| panic!("`{}` has no `{name}`", schema.kind)).name
}

/// One case of a kind on a world of its own.
struct Proof<'a> {
    kind: &'static dyn AnyKind,
    schema: &'static Schema,
    case: &'static str,
    world: &'a World,
    trial: &'a Trial,
}

impl Proof<'_> {
    async fn run(&self) {
        let address = Address::new(self.schema.kind, "main");
        let id = self.created(&address, "create", &self.trial.base, 0).await;
        let live = self.reads_back(&address, &id, &self.trial.base).await;
        self.says_every_output(&id, &live);
        self.is_found_by_its_operation_only(&address, &id).await;
        self.reads_many_in_as_few_calls_as_one(&address, &id).await;
        for change in &self.trial.changes {
            let on_change = self.schema.attribute(change.attribute).map(|attribute| attribute.on_change);
            if on_change == Some(OnChange::Update) {
                self.is_changed_and_changed_back(&address, &id, change).await;
            }
        }
        self.is_gone_once_deleted(&address, &id, &live).await;
        for (number, change) in (1..).zip(&self.trial.changes) {
            let on_change = self.schema.attribute(change.attribute).map(|attribute| attribute.on_change);
            let replaces = on_change == Some(OnChange::Replace) && !matches!(change.how, How::Untold(_));
            if replaces || matches!(change.how, How::Create(_)) {
                let inputs = self.with(&change.set);
                let id = self.created(&address, &format!("replace-{number}"), &inputs, number).await;
                let live = self.reads_back(&address, &id, &inputs).await;
                self.deleted(&address, &id, &live).await;
            }
        }
    }

    fn with(&self, set: &Object) -> Object {
        let mut inputs = self.trial.base.clone();
        inputs.extend(set.clone());
        inputs
    }

    async fn created(&self, address: &Address, operation: &str, inputs: &Object, generation: u32) -> String {
        let canonical = self.schema.canonical(inputs);
        let mistakes = self.kind.check(&canonical);
        assert!(mistakes.is_empty(), "{}: {mistakes:?}", self.case);
        let op = self.world.operation(address, operation).of_generation(generation);
        self.done(self.kind.create(&op, &canonical), "create").await
    }

    async fn done<T>(&self, call: Boxed<'_, T>, what: &str) -> T {
        call.await.unwrap_or_else(|error| panic!("{}: {what}: {error}", self.case))
    }

    /// As the next plan reads what was applied as `inputs`.
    async fn read(&self, address: &Address, id: &str, inputs: &Object) -> Option<Live> {
        self.read_of(address, id, &self.declared(inputs), inputs).await
    }

    /// State is given only for what no API answers.
    async fn read_of(
        &self,
        address: &Address,
        id: &str,
        declared: &BTreeSet<String>,
        inputs: &Object,
    ) -> Option<Live> {
        let mut known = self.schema.canonical(inputs);
        known.retain(|name, _| self.trial.in_state.contains(&name.as_str()));
        let last = Record { id: id.to_owned(), inputs: known, ..Record::default() };
        let last = (!last.inputs.is_empty()).then_some(&last);
        let wanted = [Wanted { address, id, declared, last }];
        self.done(self.kind.read(&self.world.cloud, &wanted), "read").await.remove(id)
    }

    /// What a plan after `inputs` were applied would see: nothing to do.
    async fn reads_back(&self, address: &Address, id: &str, inputs: &Object) -> Live {
        let live = self.read(address, id, inputs).await;
        let live = live.unwrap_or_else(|| panic!("{}: {id} is not read", self.case));
        let canonical = self.schema.canonical(inputs);
        let changes = drift(self.schema, &canonical, &live.inputs);
        assert!(changes.is_empty(), "{}: shown as drift: {changes:#?}", self.case);
        let record = Record { inputs: canonical.clone(), ..Record::default() };
        let changes = diff(self.schema, &overlaid(&record, &live), &canonical, &canonical);
        assert!(changes.is_empty(), "{}: planned though nothing differs: {changes:#?}", self.case);
        live
    }

    /// What state declares of a resource: defaults are among it.
    fn declared(&self, inputs: &Object) -> BTreeSet<String> {
        self.schema.canonical(inputs).keys().cloned().collect()
    }

    fn agrees(&self, name: &str, declared: &Value, live: &Value) -> bool {
        self.schema.attribute(name).is_some_and(|attribute| attribute.ty.agrees(declared, live))
    }

    fn says_every_output(&self, id: &str, live: &Live) {
        assert_eq!(live.outputs.get("id").and_then(Value::as_str), Some(id), "{}: output `id`", self.case);
        for output in &self.schema.outputs {
            let value = live.outputs.get(output.name).filter(|value| !value.is_null());
            let untold = self.trial.outputs_untold.iter().any(|(name, _)| *name == output.name);
            assert!(value.is_some() != untold, "{}: output `{}`: {value:?}", self.case, output.name);
        }
    }

    async fn is_found_by_its_operation_only(&self, address: &Address, id: &str) {
        let inputs = self.schema.canonical(&self.trial.base);
        // What has no mark is found by what it is.
        let another = self.trial.found_as_it_stands.map(|_| id);
        for (operation, expected) in [("create", Some(id)), ("another", another)] {
            let op = self.world.operation(address, operation);
            let found = self.done(self.kind.find(&op, &inputs), "find").await;
            assert_eq!(found.as_deref(), expected, "{}: found by `{operation}`", self.case);
        }
        for change in self.trial.changes.iter().filter(|change| matches!(change.how, How::Update)) {
            let inputs = self.schema.canonical(&self.with(&change.set));
            let op = self.world.operation(address, "another");
            let found = self.done(self.kind.find(&op, &inputs), "find").await;
            assert_eq!(found, None, "{}: found with another `{}`", self.case, change.attribute);
        }
    }

    async fn reads_many_in_as_few_calls_as_one(&self, address: &Address, id: &str) {
        let Some(twin) = &self.trial.twin else { return };
        let twin = self.with(twin);
        let other = Address::new(self.schema.kind, "twin");
        let second = self.created(&other, "create", &twin, 0).await;
        let nothing = BTreeSet::new();
        let one = Wanted { address, id, declared: &nothing, last: None };
        let two = Wanted { address: &other, id: &second, declared: &nothing, last: None };
        let calls = || self.world.cloud.calls();
        let before = calls();
        self.done(self.kind.read(&self.world.cloud, std::slice::from_ref(&one)), "read one").await;
        let between = calls();
        let both = self.done(self.kind.read(&self.world.cloud, &[one, two]), "read two").await;
        assert_eq!(both.len(), 2, "{}: both are read", self.case);
        assert_eq!(calls() - between, between - before, "{}: calls for two and for one", self.case);
        let live = self.reads_back(&other, &second, &twin).await;
        self.deleted(&other, &second, &live).await;
    }

    async fn is_changed_and_changed_back(&self, address: &Address, id: &str, change: &Change) {
        let (base, after) = (&self.trial.base, self.with(&change.set));
        match &change.how {
            How::Untold(_) | How::UntoldByMoto(_) | How::Create(_) => return,
            How::Update => self.updated(address, id, base, &after, change.attribute).await,
            How::AtApi(call) => call(self.world, id).await,
        }
        self.reads_back(address, id, &after).await;
        let canonical = self.schema.canonical(base);
        let Some(was) = canonical.get(change.attribute) else { return };
        let live = self.read(address, id, base).await.expect("it is there");
        assert!(!was.is_null(), "{}: `{}` is declared", self.case, change.attribute);
        let shown = drift(self.schema, &canonical, &live.inputs);
        assert!(
            shown.iter().any(|one| one.attribute() == change.attribute),
            "{}: a change of `{}` at the API is not shown as drift: {shown:?}",
            self.case,
            change.attribute
        );
        self.updated(address, id, &after, base, change.attribute).await;
        self.reads_back(address, id, base).await;
    }

    /// As apply does it: read, see what differs from what is declared now or was, update.
    async fn updated(&self, address: &Address, id: &str, last: &Object, inputs: &Object, attribute: &str) {
        let after = self.schema.canonical(inputs);
        let mistakes = self.kind.check(&after);
        assert!(mistakes.is_empty(), "{}: {mistakes:?}", self.case);
        let declared = &self.declared(inputs) | &self.declared(last);
        let before = self.read_of(address, id, &declared, last).await.expect("it is there");
        let changed: BTreeSet<_> = declared
            .union(&after.keys().cloned().collect())
            .filter(|name| {
                let (is, will) = (before.inputs.get(*name), after.get(*name));
                !self.agrees(name, will.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null))
            })
            .cloned()
            .collect();
        assert!(changed.contains(attribute), "{}: the other `{attribute}` is no other", self.case);
        // Every operation has an id of its own: the same one again is a repeat.
        let op = self.world.operation(address, &format!("update-{attribute}-{}", self.world.cloud.calls()));
        let what = format!("update of {changed:?}");
        self.done(self.kind.update(&op, id, &before, &after, &changed), &what).await;
    }

    async fn deleted(&self, address: &Address, id: &str, live: &Live) {
        let record = Record {
            id: id.to_owned(),
            inputs: live.inputs.clone(),
            outputs: live.outputs.clone(),
            ..Record::default()
        };
        let op = self.world.operation(address, "delete");
        self.done(self.kind.delete(&op, &record), "delete").await;
    }

    async fn is_gone_once_deleted(&self, address: &Address, id: &str, live: &Live) {
        self.deleted(address, id, live).await;
        let left = self.read(address, id, &Object::new()).await;
        assert!(left.is_none(), "{}: read after it was deleted: {left:?}", self.case);
        self.deleted(address, id, live).await;
    }
}
