//! `target_group`: the targets of a load balancer, and their health check.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::operation::create_target_group::CreateTargetGroupInput;
use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as Described, TargetGroupAttribute, TargetGroupIpAddressTypeEnum,
    TargetTypeEnum,
};
use futures_util::future::{try_join, try_join_all};
use serde::Deserialize;

use super::answers::deleted;
use super::elbv2::settings::{self, Settings};
use super::elbv2::{self, SERVICE};
use super::preflight::{Finding, Ground};
use super::schema::Schema;
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Tagged};
use crate::object;
use crate::state::Record;
use crate::value::{Object, Value};

mod check;
mod preflight;
mod schema;

pub(super) use schema::outputs;
use schema::{SCHEMA, SETTINGS};

/// The targets of a load balancer, and their health check.
pub struct TargetGroup;

/// Maximum time that a deleted rule still holds its group.
const LET_GO: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    vpc: String,
    port: i32,
    protocol: String,
    protocol_version: Option<String>,
    target_type: String,
    ip_address_type: String,
    #[serde(default)]
    health_check: HealthCheck,
    tags: Tags,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct HealthCheck {
    protocol: Option<String>,
    port: Option<String>,
    path: Option<String>,
    interval: Option<i32>,
    timeout: Option<i32>,
    healthy_threshold: Option<i32>,
    unhealthy_threshold: Option<i32>,
    matcher: Option<String>,
}

impl Spec {
    /// The expected status codes; gRPC services have codes of their own.
    fn matcher(check: &HealthCheck, protocol_version: Option<&str>) -> Option<Matcher> {
        let code = check.matcher.clone()?;
        let matcher = Matcher::builder();
        Some(match protocol_version {
            Some("GRPC") => matcher.grpc_code(code).build(),
            _ => matcher.http_code(code).build(),
        })
    }
}

/// Output values of a described target group.
pub(super) fn outputs_of(described: &Described) -> Object {
    let arn = described.target_group_arn().unwrap_or_default();
    Object::from_iter([
        ("id".to_owned(), Value::string(arn)),
        ("arn".to_owned(), Value::string(arn)),
        ("name".to_owned(), Value::string(described.target_group_name().unwrap_or_default())),
        ("arn_suffix".to_owned(), Value::string(elbv2::arn_suffix(arn))),
    ])
}

/// Target groups by ARN; missing ones are left out.
pub(super) async fn described(cloud: &Cloud, arns: &[String]) -> Result<Vec<Described>, Error> {
    let fetch = |batch: Vec<String>| async move {
        let batch = &batch;
        elbv2::pages(|marker| async move {
            let describe = cloud.elbv2.describe_target_groups().set_target_group_arns(Some(batch.clone()));
            let describe = describe.set_marker(marker);
            let answer = cloud.read(SERVICE, "DescribeTargetGroups", || describe.clone().send()).await?;
            Ok((answer.target_groups.unwrap_or_default(), answer.next_marker))
        })
        .await
    };
    elbv2::batched(arns, elbv2::HUNDRED, fetch).await
}

/// All target groups of the region.
pub(super) async fn all(cloud: &Cloud) -> Result<Vec<Described>, Error> {
    elbv2::pages(|marker| async move {
        let describe = cloud.elbv2.describe_target_groups().set_marker(marker);
        let page = cloud.read(SERVICE, "DescribeTargetGroups", || describe.clone().send()).await?;
        Ok((page.target_groups.unwrap_or_default(), page.next_marker))
    })
    .await
}

/// The target group of this name.
pub(super) async fn named(cloud: &Cloud, name: &str) -> Result<Option<Described>, Error> {
    let send = || cloud.elbv2.describe_target_groups().names(name).send();
    let answer = elbv2::unless_gone(cloud.read(SERVICE, "DescribeTargetGroups", send).await)?;
    Ok(answer.and_then(|answer| answer.target_groups.unwrap_or_default().into_iter().next()))
}

/// The target group of this name, if the operation made it.
async fn made(op: &Operation<'_>, name: &str) -> Result<Option<String>, Error> {
    let arn = named(op.cloud, name).await?.and_then(|one| one.target_group_arn);
    elbv2::made_by(op, arn.into_iter().collect()).await
}

