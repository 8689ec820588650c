//! Key pairs: their names and fingerprints. Nobody logs in to an instance with one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, new_id, random_hex};
use super::list::{List, list};
use super::tags;

/// The calls about key pairs, by name.
pub const ACTIONS: Actions = &[
    ("CreateKeyPair", create),
    ("DeleteKeyPair", delete),
    ("DescribeKeyPairs", describe),
    ("ImportKeyPair", import),
];

/// A key pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyPair {
    pub id: String,
    pub name: String,
    pub fingerprint: String,
    /// `rsa` or `ed25519`.
    pub kind: String,
    pub created: Timestamp,
}

const PAIRS: List = List {
    ids: ("KeyPairId", "keyPairId"),
    answer: "keySet",
    most: usize::MAX,
    filters: &[("fingerprint", "keyFingerprint"), ("key-name", "keyName"), ("key-pair-id", "keyPairId")],
};

fn shown(state: &State, pair: &KeyPair) -> Value {
    json!({
        "keyPairId": pair.id, "keyName": pair.name, "keyFingerprint": pair.fingerprint, "keyType": pair.kind,
        "createTime": format!("{:.3}", pair.created), "tagSet": tags::shown(&tags::of(state, &pair.id)),
    })
}

fn not_found(name: &str) -> Refusal {
    Refusal::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"))
}

/// API_DescribeKeyPairs.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let names = call.params.texts("KeyName");
    let pairs: Vec<&KeyPair> = call.state.ec2.key_pairs.values().collect();
    if let Some(name) = names.iter().find(|name| !pairs.iter().any(|pair| pair.name == **name)) {
        return Err(not_found(name));
    }
    let asked = pairs.into_iter().filter(|pair| names.is_empty() || names.contains(&pair.name));
    list(call, &PAIRS, asked.map(|pair| shown(call.state, pair)).collect())
}

/// Keeps a new pair. `InvalidKeyPair.Duplicate`.
fn keep(call: &mut Call, kind: String) -> Result<Value, Refusal> {
    let name = call.params.needed("KeyName");
    if call.state.ec2.key_pairs.values().any(|pair| pair.name == name) {
        let message = format!("The keypair already exists: {name}");
        return Err(Refusal::new("InvalidKeyPair.Duplicate", message));
    }
    let given = tags::specified(call.params, "key-pair")?;
    let hex = random_hex(40);
    let pairs: Vec<&str> = (0..20).filter_map(|at| hex.get(2 * at..2 * at + 2)).collect();
    let pair = KeyPair { id: new_id("key"), name, fingerprint: pairs.join(":"), kind, created: call.now };
    tags::set(call.state, &pair.id, given);
    let mut answer = shown(call.state, &pair);
    // Not in the answers of the creating calls.
    if let Some(members) = answer.as_object_mut() {
        members.retain(|name, _| !["keyType", "createTime"].contains(&name.as_str()));
    }
    call.state.ec2.key_pairs.insert(pair.id.clone(), pair);
    Ok(answer)
}

/// API_CreateKeyPair. Its private key is none.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let kind = call.params.given("KeyType").unwrap_or_else(|| "rsa".to_owned());
    let mut answer = keep(call, kind)?;
    answer["keyMaterial"] =
        json!("-----BEGIN RSA PRIVATE KEY-----\nbgform sandbox\n-----END RSA PRIVATE KEY-----");
    Ok(answer)
}

/// API_ImportKeyPair.
fn import(call: &mut Call) -> Result<Value, Refusal> {
    keep(call, "rsa".to_owned())
}

/// API_DeleteKeyPair: of one that is not there is a success.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let (name, id) = (call.params.given("KeyName"), call.params.given("KeyPairId"));
    if name.is_none() && id.is_none() {
        return Err(Refusal::missing("KeyName"));
    }
    let is = |pair: &KeyPair| Some(&pair.name) == name.as_ref() || Some(&pair.id) == id.as_ref();
    let gone: Vec<String> =
        call.state.ec2.key_pairs.values().filter(|pair| is(pair)).map(|pair| pair.id.clone()).collect();
    for id in &gone {
        call.state.ec2.key_pairs.shift_remove(id);
        tags::forget(call.state, id);
    }
    Ok(json!({ "return": true, "keyPairId": gone.first() }))
}
