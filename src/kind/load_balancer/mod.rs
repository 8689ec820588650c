//! `load_balancer`: an Application or a Network Load Balancer.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::operation::create_load_balancer::CreateLoadBalancerInput;
use aws_sdk_elasticloadbalancingv2::types::{
    IpAddressType, LoadBalancer as Described, LoadBalancerAttribute, LoadBalancerSchemeEnum,
    LoadBalancerStateEnum, LoadBalancerTypeEnum, SubnetMapping,
};
use futures_util::future::{try_join, try_join_all};
use serde::Deserialize;

use super::elbv2::settings::{self, Settings};
use super::elbv2::{self, SERVICE};
use super::schema::{Schema, Wrong};
use super::{Boxed, Kind, Live, Made, Named, Permissions, Tags, Update, Wanted};
use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Poll, Tagged};
use crate::object;
use crate::state::Record;
use crate::value::{Object, Value};

mod schema;

pub(super) use schema::outputs;
use schema::{SCHEMA, SETTINGS};

/// An Application or a Network Load Balancer.
pub struct LoadBalancer;

/// Maximum time for AWS to provision a load balancer or delete it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Attributes that one call takes ([model] ModifyLoadBalancerAttributesInput).
const ATTRIBUTES: usize = 20;

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    r#type: String,
    scheme: String,
    subnets: Option<Vec<String>>,
    subnet_mapping: Option<Vec<Mapping>>,
    security_groups: Option<Vec<String>>,
    ip_address_type: String,
    tags: Tags,
    #[serde(flatten)]
    settings: Settings,
}

/// One zone of a network load balancer.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Mapping {
    subnet: String,
    allocation_id: Option<String>,
    private_ipv4_address: Option<String>,
    ipv6_address: Option<String>,
}

/// Output values of a described load balancer.
pub(super) fn outputs_of(described: &Described) -> Object {
    let arn = described.load_balancer_arn().unwrap_or_default();
    let text = |value: Option<&str>| Value::string(value.unwrap_or_default());
    Object::from_iter([
        ("id".to_owned(), Value::string(arn)),
        ("arn".to_owned(), Value::string(arn)),
        ("name".to_owned(), text(described.load_balancer_name())),
        ("dns_name".to_owned(), text(described.dns_name())),
        ("zone_id".to_owned(), text(described.canonical_hosted_zone_id())),
        ("arn_suffix".to_owned(), Value::string(elbv2::arn_suffix(arn))),
        ("vpc".to_owned(), text(described.vpc_id())),
    ])
}

/// Load balancers by ARN; missing ones are left out.
pub(super) async fn described(cloud: &Cloud, arns: &[String]) -> Result<Vec<Described>, Error> {
    let fetch = |batch: Vec<String>| async move {
        let send =
            || cloud.elbv2.describe_load_balancers().set_load_balancer_arns(Some(batch.clone())).send();
        let answer = cloud.read(SERVICE, "DescribeLoadBalancers", send).await?;
        Ok(answer.load_balancers.unwrap_or_default())
    };
    elbv2::batched(arns, elbv2::TWENTY, fetch).await
}

/// All load balancers of the region.
async fn all(cloud: &Cloud) -> Result<Vec<Described>, Error> {
    elbv2::pages(|marker| async move {
        let describe = cloud.elbv2.describe_load_balancers().set_marker(marker);
        let page = cloud.read(SERVICE, "DescribeLoadBalancers", || describe.clone().send()).await?;
        Ok((page.load_balancers.unwrap_or_default(), page.next_marker))
    })
    .await
}

/// The load balancer of this name.
pub(super) async fn named(cloud: &Cloud, name: &str) -> Result<Option<Described>, Error> {
    let send = || cloud.elbv2.describe_load_balancers().names(name).send();
    let answer = elbv2::unless_gone(cloud.read(SERVICE, "DescribeLoadBalancers", send).await)?;
    Ok(answer.and_then(|answer| answer.load_balancers.unwrap_or_default().into_iter().next()))
}

/// The load balancer of this name, if the operation made it.
async fn made(op: &Operation<'_>, name: &str) -> Result<Option<String>, Error> {
    let arn = named(op.cloud, name).await?.and_then(|one| one.load_balancer_arn);
    elbv2::made_by(op, arn.into_iter().collect()).await
}

async fn settings_of(cloud: &Cloud, arn: &str) -> Result<(String, Object), Error> {
    let send = || cloud.elbv2.describe_load_balancer_attributes().load_balancer_arn(arn).send();
    let answer = elbv2::unless_gone(cloud.read(SERVICE, "DescribeLoadBalancerAttributes", send).await)?;
    let answered = answer.and_then(|answer| answer.attributes).unwrap_or_default();
    let pairs = answered.iter().filter_map(|one| Some((one.key()?, one.value()?)));
    Ok((arn.to_owned(), settings::from_api(SETTINGS, pairs)))
}

