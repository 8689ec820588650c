//! Rows against AWS's tables: what a kind's rows take, AWS takes, and (in `edges`) what they refuse, it refuses. Random inputs that nothing in a kind finds
//! wrong are created on the sandbox, whose tables of what a request may say are botocore's, changed twice,
//! and read back.

use std::collections::BTreeSet;

use bgform::address::Address;
use bgform::cloud::error::Error;
use bgform::kind::{self, AnyKind, Live, Wanted};
use bgform::plan::diff::drift;
use bgform::state::Record;
use bgform::value::{Object, Value};

use super::{Case, Ground, Trial, World};

mod edges;
mod values;

use values::Values;

/// The cases of a kind, and what a group of machines would take long for.
fn cases(kind: &str) -> (Vec<Case>, &'static [&'static str]) {
    match kind {
        "autoscaling_group" => {
            (super::autoscaling_group::cases(), &["min_size", "desired_capacity", "launch_template"])
        }
        "iam_role" => (super::iam_role::cases(), &[]),
        "image" => (super::image::cases(), &["source", "ready_timeout", "command_timeout"]),
        "instance" => (super::instance::cases(), &["state"]),
        "instance_profile" => (super::instance_profile::cases(), &["role"]),
        "launch_template" => (super::launch_template::cases(), &[]),
        "listener" => (super::listener::cases(), &[]),
        "listener_rule" => (super::listener_rule::cases(), &[]),
        "load_balancer" => (super::load_balancer::cases(), &[]),
        "log_group" => (super::log_group::cases(), &[]),
        "route53_record" => (super::route53_record::cases(), &["hosted_zone", "name"]),
        "security_group" => (super::security_group::cases(), &[]),
        "target_group" => (super::target_group::cases(), &[]),
        other => panic!("`{other}` has no cases"),
    }
}

/// A case on a sandbox, with random inputs.
struct Fuzz {
    kind: &'static dyn AnyKind,
    world: World,
    base: Object,
    frozen: &'static [&'static str],
    values: Values,
    made: usize,
}

/// What AWS said of inputs that bgform takes.
#[derive(Default)]
struct Tally {
    taken: usize,
    /// Refusals that no rule about one block can know: of names that are taken, ids that nothing has, quotas.
    elsewhere: usize,
    wrong: BTreeSet<String>,
}

impl Fuzz {
    async fn of(kind: &'static dyn AnyKind, case: &Case, frozen: &'static [&'static str], seed: u64) -> Self {
        let world = World::on(Ground::Sandbox).await;
        let Trial { mut base, changes, .. } = (case.prepare)(&world).await;
        let mut values = Values::new(seed);
        let rows = &kind.schema().attributes;
        values.learn(rows, &base, "");
        changes.iter().for_each(|change| values.learn(rows, &change.set, ""));
        if kind.schema().kind == "autoscaling_group" {
            // Without machines: what is asked is whether AWS takes the words.
            base.extend(["min_size", "desired_capacity"].map(|name| (name.to_owned(), Value::Number(0.0))));
        }
        Self { kind, world, base, frozen, values, made: 0 }
    }

    /// Inputs that are right, up to `most` attributes away from these.
    fn away_from(&mut self, inputs: &Object, most: usize) -> Object {
        let rows = &self.kind.schema().attributes;
        let mut inputs = inputs.clone();
        for _ in 0..self.values_below(most) + 1 {
            let row = &rows[self.values_below(rows.len())];
            if self.frozen.contains(&row.name) {
                continue;
            }
            for _ in 0..12 {
                let now = inputs.get(row.name).cloned().unwrap_or(Value::Null);
                let mut next = inputs.clone();
                if !row.required && self.values.chance(10) {
                    next.shift_remove(row.name);
                } else if let Some(value) = self.values.value(&row.ty, row.name, &now) {
                    next.insert(row.name.to_owned(), value);
                }
                if self.kind.check(&self.kind.schema().canonical(&next)).is_empty() {
                    inputs = next;
                    break;
                }
            }
        }
        inputs
    }

    fn values_below(&mut self, most: usize) -> usize {
        rand::Rng::random_range(&mut self.values.rng, 0..most)
    }

    /// Creates, changes twice and deletes one.
    async fn round(&mut self, tally: &mut Tally) {
        self.made += 1;
        let name = format!("fuzz{}", self.made);
        let address = Address::new(self.kind.schema().kind, &name);
        let base = self.base.clone();
        let mut inputs = self.away_from(&base, 12);
        let canonical = self.kind.schema().canonical(&inputs);
        let op = self.world.operation(&address, "create");
        let created = self.kind.create(&op, &canonical).await;
        let Some(id) = self.told(tally, "create", &canonical, created) else { return };
        for number in 0..3 {
            let declared: BTreeSet<String> = self.kind.schema().canonical(&inputs).keys().cloned().collect();
            let Some(live) = self.read(&address, &id, &declared, &inputs).await else {
                tally.wrong.insert(format!("{}: created and not read", self.kind.schema().kind));
                return;
            };
            let canonical = self.kind.schema().canonical(&inputs);
            for change in drift(self.kind.schema(), &canonical, &live.inputs) {
                let told = format!("{}: shown as drift: {change:?}", self.kind.schema().kind);
                tally.wrong.insert(told.chars().take(400).collect());
            }
            if number == 2 {
                let record = Record {
                    id: id.clone(),
                    inputs: live.inputs.clone(),
                    outputs: live.outputs.clone(),
                    ..Record::default()
                };
                let op = self.world.operation(&address, "delete");
                if live.inputs.get("deletion_protection").is_some_and(|on| *on != Value::Bool(false)) {
                    return;
                }
                let deleted = self.kind.delete(&op, &record).await;
                self.told(tally, "delete", &canonical, deleted);
                return;
            }
            let next = self.updatable(&inputs);
            let after = self.kind.schema().canonical(&next);
            let declared: BTreeSet<String> = declared.into_iter().chain(after.keys().cloned()).collect();
            let Some(before) = self.read(&address, &id, &declared, &inputs).await else { return };
            let changed: BTreeSet<String> = declared
                .iter()
                .filter(|name| {
                    let (is, will) = (before.inputs.get(*name), after.get(*name));
                    let row = self.kind.schema().attribute(name);
                    !row.is_some_and(|row| {
                        row.ty.agrees(will.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null))
                    })
                })
                .cloned()
                .collect();
            let op = self.world.operation(&address, &format!("update-{number}"));
            let updated = self.kind.update(&op, &id, &before, &after, &changed).await;
            if self.told(tally, &format!("update of {changed:?}"), &after, updated).is_none() {
                return;
            }
            inputs = next;
        }
    }

