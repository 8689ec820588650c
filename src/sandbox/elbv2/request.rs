//! Parameters as Elastic Load Balancing refuses them: `ValidationError`, whatever is wrong.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::super::api::{Page, Params, Refusal, page};

/// A text that must be there.
pub fn required(params: &Params, name: &str) -> Result<String, Refusal> {
    given(params, name).ok_or_else(|| missing(name))
}

/// A text that may be left out; an empty one counts as left out.
pub fn given(params: &Params, name: &str) -> Option<String> {
    params.text(name).filter(|text| !text.is_empty())
}

/// What a parameter that is not there is told.
pub fn missing(name: &str) -> Refusal {
    broken("null", name, "Member must not be null")
}

fn broken(value: &str, name: &str, constraint: &str) -> Refusal {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let name: String = first.into_iter().chain(letters).collect();
    let value = if value == "null" { value.to_owned() } else { format!("'{value}'") };
    Refusal::validation(format!(
        "1 validation error detected: Value {value} at '{name}' failed to satisfy constraint: {constraint}"
    ))
}

/// A whole number of this range.
pub fn number(params: &Params, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
    let Some(text) = given(params, name) else { return Ok(None) };
    let number: i64 = text.parse().map_err(|_| broken(&text, name, "Member must be a number"))?;
    if number < i64::from(*range.start()) {
        let constraint = format!("Member must have value greater than or equal to {}", range.start());
        return Err(broken(&text, name, &constraint));
    }
    if number > i64::from(*range.end()) {
        let constraint = format!("Member must have value less than or equal to {}", range.end());
        return Err(broken(&text, name, &constraint));
    }
    Ok(u32::try_from(number).ok())
}

/// A port, 1 to 65535.
pub fn port(params: &Params, name: &str) -> Result<Option<u16>, Refusal> {
    Ok(number(params, name, 1..=65_535)?.and_then(|port| u16::try_from(port).ok()))
}

/// One of these words.
pub fn one_of(params: &Params, name: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
    let Some(text) = given(params, name) else { return Ok(None) };
    match words.contains(&text.as_str()) {
        true => Ok(Some(text)),
        false => {
            Err(broken(&text, name, &format!("Member must satisfy enum value set: [{}]", words.join(", "))))
        }
    }
}

/// `true` or `false`.
pub fn flag(params: &Params, name: &str) -> Result<Option<bool>, Refusal> {
    params.flag(name).map_err(|_| Refusal::validation(format!("The value of '{name}' must be true or false")))
}

/// An ARN that must be there, of a type of resource such as `loadbalancer`.
pub fn arn(params: &Params, name: &str, resource: &str) -> Result<String, Refusal> {
    is_arn(required(params, name)?, resource)
}

/// ARNs of a type of resource.
pub fn arns(params: &Params, name: &str, resource: &str) -> Result<Vec<String>, Refusal> {
    params.texts(name).into_iter().map(|arn| is_arn(arn, resource)).collect()
}

fn is_arn(arn: String, resource: &str) -> Result<String, Refusal> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let of = match parts.as_slice() {
        ["arn", _, "elasticloadbalancing", _, _, of] => of.split('/').next(),
        _ => None,
    };
    match of == Some(resource) {
        true => Ok(arn),
        false => {
            let what = match resource {
                "loadbalancer" => "load balancer",
                "targetgroup" => "target group",
                "listener-rule" => "listener rule",
                other => other,
            };
            Err(Refusal::validation(format!("'{arn}' is not a valid {what} ARN")))
        }
    }
}

/// A name of a load balancer or target group (API_CreateLoadBalancer, API_CreateTargetGroup): at
/// most 32 letters, digits and hyphens, none of them at an end.
pub fn name(params: &Params, what: &str) -> Result<String, Refusal> {
    let name = required(params, "Name")?;
    let wrong = |why: &str| Err(Refusal::validation(format!("{what} name '{name}' {why}")));
    if name.chars().count() > 32 {
        return wrong("cannot be longer than '32' characters");
    }
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return wrong("can only contain characters that are alphanumeric characters or hyphens(-)");
    }
    if name.starts_with('-') || name.ends_with('-') {
        return wrong("cannot begin or end with a hyphen(-)");
    }
    Ok(name)
}

/// A part of a list, as `Marker` and `PageSize` (1 to 400) ask for it.
pub fn paged(params: &Params, items: Vec<Value>) -> Result<Page<Value>, Refusal> {
    let size = number(params, "PageSize", 1..=400)?.unwrap_or(400);
    let marker = params.text("Marker").filter(|marker| !marker.is_empty());
    page(items, marker, size as usize).map_err(|refusal| Refusal::validation(refusal.message))
}

/// Refuses lists that are longer than a call takes.
pub fn at_most(count: usize, most: usize, what: &str) -> Result<(), Refusal> {
    match count > most {
        true => Err(Refusal::validation(format!("The number of {what} cannot exceed {most}"))),
        false => Ok(()),
    }
}
