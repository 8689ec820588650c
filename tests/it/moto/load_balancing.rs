//! Load balancing on moto, beyond what the schemas say: how a cutover goes, what is found again,
//! and what `existing` blocks answer.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use bgform::address::Address;
use bgform::cloud::error::Error;
use bgform::kind::operation::{Operation, Reporter};
use bgform::kind::{self, AnyKind, Live, Wanted};
use bgform::object;
use bgform::value::{Object, Value};

use crate::moto::conformance::World;

/// What was said while something was waited for.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Reporter for Said {
    fn progress(&self, _address: &Address, text: &str) {
        self.0.lock().expect("not poisoned").push(text.to_owned());
    }
}

/// A rule of two colours.
struct Rule {
    world: World,
    address: Address,
    listener: String,
    blue: String,
    green: String,
    said: Said,
}

fn members(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        other => panic!("an object, not {other:?}"),
    }
}

fn rule() -> &'static dyn AnyKind {
    kind::find_managed("listener_rule").expect("a kind")
}

impl Rule {
    async fn new() -> Self {
        let world = World::new().await;
        Self {
            address: Address::new("listener_rule", "web"),
            listener: world.listener("edge").await,
            blue: world.target_group("blue").await,
            green: world.target_group("green").await,
            said: Said::default(),
            world,
        }
    }

    /// Puts one running instance into a target group.
    async fn fill(&self, group: &str) -> String {
        let image = self.world.images().await.remove(0);
        let run = self.world.cloud.ec2.run_instances().image_id(image).min_count(1).max_count(1);
        let run = run.instance_type("t3.micro".into()).send().await.expect("an instance");
        let id = run.instances()[0].instance_id().expect("an id").to_owned();
        let target = TargetDescription::builder().id(&id).build();
        let register = self.world.cloud.elbv2.register_targets().target_group_arn(group).targets(target);
        register.send().await.expect("registered");
        id
    }

    fn inputs(&self, weights: &[(&str, i32)]) -> Object {
        let groups = weights.iter().map(|(group, weight)| object! { "group" => *group, "weight" => *weight });
        let forward = object! { "type" => "forward", "target_group" => groups.collect::<Vec<_>>() };
        let inputs = members(object! {
            "listener" => self.listener.clone(),
            "priority" => 10,
            "condition" => vec![object! { "path_pattern" => vec!["/*"] }],
            "action" => vec![forward],
        });
        rule().schema().canonical(&inputs)
    }

    fn operation(&self, id: &str) -> Operation<'_> {
        let world = &self.world;
        let id = format!("{}-{id}", world.lineage);
        Operation::new(&world.cloud, &self.address, id, "shop", &world.lineage, &self.said)
    }

    async fn create(&self, weights: &[(&str, i32)]) -> String {
        let op = self.operation("create");
        rule().create(&op, &self.inputs(weights)).await.expect("created")
    }

    async fn read(&self, id: &str) -> Live {
        let declared = BTreeSet::new();
        let wanted = [Wanted { address: &self.address, id, declared: &declared, last: None }];
        rule().read(&self.world.cloud, &wanted).await.expect("read").remove(id).expect("there")
    }

    /// Calls made, and how it ended.
    async fn shift(&self, id: &str, weights: &[(&str, i32)]) -> (usize, Result<(), Error>) {
        let before = self.read(id).await;
        let changed = BTreeSet::from(["action".to_owned()]);
        let op = self.operation("shift");
        let calls = self.world.cloud.calls();
        let end = rule().update(&op, id, &before, &self.inputs(weights), &changed).await;
        (self.world.cloud.calls() - calls, end)
    }

    async fn has(&self, id: &str, weights: &[(&str, i32)]) {
        assert_eq!(self.read(id).await.inputs.get("action"), self.inputs(weights).get("action"));
    }
}

#[tokio::test]
async fn a_cutover_to_a_group_that_the_rule_names_is_two_calls() {
    let rule = Rule::new().await;
    rule.fill(&rule.blue).await;
    rule.fill(&rule.green).await;
    let id = rule.create(&[(&rule.blue, 100), (&rule.green, 0)]).await;
    let shifted = [(rule.blue.as_str(), 0), (rule.green.as_str(), 100)];
    let (calls, end) = rule.shift(&id, &shifted).await;
    end.expect("shifted");
    assert_eq!(calls, 2);
    rule.has(&id, &shifted).await;
}

#[tokio::test]
async fn a_group_that_the_rule_does_not_name_is_named_first_so_that_it_is_health_checked() {
    let rule = Rule::new().await;
    rule.fill(&rule.blue).await;
    rule.fill(&rule.green).await;
    let id = rule.create(&[(&rule.blue, 1)]).await;
    let shifted = [(rule.green.as_str(), 1)];
    let (calls, end) = rule.shift(&id, &shifted).await;
    end.expect("shifted");
    assert_eq!(calls, 3, "ModifyRule, DescribeTargetHealth, ModifyRule");
    rule.has(&id, &shifted).await;
    let said = rule.said.0.lock().unwrap().join("\n");
    assert!(said.contains("naming the new target groups at weight 0"), "{said}");
}

#[tokio::test]
async fn a_group_without_targets_gets_no_traffic_from_one_that_has_some() {
    let rule = Rule::new().await;
    rule.fill(&rule.blue).await;
    let id = rule.create(&[(&rule.blue, 100), (&rule.green, 0)]).await;
    let (_, end) = rule.shift(&id, &[(&rule.blue, 0), (&rule.green, 100)]).await;
    let error = end.expect_err("refused").to_string();
    assert_eq!(
        error,
        format!("target group `green-{}` is to get traffic and has no targets", rule.world.lineage)
    );
    rule.has(&id, &[(&rule.blue, 100), (&rule.green, 0)]).await;
}

