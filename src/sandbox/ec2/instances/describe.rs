//! DescribeInstances.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::super::super::api::{Call, Filters, Refusal, page};
use super::super::super::state::State;
use super::super::{placement, profiles, tags};
use super::{Instance, InstanceState, check_ids, shown};

/// API_DescribeInstances: instances in their reservations. `MaxResults` is 5 to 1000 and goes not
/// with ids.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (found, next) = select(call, "instancesSet", |_| true)?;
    let mut reservations: IndexMap<&str, Vec<Value>> = IndexMap::new();
    for instance in &found {
        reservations.entry(&instance.reservation).or_default().push(shown::shown(call.state, instance));
    }
    let by_scaling = |id: &str| found.iter().any(|one| one.reservation == id && one.group.is_some());
    let reservations: Vec<Value> = reservations
        .into_iter()
        .map(|(id, instances)| {
            let requester = by_scaling(id).then_some("940372691376");
            json!({
                "reservationId": id, "ownerId": call.state.account, "groupSet": [], "instancesSet": instances,
                "requesterId": requester,
            })
        })
        .collect();
    Ok(json!({ "reservationSet": reservations, "nextToken": next }))
}

/// The instances that a describe call asks for by `InstanceId` and `Filter`, and the next page.
/// `InvalidParameterCombination` names the ids as `set`.
pub fn select(
    call: &Call,
    set: &str,
    also: impl Fn(&Instance) -> bool,
) -> Result<(Vec<Instance>, Option<String>), Refusal> {
    let (state, params) = (&*call.state, call.params);
    let (filters, ids) = (Filters::of(params), params.texts("InstanceId"));
    check_ids(state, &ids)?;
    let size: Option<usize> = params.number("MaxResults")?;
    if let Some(size) = size {
        if !(5..=1000).contains(&size) {
            return Err(Refusal::value(format!(
                "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
            )));
        }
        if !ids.is_empty() {
            let message = format!("The parameter {set} cannot be used with the parameter maxResults");
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
    }
    let mut found = Vec::new();
    for instance in state.ec2.instances.values().filter(|one| ids.is_empty() || ids.contains(&one.id)) {
        let tags = tags::of(state, &instance.id);
        if also(instance) && filters.pass(&tags, |name| values(state, instance, name))? {
            found.push(instance.clone());
        }
    }
    let page = page(found, params.text("NextToken"), size.unwrap_or(usize::MAX))?;
    Ok((page.items, page.next))
}

/// What an instance has under the name of a filter.
fn values(state: &State, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let ended = instance.state == InstanceState::Terminated;
    let one = |value: &str| vec![value.to_owned()];
    let there = |value: String| if ended { Vec::new() } else { vec![value] };
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    let groups = || if ended { &[] } else { instance.security_groups.as_slice() };
    let group_names = || groups().iter().filter_map(|id| Some(placement::group(state, id)?.0)).collect();
    let public = || shown::public_address(state, instance).into_iter().collect();
    let volumes = || instance.devices.iter().filter_map(|device| state.ec2.volumes.get(&device.volume));
    let attachments = || volumes().filter_map(|volume| volume.attachment.as_ref());
    let attributes = &instance.attributes;
    Some(match name {
        "architecture" => vec![shown::architecture(state, instance)],
        "availability-zone" => one(&instance.zone),
        "block-device-mapping.attach-time" => attachments().map(|at| format!("{:.3}", at.at)).collect(),
        "block-device-mapping.delete-on-termination" => {
            attachments().map(|at| at.delete_on_termination.to_string()).collect()
        }
        "block-device-mapping.device-name" => instance.devices.iter().map(|one| one.device.clone()).collect(),
        "block-device-mapping.status" => attachments().map(|_| "attached".to_owned()).collect(),
        "block-device-mapping.volume-id" => instance.devices.iter().map(|one| one.volume.clone()).collect(),
        "client-token" => text(&instance.client_token),
        "dns-name" => public(),
        "ebs-optimized" => one(&attributes.ebs_optimized.to_string()),
        "hypervisor" => one("xen"),
        "iam-instance-profile.arn" => {
            instance.profile.iter().map(|profile| profiles::arn(state, profile)).collect()
        }
        "image-id" => one(&instance.image),
        "instance-id" => one(&instance.id),
        "instance-lifecycle" | "platform" | "kernel-id" | "ramdisk-id" | "product-code" => Vec::new(),
        "instance-state-code" => one(&instance.state.code().to_string()),
        "instance-state-name" => one(instance.state.name()),
        "instance-type" => one(&instance.instance_type),
        "instance.group-id" | "network-interface.group-id" => groups().to_vec(),
        "instance.group-name" | "network-interface.group-name" => group_names(),
        "ip-address" | "network-interface.addresses.association.public-ip" | "association.public-ip" => {
            public()
        }
        "key-name" => text(&instance.key_name),
        "launch-index" => one(&instance.index.to_string()),
        "launch-time" => vec![format!("{:.3}", instance.launched_at)],
        "metadata-options.http-endpoint" => one(&attributes.metadata.word("HttpEndpoint")),
        "metadata-options.http-tokens" => one(&attributes.metadata.word("HttpTokens")),
        "monitoring-state" => one(shown::monitoring(instance)),
        "network-interface.network-interface-id" => there(instance.interface.clone()),
        "network-interface.subnet-id" | "subnet-id" => there(instance.subnet.clone()),
        "network-interface.vpc-id" | "vpc-id" => there(instance.vpc.clone()),
        "owner-id" => one(&state.account),
        "platform-details" => one("Linux/UNIX"),
        "private-dns-name" => there(shown::private_name(state, instance)),
        "private-ip-address" | "network-interface.addresses.private-ip-address" => {
            there(instance.private_address.to_string())
        }
        "reason" => one(&instance.transition_reason),
        "requester-id" => instance.group.iter().map(|_| "940372691376".to_owned()).collect(),
        "reservation-id" => one(&instance.reservation),
        "root-device-name" => vec![shown::root_device(state, instance)],
        "root-device-type" => one("ebs"),
        "source-dest-check" => there(attributes.source_dest_check.to_string()),
        "state-reason-code" => instance.state_reason.iter().map(|(code, _)| code.clone()).collect(),
        "state-reason-message" => instance.state_reason.iter().map(|(_, message)| message.clone()).collect(),
        "tenancy" => one(&attributes.tenancy),
        "virtualization-type" => one("hvm"),
        _ => return None,
    })
}
