//! From a request to its answer: faults, dry runs, client tokens, the handler, the disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::Value;

use super::{Call, Handler, Params, Protocol, Refusal, SERVICES, Service, only_reads};
use crate::faults::{Broken, Verdict};
use crate::region::{OpenError, Region};
use crate::server::{DEFAULT_REGION, Shared, plain};
use crate::state::{Repeat, State, random_hex};
use crate::sts;
use crate::wire::{self, Request, Wire};

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Answer(Value),
    Refusal(Refusal),
    /// The connection is to end without an answer.
    Silence,
}

/// Answers one HTTP request; `None` ends the connection without an answer.
pub(crate) async fn answer(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
    body: &[u8],
) -> Option<Response<Full<Bytes>>> {
    let request =
        match wire::read(method, headers, uri, body, SERVICES.iter().map(|one| (&one.wire, &one.shapes))) {
            Ok(request) => request,
            Err(reason) => return Some(plain(StatusCode::BAD_REQUEST, &reason)),
        };
    let id = request_id();
    let Some(service) = request.wire.and_then(|wire| Service::named(wire.name)) else {
        let message = format!("The sandbox has no service with an action {}.", request.action);
        let refusal = Refusal::new("InvalidAction", message);
        return respond(
            request.protocol,
            &request.action,
            &sts::SERVICE.wire,
            &Outcome::Refusal(refusal),
            &id,
        );
    };
    let outcome = match shared.region(request.region.as_deref().unwrap_or(DEFAULT_REGION)).await {
        Ok(region) => {
            let clock = &region.setup.clock;
            let began = clock.monotonic();
            let outcome = call(&region, service, &request).await;
            let took = clock.monotonic().saturating_sub(began);
            region.calls.note(service, &request.action, &outcome_name(&outcome), region.now(), took);
            outcome
        }
        Err(error @ OpenError::NoRegion { .. }) => Outcome::Refusal(Refusal::validation(error.to_string())),
        Err(error) => Outcome::Refusal(Refusal::new("InternalFailure", error.to_string()).status(500)),
    };
    respond(request.protocol, &request.action, &service.wire, &outcome, &id)
}

/// Returns the current answer of a call that only reads, without faults, lag and log, for the sandbox's own
/// use. Parameters are in a query's form: `{"LoadBalancerArn": "..."}`.
///
/// # Errors
/// Those that a client gets.
pub fn ask(
    region: &Region,
    service: &'static Service,
    action: &str,
    params: Value,
) -> Result<Value, Refusal> {
    let handler = service.handler(action)?;
    let (params, mut state) = (Params::from_json(params), State::clone(&region.look()));
    service.check(action, &params, service.protocol())?;
    match only_reads(action) {
        true => run(region, &mut state, &params, handler),
        false => Err(service.wire.unknown(action)),
    }
}

/// The HTTP answer of an outcome; `None` if there is to be none.
pub(super) fn respond(
    protocol: Protocol,
    action: &str,
    wire: &Wire,
    outcome: &Outcome,
    id: &str,
) -> Option<Response<Full<Bytes>>> {
    let (status, body) = match outcome {
        Outcome::Answer(answer) => (200, protocol.answer(wire, action, answer, id)),
        Outcome::Refusal(refusal) => (refusal.status, protocol.refusal(wire, refusal, id)),
        Outcome::Silence => return None,
    };
    let mut response = Response::builder()
        .status(status)
        .header("content-type", protocol.content_type())
        .header("x-amzn-requestid", id);
    if protocol == Protocol::Cbor {
        response = response.header("smithy-protocol", "rpc-v2-cbor");
    }
    if let Outcome::Refusal(refusal) = outcome
        && let Some(error) = protocol.query_error(wire, refusal)
    {
        response = response.header("x-amzn-query-error", error);
    }
    let response = response.body(Full::from(body));
    Some(response.unwrap_or_else(|error| plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())))
}

