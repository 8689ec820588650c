//! `instance`: one EC2 instance, running or stopped.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as t;
use serde::Deserialize;

use super::ec2::{by_id, filter, made_by, of_stack, own_tags, portions, tagged};
use super::launch_template::check::{metadata_tells_tags, told_tags};
use super::launch_template::data::{MetadataOptions, Volume, encode};
use super::schema::Schema;
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::{Error, Service, WaitEnd};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Tagged};
use crate::state::Record;
use crate::value::Object;

mod change;
mod existing;
mod live;
mod schema;
pub(super) mod state;

pub use existing::ExistingInstance;
use schema::SCHEMA;

pub struct Instance;

#[derive(Debug, Deserialize)]
pub struct Spec {
    image: String,
    instance_type: String,
    subnet: Option<String>,
    security_groups: Option<Vec<String>>,
    key_name: Option<String>,
    user_data: Option<String>,
    iam_instance_profile: Option<String>,
    root_volume: Option<Volume>,
    metadata_options: Option<MetadataOptions>,
    monitoring: Option<bool>,
    ebs_optimized: Option<bool>,
    private_ip_address: Option<String>,
    associate_public_ip_address: Option<bool>,
    instance_initiated_shutdown_behavior: Option<String>,
    state: String,
    #[serde(default)]
    tags: Tags,
}

impl Spec {
    fn should_run(&self) -> bool {
        self.state != "stopped"
    }
}