async fn is_protected(cloud: &Cloud, arn: &str) -> Result<bool, Error> {
    let (_, settings) = settings_of(cloud, arn).await?;
    Ok(settings.get("deletion_protection").and_then(Value::as_bool) == Some(true))
}

fn inputs_of(described: &Described) -> Object {
    let zones = described.availability_zones();
    let subnets = zones.iter().filter_map(|zone| zone.subnet_id()).map(Value::string).collect();
    let mapping = zones.iter().map(|zone| {
        let address = zone.load_balancer_addresses().first();
        object! {
            "subnet" => zone.subnet_id().unwrap_or_default(),
            "allocation_id" => address.and_then(|one| one.allocation_id()),
            "private_ipv4_address" => address.and_then(|one| one.private_ipv4_address()),
            "ipv6_address" => address.and_then(|one| one.ipv6_address()),
        }
    });
    let groups = described.security_groups().iter().map(Value::string).collect();
    Object::from_iter([
        ("name".to_owned(), described.load_balancer_name().into()),
        ("type".to_owned(), described.r#type().map(LoadBalancerTypeEnum::as_str).into()),
        ("scheme".to_owned(), described.scheme().map(LoadBalancerSchemeEnum::as_str).into()),
        ("subnets".to_owned(), Value::List(subnets)),
        ("subnet_mapping".to_owned(), Value::List(mapping.collect())),
        ("security_groups".to_owned(), Value::List(groups)),
        ("ip_address_type".to_owned(), described.ip_address_type().map(IpAddressType::as_str).into()),
    ])
}

impl Mapping {
    fn to_api(&self) -> SubnetMapping {
        SubnetMapping::builder()
            .subnet_id(&self.subnet)
            .set_allocation_id(self.allocation_id.clone())
            .set_private_ipv4_address(self.private_ipv4_address.clone())
            .set_ipv6_address(self.ipv6_address.clone())
            .build()
    }
}

impl Spec {
    /// Its zones, whichever way they are said.
    fn zones(&self) -> Vec<Mapping> {
        let plain = |subnet: &String| Mapping { subnet: subnet.clone(), ..Mapping::default() };
        match &self.subnet_mapping {
            Some(mappings) => mappings.clone(),
            None => self.subnets.iter().flatten().map(plain).collect(),
        }
    }
}

fn mappings(spec: &Spec) -> Option<Vec<SubnetMapping>> {
    spec.subnet_mapping.as_ref().map(|all| all.iter().map(Mapping::to_api).collect())
}

async fn modify_settings(
    op: &Operation<'_>,
    arn: &str,
    changes: BTreeMap<&'static str, String>,
) -> Result<(), Error> {
    let attributes: Vec<_> = changes
        .iter()
        .map(|(key, value)| LoadBalancerAttribute::builder().key(*key).value(value).build())
        .collect();
    for some in attributes.chunks(ATTRIBUTES) {
        let modify = op.cloud.elbv2.modify_load_balancer_attributes().load_balancer_arn(arn);
        let modify = modify.set_attributes(Some(some.to_vec()));
        op.call(SERVICE, "ModifyLoadBalancerAttributes", Repeat::Safe, || modify.clone().send()).await?;
    }
    Ok(())
}

async fn wait_until_active(op: &Operation<'_>, arn: &str) -> Result<(), Error> {
    let look = || async {
        let send = || op.cloud.elbv2.describe_load_balancers().load_balancer_arns(arn).send();
        let answer = op.cloud.read(SERVICE, "DescribeLoadBalancers", send).await?;
        let state = answer.load_balancers().first().and_then(|one| one.state());
        let code = state.and_then(|state| state.code());
        Ok(match code {
            Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Poll::Ready(()),
            Some(LoadBalancerStateEnum::Failed) => {
                Poll::Failed(state.and_then(|state| state.reason()).unwrap_or("no reason given").to_owned())
            }
            other => Poll::Pending(other.map_or("no state", |code| code.as_str()).to_owned()),
        })
    };
    op.wait("the load balancer is active", PATIENCE, look).await
}

/// The zones that stay as they are, where a network load balancer gets others beside and some go: another subnet or
/// address of the same zone is taken once the first has gone (Network Load Balancers guide, availability-zones).
fn kept_first(before: &Spec, after: &Spec) -> Option<Vec<Mapping>> {
    let (before, after) = (before.zones(), (after.r#type == "network").then(|| after.zones())?);
    let (kept, new): (Vec<_>, Vec<_>) = after.into_iter().partition(|zone| before.contains(zone));
    (!kept.is_empty() && !new.is_empty() && kept.len() < before.len()).then_some(kept)
}

impl Kind for LoadBalancer {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeTags",
            ],
            write: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:DeleteLoadBalancer",
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:SetIpAddressType",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:SetSubnets",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = spec.name.clone().unwrap_or_else(|| elbv2::generated_name(op));
        let create = op
            .cloud
            .elbv2
            .create_load_balancer()
            .name(&name)
            .r#type(LoadBalancerTypeEnum::from(spec.r#type.as_str()))
            .scheme(LoadBalancerSchemeEnum::from(spec.scheme.as_str()))
            .ip_address_type(IpAddressType::from(spec.ip_address_type.as_str()))
            .set_subnets(spec.subnets.clone())
            .set_subnet_mappings(mappings(&spec))
            .set_security_groups(spec.security_groups.clone())
            .set_tags(Some(elbv2::tag_list(&op.tags(&spec.tags))));
        let answer = op.call(SERVICE, "CreateLoadBalancer", Repeat::Safe, || create.clone().send()).await;
        let arn = match answer {
            Ok(answer) => {
                answer.load_balancers().first().and_then(|one| one.load_balancer_arn()).map(str::to_owned)
            }
            Err(error) if error.already_exists() => Some(op.said_twice(error, || made(op, &name)).await?),
            Err(error) => return Err(error),
        };
        let arn = arn.ok_or_else(|| elbv2::unanswered("CreateLoadBalancer"))?;
        modify_settings(op, &arn, settings::to_api(SETTINGS, &spec.settings)).await?;
        wait_until_active(op, &arn).await?;
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
            let arn = one.load_balancer_arn().unwrap_or_default().to_owned();
            let mut inputs = inputs_of(one);
            inputs.extend(settings.remove(&arn).unwrap_or_default());
            inputs.extend(tags.get(&arn).map(|tags| ("tags".to_owned(), tags.clone())));
            (arn, Live { inputs, outputs: outputs_of(one) })
        });
        Ok(live.collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let (client, arn, after) = (&op.cloud.elbv2, update.id, &update.after);
        if update.touches_any(&["subnets", "subnet_mapping"]) {
            let set = |subnets, mappings| {
                let set = client.set_subnets().load_balancer_arn(arn);
                let set = set.set_subnets(subnets).set_subnet_mappings(mappings);
                async move { op.call(SERVICE, "SetSubnets", Repeat::Safe, || set.clone().send()).await.map(drop) }
            };
            if let Some(kept) = kept_first(&update.before, after) {
                set(None, Some(kept.iter().map(Mapping::to_api).collect())).await?;
            }
            set(after.subnets.clone(), mappings(after)).await?;
        }
        if update.touches("ip_address_type") {
            let set = client.set_ip_address_type().load_balancer_arn(arn);
            let set = set.ip_address_type(IpAddressType::from(after.ip_address_type.as_str()));
            op.call(SERVICE, "SetIpAddressType", Repeat::Safe, || set.clone().send()).await?;
        }
        if update.touches("security_groups") {
            let groups = after.security_groups.clone();
            let set = client.set_security_groups().load_balancer_arn(arn).set_security_groups(groups);
            op.call(SERVICE, "SetSecurityGroups", Repeat::Safe, || set.clone().send()).await?;
        }
        let changes = settings::changes(SETTINGS, &update.before.settings, &after.settings, update.changed);
        modify_settings(op, arn, changes).await?;
        if update.touches("tags") {
            elbv2::retag(op, arn, &update.before.tags, &after.tags).await?;
        }
        if op.resumes {
            wait_until_active(op, arn).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let arn = record.id.as_str();
        let delete = op.cloud.elbv2.delete_load_balancer().load_balancer_arn(arn);
        let answer = op.call(SERVICE, "DeleteLoadBalancer", Repeat::Safe, || delete.clone().send()).await;
        match elbv2::unless_gone(answer) {
            Err(error) if error.is_in_use() && is_protected(op.cloud, arn).await? => {
                return Err(Error::failed(
                    format!("`{arn}` is protected from deletion"),
                    "write `deletion_protection = false` and apply that first",
                ));
            }
            answer => answer?,
        };
        let look = || async {
            match described(op.cloud, std::slice::from_ref(&record.id)).await?.first() {
                None => Ok(Poll::Ready(())),
                Some(_) => Ok(Poll::Pending("still there".to_owned())),
            }
        };
        op.wait("the load balancer is gone", PATIENCE, look).await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = spec.name.unwrap_or_else(|| elbv2::generated_name(op));
        made(op, &name).await
    }

    fn check(&self, inputs: &Object) -> Vec<elbv2::Mistake> {
        schema::mistakes(inputs)
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        schema::beside(inputs, named).into_iter().collect()
    }

    fn not_in_place(&self, attribute: &str, before: &Object, after: &Object) -> Option<Made> {
        schema::not_in_place(attribute, before, after)
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let all = all(cloud).await?.into_iter().filter_map(|one| one.load_balancer_arn);
            elbv2::of_stack(cloud, stack, all.collect()).await
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        vec![format!("{:?}", CreateLoadBalancerInput::builder().build())]
    }
}