/// The code of an error, `ok`, or `silence`: for the log of calls.
fn outcome_name(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(_) => "ok".to_owned(),
        Outcome::Refusal(refusal) => refusal.code.clone(),
        Outcome::Silence => "silence".to_owned(),
    }
}

/// A random UUID.
pub(super) fn request_id() -> String {
    let hex = random_hex(32);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Does one call. It is in effect, and on disk, when this ends.
async fn call(region: &Arc<Region>, service: &Service, request: &Request) -> Outcome {
    let action = request.action.as_str();
    let handler = match service.handler(action) {
        Ok(handler) => handler,
        Err(refusal) => return Outcome::Refusal(refusal),
    };
    if let Err(refusal) = wire::speakable(&service.wire, &request.params) {
        return Outcome::Refusal(refusal);
    }
    let (wait, verdict) = region.setup.faults.call(service, action);
    if wait > Duration::ZERO {
        region.setup.clock.sleep(wait).await;
    }
    let lose = match verdict {
        Verdict::Refused(refusal) => return Outcome::Refusal(refusal),
        Verdict::Broken(Broken::Dropped) => return Outcome::Silence,
        Verdict::Broken(_) => true,
        Verdict::Goes => false,
    };
    let result = match service.check(action, &request.params, request.protocol) {
        Err(refusal) => Err(refusal),
        Ok(()) if only_reads(action) => read(region, service, request, handler),
        Ok(()) => change(region, service, request, handler).await,
    };
    match result {
        _ if lose => Outcome::Silence,
        Ok(answer) => Outcome::Answer(answer),
        Err(refusal) => Outcome::Refusal(refusal),
    }
}

fn read(region: &Region, service: &Service, request: &Request, handler: Handler) -> Result<Value, Refusal> {
    let state = match region.setup.faults.lag() {
        Some(lag) if service.wire.is_ec2() => region.look_late(lag),
        _ => region.look(),
    };
    let mut state = State::clone(&state);
    let answer = run(region, &mut state, &request.params, handler)?;
    dry(service, request).map_or(Ok(answer), Err)
}

async fn change(
    region: &Region,
    service: &Service,
    request: &Request,
    handler: Handler,
) -> Result<Value, Refusal> {
    let answer = region.change(|state, now| {
        let token = token(service, request);
        if let Some(repeat) = token.as_ref().and_then(|token| state.tokens.get(token)) {
            return match repeat.parameters == *request.params.value() {
                true => Ok(repeat.answer.clone()),
                false => Err(Refusal::new(
                    "IdempotentParameterMismatch",
                    "The client token that you provided was used in an earlier request with other parameters.",
                )),
            };
        }
        let answer = run(region, state, &request.params, handler)?;
        if let Some(refusal) = dry(service, request) {
            return Err(refusal);
        }
        if let Some(token) = token {
            let parameters = request.params.value().clone();
            state.tokens.insert(token, Repeat { parameters, answer: answer.clone(), at: now });
        }
        Ok(answer)
    })?;
    region.in_effect().await.map_err(|reason| {
        let folder = region.setup.folder.display();
        let message = format!("The sandbox cannot write its state in {folder}: {reason}");
        Refusal { message, ..service.wire.broken.into() }
    })?;
    Ok(answer)
}

fn run(region: &Region, state: &mut State, params: &Params, handler: Handler) -> Result<Value, Refusal> {
    let (now, metrics, folder) = (region.now(), &*region.metrics, region.setup.folder.as_path());
    handler(&mut Call { state, params, now, metrics, folder })
}

/// EC2's `DryRun`: the call would have succeeded, and nothing is done.
fn dry(service: &Service, request: &Request) -> Option<Refusal> {
    let asked = service.wire.is_ec2() && request.params.flag("DryRun") == Some(true);
    asked.then(|| {
        Refusal::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412)
    })
}

/// EC2's client tokens: a repeated call answers as the first one did (ec2 devguide, ec2-api-idempotency).
fn token(service: &Service, request: &Request) -> Option<String> {
    let token = request.params.given("ClientToken")?;
    service.wire.is_ec2().then(|| format!("{} {token}", request.action))
}