#[tokio::test]
async fn a_first_release_gets_its_weight_before_it_has_targets() {
    let rule = Rule::new().await;
    let id = rule.create(&[(&rule.blue, 0), (&rule.green, 0)]).await;
    let (_, end) = rule.shift(&id, &[(&rule.blue, 100), (&rule.green, 0)]).await;
    end.expect("shifted");
    rule.has(&id, &[(&rule.blue, 100), (&rule.green, 0)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shift_waits_until_every_target_is_healthy() {
    let rule = Rule::new().await;
    rule.fill(&rule.blue).await;
    let ill = rule.fill(&rule.green).await;
    let ec2 = &rule.world.cloud.ec2;
    ec2.stop_instances().instance_ids(&ill).send().await.expect("stopped");
    let id = rule.create(&[(&rule.blue, 100), (&rule.green, 0)]).await;
    let shifted = [(rule.blue.as_str(), 0), (rule.green.as_str(), 100)];
    let mend = async {
        // Not before it has been seen.
        while rule.said.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        rule.has(&id, &[(&rule.blue, 100), (&rule.green, 0)]).await;
        ec2.start_instances().instance_ids(&ill).send().await.expect("started");
    };
    let ((_, end), ()) = tokio::join!(rule.shift(&id, &shifted), mend);
    end.expect("shifted");
    let said = rule.said.0.lock().unwrap().join("\n");
    let told = format!("0 of 1 targets of `green-{}` are healthy, {ill} is unused", rule.world.lineage);
    assert!(said.contains(&told), "{said}");
}

#[tokio::test]
async fn rules_that_are_gone_are_left_out_of_a_read() {
    let rule = Rule::new().await;
    let id = rule.create(&[(&rule.blue, 1)]).await;
    let gone = format!("{id}0");
    let declared = BTreeSet::new();
    let wanted =
        [&gone, &id].map(|id| Wanted { address: &rule.address, id, declared: &declared, last: None });
    let live = self::rule().read(&rule.world.cloud, &wanted).await.expect("read");
    assert_eq!(live.keys().collect::<Vec<_>>(), [&id]);
}

#[tokio::test]
async fn a_taken_priority_is_told_as_one() {
    let rule = Rule::new().await;
    rule.create(&[(&rule.blue, 1)]).await;
    let op = rule.operation("another");
    let error = self::rule().create(&op, &rule.inputs(&[(&rule.blue, 1)])).await.expect_err("refused");
    assert_eq!(error.to_string(), format!("priority 10 is taken by another rule of {}", rule.listener));
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_adopted_and_a_strangers_is_not() {
    let world = World::new().await;
    let kind = kind::find_managed("target_group").expect("a kind");
    let inputs = members(object! {
        "name" => world.name("web"),
        "vpc" => world.default_vpc().await,
        "port" => 8080,
        "protocol" => "HTTP",
    });
    let address = Address::new("target_group", "web");
    let op = world.operation(&address, "create");
    let made = kind.create(&op, &inputs).await.expect("created");
    assert_eq!(kind.create(&op, &inputs).await.expect("created again"), made);
    let stranger = world.operation(&address, "another");
    assert!(kind.create(&stranger, &inputs).await.expect_err("refused").already_exists());
}

async fn existing(world: &World, kind: &str, filters: Value) -> Vec<String> {
    let kind = kind::find_existing(kind).expect("a kind");
    let found = kind.read(&world.cloud, &members(filters)).await.expect("read");
    for output in &kind.schema().outputs {
        assert!(
            found.iter().all(|one| !one.get(output.name).unwrap_or(&Value::Null).is_null()),
            "{}",
            output.name
        );
    }
    found.iter().map(|one| one["id"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn what_exists_is_found_by_name_arn_tags_and_port() {
    let world = World::new().await;
    let listener = world.listener("edge").await;
    let balancers = existing(&world, "load_balancer", object! { "name" => world.name("edge") }).await;
    let [balancer] = balancers.try_into().expect("one");
    let group = world.target_group("web").await;
    for (arn, key) in [(&balancer, "edge"), (&group, "web")] {
        let tag =
            aws_sdk_elasticloadbalancingv2::types::Tag::builder().key(key).value(&world.lineage).build();
        world.cloud.elbv2.add_tags().resource_arns(arn).tags(tag).send().await.expect("tagged");
    }
    let tags = |key: &str| object! { "tags" => object! { key => world.lineage.clone() } };
    assert_eq!(existing(&world, "load_balancer", tags("edge")).await, [balancer.as_str()]);
    assert_eq!(
        existing(&world, "load_balancer", object! { "id" => balancer.clone() }).await,
        [balancer.as_str()]
    );
    assert_eq!(existing(&world, "target_group", tags("web")).await, [group.as_str()]);
    assert_eq!(existing(&world, "target_group", object! { "name" => world.name("web") }).await, [group]);
    let on = |port: i32| object! { "load_balancer" => balancer.clone(), "port" => port };
    assert_eq!(existing(&world, "listener", on(80)).await, [listener]);
    assert!(existing(&world, "listener", on(443)).await.is_empty());
    assert!(existing(&world, "load_balancer", object! { "name" => "nobody" }).await.is_empty());
}
