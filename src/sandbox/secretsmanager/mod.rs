//! Secrets Manager: secrets with versions, by name or ARN. Nothing is encrypted or rotated.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Actions, Call, Known, Paging, Params, Refusal, Service, Shapes, Wire, timestamp};
use super::state::{State, Tags, random_hex};

/// The state of Secrets Manager.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretsManager {
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub arn: String,
    pub description: Option<String>,
    pub key: Option<String>,
    pub tags: Tags,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// When it was deleted, if it was.
    pub deleted: Option<Timestamp>,
    /// The newest last: `AWSCURRENT`, and before it `AWSPREVIOUS`.
    pub versions: Vec<Version>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub id: String,
    pub text: String,
    pub created: Timestamp,
}

/// Secrets Manager.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "secretsmanager",
        signed: "secretsmanager",
        target: Some("secretsmanager"),
        query: None,
        invalid: "ValidationException",
        throttled: Known("ThrottlingException", "Rate exceeded", 400),
        broken: Known("InternalServiceError", "An error occurred on the server side.", 500),
        ..Wire::QUERY
    },
    actions: &[ACTIONS],
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: Actions = &[
    ("CreateSecret", create),
    ("DeleteSecret", delete),
    ("DescribeSecret", describe),
    ("GetSecretValue", get_value),
    ("ListSecrets", list),
    ("PutSecretValue", put_value),
    ("TagResource", tag),
    ("UntagResource", untag),
];

fn not_found() -> Refusal {
    Refusal::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// The name of a secret by `SecretId`: its name, its ARN, or its ARN without the last seven characters.
fn named(call: &Call) -> Result<String, Refusal> {
    let id = call.params.needed("SecretId");
    let secrets = &call.state.secretsmanager.secrets;
    let means = |name: &str, secret: &Secret| {
        name == id || secret.arn == id || secret.arn.get(..secret.arn.len() - 7) == Some(&id)
    };
    let found = secrets.iter().find(|(name, secret)| means(name, secret));
    found.map(|(name, _)| name.clone()).ok_or_else(not_found)
}

/// A secret that is not deleted. `InvalidRequestException`.
fn active<'a>(call: &'a mut Call, name: &str) -> Result<&'a mut Secret, Refusal> {
    let secret = call.state.secretsmanager.secrets.get_mut(name).ok_or_else(not_found)?;
    match secret.deleted {
        None => Ok(secret),
        Some(_) => Err(Refusal::new(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )),
    }
}

fn tags_of(params: &Params) -> Tags {
    params.items("Tags").iter().map(|tag| (tag.needed("Key"), tag.needed("Value"))).collect()
}

fn shown_tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A version with the token of the call as its id, as API_CreateSecret has it.
fn version(call: &Call, text: String) -> Version {
    let token = call.params.given("ClientRequestToken");
    let uuid = || {
        let hex = random_hex(32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    };
    Version { id: token.unwrap_or_else(uuid), text, created: call.now }
}

/// API_CreateSecret: `ResourceExistsException`.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let name = params.needed("Name");
    if call.state.secretsmanager.secrets.contains_key(&name) {
        let message = format!("The operation failed because the secret {name} already exists.");
        return Err(Refusal::new("ResourceExistsException", message));
    }
    let arn = call.state.arn("secretsmanager", &format!("secret:{name}-{}", &random_hex(6)));
    let versions: Vec<_> = params.text("SecretString").map(|text| version(call, text)).into_iter().collect();
    let answer = json!({ "ARN": arn, "Name": name, "VersionId": versions.first().map(|one| &one.id) });
    let secret = Secret {
        arn,
        description: params.text("Description"),
        key: params.given("KmsKeyId"),
        tags: tags_of(params),
        created: call.now,
        changed: call.now,
        deleted: None,
        versions,
    };
    call.state.secretsmanager.secrets.insert(name, secret);
    Ok(answer)
}

/// API_PutSecretValue: a version that is there already, with the same text, is answered again.
fn put_value(call: &mut Call) -> Result<Value, Refusal> {
    let name = named(call)?;
    let made = version(call, call.params.needed("SecretString"));
    let now = call.now;
    let secret = active(call, &name)?;
    let id = made.id.clone();
    match secret.versions.iter().find(|one| one.id == id) {
        Some(one) if one.text == made.text => {}
        Some(_) => {
            return Err(Refusal::new(
                "ResourceExistsException",
                "You can't modify an existing version, you can only create a new version.",
            ));
        }
        None => {
            secret.versions.push(made);
            secret.changed = now;
        }
    }
    Ok(json!({ "ARN": secret.arn, "Name": name, "VersionId": id, "VersionStages": ["AWSCURRENT"] }))
}

