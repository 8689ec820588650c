//! What an Auto Scaling group does over time, on moto: making, rolling, attaching, deleting.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, InstanceType, RequestLaunchTemplateData};
use bgform::address::Address;
use bgform::cloud::error::Error;
use bgform::kind::autoscaling_group::group::{Group as Observed, observe_one};
use bgform::kind::schema::Schema;
use bgform::kind::{self, AnyKind, Live, Wanted};
use bgform::object;
use bgform::state::Record;
use bgform::value::{Object, Value};

use crate::moto::conformance::{Ground, World};

/// A launch template with versions 1 to `versions`, the last one its default: each launches an
/// instance type of its own.
pub async fn template(world: &World, versions: usize) -> String {
    let ec2 = &world.cloud.ec2;
    let images = ec2.describe_images().owners("amazon").send().await.expect("images");
    let image = images.images()[0].image_id().expect("an id");
    let data = |version: usize| {
        let types = [InstanceType::T3Micro, InstanceType::T3Small, InstanceType::T3Medium];
        RequestLaunchTemplateData::builder().image_id(image).instance_type(types[version - 1].clone()).build()
    };
    let made = ec2.create_launch_template().launch_template_name(world.name("template"));
    let made = made.launch_template_data(data(1)).send().await.expect("a template");
    let id = made.launch_template().and_then(|one| one.launch_template_id()).expect("an id").to_owned();
    for version in 2..=versions {
        let next = ec2.create_launch_template_version().launch_template_id(&id);
        next.launch_template_data(data(version)).send().await.expect("a version");
    }
    set_default(world, &id, versions).await;
    id
}

/// moto launches the pinned version's image and type, but writes down the default version.
async fn set_default(world: &World, template: &str, version: usize) {
    let call = world.cloud.ec2.modify_launch_template().launch_template_id(template);
    call.default_version(version.to_string()).send().await.expect("the default version");
}

/// What a reference to the template resolves to.
pub fn version(template: &str, version: i32) -> Value {
    object! { "id" => template, "latest_version" => version }
}

pub async fn target_group(world: &World, name: &str) -> String {
    use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
    let call = world.cloud.elbv2.create_target_group().name(world.name(name)).protocol(ProtocolEnum::Http);
    let made = call.port(80).vpc_id(world.default_vpc().await).send().await.expect("a target group");
    made.target_groups()[0].target_group_arn().expect("an ARN").to_owned()
}

/// A group under test, with the inputs that it was last given.
struct Group<'a> {
    world: &'a World,
    address: Address,
    inputs: Object,
}

fn kind() -> &'static dyn AnyKind {
    kind::find_managed("autoscaling_group").expect("it is in the registry")
}

fn schema() -> &'static Schema {
    kind().schema()
}

impl<'a> Group<'a> {
    /// Of two instances at version 1, with `set` on top.
    async fn new(world: &'a World, template: &str, set: Value) -> Self {
        let base = object! {
            "launch_template" => version(template, 1),
            "subnets" => vec![world.subnets().await[0].clone()],
            "min_size" => 0,
            "max_size" => 4,
            "desired_capacity" => 2,
        };
        let mut group =
            Self { world, address: Address::new("autoscaling_group", "shop"), inputs: Object::new() };
        group.set(base);
        group.set(set);
        group
    }

    fn set(&mut self, set: Value) {
        self.inputs.extend(set.as_object().cloned().expect("an object"));
        self.inputs = schema().canonical(&self.inputs);
    }

    async fn create(&self, operation: &str) -> Result<String, Error> {
        kind().create(&self.world.operation(&self.address, operation), &self.inputs).await
    }

    async fn read(&self, id: &str) -> Option<Live> {
        let declared: BTreeSet<_> = self.inputs.keys().cloned().collect();
        let wanted = [Wanted { address: &self.address, id, declared: &declared, last: None }];
        kind().read(&self.world.cloud, &wanted).await.expect("it is read").remove(id)
    }

    async fn update(&mut self, id: &str, set: Value) -> Result<(), Error> {
        let changed = set.as_object().expect("an object").keys().cloned().collect();
        self.set(set);
        let before = self.read(id).await.expect("it is there");
        let op = self.world.operation(&self.address, "update");
        kind().update(&op, id, &before, &self.inputs, &changed).await
    }

