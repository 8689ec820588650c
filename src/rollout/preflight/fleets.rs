//! Whether the new fleet can come up at all, and the old one could carry everything on the way back.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;

use super::{Begins, Finding, Ground};
use crate::address::Address;
use crate::cloud::error::{Error, Service};
use crate::value::Value;

const PROCESSES: &str =
    "https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html";

/// Processes without which an instance neither comes up nor gets requests.
const NEEDED: [(&str, &str); 2] = [
    ("Launch", "launches no instance"),
    ("AddToLoadBalancer", "registers no instance with its target group"),
];

/// The groups of both colours launch instances and register them. What was suspended by hand is
/// resumed by the plan, unless its author ignores it.
pub(super) fn suspended(ground: &Ground<'_>, one: &Begins<'_>) -> Vec<Finding> {
    let old = Address::new("autoscaling_group", &one.intent.name).with_key(one.rollout.to.other().name());
    let ignored =
        |address: &Address| ground.program.kept_attributes(address).contains(&"suspended_processes");
    let mut found = Vec::new();
    for (address, refuses) in [(&one.group, true), (&old, false)] {
        let declared = one.fleet.get("suspended_processes").and_then(Value::as_list).unwrap_or_default();
        let mut halted: BTreeSet<String> =
            declared.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if let (Some(live), true, false) = (one.live, ignored(address), refuses) {
            halted.clone_from(&live.suspended);
        }
        if !refuses && one.live.is_none() {
            continue;
        }
        for (process, does) in NEEDED.into_iter().filter(|(process, _)| halted.contains(*process)) {
            found.push(Finding {
                address: address.clone(),
                refuses,
                message: match refuses {
                    true => format!("its process {process} is suspended, so that it {does}"),
                    false => format!("its process {process} is suspended: on the way back it {does}"),
                },
                help: format!("take {process} out of `suspended_processes`, or resume it"),
                page: PROCESSES,
            });
        }
    }
    found
}

/// The old colour has what it should have: it is the way back.
pub(super) fn weak(one: &Begins<'_>) -> Option<Finding> {
    let live = one.live?;
    let (in_service, desired) = (live.capacity_in_service(), live.desired);
    (in_service < desired).then(|| Finding {
        address: Address::new("autoscaling_group", &one.intent.name)
            .with_key(one.intent.facts.live.unwrap_or(one.rollout.to.other()).name()),
        refuses: false,
        message: format!("{in_service} of its {desired} instances are in service, and it is the way back"),
        help: "see why in `bgform status`; the new colour gets as many as the old one should have".to_owned(),
        page: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html",
    })
}

/// What the old colour launches from is there: after its retirement it is raised from that.
///
/// # Errors
/// When EC2 cannot be asked.
pub(super) async fn images(ground: &Ground<'_>, begins: &[Begins<'_>]) -> Result<Vec<Finding>, Error> {
    let mut wanted: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    let mut found = Vec::new();
    for one in begins {
        let Some(template) = one.live.and_then(|live| live.template.as_ref()) else { continue };
        let Some(record) = ground.snapshot.resources.get(&Address::new("launch_template", &one.intent.name))
        else {
            continue;
        };
        if record.id != template.id {
            continue;
        }
        let address = Address::new("autoscaling_group", &one.intent.name)
            .with_key(one.intent.facts.live.unwrap_or(one.rollout.to.other()).name());
        let versions = record.outputs.get("versions").and_then(Value::as_list).unwrap_or_default();
        let number = template.number();
        let version = versions.iter().find(|version| {
            number.is_some() && version.get("version").as_number() == number.map(|n| n as f64)
        });
        match version.map(|version| version.get("image").as_str().map(str::to_owned)) {
            Some(Some(image)) => wanted.entry(image).or_default().push(address),
            Some(None) => {}
            None if versions.is_empty() || number.is_none() => {}
            None => {
                found.push(gone(&address, &format!("version {} of its launch template", template.version)))
            }
        }
    }
    // An id that is not one (a parameter's name) is resolved at launch.
    wanted.retain(|image, _| image.starts_with("ami-"));
    if wanted.is_empty() {
        return Ok(found);
    }
    let cloud = ground.cloud;
    let ids = Filter::builder().name("image-id").set_values(Some(wanted.keys().cloned().collect())).build();
    let usable = Filter::builder().name("state").values("available").build();
    let answer = cloud
        .read(Service::Ec2, "DescribeImages", || {
            cloud.ec2.describe_images().filters(ids.clone()).filters(usable.clone()).send()
        })
        .await?;
    let there: BTreeSet<&str> = answer.images().iter().filter_map(|image| image.image_id()).collect();
    for (image, addresses) in wanted.iter().filter(|(image, _)| !there.contains(image.as_str())) {
        found.extend(addresses.iter().map(|address| gone(address, image)));
    }
    Ok(found)
}

fn gone(address: &Address, what: &str) -> Finding {
    Finding {
        address: address.clone(),
        refuses: false,
        message: format!(
            "{what} is gone, so that it launches nothing more: it is a way back only as long as its instances run"
        ),
        help: "raise `retire_after`, or ship a release that can be launched again before this one".to_owned(),
        page: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html",
    }
}