/// API_GetSecretValue: by version id or stage.
fn get_value(call: &mut Call) -> Result<Value, Refusal> {
    let name = named(call)?;
    let (id, stage) = (call.params.given("VersionId"), call.params.given("VersionStage"));
    let secret = active(call, &name)?;
    let fits = |(place, one): &(usize, &Version)| {
        id.as_ref().is_none_or(|id| *id == one.id)
            && match (&stage, &id) {
                (Some(stage), _) => stages(secret, *place).contains(&stage.as_str()),
                (None, None) => place + 1 == secret.versions.len(),
                (None, Some(_)) => true,
            }
    };
    let (place, one) = secret.versions.iter().enumerate().find(fits).ok_or_else(not_found)?;
    Ok(json!({
        "ARN": secret.arn, "Name": name, "VersionId": one.id, "SecretString": one.text,
        "VersionStages": stages(secret, place), "CreatedDate": timestamp(one.created),
    }))
}

/// The stages of the version at a place.
fn stages(secret: &Secret, place: usize) -> Vec<&'static str> {
    match secret.versions.len() - place {
        1 => vec!["AWSCURRENT"],
        2 => vec!["AWSPREVIOUS"],
        _ => Vec::new(),
    }
}

/// The value of the version that is in use of a secret by its ARN or name, for containers.
pub fn value(state: &State, id: &str) -> Option<String> {
    let (_, secret) =
        state.secretsmanager.secrets.iter().find(|(name, secret)| *name == id || secret.arn == id)?;
    secret.versions.last().filter(|_| secret.deleted.is_none()).map(|version| version.text.clone())
}

fn shown(name: &str, secret: &Secret, versions: &str) -> Value {
    let staged: serde_json::Map<_, _> = secret
        .versions
        .iter()
        .enumerate()
        .map(|(place, one)| (one.id.clone(), stages(secret, place)))
        .filter(|(_, stages)| !stages.is_empty())
        .map(|(id, stages)| (id, json!(stages)))
        .collect();
    let mut shown = json!({
        "ARN": secret.arn,
        "Name": name,
        "Description": secret.description,
        "KmsKeyId": secret.key,
        "Tags": shown_tags(&secret.tags),
        "CreatedDate": timestamp(secret.created),
        "LastChangedDate": timestamp(secret.changed),
        "DeletedDate": secret.deleted.map(timestamp),
    });
    shown[versions] = Value::Object(staged);
    shown
}

/// API_DescribeSecret: one that is deleted too, as long as it may be restored.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let name = named(call)?;
    let secret = call.state.secretsmanager.secrets.get(&name).ok_or_else(not_found)?;
    Ok(shown(&name, secret, "VersionIdsToStages"))
}

/// API_ListSecrets, with the filter `name` (the beginning of it).
fn list(call: &mut Call) -> Result<Value, Refusal> {
    let filters = call.params.items("Filters");
    if let Some(other) = filters.iter().map(|one| one.needed("Key")).find(|key| key != "name") {
        return Err(Refusal::new("InvalidParameterException", format!("The sandbox has no filter {other}.")));
    }
    let passes = |name: &str| {
        filters
            .iter()
            .all(|filter| filter.texts("Values").iter().any(|value| name.starts_with(value.as_str())))
    };
    let deleted = call.params.flag("IncludePlannedDeletion").unwrap_or(false);
    let found = call
        .state
        .secretsmanager
        .secrets
        .iter()
        .filter(|(name, secret)| passes(name) && (deleted || secret.deleted.is_none()));
    let found = found.map(|(name, secret)| shown(name, secret, "SecretVersionsToStages")).collect();
    Paging {
        most: "MaxResults",
        size: 100,
        token: "NextToken",
        next: "NextToken",
        bad: "InvalidNextTokenException",
    }
    .answer(call.params, "SecretList", found)
}

/// API_DeleteSecret: at once if it is forced, otherwise it is marked.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let name = named(call)?;
    let now = call.now;
    let forced = call.params.flag("ForceDeleteWithoutRecovery").unwrap_or(false);
    let days: Option<i64> = call.params.number("RecoveryWindowInDays");
    if forced && days.is_some() {
        return Err(Refusal::new(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let secret = active(call, &name)?;
    let arn = secret.arn.clone();
    let gone = now + SignedDuration::from_hours(24 * days.unwrap_or(if forced { 0 } else { 30 }));
    secret.deleted = Some(now);
    if forced {
        call.state.secretsmanager.secrets.remove(&name);
    }
    Ok(json!({ "ARN": arn, "Name": name, "DeletionDate": timestamp(gone) }))
}

fn tag(call: &mut Call) -> Result<Value, Refusal> {
    let name = named(call)?;
    let tags = tags_of(call.params);
    active(call, &name)?.tags.extend(tags);
    Ok(Value::Null)
}

fn untag(call: &mut Call) -> Result<Value, Refusal> {
    let name = named(call)?;
    let keys = call.params.texts("TagKeys");
    active(call, &name)?.tags.retain(|key, _| !keys.contains(key));
    Ok(Value::Null)
}
