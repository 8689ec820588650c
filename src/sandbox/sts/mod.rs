//! STS: the caller's identity. Signatures are not checked, so every caller is the account's root.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::api::{Actions, Call, Refusal, Service, Shapes, Wire};

/// STS.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "sts",
        signed: "sts",
        namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[&[("GetCallerIdentity", get_caller_identity)]];

fn get_caller_identity(call: &mut Call) -> Result<Value, Refusal> {
    let account = &call.state.account;
    Ok(json!({ "Arn": format!("arn:aws:iam::{account}:root"), "UserId": account, "Account": account }))
}
