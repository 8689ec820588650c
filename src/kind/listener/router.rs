//! A listener's default action as a router. On an Application Load Balancer it gets the requests that match
//! no rule, on a Network Load Balancer all connections. New weights apply to new connections only; existing
//! ones stay with their target
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html>).

use super::{Listener, described};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::Boxed;
use crate::kind::elbv2::actions;
use crate::kind::elbv2::count::is_network;
use crate::kind::elbv2::door::{ACTIONS, door};
use crate::kind::listener_rule::free_priority;
use crate::kind::router::{Door, Router, Shares};
use crate::state::Record;
use crate::value::{Object, Value};

/// One more than the highest priority number of a rule (API_CreateRule): the default action is tried last.
const LAST: u32 = 50_001;

/// The remedy if no request can select the new colour.
const INSTEAD: &str = "take `preview` away and let a gate ask the instances (`remote`), or ship behind a \
                       `listener_rule` of an Application Load Balancer";

impl Router for Listener {
    fn forward(&self) -> &'static str {
        "default_action"
    }

    fn named_by(&self) -> Option<&'static str> {
        Some("listener")
    }

    fn read<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Shares>> {
        Box::pin(async move {
            let listeners = described(cloud, &[id.to_owned()]).await?;
            Ok(listeners.first().map(|listener| actions::shares(listener.default_actions())))
        })
    }

    fn no_preview(&self, inputs: &Object) -> Option<(String, String)> {
        let protocol = inputs.get("protocol")?.as_str()?;
        (!matches!(protocol, "HTTP" | "HTTPS")).then(|| (reads_no_headers(protocol), INSTEAD.to_owned()))
    }

    fn preview<'a>(
        &'a self,
        cloud: &'a Cloud,
        address: &'a Address,
        record: &'a Record,
        chosen: &'a [u32],
    ) -> Boxed<'a, u32> {
        Box::pin(async move {
            if is_network(&record.id) {
                let protocol = record.inputs.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
                return Err(Error::failed(reads_no_headers(protocol), INSTEAD));
            }
            free_priority(cloud, &record.id, LAST, chosen).await?.ok_or_else(|| {
                Error::failed(
                    format!("no priority of `{address}` is free, and its preview needs one"),
                    "take a rule of that listener away",
                )
            })
        })
    }

    fn door<'a>(&'a self, cloud: &'a Cloud, record: &'a Record) -> Boxed<'a, Result<Door, String>> {
        Box::pin(door(cloud, &record.id, None))
    }

    fn door_permissions(&self) -> &'static [&'static str] {
        &ACTIONS
    }

    fn balancer(&self, inputs: &Object) -> Option<String> {
        Some(inputs.get("load_balancer")?.as_str()?.to_owned())
    }
}

fn reads_no_headers(protocol: &str) -> String {
    format!(
        "a listener that speaks {protocol} reads no headers, so that none can send a request to the new colour"
    )
}
