//! IAM: roles, their policies, and instance profiles, as they are kept and looked up. They allow and forbid
//! nothing, and every managed policy exists.

mod profiles;
mod roles;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Actions, Call, Known, Params, Refusal, Service, Shapes, Wire};
use super::state::Tags;
pub use profiles::Profile;
pub use roles::Role;

/// The state of IAM.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Iam {
    /// By name, as names are compared: in lower case (API_CreateRole).
    pub roles: BTreeMap<String, Role>,
    pub profiles: BTreeMap<String, Profile>,
}

/// IAM.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "iam",
        signed: "iam",
        namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
        broken: Known(
            "ServiceFailure",
            "The request processing has failed because of an unknown error.",
            500,
        ),
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[profiles::ACTIONS, roles::ACTIONS];

/// `AROA` and 17 letters and digits, as IAM makes its ids (IAM user guide, reference_identifiers).
fn new_id(prefix: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut rng = rand::rng();
    let random = (0..17).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]));
    format!("{prefix}{}", random.collect::<String>())
}

/// IAM is global: its ARNs have no region.
fn arn(call: &Call, what: &str) -> String {
    format!("arn:aws:iam::{}:{what}", call.state.account)
}

fn no_such(message: String) -> Refusal {
    Refusal::new("NoSuchEntity", message).status(404)
}

fn conflict(message: &str) -> Refusal {
    Refusal::new("DeleteConflict", message).status(409)
}

/// Tags of a call: at most 50, none of AWS's own.
fn tags_of(params: &Params) -> Result<Tags, Refusal> {
    let tags: Tags =
        params.items("Tags").iter().map(|tag| (tag.needed("Key"), tag.needed("Value"))).collect();
    match tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        Some(key) => {
            Err(Refusal::new("InvalidInput", format!("System tags cannot be added or changed: {key}")))
        }
        None => Ok(tags),
    }
}

/// Adds tags. `LimitExceeded` for more than 50.
fn add_tags(to: &mut Tags, tags: Tags) -> Result<Value, Refusal> {
    to.extend(tags);
    match to.len() > 50 {
        true => Err(Refusal::new("LimitExceeded", "Cannot exceed quota for TagsPerEntity: 50").status(409)),
        false => Ok(Value::Null),
    }
}

fn shown_tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A list by `Marker` and `MaxItems`.
fn paged(params: &Params, list: &str, items: Vec<Value>) -> Result<Value, Refusal> {
    let pages = super::api::Paging {
        most: "MaxItems",
        size: if params.has("MaxItems") { 1000 } else { 100 },
        token: "Marker",
        next: "Marker",
        bad: "ValidationError",
    };
    let page = pages.page(params, items)?;
    Ok(json!({ list: page.items, "IsTruncated": page.next.is_some(), "Marker": page.next }))
}

/// A policy as answers have it: in the encoding of URLs (RFC 3986).
fn encoded(document: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let part = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    document.bytes().map(part).collect()
}
