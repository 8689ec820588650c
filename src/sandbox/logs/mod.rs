//! CloudWatch Logs: log groups as they are kept and looked up. Nothing is written to them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Actions, Call, Known, Paging, Refusal, Service, Shapes, Wire};
use super::state::Tags;

/// The state of CloudWatch Logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logs {
    /// By name.
    pub groups: BTreeMap<String, Group>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub created: Timestamp,
    /// Days.
    pub retention: Option<u32>,
    pub key: Option<String>,
    pub class: String,
    pub protected: bool,
    pub tags: Tags,
}

/// CloudWatch Logs.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "logs",
        signed: "logs",
        target: Some("Logs_20140328"),
        query: None,
        invalid: "InvalidParameterException",
        throttled: Known("ThrottlingException", "Rate exceeded", 400),
        broken: Known("ServiceUnavailableException", "The service cannot complete the request.", 500),
        ..Wire::QUERY
    },
    actions: &[ACTIONS],
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: Actions = &[
    ("AssociateKmsKey", associate),
    ("CreateLogGroup", create),
    ("DeleteLogGroup", delete),
    ("DeleteRetentionPolicy", keep_for_ever),
    ("DescribeLogGroups", describe),
    ("DisassociateKmsKey", disassociate),
    ("ListTagsForResource", list_tags),
    ("PutLogGroupDeletionProtection", protect),
    ("PutRetentionPolicy", retain),
    ("TagResource", tag),
    ("UntagResource", untag),
];

/// The days that a retention may have (API_PutRetentionPolicy).
const DAYS: [u32; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    3654,
];

fn not_found() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The specified log group does not exist.")
}

/// The group of a call, by `logGroupName`, or by a name or an ARN in another member.
fn group<'a>(call: &'a mut Call, members: &[&str]) -> Result<&'a mut Group, Refusal> {
    let given = members.iter().find_map(|member| call.params.given(member)).unwrap_or_default();
    let prefix = call.state.arn("logs", "log-group:");
    let name = given.strip_prefix(&prefix).unwrap_or(&given).trim_end_matches(":*").to_owned();
    call.state.logs.groups.get_mut(&name).ok_or_else(not_found)
}

fn tags_of(call: &Call) -> Tags {
    let given = call.params.child("tags").unwrap_or_default();
    let pairs = given.value().as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// API_CreateLogGroup: `ResourceAlreadyExistsException`.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("logGroupName");
    if name.starts_with("aws/") {
        return Err(Refusal::new(
            "InvalidParameterException",
            "Log groups can't start with the string 'aws/'",
        ));
    }
    if call.state.logs.groups.contains_key(&name) {
        return Err(Refusal::new("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let made = Group {
        created: call.now,
        retention: None,
        key: call.params.given("kmsKeyId"),
        class: call.params.given("logGroupClass").unwrap_or_else(|| "STANDARD".to_owned()),
        protected: call.params.flag("deletionProtectionEnabled").unwrap_or(false),
        tags: tags_of(call),
    };
    call.state.logs.groups.insert(name, made);
    Ok(Value::Null)
}

/// API_DeleteLogGroup.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    if group(call, &["logGroupName"])?.protected {
        let message = "The specified log group has deletion protection enabled.";
        return Err(Refusal::new("ValidationException", message));
    }
    let name = call.params.needed("logGroupName");
    call.state.logs.groups.remove(&name).map(|_| Value::Null).ok_or_else(not_found)
}

/// API_DescribeLogGroups: by a prefix, a pattern, or identifiers.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (prefix, pattern) =
        (call.params.given("logGroupNamePrefix"), call.params.given("logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(Refusal::new("InvalidParameterException", message));
    }
    let (class, named) = (call.params.given("logGroupClass"), call.params.texts("logGroupIdentifiers"));
    let fits = |name: &str, group: &Group| {
        prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
            && pattern.as_ref().is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
            && class.as_ref().is_none_or(|class| group.class == *class)
            && (named.is_empty()
                || named.iter().any(|one| one == name || one.ends_with(&format!(":log-group:{name}"))))
    };
    let found =
        call.state.logs.groups.iter().filter(|(name, group)| fits(name, group)).map(|(name, group)| {
            let arn = call.state.arn("logs", &format!("log-group:{name}"));
            json!({
                "logGroupName": name, "creationTime": group.created.as_millisecond(), "metricFilterCount": 0,
                "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0, "logGroupClass": group.class,
                "retentionInDays": group.retention, "kmsKeyId": group.key,
                "deletionProtectionEnabled": group.protected,
            })
        });
    Paging {
        most: "limit",
        size: 50,
        token: "nextToken",
        next: "nextToken",
        bad: "InvalidParameterException",
    }
    .answer(call.params, "logGroups", found.collect())
}

/// API_PutRetentionPolicy.
fn retain(call: &mut Call) -> Result<Value, Refusal> {
    let days = call.params.number("retentionInDays").unwrap_or_default();
    if !DAYS.contains(&days) {
        let allowed: Vec<String> = DAYS.iter().map(u32::to_string).collect();
        let message = format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member \
             must satisfy enum value set: [{}]",
            allowed.join(", ")
        );
        return Err(Refusal::new("InvalidParameterException", message));
    }
    group(call, &["logGroupName"])?.retention = Some(days);
    Ok(Value::Null)
}

fn keep_for_ever(call: &mut Call) -> Result<Value, Refusal> {
    group(call, &["logGroupName"])?.retention = None;
    Ok(Value::Null)
}

fn associate(call: &mut Call) -> Result<Value, Refusal> {
    let key = call.params.needed("kmsKeyId");
    group(call, &["logGroupName", "resourceIdentifier"])?.key = Some(key);
    Ok(Value::Null)
}

fn disassociate(call: &mut Call) -> Result<Value, Refusal> {
    group(call, &["logGroupName", "resourceIdentifier"])?.key = None;
    Ok(Value::Null)
}

fn protect(call: &mut Call) -> Result<Value, Refusal> {
    let protected = call.params.flag("deletionProtectionEnabled").unwrap_or(false);
    group(call, &["logGroupIdentifier"])?.protected = protected;
    Ok(Value::Null)
}

fn list_tags(call: &mut Call) -> Result<Value, Refusal> {
    Ok(json!({ "tags": group(call, &["resourceArn"])?.tags }))
}

fn tag(call: &mut Call) -> Result<Value, Refusal> {
    let tags = tags_of(call);
    group(call, &["resourceArn"])?.tags.extend(tags);
    Ok(Value::Null)
}

fn untag(call: &mut Call) -> Result<Value, Refusal> {
    let keys = call.params.texts("tagKeys");
    group(call, &["resourceArn"])?.tags.retain(|key, _| !keys.contains(key));
    Ok(Value::Null)
}
