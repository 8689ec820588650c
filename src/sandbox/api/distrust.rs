//! The refusal of a request without a signature by the sandbox's key, in each protocol.

use bytes::Bytes;
use http_body_util::Full;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::dispatch::{Outcome, request_id, respond};
use super::{Protocol, Refusal, SERVICES};
use crate::key::Distrust;
use crate::server::plain;
use crate::wire::{protocol_of, signed_for};
use crate::{door, sts};

/// The answer to a request that is not trusted. Nothing of its body is looked at.
pub(crate) fn distrusted(head: &Parts, distrust: &Distrust) -> Response<Full<Bytes>> {
    let signed = signed_for(&head.headers);
    let wire = SERVICES.iter().map(|service| &service.wire).find(|wire| Some(wire.signed) == signed);
    let protocol = protocol_of(&head.headers, wire);
    let outcome = Outcome::Refusal(refusal(protocol, distrust));
    let answer = respond(protocol, "", wire.unwrap_or(&sts::SERVICE.wire), &outcome, &request_id());
    answer.unwrap_or_else(|| plain(StatusCode::FORBIDDEN, &door::hint(distrust)))
}

/// The codes are AWS's (IAM user guide, reference_sigv-troubleshooting; EC2 API reference,
/// errors-overview; CommonErrors of the JSON services); the hint is ours.
fn refusal(protocol: Protocol, distrust: &Distrust) -> Refusal {
    const UNKNOWN: &str = "The security token included in the request is invalid.";
    const WRONG: &str = "The request signature we calculated does not match the signature you provided.";
    const UNSIGNED: &str = "Request is missing Authentication Token";
    let is_typed = protocol.is_typed();
    let (code, status, message) = match distrust {
        Distrust::Unsigned if is_typed => ("MissingAuthenticationTokenException", 400, UNSIGNED),
        Distrust::Unsigned => ("MissingAuthenticationToken", 403, UNSIGNED),
        Distrust::OtherKey(_) | Distrust::WrongSignature if protocol == Protocol::Ec2 => {
            ("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
        }
        Distrust::OtherKey(_) if is_typed => ("UnrecognizedClientException", 400, UNKNOWN),
        Distrust::OtherKey(_) => ("InvalidClientTokenId", 403, UNKNOWN),
        Distrust::WrongSignature if is_typed => ("InvalidSignatureException", 400, WRONG),
        Distrust::WrongSignature => ("SignatureDoesNotMatch", 403, WRONG),
        Distrust::Stale if protocol == Protocol::Ec2 => ("RequestExpired", 400, "Request has expired."),
        Distrust::Stale if is_typed => ("InvalidSignatureException", 400, "Signature expired"),
        Distrust::Stale => ("SignatureDoesNotMatch", 403, "Signature expired"),
    };
    Refusal::new(code, format!("{message} ({})", door::hint(distrust))).status(status)
}