    /// Other inputs to which an update in place leads.
    fn updatable(&mut self, inputs: &Object) -> Object {
        let mut next = self.away_from(inputs, 8);
        for row in &self.kind.schema().attributes {
            if row.on_change == bgform::kind::schema::OnChange::Replace {
                match inputs.get(row.name) {
                    Some(value) => next.insert(row.name.to_owned(), value.clone()),
                    None => next.shift_remove(row.name),
                };
            }
        }
        let fits = self.kind.check(&self.kind.schema().canonical(&next)).is_empty();
        if fits { next } else { inputs.clone() }
    }

    async fn read(
        &self,
        address: &Address,
        id: &str,
        declared: &BTreeSet<String>,
        inputs: &Object,
    ) -> Option<Live> {
        let inputs = self.kind.schema().canonical(inputs);
        let last = Record { id: id.to_owned(), inputs, ..Record::default() };
        let wanted = [Wanted { address, id, declared, last: Some(&last) }];
        self.kind.read(&self.world.cloud, &wanted).await.ok()?.remove(id)
    }

    fn told<T>(&self, tally: &mut Tally, call: &str, inputs: &Object, answer: Result<T, Error>) -> Option<T> {
        match answer {
            Ok(answer) => {
                tally.taken += 1;
                Some(answer)
            }
            Err(error) => {
                let error = error.to_string();
                let error = error.split(" (request ").next().unwrap_or_default();
                match ELSEWHERE.iter().any(|code| error.contains(code)) {
                    true => tally.elsewhere += 1,
                    false => {
                        let kind = self.kind.schema().kind;
                        let differs: Vec<_> = inputs
                            .iter()
                            .filter(|(name, value)| self.base.get(*name) != Some(*value))
                            .map(|(name, value)| format!("{name} = {}", value.to_plain_json()))
                            .collect();
                        let differs: String = differs.join(", ").chars().take(900).collect();
                        let error: String = error.chars().take(500).collect();
                        tally.wrong.insert(format!("{kind}: {call}: {error}\n    with {differs}"));
                    }
                }
                None
            }
        }
    }
}

/// What depends on the rest of the account, on resources beside this one, or on what the sandbox carries.
const ELSEWHERE: &[&str] = &[
    "NotFound",
    "Duplicate",
    "AlreadyExists",
    "InUse",
    "TooMany",
    "LimitExceeded",
    "TargetGroupAssociationLimit",
    "is taken by another rule",
    "not available in this region",
    // `beside` looks at the load balancer.
    "must be one of 'TCP, TLS, UDP, TCP_UDP'",
    "must be one of 'HTTPS, HTTP'",
    "in the same Availability Zone",
    // A plan replaces the instance then.
    "cannot shrink",
    // Which types there are is no rule.
    "for InstanceType",
    "of the root volume",
    // Of a root volume without a type, the image's.
    "for volume type gp2",
    "for gp2 volumes",
];

/// `count` rounds of each case of a kind; another count by `BGFORM_ROWS`.
async fn rows_are_within_the_tables(kind: &str, count: usize) {
    let seed: u64 = 41;
    let count = std::env::var("BGFORM_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(count);
    println!("seed {seed}, {count} rounds");
    let kind = kind::find_managed(kind).expect("a kind");
    let (cases, frozen) = cases(kind.schema().kind);
    let mut tally = Tally::default();
    for (case, number) in cases.iter().zip(0..) {
        let mut fuzz = Fuzz::of(kind, case, frozen, seed + number).await;
        for _ in 0..count {
            fuzz.round(&mut tally).await;
        }
    }
    let Tally { taken, elsewhere, wrong } = tally;
    println!("{}: {taken} calls taken, {elsewhere} refused for something else", kind.schema().kind);
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
    assert!(taken > elsewhere, "more was refused than taken");
}

macro_rules! rows {
    ($($name:ident: $kind:literal, $count:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            rows_are_within_the_tables($kind, $count).await;
        }
    )*};
}

rows! {
    rows_of_a_security_group_are_within_the_tables: "security_group", 8;
    rows_of_a_target_group_are_within_the_tables: "target_group", 8;
    rows_of_a_load_balancer_are_within_the_tables: "load_balancer", 5;
    rows_of_a_listener_are_within_the_tables: "listener", 8;
    rows_of_a_listener_rule_are_within_the_tables: "listener_rule", 8;
    rows_of_a_launch_template_are_within_the_tables: "launch_template", 5;
    rows_of_an_instance_are_within_the_tables: "instance", 2;
    rows_of_an_image_are_within_the_tables: "image", 1;
    rows_of_an_autoscaling_group_are_within_the_tables: "autoscaling_group", 5;
}