async fn settings_of(cloud: &Cloud, arn: &str) -> Result<(String, Object), Error> {
    let send = || cloud.elbv2.describe_target_group_attributes().target_group_arn(arn).send();
    let answer = elbv2::unless_gone(cloud.read(SERVICE, "DescribeTargetGroupAttributes", send).await)?;
    let answered = answer.and_then(|answer| answer.attributes).unwrap_or_default();
    let pairs = answered.iter().filter_map(|one| Some((one.key()?, one.value()?)));
    Ok((arn.to_owned(), settings::from_api(SETTINGS, pairs)))
}

fn inputs_of(described: &Described) -> Object {
    let matcher = described.matcher().and_then(|matcher| matcher.http_code().or(matcher.grpc_code()));
    let health_check = object! {
        "protocol" => described.health_check_protocol().map(ProtocolEnum::as_str),
        "port" => described.health_check_port(),
        "path" => described.health_check_path(),
        "interval" => described.health_check_interval_seconds(),
        "timeout" => described.health_check_timeout_seconds(),
        "healthy_threshold" => described.healthy_threshold_count(),
        "unhealthy_threshold" => described.unhealthy_threshold_count(),
        "matcher" => matcher,
    };
    Object::from_iter([
        ("name".to_owned(), described.target_group_name().into()),
        ("vpc".to_owned(), described.vpc_id().into()),
        ("port".to_owned(), described.port().into()),
        ("protocol".to_owned(), described.protocol().map(ProtocolEnum::as_str).into()),
        ("protocol_version".to_owned(), described.protocol_version().into()),
        ("target_type".to_owned(), described.target_type().map(TargetTypeEnum::as_str).into()),
        (
            "ip_address_type".to_owned(),
            described.ip_address_type().map(TargetGroupIpAddressTypeEnum::as_str).into(),
        ),
        ("health_check".to_owned(), health_check),
    ])
}

async fn modify_settings(
    op: &Operation<'_>,
    arn: &str,
    changes: BTreeMap<&'static str, String>,
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let attributes: Vec<_> = changes
        .iter()
        .map(|(key, value)| TargetGroupAttribute::builder().key(*key).value(value).build())
        .collect();
    let modify = op.cloud.elbv2.modify_target_group_attributes().target_group_arn(arn);
    let modify = modify.set_attributes(Some(attributes));
    op.call(SERVICE, "ModifyTargetGroupAttributes", Repeat::Safe, || modify.clone().send()).await?;
    Ok(())
}

/// Sends the whole health check. Undeclared members get AWS's defaults ([model] CreateTargetGroupInput),
/// except the timeout, whose documented default varies.
async fn modify_health_check(op: &Operation<'_>, arn: &str, after: &Spec) -> Result<(), Error> {
    let mut check = after.health_check.clone();
    check.port.get_or_insert_with(|| "traffic-port".to_owned());
    check.interval.get_or_insert(30);
    check.healthy_threshold.get_or_insert(5);
    check.unhealthy_threshold.get_or_insert(2);
    if matches!(after.protocol.as_str(), "HTTP" | "HTTPS")
        && after.protocol_version.as_deref() != Some("GRPC")
    {
        check.protocol.get_or_insert_with(|| "HTTP".to_owned());
        check.path.get_or_insert_with(|| "/".to_owned());
        check.matcher.get_or_insert_with(|| "200".to_owned());
    }
    let matcher = Spec::matcher(&check, after.protocol_version.as_deref());
    let modify = op
        .cloud
        .elbv2
        .modify_target_group()
        .target_group_arn(arn)
        .set_health_check_protocol(check.protocol.as_deref().map(ProtocolEnum::from))
        .set_health_check_port(check.port)
        .set_health_check_path(check.path)
        .set_health_check_interval_seconds(check.interval)
        .set_health_check_timeout_seconds(check.timeout)
        .set_healthy_threshold_count(check.healthy_threshold)
        .set_unhealthy_threshold_count(check.unhealthy_threshold)
        .set_matcher(matcher);
    op.call(SERVICE, "ModifyTargetGroup", Repeat::Safe, || modify.clone().send()).await?;
    Ok(())
}

