//! Settings with calls of their own: metadata, monitoring, maintenance, CPU credits.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::super::api::{Call, Params, Refusal};
use super::describe::select;
use super::{Instance, check_ids, find, shown};

/// The instance metadata options that were given (API_InstanceMetadataOptionsRequest).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetadataOptions {
    pub http_tokens: Option<String>,
    pub hop_limit: Option<u32>,
    pub http_endpoint: Option<String>,
    pub http_protocol_ipv6: Option<String>,
    pub instance_metadata_tags: Option<String>,
}

impl MetadataOptions {
    pub fn read(params: &Params) -> Self {
        Self {
            http_tokens: params.text("HttpTokens"),
            hop_limit: params.number("HttpPutResponseHopLimit"),
            http_endpoint: params.text("HttpEndpoint"),
            http_protocol_ipv6: params.text("HttpProtocolIpv6"),
            instance_metadata_tags: params.text("InstanceMetadataTags"),
        }
    }

    /// These options, with missing ones from `base`.
    pub fn over(self, base: Self) -> Self {
        Self {
            http_tokens: self.http_tokens.or(base.http_tokens),
            hop_limit: self.hop_limit.or(base.hop_limit),
            http_endpoint: self.http_endpoint.or(base.http_endpoint),
            http_protocol_ipv6: self.http_protocol_ipv6.or(base.http_protocol_ipv6),
            instance_metadata_tags: self.instance_metadata_tags.or(base.instance_metadata_tags),
        }
    }

    /// An option's word, with its default (EC2 user guide, configuring-instance-metadata-options).
    pub fn word(&self, name: &str) -> String {
        let (given, default) = match name {
            "HttpTokens" => (&self.http_tokens, "optional"),
            "HttpEndpoint" => (&self.http_endpoint, "enabled"),
            "HttpProtocolIpv6" => (&self.http_protocol_ipv6, "disabled"),
            _ => (&self.instance_metadata_tags, "disabled"),
        };
        given.clone().unwrap_or_else(|| default.to_owned())
    }

    /// As answers have them.
    pub fn shown(&self, state: &str) -> Value {
        json!({
            "state": state, "httpTokens": self.word("HttpTokens"),
            "httpPutResponseHopLimit": self.hop_limit.unwrap_or(1), "httpEndpoint": self.word("HttpEndpoint"),
            "httpProtocolIpv6": self.word("HttpProtocolIpv6"),
            "instanceMetadataTags": self.word("InstanceMetadataTags"),
        })
    }
}

/// The instance, which must not be ending.
pub fn live<'a>(call: &'a mut Call, id: &str) -> Result<&'a mut Instance, Refusal> {
    let instance = find(call.state, id)?;
    match instance.is_gone() {
        true => Err(Refusal::new(
            "IncorrectInstanceState",
            format!("The instance '{id}' is in the state {}.", json!(instance.state)),
        )),
        false => Ok(instance),
    }
}

/// API_ModifyInstanceMetadataOptions: omitted options stay.
pub fn modify_metadata(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("InstanceId");
    let given = MetadataOptions::read(call.params);
    let attributes = &mut live(call, &id)?.attributes;
    attributes.metadata = given.over(std::mem::take(&mut attributes.metadata));
    // The change is pending in this answer, and applied in the next.
    Ok(json!({ "instanceId": id, "instanceMetadataOptions": attributes.metadata.shown("pending") }))
}

/// API_MonitorInstances.
pub fn monitor(call: &mut Call) -> Result<Value, Refusal> {
    set_monitoring(call, true, "pending")
}

/// API_UnmonitorInstances.
pub fn unmonitor(call: &mut Call) -> Result<Value, Refusal> {
    set_monitoring(call, false, "disabling")
}

fn set_monitoring(call: &mut Call, on: bool, word: &str) -> Result<Value, Refusal> {
    let ids = call.params.texts("InstanceId");
    check_ids(call.state, &ids)?;
    let mut answers = Vec::new();
    for id in ids {
        let instance = live(call, &id)?;
        let word = if instance.attributes.monitoring == on { shown::monitoring(instance) } else { word };
        instance.attributes.monitoring = on;
        answers.push(json!({ "instanceId": id, "monitoring": { "state": word } }));
    }
    Ok(json!({ "instancesSet": answers }))
}

/// API_ModifyInstanceMaintenanceOptions.
pub fn modify_maintenance(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("InstanceId");
    let recovery = call.params.text("AutoRecovery");
    let attributes = &mut live(call, &id)?.attributes;
    attributes.auto_recovery = recovery.unwrap_or_else(|| attributes.auto_recovery.clone());
    Ok(json!({ "instanceId": id, "autoRecovery": attributes.auto_recovery }))
}

/// API_DescribeInstanceCreditSpecifications, of burstable instances. The default of the family t2 is
/// `standard`, of the others `unlimited`.
pub fn describe_credits(call: &mut Call) -> Result<Value, Refusal> {
    let ids = call.params.texts("InstanceId");
    let burstable =
        |one: &Instance| ["t2.", "t3.", "t3a.", "t4g."].iter().any(|of| one.instance_type.starts_with(of));
    let unlimited = |one: &Instance| one.attributes.credits.as_deref() == Some("unlimited");
    // Without ids, only those that differ from the standard are listed.
    let listed = |one: &Instance| burstable(one) && (!ids.is_empty() || unlimited(one));
    let page = select(call, listed)?;
    let found: Vec<&Instance> = page
        .items
        .iter()
        .filter_map(|one| call.state.ec2.instances.get(one["instanceId"].as_str()?))
        .collect();
    if let Some(other) = ids.iter().find(|id| !found.iter().any(|one| one.id == **id)) {
        let message = format!("The instance '{other}' is not a burstable performance instance.");
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    let shown = found.iter().map(|one| {
        let default = if one.instance_type.starts_with("t2.") { "standard" } else { "unlimited" };
        json!({ "instanceId": one.id, "cpuCredits": one.attributes.credits.as_deref().unwrap_or(default) })
    });
    Ok(json!({ "instanceCreditSpecificationSet": shown.collect::<Vec<_>>(), "nextToken": page.next }))
}
