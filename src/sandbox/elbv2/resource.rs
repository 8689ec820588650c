//! Look-up of resources by ARN, and parameters whose rules are not in their shape.

use indexmap::IndexMap;

use super::super::api::{Call, Paging, Params, Refusal};
use super::super::state::State;
use super::{Elbv2, Listener, LoadBalancer, Rule, TargetGroup};

/// The refusal of a missing parameter.
pub fn missing(name: &str) -> Refusal {
    Refusal::validation(format!("The parameter {name} must be specified"))
}

/// A resource type with an ARN: parsed, found and refused in one way.
pub trait Resource: Sized {
    /// As ARNs have it, such as `loadbalancer`.
    const TYPE: &'static str;
    /// As messages have it.
    const WORDS: &'static str;
    /// The parameter that names one; with an `s`, several.
    const MEMBER: &'static str;
    /// The error code if it does not exist.
    const NOT_FOUND: &'static str;

    fn all(elbv2: &Elbv2) -> &IndexMap<String, Self>;

    fn not_found(arn: &str) -> Refusal {
        Refusal::new(Self::NOT_FOUND, format!("{}s '[{arn}]' not found", Self::WORDS))
    }

    /// Finds a resource that must exist.
    fn find<'a>(state: &'a State, arn: &str) -> Result<&'a Self, Refusal> {
        Self::all(&state.elbv2).get(arn).ok_or_else(|| Self::not_found(arn))
    }

    /// Finds the resource that a call names, which must exist.
    fn named<'a>(call: &'a Call) -> Result<&'a Self, Refusal> {
        Self::find(call.state, &Self::arn(call.params)?)
    }

    /// The ARN that a call names.
    fn arn(params: &Params) -> Result<String, Refusal> {
        Self::is_arn(params.needed(Self::MEMBER))
    }

    /// The ARNs that a call names.
    fn arns(params: &Params) -> Result<Vec<String>, Refusal> {
        params.texts(&format!("{}s", Self::MEMBER)).into_iter().map(Self::is_arn).collect()
    }

    fn is_arn(arn: String) -> Result<String, Refusal> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "elasticloadbalancing", _, _, of] if of.split('/').next() == Some(Self::TYPE) => {
                Ok(arn)
            }
            _ => {
                Err(Refusal::validation(format!("'{arn}' is not a valid {} ARN", Self::WORDS.to_lowercase())))
            }
        }
    }
}

macro_rules! resource {
    ($type:ty, $all:ident, $of:literal, $words:literal, $member:literal, $code:literal) => {
        impl Resource for $type {
            const TYPE: &'static str = $of;
            const WORDS: &'static str = $words;
            const MEMBER: &'static str = $member;
            const NOT_FOUND: &'static str = $code;

            fn all(elbv2: &Elbv2) -> &IndexMap<String, Self> {
                &elbv2.$all
            }
        }
    };
}

resource!(
    LoadBalancer,
    load_balancers,
    "loadbalancer",
    "Load balancer",
    "LoadBalancerArn",
    "LoadBalancerNotFound"
);
resource!(TargetGroup, target_groups, "targetgroup", "Target group", "TargetGroupArn", "TargetGroupNotFound");
resource!(Listener, listeners, "listener", "Listener", "ListenerArn", "ListenerNotFound");
resource!(Rule, rules, "listener-rule", "Listener rule", "RuleArn", "RuleNotFound");

/// A name of a load balancer or target group (API_CreateLoadBalancer, API_CreateTargetGroup): at most 32
/// letters, digits and hyphens, with no hyphen at an end.
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

/// The paging of lists.
pub const PAGES: Paging =
    Paging { most: "PageSize", size: 400, token: "Marker", next: "NextMarker", bad: "ValidationError" };
