//! What somebody does past bgform, by the API.

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, Rule, Tag, TargetDescription, TargetGroup, TargetGroupTuple,
};
use bgform::cloud::Cloud;

use super::acts::Hand;

/// What is in the region of the one deployment that is there.
pub struct There {
    pub groups: Vec<AutoScalingGroup>,
    pub targets: Vec<TargetGroup>,
    /// Without the default ones.
    pub rules: Vec<Rule>,
    pub template: Option<String>,
}

impl There {
    pub async fn now(cloud: &Cloud) -> Self {
        let groups = cloud.autoscaling.describe_auto_scaling_groups().send().await.expect("groups");
        let targets = cloud.elbv2.describe_target_groups().send().await.expect("target groups");
        let templates = cloud.ec2.describe_launch_templates().send().await.expect("templates");
        let template = templates.launch_templates().first().and_then(|one| one.launch_template_id());
        Self {
            groups: groups.auto_scaling_groups.unwrap_or_default(),
            targets: targets.target_groups.unwrap_or_default(),
            rules: rules(cloud).await,
            template: template.map(str::to_owned),
        }
    }

    /// The target group that has a weight, of each that a rule names.
    pub fn weights(rule: &Rule) -> Vec<(String, i32)> {
        let forwards = rule.actions().iter().filter_map(|action| action.forward_config());
        let tuples = forwards.flat_map(|forward| forward.target_groups());
        tuples
            .map(|one| {
                (one.target_group_arn().unwrap_or_default().to_owned(), one.weight().unwrap_or_default())
            })
            .collect()
    }

    fn has_weight(&self, group: &AutoScalingGroup) -> bool {
        let weighted = |arn: &String| {
            self.rules
                .iter()
                .any(|rule| Self::weights(rule).iter().any(|(target, weight)| target == arn && *weight > 0))
        };
        group.target_group_arns().iter().any(weighted)
    }
}

async fn rules(cloud: &Cloud) -> Vec<Rule> {
    let mut rules = Vec::new();
    let balancers = cloud.elbv2.describe_load_balancers().send().await.expect("load balancers");
    for balancer in balancers.load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap_or_default();
        let listeners = cloud.elbv2.describe_listeners().load_balancer_arn(arn).send().await;
        for listener in listeners.expect("listeners").listeners() {
            let arn = listener.listener_arn().unwrap_or_default();
            let there = cloud.elbv2.describe_rules().listener_arn(arn).send().await.expect("rules");
            let all = there.rules.unwrap_or_default();
            rules.extend(all.into_iter().filter(|rule| rule.is_default() == Some(false)));
        }
    }
    rules
}

fn pick<T>(all: &[T], number: u32) -> Option<&T> {
    (!all.is_empty()).then(|| &all[number as usize % all.len()])
}

