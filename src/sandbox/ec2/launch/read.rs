//! Parses the launch parameters of RunInstances and of a launch template's data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::super::api::{Params, Refusal};
use super::super::instances::MetadataOptions;
use super::super::tags;
use super::{DeviceChange, Launch};

/// Reads the parameters of RunInstances, or the `LaunchTemplateData` of a launch template in the
/// form of its request. User data must be base64 and at most 16 KB (`InvalidUserData.Malformed`).
pub fn read(params: &Params) -> Result<Launch, Refusal> {
    let placement = params.child("Placement").unwrap_or_default();
    let mut launch = Launch {
        image: params.text("ImageId").unwrap_or_default(),
        instance_type: params.text("InstanceType").unwrap_or_default(),
        subnet: params.text("SubnetId"),
        zone: placement.given("AvailabilityZone"),
        tenancy: placement.text("Tenancy"),
        security_groups: params.texts("SecurityGroupId"),
        security_group_names: params.texts("SecurityGroup"),
        user_data: params
            .text("UserData")
            .filter(|text| !text.is_empty())
            .map(|text| user_data(&text))
            .transpose()?,
        profile: profile(params),
        key_name: params.text("KeyName"),
        tags: tags::specified(params, "instance")?,
        volume_tags: tags::specified(params, "volume")?,
        interface_tags: tags::specified(params, "network-interface")?,
        private_address: address(params)?,
        devices: params.items("BlockDeviceMapping").iter().map(device).collect::<Result<_, _>>()?,
        metadata: MetadataOptions::read(&params.child("MetadataOptions").unwrap_or_default()),
        monitoring: params.child("Monitoring").and_then(|child| child.flag("Enabled")),
        ebs_optimized: params.flag("EbsOptimized"),
        disable_api_termination: params.flag("DisableApiTermination"),
        disable_api_stop: params.flag("DisableApiStop"),
        shutdown_behavior: params.text("InstanceInitiatedShutdownBehavior"),
        credits: params.child("CreditSpecification").and_then(|child| child.text("CpuCredits")),
        client_token: params.given("ClientToken"),
        ..Launch::default()
    };
    interfaces(params, &mut launch)?;
    Ok(launch)
}

/// With a network interface, all network parameters belong there (API_RunInstances).
fn interfaces(params: &Params, launch: &mut Launch) -> Result<(), Refusal> {
    let interfaces = params.items("NetworkInterface");
    let Some(first) = interfaces.first() else { return Ok(()) };
    let combination = |message: &str| Err(Refusal::new("InvalidParameterCombination", message));
    if interfaces.len() > 1 {
        return Err(Refusal::new(
            "UnsupportedOperation",
            "The sandbox's instances have one network interface.",
        ));
    }
    if launch.subnet.is_some() {
        return combination(
            "Network interfaces and an instance-level subnet ID may not be specified on the same request",
        );
    }
    if !launch.security_groups.is_empty() || !launch.security_group_names.is_empty() {
        return combination(
            "Network interfaces and an instance-level security groups may not be specified on the same request",
        );
    }
    if first.has("NetworkInterfaceId") {
        return Err(Refusal::new(
            "InvalidNetworkInterfaceID.NotFound",
            format!(
                "The networkInterface ID '{}' does not exist",
                first.text("NetworkInterfaceId").unwrap_or_default()
            ),
        ));
    }
    launch.subnet = first.text("SubnetId");
    launch.security_groups = first.texts("SecurityGroupId");
    if launch.security_groups.is_empty() {
        launch.security_groups = first.texts("Groups");
    }
    launch.public = first.flag("AssociatePublicIpAddress");
    launch.interface_description = first.text("Description");
    launch.private_address = address(first)?.or(launch.private_address);
    Ok(())
}

fn address(params: &Params) -> Result<Option<std::net::Ipv4Addr>, Refusal> {
    let Some(text) = params.given("PrivateIpAddress") else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        Refusal::value(format!("Value ({text}) for parameter address is invalid. Not an IPv4 address."))
    })
}

/// The bytes that base64 text stands for, at most 16 KB.
pub fn user_data(text: &str) -> Result<Vec<u8>, Refusal> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD
        .decode(compact)
        .map_err(|_| Refusal::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."))?;
    match bytes.len() <= 16_384 {
        true => Ok(bytes),
        false => Err(Refusal::value("User data is limited to 16384 bytes")),
    }
}

/// Name or ARN of `IamInstanceProfile`.
pub fn profile(params: &Params) -> Option<String> {
    let profile = params.child("IamInstanceProfile")?;
    profile.text("Arn").or_else(|| profile.text("Name")).filter(|text| !text.is_empty())
}

fn device(mapping: &Params) -> Result<DeviceChange, Refusal> {
    let ebs = mapping.child("Ebs").unwrap_or_default();
    Ok(DeviceChange {
        device: mapping.needed("DeviceName"),
        none: mapping.has("NoDevice"),
        snapshot: ebs.text("SnapshotId"),
        size: ebs.number("VolumeSize"),
        kind: ebs.text("VolumeType"),
        iops: ebs.number("Iops"),
        throughput: ebs.number("Throughput"),
        encrypted: ebs.flag("Encrypted"),
        kms_key: ebs.text("KmsKeyId"),
        delete_on_termination: ebs.flag("DeleteOnTermination"),
    })
}

impl Launch {
    /// These parameters, with missing ones from `base`: a request over its launch template (API_RunInstances:
    /// parameters override those of the template).
    pub fn over(self, base: Launch) -> Launch {
        let text = |own: String, base: String| if own.is_empty() { base } else { own };
        let own_groups = !self.security_groups.is_empty() || !self.security_group_names.is_empty();
        let (groups, names) = match own_groups {
            true => (self.security_groups, self.security_group_names),
            false => (base.security_groups, base.security_group_names),
        };
        let mut devices = base.devices;
        for device in self.devices {
            devices.retain(|one| one.device != device.device);
            devices.push(device);
        }
        let tags = |own, mut base: super::Tags| {
            base.extend::<super::Tags>(own);
            base
        };
        Launch {
            image: text(self.image, base.image),
            instance_type: text(self.instance_type, base.instance_type),
            subnet: self.subnet.or(base.subnet),
            zone: self.zone.or(base.zone),
            security_groups: groups,
            security_group_names: names,
            user_data: self.user_data.or(base.user_data),
            profile: self.profile.or(base.profile),
            key_name: self.key_name.or(base.key_name),
            tags: tags(self.tags, base.tags),
            volume_tags: tags(self.volume_tags, base.volume_tags),
            interface_tags: tags(self.interface_tags, base.interface_tags),
            port: self.port.or(base.port),
            group: self.group.or(base.group),
            client_token: self.client_token.or(base.client_token),
            private_address: self.private_address.or(base.private_address),
            interface_description: self.interface_description.or(base.interface_description),
            public: self.public.or(base.public),
            devices,
            metadata: self.metadata.over(base.metadata),
            monitoring: self.monitoring.or(base.monitoring),
            ebs_optimized: self.ebs_optimized.or(base.ebs_optimized),
            disable_api_termination: self.disable_api_termination.or(base.disable_api_termination),
            disable_api_stop: self.disable_api_stop.or(base.disable_api_stop),
            shutdown_behavior: self.shutdown_behavior.or(base.shutdown_behavior),
            credits: self.credits.or(base.credits),
            tenancy: self.tenancy.or(base.tenancy),
            reservation: self.reservation.or(base.reservation),
        }
    }
}