    async fn delete(&self, id: &str) -> Result<(), Error> {
        let record = Record { id: id.to_owned(), ..Record::default() };
        kind().delete(&self.world.operation(&self.address, "delete"), &record).await
    }

    async fn fleet(&self, id: &str) -> Observed {
        observe_one(&self.world.cloud, id).await.expect("it is read").expect("it is there")
    }

    /// State and type of each instance that the group has launched, by id.
    async fn instances(&self, id: &str) -> Vec<(String, String, String)> {
        let filter = Filter::builder().name("tag:aws:autoscaling:groupName").values(id).build();
        let found = self.world.cloud.ec2.describe_instances().filters(filter).send().await.expect("read");
        let instances = found.reservations().iter().flat_map(|one| one.instances());
        instances
            .map(|one| {
                let state = one.state().and_then(|state| state.name()).expect("a state").as_str();
                let kind = one.instance_type().expect("a type").as_str();
                (one.instance_id().unwrap_or_default().to_owned(), state.to_owned(), kind.to_owned())
            })
            .collect()
    }

    async fn targets(&self, target_group: &str) -> BTreeSet<String> {
        let call = self.world.cloud.elbv2.describe_target_health().target_group_arn(target_group);
        let found = call.send().await.expect("read");
        let targets = found.target_health_descriptions().iter();
        targets.filter_map(|one| one.target()?.id().map(str::to_owned)).collect()
    }
}

fn ids(fleet: &Observed) -> BTreeSet<String> {
    fleet.members.iter().map(|member| member.id.clone()).collect()
}

#[tokio::test]
async fn a_group_is_made_once_its_capacity_is_in_service() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let hook = object! { "name" => "warm", "transition" => "autoscaling:EC2_INSTANCE_LAUNCHING" };
    let set = object! {
        "lifecycle_hook" => vec![hook],
        "suspended_processes" => vec!["AZRebalance"],
        "enabled_metrics" => vec!["GroupMinSize", "GroupMaxSize"],
    };
    let group = Group::new(&world, &template, set).await;
    let id = group.create("create").await.unwrap();
    let fleet = group.fleet(&id).await;
    assert_eq!((fleet.in_service(), fleet.desired, fleet.capacity_in_service()), (2, 2, 2));
    assert!(fleet.suspended.contains("AZRebalance"));
    let live = group.read(&id).await.unwrap();
    assert_eq!(live.inputs["lifecycle_hook"].as_list().map(<[_]>::len), Some(1));
    assert_eq!(live.inputs["enabled_metrics"].as_list().map(<[_]>::len), Some(2));
}

#[tokio::test]
async fn a_repeated_create_adopts_its_own_group_and_refuses_anybody_elses() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let named = object! { "name" => world.name("taken") };
    let group = Group::new(&world, &template, named).await;
    let id = group.create("create").await.unwrap();
    let before = ids(&group.fleet(&id).await);
    assert_eq!(group.create("create").await.unwrap(), id);
    assert_eq!(ids(&group.fleet(&id).await), before, "nothing was launched again");
    let error = group.create("another").await.unwrap_err();
    assert!(error.already_exists());
    assert!(error.to_string().contains("it was made for autoscaling_group.shop"), "{error}");
    assert_eq!(ids(&group.fleet(&id).await), before, "and nothing was overwritten");
}

#[tokio::test]
async fn a_create_that_was_cut_off_is_found_and_completed() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let mut group = Group::new(&world, &template, object! {}).await;
    let id = group.create("create").await.unwrap();
    // As far as the creating call goes; the rest is said by later ones.
    let hook = object! { "name" => "warm", "transition" => "autoscaling:EC2_INSTANCE_TERMINATING" };
    group.set(object! { "suspended_processes" => vec!["AZRebalance"], "lifecycle_hook" => vec![hook] });
    let op = world.operation(&group.address, "create");
    assert_eq!(kind().find(&op, &group.inputs).await.unwrap(), Some(id.clone()));
    assert!(group.fleet(&id).await.suspended.contains("AZRebalance"));
    let live = group.read(&id).await.unwrap();
    assert_eq!(live.inputs["lifecycle_hook"].as_list().map(<[_]>::len), Some(1));
}

