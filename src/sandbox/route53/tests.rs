use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::SERVICE;
use crate::api::Refusal;
use crate::api::direct::call;
use crate::pace::Pace;
use crate::state::{Network, State};

fn ask(state: &mut State, action: &str, params: Value, at: i64) -> Result<Value, Refusal> {
    call(&[&SERVICE], state, Timestamp::UNIX_EPOCH + SignedDuration::from_millis(at), action, params)
}

/// A region with the zone `example.com`, and its id.
fn zone() -> (State, String) {
    let mut state =
        State::new("us-east-1", Network::Addresses { octet: 82 }, Pace::default(), Timestamp::UNIX_EPOCH);
    let create = json!({ "Name": "Example.com", "CallerReference": "1" });
    let made = ask(&mut state, "CreateHostedZone", create, 0).unwrap();
    let id = made["HostedZone"]["Id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    (state, id)
}

fn change(state: &mut State, id: &str, changes: Value) -> Result<Value, Refusal> {
    ask(state, "ChangeResourceRecordSets", json!({ "Id": id, "ChangeBatch": { "Changes": changes } }), 0)
}

fn one(action: &str, set: &Value) -> Value {
    json!([{ "Action": action, "ResourceRecordSet": set }])
}

fn record(name: &str, kind: &str, value: &str) -> Value {
    json!({ "Name": name, "Type": kind, "TTL": "300", "ResourceRecords": [{ "Value": value }] })
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let (mut state, id) = zone();
    let web = record("www.example.com", "A", "192.0.2.1");
    let wrong = json!([
        { "Action": "CREATE", "ResourceRecordSet": web },
        { "Action": "CREATE", "ResourceRecordSet": record("www.example.org", "A", "192.0.2.1") },
        { "Action": "DELETE", "ResourceRecordSet": record("gone.example.com", "A", "192.0.2.1") },
    ]);
    let refused = change(&mut state, &id, wrong).unwrap_err();
    insta::assert_snapshot!(format!("{}: {}", refused.code, refused.message), @"InvalidChangeBatch: [RRSet with DNS name www.example.org. is not permitted in zone example.com., Tried to delete resource record set [name='gone.example.com.', type='A'] but it was not found]");
    change(&mut state, &id, one("CREATE", &web)).unwrap();
    let again = change(&mut state, &id, one("CREATE", &web)).unwrap_err();
    insta::assert_snapshot!(again.message, @"[Tried to create resource record set [name='www.example.com.', type='A'] but it already exists]");
}

#[test]
fn a_set_is_deleted_by_exactly_what_stands() {
    let (mut state, id) = zone();
    change(&mut state, &id, one("UPSERT", &record("*.example.com", "TXT", "\"a b\""))).unwrap();
    let other = change(&mut state, &id, one("DELETE", &record("*.example.com", "TXT", "\"a\""))).unwrap_err();
    assert!(other.message.contains("do not match the current values"), "{}", other.message);
    let listed =
        ask(&mut state, "ListResourceRecordSets", json!({ "Id": id, "name": "*.example.com" }), 0).unwrap();
    assert_eq!(listed["ResourceRecordSets"][0]["Name"], "\\052.example.com.");
    change(&mut state, &id, one("DELETE", &listed["ResourceRecordSets"][0])).unwrap();
}

#[test]
fn a_cname_stands_alone_and_a_weighted_set_beside_no_simple_one() {
    let (mut state, id) = zone();
    change(&mut state, &id, one("CREATE", &record("a.example.com", "CNAME", "b.example.com"))).unwrap();
    let beside = record("a.example.com", "A", "192.0.2.1");
    assert_eq!(change(&mut state, &id, one("CREATE", &beside)).unwrap_err().code, "InvalidChangeBatch");
    let at_apex = record("example.com", "CNAME", "b.example.com");
    assert_eq!(change(&mut state, &id, one("CREATE", &at_apex)).unwrap_err().code, "InvalidChangeBatch");
    let mut weighted = record("w.example.com", "A", "192.0.2.1");
    weighted["Weight"] = json!("1");
    assert_eq!(change(&mut state, &id, one("CREATE", &weighted)).unwrap_err().code, "InvalidChangeBatch");
    weighted["SetIdentifier"] = json!("blue");
    change(&mut state, &id, one("CREATE", &weighted)).unwrap();
    let simple = record("w.example.com", "A", "192.0.2.1");
    assert_eq!(change(&mut state, &id, one("CREATE", &simple)).unwrap_err().code, "InvalidChangeBatch");
}

#[test]
fn a_change_is_pending_and_then_in_sync() {
    let (mut state, id) = zone();
    let made = change(&mut state, &id, one("CREATE", &record("a.example.com", "A", "192.0.2.1"))).unwrap();
    let change = made["ChangeInfo"]["Id"].clone();
    let mut status = |at| {
        ask(&mut state, "GetChange", json!({ "Id": change }), at).unwrap()["ChangeInfo"]["Status"].clone()
    };
    assert_eq!((status(0), status(1000)), (json!("PENDING"), json!("INSYNC")));
}

#[test]
fn zones_are_listed_in_the_order_of_their_labels() {
    let (mut state, _) = zone();
    for (name, reference) in [("a.org", "2"), ("z.com", "3"), ("a.example.com", "4")] {
        ask(&mut state, "CreateHostedZone", json!({ "Name": name, "CallerReference": reference }), 0)
            .unwrap();
    }
    let mut names = |from: Value| {
        let listed = ask(&mut state, "ListHostedZonesByName", from, 0).unwrap();
        let zones = listed["HostedZones"].as_array().unwrap();
        zones.iter().map(|zone| zone["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(json!({})), ["example.com.", "a.example.com.", "z.com.", "a.org."]);
    assert_eq!(names(json!({ "dnsname": "z.com", "maxitems": "1" })), ["z.com."]);
}
