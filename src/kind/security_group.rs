//! `security_group`: rules of allowed traffic, changed rule by rule.
//!
//! A change first adds new rules and then removes old ones; a rule that stays is never touched. EC2 adds a
//! rule to every new group that allows all egress (API_CreateSecurityGroup). Without an `egress` block that
//! rule stays; with one, exactly the declared rules are left.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, ResourceType, SecurityGroup as Group};
use serde::Deserialize;

use super::ec2::{
    arn, by_id, declared_tags, filter, made_by, of_stack, outputs, own_tags, pages, portions, tagged,
    update_tags,
};
use super::schema::{
    Attribute, NOT_AT_CREATE, Schema, Type, Wrong, attribute, characters, output, tags_attribute,
};
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::{Error, Service, WaitEnd};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Poll, Tagged};
use crate::state::Record;
use crate::value::Value;

mod converge;
mod existing;
mod rules;

use converge::converge;
pub use existing::ExistingSecurityGroup;
use rules::Block;

pub struct SecurityGroup;

/// Maximum time that network interfaces of deleted load balancers and instances hold a group.
const RELEASE: Duration = Duration::from_secs(600);

fn rule_block(name: &'static str, doc: &'static str) -> Attribute {
    let port = |min| Type::Integer { min, max: 65_535 };
    let attributes = vec![
        attribute(
            "protocol",
            Type::String { max: 16 },
            "\"tcp\", \"udp\", \"icmp\", \"icmpv6\", \"all\" or a number.",
        )
        .required(),
        attribute("port", port(0), "One port; for ICMP, the type and code."),
        attribute("from_port", port(-1), "The first port of a range; for ICMP, the type, -1 for all."),
        attribute("to_port", port(-1), "The last port of a range; for ICMP, the code, -1 for all."),
        attribute("cidr", Type::String { max: 18 }.set(), "IPv4 networks."),
        attribute("ipv6_cidr", Type::String { max: 43 }.set(), "IPv6 networks."),
        attribute("security_groups", Type::id_of(&["security_group"]).set(), "Members of these groups."),
        attribute("prefix_lists", Type::string().set(), "Ids of prefix lists."),
        attribute("self", Type::Bool, "Members of this group itself.").default(false),
        attribute("description", Type::String { max: 255 }, "What the rule is for.")
            .rule(|text| plain("a description", text)),
    ];
    attribute(name, Type::Blocks { attributes, ordered: false, max: 1000 }, doc)
        .api(NOT_AT_CREATE)
        .rule(rules::wrong)
}

/// API_CreateSecurityGroup, and API_IpRange for the description of a rule.
fn plain(of: &str, text: &Value) -> Vec<Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    characters(of, text, fits, "ASCII letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*")
}

/// API_CreateSecurityGroup; a name that begins with `sg-` would be read as an id.
fn name(name: &Value) -> Vec<Wrong> {
    let mut wrong = plain("a security group's name", name);
    let text = name.as_str().unwrap_or("x");
    if text.is_empty() || text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("sg-")) {
        let message = format!("`{text}` is no name of a security group");
        wrong.push(("", message, "choose one that is not empty and does not begin with `sg-`".to_owned()));
    }
    wrong
}

/// A name for a group without one: it must not begin like an id.
fn generated_name(op: &Operation<'_>) -> String {
    let name = op.name(249);
    match name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("sg-")) {
        true => format!("group-{name}"),
        false => name,
    }
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "security_group",
    doc: "A firewall around instances and load balancers. Without an `egress` block everything may go \
          out, as EC2 has it; with one, only what is declared.",
    attributes: vec![
        attribute(
            "name",
            Type::String { max: 255 },
            "Its name in the VPC; made from the stack's if not given.",
        )
        .rule(name)
        .replaces()
        .api(&["group_name"]),
        attribute("description", Type::String { max: 255 }, "What it is for. EC2 cannot change it later.")
            .default("Managed by bgform")
            .rule(|text| plain("a description", text))
            .replaces(),
        attribute("vpc", Type::id_of(&["vpc"]), "The VPC; the default one if not given.")
            .replaces()
            .api(&["vpc_id"]),
        rule_block("ingress", "Who may come in.").default(Value::List(Vec::new())),
        rule_block("egress", "Where its members may go."),
        tags_attribute(&["tag_specifications"]),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("vpc_id", "The id of its VPC."),
        output("owner_id", "The account that owns it."),
    ],
    not_offered: &[("dry_run", "`bgform plan` shows what would be done")],
    unique: &["name"],
});

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    description: String,
    vpc: Option<String>,
    #[serde(default)]
    ingress: Vec<Block>,
    egress: Option<Vec<Block>>,
    #[serde(default)]
    tags: Tags,
}

