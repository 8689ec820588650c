//! What a region holds, as the API lists it: never as state has it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bgform::cloud::Cloud;

use crate::moto::lifecycle::everything;

/// How many there are of each thing.
pub type Region = BTreeMap<String, usize>;

/// All that the API lists, and what a bake or a half-done change would leave behind in it.
pub async fn region(cloud: &Cloud) -> Region {
    let kinds = everything(cloud).await;
    let mut region: Region = kinds.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect();
    let ended = machines(cloud, &mut region).await;
    groups(cloud, &mut region).await;
    containers(cloud, &mut region).await;
    balancing(cloud, &mut region).await;
    targets(cloud, &mut region, &ended).await;
    around(cloud, &mut region).await;
    region
}

/// The same as soon as it is this; what is still there after a while if it never is.
pub async fn settled(cloud: &Cloud, wanted: &Region) -> Region {
    let began = bgform::clock::monotonic();
    let mut pause = Duration::from_millis(100);
    loop {
        let there = region(cloud).await;
        if there == *wanted || bgform::clock::monotonic().saturating_sub(began) > Duration::from_secs(10) {
            return there;
        }
        bgform::clock::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// What is there more or less often than it should be.
pub fn difference(wanted: &Region, found: &Region) -> String {
    let of = |region: &Region, what: &str| region.get(what).copied().unwrap_or_default();
    let kinds: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differ = kinds.into_iter().filter(|what| of(wanted, what) != of(found, what));
    let lines: Vec<_> = differ
        .map(|what| format!("{what}: {} wanted, {} there", of(wanted, what), of(found, what)))
        .collect();
    lines.join(", ")
}

/// Whether something is there more often than it should be.
pub fn more(wanted: &Region, found: &Region) -> bool {
    found.iter().any(|(what, count)| count > wanted.get(what).unwrap_or(&0))
}

fn count(region: &mut Region, what: String) {
    *region.entry(what).or_default() += 1;
}

/// Counts what is in EC2; the ids of instances that have ended.
async fn machines(cloud: &Cloud, region: &mut Region) -> BTreeSet<String> {
    let mut ended = BTreeSet::new();
    let instances = cloud.ec2.describe_instances().send().await.unwrap();
    for instance in instances.reservations().iter().flat_map(|reservation| reservation.instances()) {
        let state = instance.state().and_then(|state| state.name()).unwrap().as_str();
        if state == "terminated" {
            ended.insert(instance.instance_id().unwrap().to_owned());
            continue;
        }
        count(region, format!("instances {state}"));
        for tag in instance.tags().iter().filter(|tag| tag.key() == Some("bgform:started")) {
            count(region, format!("marks {}", tag.key().unwrap()));
        }
    }
    let groups = cloud.ec2.describe_security_groups().send().await.unwrap();
    for group in groups.security_groups() {
        group.ip_permissions().iter().for_each(|_| count(region, "ingress rules".to_owned()));
        group.ip_permissions_egress().iter().for_each(|_| count(region, "egress rules".to_owned()));
    }
    let templates = cloud.ec2.describe_launch_templates().send().await.unwrap();
    for template in templates.launch_templates() {
        let id = template.launch_template_id().unwrap();
        let versions = cloud.ec2.describe_launch_template_versions().launch_template_id(id).send().await;
        versions
            .unwrap()
            .launch_template_versions()
            .iter()
            .for_each(|_| count(region, "versions".to_owned()));
    }
    ended
}

async fn groups(cloud: &Cloud, region: &mut Region) {
    let scaling = &cloud.autoscaling;
    let groups = scaling.describe_auto_scaling_groups().send().await.unwrap();
    for group in groups.auto_scaling_groups() {
        let name = group.auto_scaling_group_name().unwrap();
        let sizes = [group.min_size(), group.max_size(), group.desired_capacity()];
        count(region, format!("group {} {sizes:?}", stem(name)));
        count(region, format!("group {} in {:?} target groups", stem(name), group.target_group_arns().len()));
        let members = group.instances().iter().filter_map(|member| member.lifecycle_state());
        members.for_each(|state| count(region, format!("group {} {state}", stem(name))));
        group.enabled_metrics().iter().for_each(|_| count(region, "enabled metrics".to_owned()));
        group.suspended_processes().iter().for_each(|_| count(region, "suspended processes".to_owned()));
        let hooks = scaling.describe_lifecycle_hooks().auto_scaling_group_name(name).send().await.unwrap();
        hooks.lifecycle_hooks().iter().for_each(|_| count(region, "lifecycle hooks".to_owned()));
    }
    let policies = scaling.describe_policies().send().await.unwrap();
    policies.scaling_policies().iter().for_each(|_| count(region, "scaling policies".to_owned()));
    let actions = scaling.describe_scheduled_actions().send().await.unwrap();
    for action in actions.scheduled_update_group_actions() {
        let group = stem(action.auto_scaling_group_name().unwrap()).to_owned();
        count(region, format!("scheduled actions of {group}"));
    }
}

async fn containers(cloud: &Cloud, region: &mut Region) {
    use aws_sdk_applicationautoscaling::types::ServiceNamespace;
    let ecs = &cloud.ecs;
    let clusters = ecs.list_clusters().send().await.unwrap();
    for cluster in clusters.cluster_arns() {
        count(region, "clusters".to_owned());
        let arns = ecs.list_services().cluster(cluster).max_results(100).send().await.unwrap();
        for some in arns.service_arns().chunks(10) {
            let describe = ecs.describe_services().cluster(cluster).set_services(Some(some.to_vec()));
            for service in describe.send().await.unwrap().services() {
                let name = stem(service.service_name().unwrap());
                let [desired, running] = [service.desired_count(), service.running_count()];
                let revision = service.task_definition().unwrap().rsplit(':').next().unwrap();
                count(region, format!("service {name} {desired} wanted, {running} run, revision {revision}"));
                service.deployments().iter().for_each(|_| count(region, format!("deployments of {name}")));
            }
        }
    }
    let revisions = ecs.list_task_definitions().send().await.unwrap();
    for arn in revisions.task_definition_arns() {
        let family = arn.rsplit('/').next().unwrap().split(':').next().unwrap();
        count(region, format!("revisions of {}", stem(family)));
    }
    let scaling = &cloud.application_autoscaling;
    let scaled = scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs).send().await;
    for target in scaled.unwrap().scalable_targets() {
        let name = stem(target.resource_id().rsplit('/').next().unwrap());
        count(region, format!("bounds of {name} {} {}", target.min_capacity(), target.max_capacity()));
    }
    let actions = scaling.describe_scheduled_actions().service_namespace(ServiceNamespace::Ecs).send().await;
    for action in actions.unwrap().scheduled_actions() {
        let name = stem(action.resource_id().rsplit('/').next().unwrap());
        count(region, format!("scheduled actions of {name}"));
    }
}

async fn balancing(cloud: &Cloud, region: &mut Region) {
    let elbv2 = &cloud.elbv2;
    let balancers = elbv2.describe_load_balancers().send().await.unwrap();
    for balancer in balancers.load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap();
        let listeners = elbv2.describe_listeners().load_balancer_arn(arn).send().await.unwrap();
        for listener in listeners.listeners() {
            let (arn, port) = (listener.listener_arn().unwrap(), listener.port().unwrap());
            count(region, format!("listeners {port}"));
            if listener.protocol().is_some_and(|protocol| protocol.as_str() == "HTTPS") {
                let certificates = elbv2.describe_listener_certificates().listener_arn(arn).send().await;
                let certificates = certificates.unwrap();
                certificates.certificates().iter().for_each(|_| count(region, "certificates".to_owned()));
            }
            let rules = elbv2.describe_rules().listener_arn(arn).send().await.unwrap();
            for rule in rules.rules() {
                let forwards = rule.actions().iter().filter_map(|action| action.forward_config());
                let weights = forwards.flat_map(|forward| forward.target_groups()).map(|group| {
                    let group = (group.target_group_arn(), group.weight());
                    format!("{} {}", stem(group.0.unwrap().split('/').nth(1).unwrap()), group.1.unwrap_or(1))
                });
                let weights: BTreeSet<_> = weights.collect();
                count(region, format!("rules {port} {} {weights:?}", rule.priority().unwrap()));
            }
        }
    }
}

