//! Parameters whose rules are not in their shape.

use super::super::api::{Paging, Params, Refusal};

/// What a parameter that is not there is told.
pub fn missing(name: &str) -> Refusal {
    Refusal::validation(format!("The parameter {name} must be specified"))
}

/// An ARN that must be there, of a type of resource such as `loadbalancer`.
pub fn arn(params: &Params, name: &str, resource: &str) -> Result<String, Refusal> {
    is_arn(params.needed(name), resource)
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
    let name = params.needed("Name");
    let wrong = |why: &str| Err(Refusal::validation(format!("{what} name '{name}' {why}")));
    if name.chars().count() > 32 {
        return wrong("cannot be longer than '32' characters");
    }
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return wrong("can only contain characters that are alphanumeric characters or hyphens(-)");
    }
    if name.is_empty() || name.starts_with('-') || name.ends_with('-') {
        return wrong("must not be empty and cannot begin or end with a hyphen(-)");
    }
    Ok(name)
}

/// How lists come in pages.
pub const PAGES: Paging =
    Paging { most: "PageSize", size: 400, token: "Marker", next: "NextMarker", bad: "ValidationError" };