impl Kind for SecurityGroup {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &["ec2:DescribeSecurityGroups", "ec2:DescribeNetworkInterfaces"],
            write: &[
                "ec2:CreateSecurityGroup",
                "ec2:DeleteSecurityGroup",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
                "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let ec2 = &op.cloud.ec2;
        let name = spec.name.clone().unwrap_or_else(|| generated_name(op));
        let tags = own_tags(op, ResourceType::SecurityGroup, &spec.tags);
        let answer = op
            .call(Service::Ec2, "CreateSecurityGroup", Repeat::OnThrottle, || {
                ec2.create_security_group()
                    .group_name(&name)
                    .description(&spec.description)
                    .set_vpc_id(spec.vpc.clone())
                    .set_tag_specifications(tags.clone().map(|tags| vec![tags]))
                    .send()
            })
            .await;
        let id = match answer {
            Ok(answer) => answer.group_id.unwrap_or_default(),
            Err(error) if error.already_exists() => op.said_twice(error, || made(op)).await?,
            Err(error) => return Err(error),
        };
        converge(op, &id, &spec).await?;
        Ok(id)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let by_id = by_id(wanted);
        let mut live = BTreeMap::new();
        for ids in portions(wanted) {
            for group in groups(cloud, vec![filter("group-id", ids)]).await? {
                let id = group.group_id().unwrap_or_default();
                let Some(one) = by_id.get(id) else { continue };
                live.insert(id.to_owned(), live_group(cloud, &group, one));
            }
        }
        Ok(live)
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        if update.touches_any(&["ingress", "egress"]) {
            converge(op, update.id, &update.after).await?;
        }
        if update.touches("tags") {
            update_tags(op, update.id, &update.before.tags, &update.after.tags).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let ec2 = &op.cloud.ec2;
        let id = record.id.as_str();
        let deleted = op
            .wait("nothing uses the security group any more", RELEASE, || async {
                let call = op.call(Service::Ec2, "DeleteSecurityGroup", Repeat::Safe, || {
                    ec2.delete_security_group().group_id(id).send()
                });
                match call.await {
                    Ok(_) => Ok(Poll::Ready(())),
                    Err(error) if error.is_not_found() => Ok(Poll::Ready(())),
                    Err(error) if error.is_in_use() => Ok(Poll::Pending(users(op.cloud, id).await?)),
                    Err(error) => Err(error),
                }
            })
            .await;
        match deleted {
            Err(Error::Wait { end: WaitEnd::TimedOut { .. }, last, .. }) => Err(Error::failed(
                format!("security group `{id}` cannot be deleted: {last}"),
                "take it off what uses it, then run `bgform apply` again",
            )),
            other => other,
        }
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let Some(id) = made(op).await? else { return Ok(None) };
        op.unless_refused(converge(op, &id, &spec).await)?;
        Ok(Some(id))
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let found = groups(cloud, of_stack(stack)).await?;
            Ok(found.iter().filter_map(|one| tagged(one.group_id(), stack, one.tags())).collect())
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ec2::operation::create_security_group::CreateSecurityGroupInput;
        CreateSecurityGroupInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}

/// The group that this operation has made.
async fn made(op: &Operation<'_>) -> Result<Option<String>, Error> {
    let found = groups(op.cloud, made_by(op)).await?;
    Ok(found.into_iter().find_map(|group| group.group_id))
}

async fn groups(cloud: &Cloud, filters: Vec<Filter>) -> Result<Vec<Group>, Error> {
    let filters = &filters;
    pages(|token| async move {
        let send = || {
            let describe = cloud.ec2.describe_security_groups().set_filters(Some(filters.clone()));
            describe.max_results(1000).set_next_token(token.clone()).send()
        };
        let page = cloud.read(Service::Ec2, "DescribeSecurityGroups", send).await?;
        Ok((page.security_groups, page.next_token))
    })
    .await
}

fn live_group(cloud: &Cloud, group: &Group, one: &Wanted<'_>) -> Live {
    let id = group.group_id().unwrap_or_default();
    let last = |name: &str| one.last.and_then(|record| record.inputs.get(name));
    let ingress = rules::of_permissions(group.ip_permissions());
    let egress = rules::of_permissions(group.ip_permissions_egress());
    let owner = group.owner_id().unwrap_or_default();
    let arn = group
        .security_group_arn()
        .map_or_else(|| arn(cloud, owner, &format!("security-group/{id}")), str::to_owned);
    Live {
        inputs: outputs([
            ("name", group.group_name().into()),
            ("description", group.description().into()),
            ("vpc", group.vpc_id().into()),
            ("ingress", rules::as_blocks(&ingress, last("ingress"), id)),
            ("egress", rules::as_blocks(&egress, last("egress"), id)),
            ("tags", declared_tags(group.tags.as_deref())),
        ]),
        outputs: outputs([
            ("id", id.into()),
            ("arn", arn.into()),
            ("name", group.group_name().into()),
            ("vpc_id", group.vpc_id().into()),
            ("owner_id", owner.into()),
        ]),
    }
}

/// The resources that still hold the group, for the person who waits.
async fn users(cloud: &Cloud, id: &str) -> Result<String, Error> {
    let answer = cloud
        .read(Service::Ec2, "DescribeNetworkInterfaces", || {
            cloud.ec2.describe_network_interfaces().filters(filter("group-id", [id])).send()
        })
        .await?;
    let interfaces: Vec<_> = answer
        .network_interfaces()
        .iter()
        .map(|one| {
            let id = one.network_interface_id().unwrap_or_default();
            match one.attachment().and_then(|attachment| attachment.instance_id()) {
                Some(instance) => format!("{id} of {instance}"),
                None => format!("{id} ({})", one.description().unwrap_or_default()),
            }
        })
        .collect();
    Ok(match interfaces.is_empty() {
        true => {
            "a rule of another security group, or something that EC2 has not let go of yet, uses it".into()
        }
        false => format!("used by network interface {}", interfaces.join(", ")),
    })
}