impl Kind for TargetGroup {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetGroups",
            ],
            write: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateTargetGroup",
                "elasticloadbalancing:DeleteTargetGroup",
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:RemoveTags",
            ],
            ship: &[
                "elasticloadbalancing:DescribeAccountLimits",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
        }
    }

    fn before<'a>(&'a self, ground: &'a Ground<'a>) -> Boxed<'a, Vec<Finding>> {
        Box::pin(preflight::look(ground))
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = spec.name.clone().unwrap_or_else(|| elbv2::generated_name(op));
        let check = &spec.health_check;
        let create = op
            .cloud
            .elbv2
            .create_target_group()
            .name(&name)
            .vpc_id(&spec.vpc)
            .port(spec.port)
            .protocol(ProtocolEnum::from(spec.protocol.as_str()))
            .set_protocol_version(spec.protocol_version.clone())
            .target_type(TargetTypeEnum::from(spec.target_type.as_str()))
            .ip_address_type(TargetGroupIpAddressTypeEnum::from(spec.ip_address_type.as_str()))
            .set_health_check_protocol(check.protocol.as_deref().map(ProtocolEnum::from))
            .set_health_check_port(check.port.clone())
            .set_health_check_path(check.path.clone())
            .set_health_check_interval_seconds(check.interval)
            .set_health_check_timeout_seconds(check.timeout)
            .set_healthy_threshold_count(check.healthy_threshold)
            .set_unhealthy_threshold_count(check.unhealthy_threshold)
            .set_matcher(Spec::matcher(check, spec.protocol_version.as_deref()))
            .set_tags(Some(elbv2::tag_list(&op.tags(&spec.tags))));
        let answer = op.call(SERVICE, "CreateTargetGroup", Repeat::Safe, || create.clone().send()).await;
        let arn = match answer {
            Ok(answer) => {
                answer.target_groups().first().and_then(|one| one.target_group_arn()).map(str::to_owned)
            }
            Err(error) if error.already_exists() => Some(op.said_twice(error, || made(op, &name)).await?),
            Err(error) => return Err(error),
        };
        let arn = arn.ok_or_else(|| elbv2::unanswered("CreateTargetGroup"))?;
        modify_settings(op, &arn, settings::to_api(SETTINGS, &spec.settings)).await?;
        Ok(arn)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let arns = elbv2::ids(wanted);
        let declare = wanted.iter().filter(|one| settings::any_declared(SETTINGS, one.declared));
        let settings = try_join_all(declare.map(|one| settings_of(cloud, one.id)));
        let both = try_join(described(cloud, &arns), elbv2::declared_tags_of(cloud, wanted));
        let ((all, tags), settings) = try_join(both, settings).await?;
        let mut settings: BTreeMap<String, Object> = settings.into_iter().collect();
        let live = all.iter().map(|one| {
            let arn = one.target_group_arn().unwrap_or_default().to_owned();
            let mut inputs = inputs_of(one);
            inputs.extend(settings.remove(&arn).unwrap_or_default());
            inputs.extend(tags.get(&arn).map(|tags| ("tags".to_owned(), tags.clone())));
            (arn, Live { inputs, outputs: outputs_of(one) })
        });
        Ok(live.collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        if update.touches("health_check") {
            modify_health_check(op, update.id, &update.after).await?;
        }
        let (before, after) = (&update.before.settings, &update.after.settings);
        let mut changes = settings::changes(SETTINGS, before, after, update.changed);
        let declared = |name: &str| after.get(name).is_some_and(|value| !value.is_null());
        for setting in SETTINGS.iter().filter(|one| update.touches(one.path) && !declared(one.path)) {
            let after = &update.after;
            let default = schema::own_default(setting.path, &after.protocol, &after.target_type);
            // An interval has no meaning, and is refused, if connections are terminated.
            let is_moot = setting.path == "unhealthy_draining_interval"
                && !declared("unhealthy_connection_termination");
            if let Some(default) = default.filter(|_| !is_moot) {
                changes.insert(setting.key, default.to_owned());
            }
        }
        modify_settings(op, update.id, changes).await?;
        if update.touches("tags") {
            elbv2::retag(op, update.id, &update.before.tags, &update.after.tags).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let delete = op.cloud.elbv2.delete_target_group().target_group_arn(&record.id);
        let look = || async {
            deleted(op.call(SERVICE, "DeleteTargetGroup", Repeat::Safe, || delete.clone().send()).await)
        };
        op.wait("no listener or rule names the target group", LET_GO, look).await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = spec.name.unwrap_or_else(|| elbv2::generated_name(op));
        made(op, &name).await
    }

    fn check(&self, inputs: &Object) -> Vec<elbv2::Mistake> {
        check::mistakes(inputs)
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let all = all(cloud).await?.into_iter().filter_map(|one| one.target_group_arn);
            elbv2::of_stack(cloud, stack, all.collect()).await
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        vec![format!("{:?}", CreateTargetGroupInput::builder().build())]
    }
}
