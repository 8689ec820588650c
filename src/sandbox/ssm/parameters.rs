//! Parameter Store. A SecureString is kept as it is, and answered in a form of its own unless it is decrypted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::State;
use super::input::{invalid, pages, seconds};
use super::public;

/// The calls about parameters.
pub const ACTIONS: Actions = &[
    ("DeleteParameter", delete),
    ("GetParameter", get),
    ("GetParameters", get_many),
    ("GetParametersByPath", get_by_path),
    ("PutParameter", put),
];

/// The type whose values are encrypted.
const SECURE: &str = "SecureString";
/// The largest value of a standard parameter, in bytes.
const LARGEST: usize = 4096;
/// The deepest name: levels.
const DEEPEST: usize = 15;

/// A parameter with all its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// The first is version 1.
    pub values: Vec<(String, Timestamp)>,
    pub pattern: Option<String>,
    pub data_type: String,
}

/// API_GetParameter: `ParameterNotFound`, `ParameterVersionNotFound`.
fn get(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("Name");
    Ok(json!({ "Parameter": find(call, &name)? }))
}

/// API_GetParameters: missing names are `InvalidParameters`.
fn get_many(call: &mut Call) -> Result<Value, Refusal> {
    let names = call.params.texts("Names");
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match find(call, &name) {
            Ok(parameter) => found.push(parameter),
            Err(_) => missing.push(name),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
}

/// API_GetParametersByPath: the parameters directly below a path, or (`Recursive`) anywhere below it.
fn get_by_path(call: &mut Call) -> Result<Value, Refusal> {
    let path = call.params.needed("Path");
    if !path.starts_with('/') {
        return Err(invalid("The parameter path must begin with a forward slash (/)."));
    }
    if !call.params.items("ParameterFilters").is_empty() {
        return Err(Refusal::new("InvalidFilterKey", "The sandbox has no filters of parameters."));
    }
    let recursive = call.params.flag("Recursive").unwrap_or(false);
    let folder = format!("{}/", path.trim_end_matches('/'));
    let own = call.state.ssm.parameters.keys().cloned();
    let mut names: Vec<String> =
        own.chain(public::all(call.state).into_iter().map(|(name, _)| name)).collect();
    names.retain(|name| name.strip_prefix(&folder).is_some_and(|rest| recursive || !rest.contains('/')));
    names.sort();
    let found: Vec<Value> = names.iter().map(|name| find(call, name)).collect::<Result<_, _>>()?;
    pages(10).answer(call.params, "Parameters", found)
}

/// API_PutParameter.
fn put(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (name, value) = (params.needed("Name"), params.needed("Value"));
    check_name(&name)?;
    if value.len() > LARGEST {
        return Err(invalid(format!(
            "Standard tier parameters support a maximum parameter value of {LARGEST} characters."
        )));
    }
    let overwrite = params.flag("Overwrite").unwrap_or(false);
    let old = call.state.ssm.parameters.get(&name);
    if old.is_some() && !overwrite {
        return Err(Refusal::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let kind = params.text("Type").or_else(|| old.map(|old| old.kind.clone()));
    let kind = kind.ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
    if old.is_some_and(|old| old.kind != kind) {
        return Err(Refusal::new(
            "HierarchyTypeMismatchException",
            "Parameter Store doesn't support changing a parameter type in a hierarchy.",
        ));
    }
    let pattern = params.given("AllowedPattern");
    let pattern = pattern.or_else(|| old.and_then(|old| old.pattern.clone()));
    if let Some(pattern) = &pattern {
        let refused =
            |_| Refusal::new("InvalidAllowedPatternException", "The pattern is no regular expression.");
        if !Regex::new(&format!("^(?:{pattern})$")).map_err(refused)?.is_match(&value) {
            let message = format!("Parameter value, cannot be validated against allowedPattern: {pattern}");
            return Err(Refusal::new("ParameterPatternMismatchException", message));
        }
    }
    let data_type = params.text("DataType").unwrap_or_else(|| "text".to_owned());
    let mut values = old.map(|old| old.values.clone()).unwrap_or_default();
    values.push((value, call.now));
    let version = values.len();
    call.state.ssm.parameters.insert(name, Parameter { kind, values, pattern, data_type });
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

/// API_DeleteParameter: `ParameterNotFound`.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("Name");
    call.state.ssm.parameters.remove(&name).ok_or_else(not_found)?;
    Ok(json!({}))
}

fn not_found() -> Refusal {
    Refusal::new("ParameterNotFound", "")
}

/// A parameter by its name, `NAME:VERSION` or ARN.
fn find(call: &Call, asked: &str) -> Result<Value, Refusal> {
    let state = &*call.state;
    let prefix = state.arn("ssm", "parameter");
    let asked = asked.strip_prefix(&prefix).unwrap_or(asked);
    let (name, version) = match asked.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (asked, None),
    };
    if let Some((_, image)) = public::all(state).into_iter().find(|(public, _)| public == name) {
        let value = (image, Timestamp::UNIX_EPOCH);
        return Ok(shown(state, name, "String", &value, 1, "aws:ec2:image"));
    }
    let parameter = state.ssm.parameters.get(name).ok_or_else(not_found)?;
    let number = match version.map(str::parse::<usize>) {
        None => parameter.values.len(),
        Some(Ok(number)) => number,
        Some(Err(_)) => 0,
    };
    let value = number.checked_sub(1).and_then(|index| parameter.values.get(index)).ok_or_else(|| {
        let message =
            format!("Systems Manager could not find version {} of {name}.", version.unwrap_or_default());
        Refusal::new("ParameterVersionNotFound", message)
    })?;
    let is_hidden = parameter.kind == SECURE && call.params.flag("WithDecryption") != Some(true);
    let value = match is_hidden {
        true => &(STANDARD.encode(format!("encrypted:{}", value.0)), value.1),
        false => value,
    };
    let mut shown = shown(state, name, &parameter.kind, value, number, &parameter.data_type);
    if let (Some(version), Value::Object(shown)) = (version, &mut shown) {
        shown.insert("Selector".to_owned(), json!(format!(":{version}")));
    }
    Ok(shown)
}

fn shown(
    state: &State,
    name: &str,
    kind: &str,
    (value, at): &(String, Timestamp),
    version: usize,
    data_type: &str,
) -> Value {
    let arn = match name.starts_with(public::RESERVED) {
        true => format!("arn:aws:ssm:{}::parameter{name}", state.region),
        false if name.starts_with('/') => state.arn("ssm", &format!("parameter{name}")),
        false => state.arn("ssm", &format!("parameter/{name}")),
    };
    json!({
        "Name": name,
        "Type": kind,
        "Value": value,
        "Version": version,
        "LastModifiedDate": seconds(*at),
        "ARN": arn,
        "DataType": data_type,
    })
}

/// The rules of names (API_PutParameter).
fn check_name(name: &str) -> Result<(), Refusal> {
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if name.starts_with(public::RESERVED) {
        return Err(Refusal::new(
            "AccessDeniedException",
            format!("No access to reserved parameter name: {name}."),
        ));
    }
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)) {
        return Err(invalid(
            "Only a mix of letters, numbers and the following 4 symbols .-_/ are allowed in a parameter name.",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if name.matches('/').count() > DEEPEST {
        let message = format!("Hierarchy depth is limited to {DEEPEST} levels.");
        return Err(Refusal::new("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}