#[tokio::test]
async fn a_new_version_replaces_every_instance_and_none_is_left_on_the_old_one() {
    let world = World::new().await;
    let template = template(&world, 2).await;
    set_default(&world, &template, 1).await;
    let balanced = target_group(&world, "rolled").await;
    let judged = object! { "health_check_type" => "ELB", "target_groups" => vec![balanced] };
    let mut group = Group::new(&world, &template, judged).await;
    let id = group.create("create").await.unwrap();
    let old = ids(&group.fleet(&id).await);
    set_default(&world, &template, 2).await;
    group.update(&id, object! { "launch_template" => version(&template, 2) }).await.unwrap();
    let fleet = group.fleet(&id).await;
    assert_eq!(fleet.in_service(), 2);
    assert!(ids(&fleet).is_disjoint(&old));
    let running: Vec<_> = group.instances(&id).await.into_iter().filter(|one| one.1 == "running").collect();
    assert!(running.iter().all(|one| one.2 == "t3.small"), "{running:?}");
    assert_eq!(running.len(), 2);
    let live = group.read(&id).await.unwrap();
    assert_eq!(live.inputs["launch_template"], version(&template, 2));
}

#[tokio::test]
async fn a_roll_that_was_cut_off_goes_on_with_those_that_are_left() {
    let world = World::new().await;
    let template = template(&world, 2).await;
    set_default(&world, &template, 1).await;
    let mut group = Group::new(&world, &template, object! {}).await;
    let id = group.create("create").await.unwrap();
    let old: Vec<_> = ids(&group.fleet(&id).await).into_iter().collect();
    // As far as a crash after the first replacement.
    set_default(&world, &template, 2).await;
    let asg = &world.cloud.autoscaling;
    let pin = aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder();
    let pin = pin.launch_template_id(&template).version("2").build();
    let pinned = asg.update_auto_scaling_group().auto_scaling_group_name(&id).launch_template(pin);
    pinned.send().await.unwrap();
    let ended = asg.terminate_instance_in_auto_scaling_group().instance_id(&old[0]);
    ended.should_decrement_desired_capacity(false).send().await.unwrap();
    let halfway = ids(&group.fleet(&id).await);
    let replaced: BTreeSet<_> = halfway.iter().filter(|id| !old.contains(id)).cloned().collect();
    group.update(&id, object! { "launch_template" => version(&template, 2) }).await.unwrap();
    let now = ids(&group.fleet(&id).await);
    assert!(!now.contains(&old[1]), "the other old one is gone");
    assert!(replaced.is_subset(&now), "what was new already has stayed");
}

#[tokio::test]
async fn an_instance_refresh_replaces_every_instance_and_pins_the_version() {
    let world = World::on(Ground::Sandbox).await;
    let template = template(&world, 2).await;
    let balanced = target_group(&world, "refreshed").await;
    // An instance is otherwise warmed up for as long as the group's grace period, which is minutes.
    let at_once = object! { "instance_warmup" => std::time::Duration::ZERO };
    let refreshed = object! { "instance_refresh" => at_once, "target_groups" => vec![balanced] };
    let mut group = Group::new(&world, &template, refreshed).await;
    let id = group.create("create").await.unwrap();
    let old = ids(&group.fleet(&id).await);
    group.update(&id, object! { "launch_template" => version(&template, 2) }).await.unwrap();
    let fleet = group.fleet(&id).await;
    assert_eq!(fleet.in_service(), 2);
    assert!(ids(&fleet).is_disjoint(&old));
    assert_eq!(fleet.template.as_ref().map(|pinned| &*pinned.version), Some("2"));
    let refreshes = world.cloud.autoscaling.describe_instance_refreshes().auto_scaling_group_name(&id);
    let refreshes = refreshes.send().await.unwrap().instance_refreshes.unwrap_or_default();
    let ends: Vec<_> = refreshes.iter().filter_map(|one| one.status()).map(|one| one.as_str()).collect();
    assert_eq!(ends, ["Successful"]);
    group.delete(&id).await.unwrap();
}