/// Records, roles with their policies, profiles and log groups.
async fn around(cloud: &Cloud, region: &mut Region) {
    let zones = cloud.route53.list_hosted_zones().send().await.unwrap();
    for zone in zones.hosted_zones() {
        let sets = cloud.route53.list_resource_record_sets().hosted_zone_id(&zone.id).send().await.unwrap();
        for set in sets.resource_record_sets() {
            let (identifier, weight) = (set.set_identifier().unwrap_or_default(), set.weight());
            count(region, format!("record {} {} {identifier} {weight:?}", set.name(), set.r#type()));
        }
    }
    let roles = cloud.iam.get_account_authorization_details().send().await.unwrap();
    for role in roles.role_detail_list() {
        let name = stem(role.role_name().unwrap()).to_owned();
        let policies = (role.role_policy_list().len(), role.attached_managed_policies().len());
        count(region, format!("role {name} with {policies:?} policies"));
    }
    let profiles = cloud.iam.list_instance_profiles().send().await.unwrap();
    for profile in profiles.instance_profiles() {
        let name = stem(profile.instance_profile_name()).to_owned();
        count(region, format!("profile {name} of {} roles", profile.roles().len()));
    }
    let groups = cloud.logs.describe_log_groups().send().await.unwrap();
    for group in groups.log_groups() {
        let name = stem(group.log_group_name().unwrap()).to_owned();
        count(region, format!("log group {name} for {:?} days", group.retention_in_days()));
    }
}

/// moto lists instances that have ended as healthy targets: they are no targets.
async fn targets(cloud: &Cloud, region: &mut Region, ended: &BTreeSet<String>) {
    let elbv2 = &cloud.elbv2;
    let groups = elbv2.describe_target_groups().send().await.unwrap();
    for group in groups.target_groups() {
        let (arn, name) = (group.target_group_arn().unwrap(), group.target_group_name().unwrap());
        let health = elbv2.describe_target_health().target_group_arn(arn).send().await.unwrap();
        for target in health.target_health_descriptions() {
            if target.target().and_then(|target| target.id()).is_some_and(|id| ended.contains(id)) {
                continue;
            }
            let state = target.target_health().and_then(|health| health.state()).unwrap();
            count(region, format!("targets of {} {state}", stem(name)));
        }
    }
}

/// A name without the hash that makes it unlike any other.
fn stem(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(stem, _)| stem)
}
