//! Changes an instance: first what can be changed while it runs, then what needs it stopped.

use std::time::Duration;

use aws_sdk_ec2::types as t;

use super::{Spec, state};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::Update;
use crate::kind::ec2::{filter, update_tags};
use crate::kind::instance::schema::STOPPED_FOR;
use crate::kind::launch_template::data::{MetadataOptions, Volume, encode};
use crate::kind::operation::{Operation, Poll};
use crate::value::Value;

const VOLUME: Duration = Duration::from_secs(900);

pub async fn change(op: &Operation<'_>, update: &Update<'_, Spec>) -> Result<(), Error> {
    let (id, before, after) = (update.id, &update.before, &update.after);
    if let Some(groups) = after.security_groups.as_ref().filter(|_| update.touches("security_groups")) {
        modify(op, id, |call| call.set_groups(Some(groups.clone()))).await?;
    }
    if let Some(options) = after.metadata_options.as_ref().filter(|_| update.touches("metadata_options")) {
        metadata(op, id, options).await?;
    }
    if update.touches("iam_instance_profile") {
        profile(op, id, after.iam_instance_profile.as_deref()).await?;
    }
    if update.touches("monitoring") {
        monitoring(op, id, after.monitoring.unwrap_or_default()).await?;
    }
    if let Some(behavior) = after
        .instance_initiated_shutdown_behavior
        .as_ref()
        .filter(|_| update.touches("instance_initiated_shutdown_behavior"))
    {
        modify(op, id, |call| {
            call.attribute(t::InstanceAttributeName::InstanceInitiatedShutdownBehavior).value(behavior)
        })
        .await?;
    }
    if let Some(volume) = after.root_volume.as_ref().filter(|_| update.touches("root_volume")) {
        let output = |name: &str| update.outputs.get(name).and_then(Value::as_str).unwrap_or_default();
        let root = Root { volume: output("root_volume_id"), device: output("root_device_name") };
        root.change(op, id, &before.root_volume.clone().unwrap_or_default(), volume).await?;
    }
    if update.touches_any(STOPPED_FOR) {
        state::stop(op, id).await?;
        if update.touches("instance_type") {
            let value = t::AttributeValue::builder().value(&after.instance_type).build();
            modify(op, id, |call| call.instance_type(value.clone())).await?;
        }
        if update.touches("user_data") {
            let data = encode(after.user_data.as_deref().unwrap_or_default());
            modify(op, id, |call| call.attribute(t::InstanceAttributeName::UserData).value(&data)).await?;
        }
        if let Some(on) = after.ebs_optimized.filter(|_| update.touches("ebs_optimized")) {
            let value = t::AttributeBooleanValue::builder().value(on).build();
            modify(op, id, |call| call.ebs_optimized(value.clone())).await?;
        }
    }
    if update.touches("state") || update.touches_any(STOPPED_FOR) {
        match after.should_run() {
            true => state::start(op, id).await?,
            false => state::stop(op, id).await?,
        }
    }
    if update.touches("tags") {
        update_tags(op, id, &before.tags, &after.tags).await?;
    }
    Ok(())
}

type Modify =
    aws_sdk_ec2::operation::modify_instance_attribute::builders::ModifyInstanceAttributeFluentBuilder;

/// Sets one attribute; the API takes one in a call (API_ModifyInstanceAttribute).
async fn modify(op: &Operation<'_>, id: &str, set: impl Fn(Modify) -> Modify) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    let send = || set(ec2.modify_instance_attribute().instance_id(id)).send();
    op.call(Service::Ec2, "ModifyInstanceAttribute", Repeat::Safe, send).await.map(drop)
}

async fn metadata(op: &Operation<'_>, id: &str, options: &MetadataOptions) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    op.call(Service::Ec2, "ModifyInstanceMetadataOptions", Repeat::Safe, || {
        ec2.modify_instance_metadata_options()
            .instance_id(id)
            .http_tokens(options.http_tokens.as_str().into())
            .http_put_response_hop_limit(options.http_put_response_hop_limit)
            .http_endpoint(options.http_endpoint.as_str().into())
            .http_protocol_ipv6(options.http_protocol_ipv6.as_str().into())
            .instance_metadata_tags(options.instance_metadata_tags.as_str().into())
            .send()
    })
    .await
    .map(drop)
}

/// An instance has at most one profile, held by an association.
async fn profile(op: &Operation<'_>, id: &str, name: Option<&str>) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    let answer = op
        .cloud
        .read(Service::Ec2, "DescribeIamInstanceProfileAssociations", || {
            let describe = ec2.describe_iam_instance_profile_associations();
            describe
                .filters(filter("instance-id", [id]))
                .filters(filter("state", ["associating", "associated"]))
                .send()
        })
        .await?;
    let association = answer.iam_instance_profile_associations().first();
    let association = association.and_then(|one| one.association_id());
    let profile = name.map(|name| t::IamInstanceProfileSpecification::builder().name(name).build());
    match (association, profile) {
        (None, None) => Ok(()),
        (None, Some(profile)) => op
            .call(Service::Ec2, "AssociateIamInstanceProfile", Repeat::OnThrottle, || {
                let associate = ec2.associate_iam_instance_profile().instance_id(id);
                associate.iam_instance_profile(profile.clone()).send()
            })
            .await
            .map(drop),
        (Some(association), Some(profile)) => op
            .call(Service::Ec2, "ReplaceIamInstanceProfileAssociation", Repeat::OnThrottle, || {
                let replace = ec2.replace_iam_instance_profile_association().association_id(association);
                replace.iam_instance_profile(profile.clone()).send()
            })
            .await
            .map(drop),
        (Some(association), None) => op
            .call(Service::Ec2, "DisassociateIamInstanceProfile", Repeat::OnThrottle, || {
                ec2.disassociate_iam_instance_profile().association_id(association).send()
            })
            .await
            .map(drop),
    }
}

