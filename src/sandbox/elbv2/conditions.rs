//! Conditions of rules, in the old form (`Field`, `Values`) and the new ones (API_RuleCondition).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Params, Refusal};
use super::limits;
use super::resource;

/// A condition: the field, and the values of which one must match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    HostHeader(Vec<String>),
    PathPattern(Vec<String>),
    HttpHeader { name: String, values: Vec<String> },
    HttpRequestMethod(Vec<String>),
    QueryString(Vec<(Option<String>, String)>),
    SourceIp(Vec<String>),
}

impl Condition {
    fn count(&self) -> usize {
        match self {
            Self::HostHeader(values)
            | Self::PathPattern(values)
            | Self::HttpHeader { values, .. }
            | Self::HttpRequestMethod(values)
            | Self::SourceIp(values) => values.len(),
            Self::QueryString(pairs) => pairs.len(),
        }
    }

    /// As answers have it: hosts and paths in both forms.
    pub fn shown(&self) -> Value {
        let config = |values: &[String]| json!({ "Values": values });
        match self {
            Self::HostHeader(values) => {
                json!({ "Field": "host-header", "Values": values, "HostHeaderConfig": config(values) })
            }
            Self::PathPattern(values) => {
                json!({ "Field": "path-pattern", "Values": values, "PathPatternConfig": config(values) })
            }
            Self::HttpHeader { name, values } => json!({
                "Field": "http-header",
                "HttpHeaderConfig": { "HttpHeaderName": name, "Values": values },
            }),
            Self::HttpRequestMethod(values) => {
                json!({ "Field": "http-request-method", "HttpRequestMethodConfig": config(values) })
            }
            Self::QueryString(pairs) => {
                let pairs: Vec<Value> =
                    pairs.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
                json!({ "Field": "query-string", "QueryStringConfig": { "Values": pairs } })
            }
            Self::SourceIp(values) => json!({ "Field": "source-ip", "SourceIpConfig": config(values) }),
        }
    }
}

/// Tells whether a condition uses a field.
type Is = fn(&Condition) -> bool;

/// The conditions of a call; at least one.
pub fn read(params: &Params) -> Result<Vec<Condition>, Refusal> {
    let read: Vec<Condition> = params.items("Conditions").iter().map(one).collect::<Result<_, _>>()?;
    if read.is_empty() {
        return Err(resource::missing("Conditions"));
    }
    // Conditions on headers and query strings may be repeated: all of them must hold.
    let once: [(&str, Is); 4] = [
        ("host-header", |one| matches!(one, Condition::HostHeader(_))),
        ("path-pattern", |one| matches!(one, Condition::PathPattern(_))),
        ("http-request-method", |one| matches!(one, Condition::HttpRequestMethod(_))),
        ("source-ip", |one| matches!(one, Condition::SourceIp(_))),
    ];
    for (field, is) in once {
        if read.iter().filter(|one| is(one)).count() > 1 {
            return Err(Refusal::validation(format!("A rule can only have one '{field}' condition")));
        }
    }
    if read.iter().map(Condition::count).sum::<usize>() > limits::CONDITION_VALUES {
        return Err(Refusal::validation(format!(
            "A rule can only have '{}' condition values",
            limits::CONDITION_VALUES
        )));
    }
    Ok(read)
}

fn one(given: &Params) -> Result<Condition, Refusal> {
    let field = given.needed("Field");
    if given.has("RegexValues") {
        return Err(Refusal::validation(
            "Regular expressions in conditions are not available in this region",
        ));
    }
    let config = |name: &str| given.child(name);
    // The old form counts if there is no config.
    let old_or = |name: &str, check: fn(&str) -> bool| {
        let values = match config(name) {
            Some(config) if given.texts("Values").is_empty() => config.texts("Values"),
            Some(_) => {
                return Err(Refusal::validation(format!("You cannot specify both Values and {name}")));
            }
            None => given.texts("Values"),
        };
        values_of(&field, values, check)
    };
    let of = |name: &str, check: fn(&str) -> bool| {
        let config = config(name).ok_or_else(|| resource::missing(name))?;
        values_of(&field, config.texts("Values"), check)
    };
    Ok(match field.as_str() {
        "host-header" => Condition::HostHeader(old_or("HostHeaderConfig", is_host)?),
        "path-pattern" => Condition::PathPattern(old_or("PathPatternConfig", is_path)?),
        "http-request-method" => Condition::HttpRequestMethod(of("HttpRequestMethodConfig", is_method)?),
        "source-ip" => Condition::SourceIp(of("SourceIpConfig", is_block)?),
        "http-header" => {
            let header = config("HttpHeaderConfig").ok_or_else(|| resource::missing("HttpHeaderConfig"))?;
            let name = header.needed("HttpHeaderName");
            if name.len() > 40 || !name.bytes().all(is_token) {
                return Err(Refusal::validation(format!("The header name '{name}' is not valid")));
            }
            if name.eq_ignore_ascii_case("host") {
                return Err(Refusal::validation("Use a 'host-header' condition for the header 'Host'"));
            }
            Condition::HttpHeader { name, values: of("HttpHeaderConfig", is_text)? }
        }
        "query-string" => {
            let query = config("QueryStringConfig").ok_or_else(|| resource::missing("QueryStringConfig"))?;
            let pair = |pair: Params| (pair.text("Key"), pair.needed("Value"));
            let pairs: Vec<(Option<String>, String)> = query.items("Values").into_iter().map(pair).collect();
            let texts = pairs.iter().flat_map(|(key, value)| key.iter().chain([value])).cloned().collect();
            values_of(&field, texts, is_text)?;
            Condition::QueryString(pairs)
        }
        other => {
            return Err(Refusal::validation(format!(
                "Condition field '{other}' must be one of '[http-header, http-request-method, host-header, \
                 path-pattern, query-string, source-ip]'"
            )));
        }
    })
}

fn values_of(field: &str, values: Vec<String>, check: fn(&str) -> bool) -> Result<Vec<String>, Refusal> {
    if values.is_empty() {
        return Err(Refusal::validation("A condition value must be specified"));
    }
    match values.iter().find(|value| value.chars().count() > 128 || !check(value)) {
        Some(wrong) => Err(Refusal::validation(format!(
            "The condition value '{wrong}' is not valid for field '{field}'"
        ))),
        None => Ok(values),
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty()
}

/// API_HostHeaderConditionConfig: a dot, and letters or wildcards after the last one.
fn is_host(text: &str) -> bool {
    let last = |letter: char| letter.is_ascii_alphabetic() || "*?".contains(letter);
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.*?_".contains(letter))
        && text.rsplit_once('.').is_some_and(|(_, end)| !end.is_empty() && end.chars().all(last))
}

fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?=,%;!()".contains(letter))
}

fn is_method(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.chars().all(|letter| letter.is_ascii_uppercase() || "-_".contains(letter))
}

fn is_block(text: &str) -> bool {
    // Application guide, rule-condition-types.
    text.parse::<ipnet::IpNet>().is_ok() && text != "255.255.255.255/32"
}

/// Characters of header names (RFC 7230, token).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