#[tokio::test]
async fn without_instances_a_new_version_is_only_a_setting_even_with_an_instance_refresh() {
    let world = World::new().await;
    let template = template(&world, 2).await;
    let idle = object! { "desired_capacity" => 0, "instance_refresh" => object! {} };
    let mut group = Group::new(&world, &template, idle).await;
    let id = group.create("create").await.unwrap();
    group.update(&id, object! { "launch_template" => version(&template, 2) }).await.unwrap();
    let fleet = group.fleet(&id).await;
    assert_eq!(fleet.template.as_ref().map(|pinned| &*pinned.version), Some("2"));
    assert!(fleet.members.is_empty());
}

#[tokio::test]
async fn target_groups_are_attached_and_detached_with_the_instances() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let (old, new) = (target_group(&world, "old").await, target_group(&world, "new").await);
    let mut group = Group::new(&world, &template, object! { "target_groups" => vec![old.clone()] }).await;
    let id = group.create("create").await.unwrap();
    let members = ids(&group.fleet(&id).await);
    assert_eq!(group.targets(&old).await, members);
    group.update(&id, object! { "target_groups" => vec![new.clone()] }).await.unwrap();
    assert_eq!(group.targets(&new).await, members);
    assert!(group.targets(&old).await.is_empty());
    assert_eq!(group.fleet(&id).await.target_groups, BTreeSet::from([new]));
}

#[tokio::test]
async fn sizes_are_waited_for_both_ways() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let mut group = Group::new(&world, &template, object! {}).await;
    let id = group.create("create").await.unwrap();
    for desired in [4, 1] {
        group.update(&id, object! { "desired_capacity" => desired }).await.unwrap();
        assert_eq!(group.fleet(&id).await.capacity_in_service(), desired);
    }
}

#[tokio::test]
async fn hooks_and_policies_that_are_no_longer_declared_are_deleted() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let policy = object! {
        "name" => world.name("cpu"), "predefined_metric" => "ASGAverageCPUUtilization", "target_value" => 50,
    };
    let hook = object! { "name" => "warm", "transition" => "autoscaling:EC2_INSTANCE_LAUNCHING" };
    let parts = object! { "lifecycle_hook" => vec![hook], "scaling_policy" => vec![policy] };
    let mut group = Group::new(&world, &template, parts).await;
    let id = group.create("create").await.unwrap();
    let none = object! { "lifecycle_hook" => Vec::<Value>::new(), "scaling_policy" => Vec::<Value>::new() };
    group.update(&id, none).await.unwrap();
    let live = group.read(&id).await.unwrap();
    for part in ["lifecycle_hook", "scaling_policy"] {
        assert_eq!(live.inputs[part].as_list(), Some(&[][..]), "{part}");
    }
}

#[tokio::test]
async fn instances_carry_the_declared_tags_and_never_the_operation() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let group = Group::new(&world, &template, object! { "tags" => object! { "team" => "web" } }).await;
    let id = group.create("create").await.unwrap();
    let filter = Filter::builder().name("tag:aws:autoscaling:groupName").values(&id).build();
    let found = world.cloud.ec2.describe_instances().filters(filter).send().await.unwrap();
    let tags = found.reservations()[0].instances()[0].tags();
    let keys: BTreeSet<_> = tags.iter().filter_map(|tag| tag.key()).collect();
    assert!(keys.contains("team"), "{keys:?}");
    assert!(!keys.iter().any(|key| key.starts_with("bgform:")), "{keys:?}");
    assert_eq!(group.fleet(&id).await.tags["bgform:address"], "autoscaling_group.shop");
}

#[tokio::test]
async fn nothing_is_left_running_of_a_deleted_group() {
    let world = World::new().await;
    let template = template(&world, 1).await;
    let group = Group::new(&world, &template, object! {}).await;
    let id = group.create("create").await.unwrap();
    assert_eq!(group.instances(&id).await.len(), 2);
    group.delete(&id).await.unwrap();
    assert!(group.read(&id).await.is_none());
    let left: Vec<_> = group.instances(&id).await.into_iter().filter(|one| one.1 != "terminated").collect();
    assert!(left.is_empty(), "{left:?}");
    group.delete(&id).await.expect("what is gone is a success");
}