impl Kind for Instance {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceAttribute",
                "ec2:DescribeVolumes",
                "ec2:DescribeVolumesModifications",
                "ec2:DescribeIamInstanceProfileAssociations",
                "ec2:DescribeImages",
            ],
            write: &[
                "ec2:RunInstances",
                "ec2:StartInstances",
                "ec2:StopInstances",
                "ec2:TerminateInstances",
                "ec2:ModifyInstanceAttribute",
                "ec2:ModifyInstanceMetadataOptions",
                "ec2:ModifyVolume",
                "ec2:MonitorInstances",
                "ec2:UnmonitorInstances",
                "ec2:AssociateIamInstanceProfile",
                "ec2:ReplaceIamInstanceProfileAssociation",
                "ec2:DisassociateIamInstanceProfile",
                "iam:PassRole",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let id = run(op, &spec).await?;
        finish(op, &id, &spec).await?;
        Ok(id)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let by_id = by_id(wanted);
        let mut found = Vec::new();
        for ids in portions(wanted) {
            found.extend(state::instances(cloud, vec![filter("instance-id", ids)]).await?);
        }
        found.retain(|one| !one.is_gone());
        let with_volume = found
            .iter()
            .filter(|one| by_id.get(one.id()).is_some_and(|one| one.declared.contains("root_volume")));
        let volumes: Vec<_> =
            with_volume.filter_map(|one| live::root(&one.instance)).map(|(volume, _)| volume).collect();
        let volumes = live::volumes(cloud, &volumes).await?;
        let mut live = BTreeMap::new();
        for one in &found {
            let Some(wanted) = by_id.get(one.id()) else { continue };
            live.insert(one.id().to_owned(), live::live(cloud, one, wanted, &volumes).await?);
        }
        Ok(live)
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        change::change(op, &update).await
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let ec2 = &op.cloud.ec2;
        let terminated = op
            .call(Service::Ec2, "TerminateInstances", Repeat::Safe, || {
                ec2.terminate_instances().instance_ids(&record.id).send()
            })
            .await;
        match terminated {
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        state::terminated(op, &record.id).await
    }

    /// The creating call sets the tags, so every instance of the operation carries them. A call whose answer
    /// was lost is repeated with the same client token.
    async fn find(&self, op: &Operation<'_>, _spec: Spec) -> Result<Option<String>, Error> {
        let found = state::instances(op.cloud, made_by(op)).await?;
        let Some(one) = found.iter().find(|one| !one.is_gone()).or(found.first()) else { return Ok(None) };
        // The plan checks its state, since it can change whatever keeps the instance from it.
        match state::settled(op, one.id()).await {
            Err(Error::Wait { end: WaitEnd::TimedOut { .. }, .. }) => {}
            settled => settled.map(drop)?,
        }
        Ok(Some(one.id().to_owned()))
    }

    fn check(&self, inputs: &Object) -> Vec<(&'static str, String, String)> {
        let given = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
        let mut mistakes = Vec::new();
        for name in ["private_ip_address", "associate_public_ip_address"] {
            if given(name) && !given("subnet") {
                mistakes.push((
                    name,
                    format!("`{name}` needs to know the subnet"),
                    "add `subnet = ...`".to_owned(),
                ));
            }
        }
        if metadata_tells_tags(inputs) {
            mistakes.extend(told_tags("tags", inputs));
        }
        mistakes
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let found =
                state::instances(cloud, of_stack(stack)).await?.into_iter().filter(|one| !one.is_gone());
            let found: Vec<_> = found.map(|one| one.instance).collect();
            Ok(found.iter().filter_map(|one| tagged(one.instance_id(), stack, one.tags())).collect())
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
        RunInstancesInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}

/// Runs one instance and returns its id.
async fn run(op: &Operation<'_>, spec: &Spec) -> Result<String, Error> {
    let ec2 = &op.cloud.ec2;
    let root = match &spec.root_volume {
        Some(volume) => Some(root_mapping(op.cloud, &spec.image, volume).await?),
        None => None,
    };
    let tags = [t::ResourceType::Instance, t::ResourceType::Volume];
    let tags: Vec<_> = tags.into_iter().filter_map(|of| own_tags(op, of, &spec.tags)).collect();
    let answer = op
        .call(Service::Ec2, "RunInstances", Repeat::Safe, || {
            let call = ec2
                .run_instances()
                .client_token(op.token("instance"))
                .min_count(1)
                .max_count(1)
                .image_id(&spec.image)
                .instance_type(spec.instance_type.as_str().into())
                .set_key_name(spec.key_name.clone())
                .set_user_data(spec.user_data.as_deref().map(encode))
                .set_iam_instance_profile(
                    spec.iam_instance_profile
                        .as_ref()
                        .map(|name| t::IamInstanceProfileSpecification::builder().name(name).build()),
                )
                .set_block_device_mappings(root.clone().map(|root| vec![root]))
                .set_metadata_options(spec.metadata_options.as_ref().map(metadata))
                .set_monitoring(
                    spec.monitoring.map(|on| t::RunInstancesMonitoringEnabled::builder().enabled(on).build()),
                )
                .set_ebs_optimized(spec.ebs_optimized)
                .set_instance_initiated_shutdown_behavior(
                    spec.instance_initiated_shutdown_behavior.as_deref().map(Into::into),
                )
                .set_tag_specifications(Some(tags.clone()));
            // A public address can only be set on an interface, and then all network attributes belong there.
            match spec.associate_public_ip_address {
                Some(public) => call.network_interfaces(
                    t::InstanceNetworkInterfaceSpecification::builder()
                        .device_index(0)
                        .associate_public_ip_address(public)
                        .delete_on_termination(true)
                        .set_subnet_id(spec.subnet.clone())
                        .set_groups(spec.security_groups.clone())
                        .set_private_ip_address(spec.private_ip_address.clone())
                        .build(),
                ),
                None => call
                    .set_subnet_id(spec.subnet.clone())
                    .set_security_group_ids(spec.security_groups.clone())
                    .set_private_ip_address(spec.private_ip_address.clone()),
            }
            .send()
        })
        .await?;
    let instance = answer.instances.unwrap_or_default().into_iter().next();
    Ok(instance.and_then(|instance| instance.instance_id).unwrap_or_default())
}

/// Brings a new instance to its declared state. EC2 can only stop an instance that has run. An instance that
/// EC2 terminates instead is gone.
async fn finish(op: &Operation<'_>, id: &str, spec: &Spec) -> Result<(), Error> {
    match spec.should_run() {
        true => state::running(op, id).await,
        false => state::stop(op, id).await,
    }
}

/// The image names its root device; a mapping of that name changes the root volume.
async fn root_mapping(cloud: &Cloud, image: &str, volume: &Volume) -> Result<t::BlockDeviceMapping, Error> {
    let answer = cloud
        .read(Service::Ec2, "DescribeImages", || {
            cloud.ec2.describe_images().filters(filter("image-id", [image])).send()
        })
        .await?;
    let device = answer.images().first().and_then(|image| image.root_device_name()).ok_or_else(|| {
        Error::failed(
            format!("image `{image}` is not there, or its root is no EBS volume"),
            "check that the image exists in this region and is shared with this account",
        )
    })?;
    let ebs = t::EbsBlockDevice::builder()
        .set_volume_size(volume.size)
        .set_volume_type(volume.kind.as_deref().map(Into::into))
        .set_iops(volume.iops)
        .set_throughput(volume.throughput)
        .set_encrypted(volume.encrypted)
        .set_kms_key_id(volume.kms_key.clone())
        .set_delete_on_termination(volume.delete_on_termination)
        .build();
    Ok(t::BlockDeviceMapping::builder().device_name(device).ebs(ebs).build())
}

fn metadata(options: &MetadataOptions) -> t::InstanceMetadataOptionsRequest {
    t::InstanceMetadataOptionsRequest::builder()
        .http_tokens(options.http_tokens.as_str().into())
        .http_put_response_hop_limit(options.http_put_response_hop_limit)
        .http_endpoint(options.http_endpoint.as_str().into())
        .http_protocol_ipv6(options.http_protocol_ipv6.as_str().into())
        .instance_metadata_tags(options.instance_metadata_tags.as_str().into())
        .build()
}
