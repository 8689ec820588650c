//! Versions of one template: creates the next version once, and deletes old ones that nothing uses.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::types::LaunchTemplateVersion;

use super::data::Data;
use super::described;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::ec2::{FILTER_VALUES, pages};
use crate::kind::operation::{Operation, Poll};

const VISIBLE: Duration = Duration::from_secs(300);

pub async fn all(cloud: &Cloud, id: &str) -> Result<Vec<LaunchTemplateVersion>, Error> {
    pages(|token| async move {
        let send = || {
            let describe = cloud.ec2.describe_launch_template_versions().launch_template_id(id);
            describe.max_results(200).set_next_token(token.clone()).send()
        };
        let page = cloud.read(Service::Ec2, "DescribeLaunchTemplateVersions", send).await?;
        Ok((page.launch_template_versions, page.next_token))
    })
    .await
}

/// Makes a version of `data` and makes it the default. A repeat of the same operation finds its version by
/// the description. Returns the version's number and all versions.
pub async fn make_next(
    op: &Operation<'_>,
    id: &str,
    data: &Data,
) -> Result<(i64, Vec<LaunchTemplateVersion>), Error> {
    let ec2 = &op.cloud.ec2;
    let mut versions = all(op.cloud, id).await?;
    let made = versions.iter().find(|one| one.version_description() == Some(op.id.as_str()));
    let number = match made {
        Some(made) => made.version_number().unwrap_or_default(),
        None => {
            let data = data.request();
            let answer = op
                .call(Service::Ec2, "CreateLaunchTemplateVersion", Repeat::Safe, || {
                    ec2.create_launch_template_version()
                        .launch_template_id(id)
                        .client_token(op.token("version"))
                        .version_description(&op.id)
                        .launch_template_data(data.clone())
                        .send()
                })
                .await?;
            let version =
                answer.launch_template_version.unwrap_or_else(|| LaunchTemplateVersion::builder().build());
            let number = version.version_number().unwrap_or_default();
            versions.push(version);
            number
        }
    };
    make_default(op, id, number).await?;
    op.wait("EC2 shows the new version", VISIBLE, || async {
        let shown = described(op.cloud, &[id]).await?;
        let latest = shown.first().and_then(|template| template.latest_version_number());
        Ok(match latest {
            Some(latest) if latest >= number => Poll::Ready(()),
            Some(latest) => Poll::Pending(format!("version {latest} is the newest")),
            None => Poll::Pending("not visible yet".to_owned()),
        })
    })
    .await?;
    Ok((number, versions))
}

async fn make_default(op: &Operation<'_>, id: &str, number: i64) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    op.call(Service::Ec2, "ModifyLaunchTemplate", Repeat::Safe, || {
        ec2.modify_launch_template()
            .launch_template_id(id)
            .client_token(op.token("default"))
            .default_version(number.to_string())
            .send()
    })
    .await?;
    Ok(())
}

/// Finishes a change that was cut short: makes the newest version the default, and deletes old ones.
pub async fn finish(op: &Operation<'_>, id: &str, keep: usize) -> Result<(), Error> {
    let versions = all(op.cloud, id).await?;
    let Some(newest) = versions.iter().max_by_key(|one| one.version_number()) else { return Ok(()) };
    let number = newest.version_number().unwrap_or_default();
    if newest.default_version() != Some(true) {
        make_default(op, id, number).await?;
    }
    prune(op, id, keep, number, &versions).await
}

/// Deletes all versions except the newest `keep`, the default, and those that an Auto Scaling group names or
/// runs.
pub async fn prune(
    op: &Operation<'_>,
    id: &str,
    keep: usize,
    default: i64,
    versions: &[LaunchTemplateVersion],
) -> Result<(), Error> {
    let mut numbers: Vec<_> = versions.iter().filter_map(|one| one.version_number()).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let mut old: Vec<_> = numbers.into_iter().skip(keep).filter(|number| *number != default).collect();
    if old.is_empty() {
        return Ok(());
    }
    let used = used(op.cloud, id).await?;
    old.retain(|number| !used.contains(&number.to_string()));
    let ec2 = &op.cloud.ec2;
    for some in old.chunks(FILTER_VALUES) {
        let some: Vec<_> = some.iter().map(i64::to_string).collect();
        let deleted = op
            .call(Service::Ec2, "DeleteLaunchTemplateVersions", Repeat::OnThrottle, || {
                let delete = ec2.delete_launch_template_versions().launch_template_id(id);
                delete.set_versions(Some(some.clone())).send()
            })
            .await;
        match deleted {
            Ok(answer) => {
                for kept in answer.unsuccessfully_deleted_launch_template_versions() {
                    let number = kept.version_number().unwrap_or_default();
                    let why = kept.response_error().and_then(|error| error.message()).unwrap_or_default();
                    op.progress(&format!("version {number} stays: {why}"));
                }
            }
            // An emulator without this call. Old versions stay, and the next change tries again.
            Err(Error::Cloud(error)) if error.code.is_none() => {
                op.progress(&format!("old versions stay: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The versions of the template that Auto Scaling groups name or run.
async fn used(cloud: &Cloud, id: &str) -> Result<BTreeSet<String>, Error> {
    let groups = pages(|token| async move {
        let send = || {
            let describe = cloud.autoscaling.describe_auto_scaling_groups();
            describe.max_records(100).set_next_token(token.clone()).send()
        };
        let page = cloud.read(Service::AutoScaling, "DescribeAutoScalingGroups", send).await?;
        Ok((page.auto_scaling_groups, page.next_token))
    })
    .await?;
    let mut used = BTreeSet::new();
    for group in &groups {
        let mixed = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
        let overrides = mixed.map(|mixed| mixed.overrides()).unwrap_or_default();
        let named = group.launch_template().into_iter();
        let named = named.chain(mixed.and_then(|mixed| mixed.launch_template_specification()));
        let named = named.chain(overrides.iter().filter_map(|one| one.launch_template_specification()));
        let running = group.instances().iter().filter_map(|instance| instance.launch_template());
        let ours = named.chain(running).filter(|template| template.launch_template_id() == Some(id));
        used.extend(ours.filter_map(|template| template.version().map(str::to_owned)));
    }
    Ok(used)
}
