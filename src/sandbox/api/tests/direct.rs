//! Calls of tests, straight to the handlers: a client's requests and answers without the wire.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::super::{Call, Params, Refusal, Service};
use crate::cloudwatch::Metrics;
use crate::state::State;

/// The answer of a service; parameters have the names of its requests.
pub fn call_with(
    metrics: &Metrics,
    service: &Service,
    state: &mut State,
    now: Timestamp,
    action: &str,
    params: Value,
) -> Result<Value, Refusal> {
    let params = Params::from_json(params);
    service.check(action, &params, service.protocol())?;
    let folder = Path::new("/nowhere");
    service.handler(action)?(&mut Call { state, params: &params, now, metrics, folder })
}

/// The answer of the first service that has the action.
pub fn call(
    services: &[&Service],
    state: &mut State,
    now: Timestamp,
    action: &str,
    params: Value,
) -> Result<Value, Refusal> {
    let service = services.iter().find(|service| service.handler(action).is_ok()).unwrap();
    call_with(&Metrics::default(), service, state, now, action, params)
}
