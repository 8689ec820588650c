//! Brings a group's rules to the declared ones, whatever they are: adds new rules before it removes old ones,
//! so that a rule that stays is never missing.

use std::time::Duration;

use aws_sdk_ec2::types::IpPermission;

use super::rules::{self, Rules};
use super::{Spec, groups};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::ec2::filter;
use crate::kind::operation::{Operation, Poll};

/// Maximum time until EC2 shows a new group.
const VISIBLE: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy)]
enum Direction {
    Ingress,
    Egress,
}

/// Changes the rules to those that `spec` declares, whatever they are.
pub async fn converge(op: &Operation<'_>, id: &str, spec: &Spec) -> Result<(), Error> {
    let group = op
        .wait("EC2 shows the security group", VISIBLE, || async {
            let found = groups(op.cloud, vec![filter("group-id", [id])]).await?;
            Ok(found.into_iter().next().map_or_else(|| Poll::Pending("not visible yet".into()), Poll::Ready))
        })
        .await?;
    let live = rules::of_permissions(group.ip_permissions());
    change(op, id, Direction::Ingress, &live, &rules::flatten(&spec.ingress, id)).await?;
    if let Some(egress) = &spec.egress {
        let live = rules::of_permissions(group.ip_permissions_egress());
        change(op, id, Direction::Egress, &live, &rules::flatten(egress, id)).await?;
    }
    Ok(())
}

/// Adds new rules, removes old ones, and corrects descriptions, in at most three calls.
async fn change(
    op: &Operation<'_>,
    id: &str,
    direction: Direction,
    live: &Rules,
    wanted: &Rules,
) -> Result<(), Error> {
    let permissions =
        |rules: &Rules, other: &Rules, changed: fn(Option<&Option<String>>, &Option<String>) -> bool| {
            let picked = rules.iter().filter(|(rule, description)| changed(other.get(*rule), description));
            picked.map(|(rule, text)| rules::permission(rule, text.as_deref())).collect::<Vec<IpPermission>>()
        };
    let new = permissions(wanted, live, |there, _| there.is_none());
    let gone = permissions(live, wanted, |there, _| there.is_none());
    let described =
        permissions(wanted, live, |there, description| there.is_some_and(|old| old != description));
    let ec2 = &op.cloud.ec2;
    let call = Repeat::OnThrottle;
    if !new.is_empty() {
        let some = || Some(new.clone());
        match direction {
            Direction::Ingress => drop(
                op.call(Service::Ec2, "AuthorizeSecurityGroupIngress", call, || {
                    ec2.authorize_security_group_ingress().group_id(id).set_ip_permissions(some()).send()
                })
                .await?,
            ),
            Direction::Egress => drop(
                op.call(Service::Ec2, "AuthorizeSecurityGroupEgress", call, || {
                    ec2.authorize_security_group_egress().group_id(id).set_ip_permissions(some()).send()
                })
                .await?,
            ),
        }
    }
    if !gone.is_empty() {
        let some = || Some(gone.clone());
        match direction {
            Direction::Ingress => drop(
                op.call(Service::Ec2, "RevokeSecurityGroupIngress", call, || {
                    ec2.revoke_security_group_ingress().group_id(id).set_ip_permissions(some()).send()
                })
                .await?,
            ),
            Direction::Egress => drop(
                op.call(Service::Ec2, "RevokeSecurityGroupEgress", call, || {
                    ec2.revoke_security_group_egress().group_id(id).set_ip_permissions(some()).send()
                })
                .await?,
            ),
        }
    }
    if !described.is_empty() {
        let some = || Some(described.clone());
        match direction {
            Direction::Ingress => drop(
                op.call(Service::Ec2, "UpdateSecurityGroupRuleDescriptionsIngress", Repeat::Safe, || {
                    let update = ec2.update_security_group_rule_descriptions_ingress().group_id(id);
                    update.set_ip_permissions(some()).send()
                })
                .await?,
            ),
            Direction::Egress => drop(
                op.call(Service::Ec2, "UpdateSecurityGroupRuleDescriptionsEgress", Repeat::Safe, || {
                    let update = ec2.update_security_group_rule_descriptions_egress().group_id(id);
                    update.set_ip_permissions(some()).send()
                })
                .await?,
            ),
        }
    }
    Ok(())
}