async fn monitoring(op: &Operation<'_>, id: &str, on: bool) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    match on {
        true => op
            .call(Service::Ec2, "MonitorInstances", Repeat::Safe, || {
                ec2.monitor_instances().instance_ids(id).send()
            })
            .await
            .map(drop),
        false => op
            .call(Service::Ec2, "UnmonitorInstances", Repeat::Safe, || {
                ec2.unmonitor_instances().instance_ids(id).send()
            })
            .await
            .map(drop),
    }
}

/// The root volume and its device name.
struct Root<'a> {
    volume: &'a str,
    device: &'a str,
}

impl Root<'_> {
    async fn change(
        &self,
        op: &Operation<'_>,
        id: &str,
        before: &Volume,
        after: &Volume,
    ) -> Result<(), Error> {
        let (volume, ec2) = (self.volume, &op.cloud.ec2);
        if let (Some(from), Some(to)) = (before.size, after.size)
            && to < from
        {
            return Err(Error::failed(
                format!("the root volume `{volume}` has {from} GiB and cannot shrink to {to}"),
                format!("write `size = {from}`, or replace the instance with `bgform apply --replace`"),
            ));
        }
        if after.encrypted.is_some_and(|after| before.encrypted.is_some_and(|before| before != after)) {
            return Err(Error::failed(
                format!("the encryption of the root volume `{volume}` cannot be changed"),
                "replace the instance with `bgform apply --replace`",
            ));
        }
        let differs = |before: Option<i32>, after: Option<i32>| after.filter(|_| before != after);
        let kind = after.kind.as_deref().filter(|_| before.kind != after.kind);
        let (size, iops) = (differs(before.size, after.size), differs(before.iops, after.iops));
        let throughput = differs(before.throughput, after.throughput);
        if size.is_some() || iops.is_some() || throughput.is_some() || kind.is_some() {
            self.modifiable(op).await?;
            op.call(Service::Ec2, "ModifyVolume", Repeat::OnThrottle, || {
                ec2.modify_volume()
                    .volume_id(volume)
                    .set_size(size)
                    .set_iops(iops)
                    .set_throughput(throughput)
                    .set_volume_type(kind.map(t::VolumeType::from))
                    .send()
            })
            .await?;
            self.modified(op).await?;
        }
        if let Some(delete) = after
            .delete_on_termination
            .filter(|_| before.delete_on_termination != after.delete_on_termination)
        {
            let ebs = t::EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(delete).build();
            let mapping = t::InstanceBlockDeviceMappingSpecification::builder()
                .device_name(self.device)
                .ebs(ebs)
                .build();
            modify(op, id, |call| call.block_device_mappings(mapping.clone())).await?;
        }
        Ok(())
    }

    /// Waits until an earlier change is completed: EC2 takes no other before that (API_ModifyVolume).
    async fn modifiable(&self, op: &Operation<'_>) -> Result<(), Error> {
        op.wait("an earlier change of the root volume is completed", VOLUME, || async {
            use t::VolumeModificationState::{Modifying, Optimizing};
            Ok(match self.latest(op).await? {
                Some(one) if matches!(one.modification_state(), Some(Modifying | Optimizing)) => {
                    let done = one.progress().unwrap_or_default();
                    Poll::Pending(format!("{done}% done; EC2 may take hours for it"))
                }
                _ => Poll::Ready(()),
            })
        })
        .await
    }

    async fn latest(&self, op: &Operation<'_>) -> Result<Option<t::VolumeModification>, Error> {
        let ec2 = &op.cloud.ec2;
        let describe =
            || ec2.describe_volumes_modifications().filters(filter("volume-id", [self.volume])).send();
        let answer = op.cloud.read(Service::Ec2, "DescribeVolumesModifications", describe).await?;
        let all = answer.volumes_modifications.unwrap_or_default().into_iter();
        Ok(all.max_by_key(|one| one.start_time().map(|at| at.secs())))
    }

    /// Waits until the change is effective. The new size and speed can be used while EC2 still optimizes the
    /// volume.
    async fn modified(&self, op: &Operation<'_>) -> Result<(), Error> {
        op.wait("the root volume is modified", VOLUME, || async {
            use t::VolumeModificationState::{Completed, Failed, Optimizing};
            let latest = self.latest(op).await?;
            Ok(match latest.as_ref().map(|one| (one.modification_state(), one)) {
                Some((Some(Completed | Optimizing), _)) => Poll::Ready(()),
                Some((Some(Failed), one)) => {
                    Poll::Failed(one.status_message().unwrap_or("no reason given").to_owned())
                }
                Some((_, one)) => Poll::Pending(format!("{}% done", one.progress().unwrap_or_default())),
                None => Poll::Pending("not begun".to_owned()),
            })
        })
        .await
    }
}