/// What was done; nothing where there is nothing to do it to, or AWS refuses it.
pub async fn change(cloud: &Cloud, hand: Hand, number: u32) -> Option<String> {
    let there = There::now(cloud).await;
    let (scaling, elbv2, ec2) = (&cloud.autoscaling, &cloud.elbv2, &cloud.ec2);
    let group = pick(&there.groups, number);
    let group_name = group.and_then(|group| group.auto_scaling_group_name());
    match hand {
        Hand::Weights => {
            let rule = pick(&there.rules, number)?;
            let share = i32::try_from(number % 5).ok()? * 25;
            let tuples =
                There::weights(rule).into_iter().zip([share, 100 - share]).map(|((arn, _), share)| {
                    TargetGroupTuple::builder().target_group_arn(arn).weight(share).build()
                });
            let forward = ForwardActionConfig::builder().set_target_groups(Some(tuples.collect())).build();
            let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
            let arn = rule.rule_arn()?;
            elbv2.modify_rule().rule_arn(arn).actions(action).send().await.ok()?;
            Some(format!("{share}, {}", 100 - share))
        }
        Hand::Sizes => {
            let (min, max) = (i32::try_from(number / 7 % 3).ok()?, i32::try_from(2 + number / 31 % 3).ok()?);
            let update = scaling.update_auto_scaling_group().auto_scaling_group_name(group_name?);
            update.min_size(min).max_size(max).send().await.ok()?;
            Some(format!("{} has {min} to {max}", group_name?))
        }
        Hand::Tag => {
            let group = pick(&there.targets, number)?;
            let arn = group.target_group_arn()?;
            let tag = Tag::builder().key("service").value("theirs").build();
            match number.is_multiple_of(2) {
                true => elbv2.add_tags().resource_arns(arn).tags(tag).send().await.map(drop).ok()?,
                false => {
                    elbv2.remove_tags().resource_arns(arn).tag_keys("service").send().await.map(drop).ok()?;
                }
            }
            Some(format!("of {arn}"))
        }
        Hand::Deregister => {
            let arn = pick(&there.targets, number)?.target_group_arn()?;
            let health = elbv2.describe_target_health().target_group_arn(arn).send().await.ok()?;
            let id = pick(health.target_health_descriptions(), number)?.target()?.id()?;
            let target = TargetDescription::builder().id(id).build();
            elbv2.deregister_targets().target_group_arn(arn).targets(target).send().await.ok()?;
            Some(format!("{id} of {arn}"))
        }
        Hand::HealthCheck => {
            let arn = pick(&there.targets, number)?.target_group_arn()?;
            let modify = elbv2.modify_target_group().target_group_arn(arn).healthy_threshold_count(3);
            modify.health_check_interval_seconds(6).send().await.ok()?;
            Some(arn.to_owned())
        }
        Hand::NewVersion => {
            let id = there.template?;
            let data = aws_sdk_ec2::types::RequestLaunchTemplateData::builder()
                .instance_type(aws_sdk_ec2::types::InstanceType::T3Small);
            let create =
                ec2.create_launch_template_version().launch_template_id(&id).source_version("$Latest");
            let made = create.launch_template_data(data.build()).send().await.ok()?;
            let version = made.launch_template_version()?.version_number()?.to_string();
            if number.is_multiple_of(2) {
                let modify = ec2.modify_launch_template().launch_template_id(&id).default_version(&version);
                modify.send().await.ok()?;
            }
            Some(format!("{version} of {id}"))
        }
        Hand::Terminate => {
            let id = pick(group?.instances(), number)?.instance_id()?;
            ec2.terminate_instances().instance_ids(id).send().await.ok()?;
            Some(format!("{id} of {}", group_name?))
        }
        Hand::ScheduledAction => {
            let all = scaling.describe_scheduled_actions().send().await.ok()?;
            let one = pick(all.scheduled_update_group_actions(), number)?;
            let delete = scaling
                .delete_scheduled_action()
                .set_auto_scaling_group_name(one.auto_scaling_group_name().map(str::to_owned));
            delete.scheduled_action_name(one.scheduled_action_name()?).send().await.ok()?;
            one.auto_scaling_group_name().map(str::to_owned)
        }
        Hand::Rule => {
            let arn = pick(&there.rules, number)?.rule_arn()?;
            elbv2.delete_rule().rule_arn(arn).send().await.ok()?;
            Some(arn.to_owned())
        }
        Hand::OldVersion => {
            let id = there.template?;
            let versions =
                ec2.describe_launch_template_versions().launch_template_id(&id).send().await.ok()?;
            let versions: Vec<_> = versions.launch_template_versions().iter().collect();
            let old: Vec<_> = versions.iter().filter(|one| one.default_version() == Some(false)).collect();
            let version = pick(&old, number)?.version_number()?.to_string();
            let delete = ec2.delete_launch_template_versions().launch_template_id(id).versions(&version);
            delete.send().await.ok()?;
            Some(version)
        }
        Hand::IdleGroup => {
            // Without a rule nobody can tell which one it is.
            let idle: Vec<_> = there
                .groups
                .iter()
                .filter(|group| !there.rules.is_empty() && !there.has_weight(group))
                .collect();
            let name = pick(&idle, number)?.auto_scaling_group_name()?;
            let delete = scaling.delete_auto_scaling_group().auto_scaling_group_name(name);
            delete.force_delete(true).send().await.ok()?;
            Some(name.to_owned())
        }
        Hand::Image => {
            let own = ec2.describe_images().owners("self").send().await.ok()?;
            let id = pick(own.images(), number)?.image_id()?;
            // Another one takes its place first, as an account's own cleaning does it.
            own_image(cloud, &format!("own-{number}")).await;
            ec2.deregister_image().image_id(id).send().await.ok()?;
            Some(id.to_owned())
        }
    }
}

/// Registers targets again as the text says it: whether it says so.
pub async fn register_as_told(cloud: &Cloud, said: &str) -> bool {
    let mut told = false;
    for command in said.split("aws elbv2 register-targets ").skip(1) {
        let mut words = command.split(['`', ';']).next().unwrap_or_default().split_whitespace();
        let (Some("--target-group-arn"), Some(arn), Some("--targets")) =
            (words.next(), words.next(), words.next())
        else {
            panic!("no command: {command}");
        };
        let ids = words.filter_map(|word| word.strip_prefix("Id="));
        for id in ids {
            let target = TargetDescription::builder().id(id).build();
            // An instance may be ending by now.
            let _ = cloud.elbv2.register_targets().target_group_arn(arn).targets(target).send().await;
            told = true;
        }
    }
    told
}

/// An image of the account's own.
pub async fn own_image(cloud: &Cloud, name: &str) {
    let filter = aws_sdk_ec2::types::Filter::builder().name("name").values("bgform-hello-*").build();
    let images = cloud.ec2.describe_images().filters(filter).send().await.expect("images");
    let source = images.images()[0].image_id().expect("an id");
    let copy = cloud.ec2.copy_image().name(name).source_image_id(source).source_region("us-east-1");
    let id = copy.send().await.expect("a copy").image_id.expect("an id");
    loop {
        let found = cloud.ec2.describe_images().image_ids(&id).send().await.expect("the image");
        if found.images()[0].state().is_some_and(|state| state.as_str() == "available") {
            return;
        }
        bgform::clock::sleep(std::time::Duration::from_millis(20)).await;
    }
}
