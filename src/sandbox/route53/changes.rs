//! Changes: pending at first, then in sync with all name servers.

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use serde_json::{Value, json};

use crate::api::{Actions, Call, Refusal, timestamp};

/// The calls about changes, by name.
pub const ACTIONS: Actions = &[("GetChange", get)];

/// How long a change is pending: on AWS within 60 seconds as a rule (API_ChangeResourceRecordSets).
const PENDING: SignedDuration = SignedDuration::from_millis(500);

/// `Z` or `C` and 20 letters and digits, as Route 53 makes its ids.
pub fn new_id(prefix: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut rng = rand::rng();
    let random = (0..20).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]));
    format!("{prefix}{}", random.collect::<String>())
}

/// Keeps a change that is made now; `ChangeInfo`.
pub fn made(call: &mut Call, comment: Option<String>) -> Value {
    let id = new_id("C");
    let answer = shown(&id, call.now, comment.as_deref(), call.now);
    call.state.route53.changes.insert(id, (call.now, comment));
    answer
}

fn shown(id: &str, at: Timestamp, comment: Option<&str>, now: Timestamp) -> Value {
    let status = if now.duration_since(at) < PENDING { "PENDING" } else { "INSYNC" };
    json!({
        "Id": format!("/change/{id}"), "Status": status, "SubmittedAt": timestamp(at), "Comment": comment,
    })
}

/// API_GetChange: `NoSuchChange`.
fn get(call: &mut Call) -> Result<Value, Refusal> {
    let given = call.params.needed("Id");
    let id = given.rsplit('/').next().unwrap_or(&given);
    let (at, comment) = call.state.route53.changes.get(id).ok_or_else(|| {
        Refusal::new("NoSuchChange", format!("Could not find resource with ID: {id}")).status(404)
    })?;
    Ok(json!({ "ChangeInfo": shown(id, *at, comment.as_deref(), call.now) }))
}
