//! STS: who is calling. Signatures are not checked, so everybody is the account's root.

use serde_json::{Value, json};

use super::api::{Actions, Call, Refusal};

/// The calls of STS, by name.
pub const ACTIONS: &[Actions] = &[&[("GetCallerIdentity", get_caller_identity)]];

fn get_caller_identity(call: &mut Call) -> Result<Value, Refusal> {
    let account = &call.state.account;
    Ok(json!({ "Arn": format!("arn:aws:iam::{account}:root"), "UserId": account, "Account": account }))
}
