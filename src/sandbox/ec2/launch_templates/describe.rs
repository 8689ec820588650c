//! Templates and versions described.

use serde_json::Value;

use super::super::super::api::{Call, Refusal};
use super::super::list::{List, list};
use super::{LaunchTemplate, Version, by_id, by_name, meant};

const TEMPLATES: List = List {
    ids: ("LaunchTemplateId", "launchTemplateId"),
    answer: "launchTemplates",
    most: 200,
    filters: &[("create-time", "createTime"), ("launch-template-name", "launchTemplateName")],
};

const VERSIONS: List = List {
    // One id names the template, and none a version.
    ids: ("", ""),
    answer: "launchTemplateVersionSet",
    most: 200,
    filters: &[
        ("create-time", "createTime"),
        ("ebs-optimized", "launchTemplateData.ebsOptimized"),
        ("host-resource-group-arn", "launchTemplateData.placement.hostResourceGroupArn"),
        ("http-endpoint", "launchTemplateData.metadataOptions.httpEndpoint"),
        ("http-protocol-ipv4", "launchTemplateData.metadataOptions.httpProtocolIpv4"),
        ("http-tokens", "launchTemplateData.metadataOptions.httpTokens"),
        ("iam-instance-profile", "launchTemplateData.iamInstanceProfile.arn"),
        ("image-id", "launchTemplateData.imageId"),
        ("instance-type", "launchTemplateData.instanceType"),
        ("is-default-version", "defaultVersion"),
        ("kernel-id", "launchTemplateData.kernelId"),
        ("license-configuration-arn", "launchTemplateData.licenseSet.licenseConfigurationArn"),
        ("network-card-index", "launchTemplateData.networkInterfaceSet.networkCardIndex"),
        ("ram-disk-id", "launchTemplateData.ramDiskId"),
    ],
};

/// API_DescribeLaunchTemplates
pub fn describe_launch_templates(call: &mut Call) -> Result<Value, Refusal> {
    for id in call.params.texts("LaunchTemplateId") {
        by_id(call.state, &id)?;
    }
    let names = call.params.texts("LaunchTemplateName");
    for name in &names {
        by_name(call.state, name)?;
    }
    let templates = call.state.ec2.launch_templates.values();
    let asked = templates.filter(|template| names.is_empty() || names.contains(&template.name));
    list(call, &TEMPLATES, asked.map(|template| template.shown(call.state)).collect())
}

/// API_DescribeLaunchTemplateVersions: of one template, newest first; without one, only `$Latest`
/// and `$Default` of all.
pub fn describe_launch_template_versions(call: &mut Call) -> Result<Value, Refusal> {
    let state = &*call.state;
    let wanted = call.params.texts("LaunchTemplateVersion");
    let one = call.params.has("LaunchTemplateId") || call.params.has("LaunchTemplateName");
    let mut found = Vec::new();
    if one {
        let template = meant(state, call.params)?;
        for version in asked(call, template, &wanted)? {
            found.push(template.shown_version(state, version));
        }
    } else {
        let words = ["$Latest", "$Default"];
        if wanted.is_empty() || wanted.iter().any(|version| !words.contains(&version.as_str())) {
            return Err(Refusal::new(
                "MissingParameter",
                "The request must contain a launch template ID or name, or the versions $Latest or $Default \
                 only.",
            ));
        }
        for template in state.ec2.launch_templates.values() {
            for version in asked(call, template, &wanted)? {
                found.push(template.shown_version(state, version));
            }
        }
    }
    list(call, &VERSIONS, found)
}

fn asked<'a>(
    call: &Call,
    template: &'a LaunchTemplate,
    wanted: &[String],
) -> Result<Vec<&'a Version>, Refusal> {
    let (least, most) = (call.params.number::<u64>("MinVersion"), call.params.number::<u64>("MaxVersion"));
    if !wanted.is_empty() {
        if least.is_some() || most.is_some() {
            return Err(Refusal::new(
                "InvalidParameterCombination",
                "Versions cannot be used together with MinVersion or MaxVersion.",
            ));
        }
        let mut versions = Vec::new();
        for version in wanted {
            let version = template.existing(version)?;
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        return Ok(versions);
    }
    let within =
        |number: u64| least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most);
    Ok(template.versions.iter().rev().filter(|version| within(version.number)).collect())
}
