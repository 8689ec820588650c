//! A request, read from HTTP: which service, region and action, and the parameters.

use hyper::{HeaderMap, Uri};

use super::answer::Protocol;
use super::{Params, Service, cbor};

/// What `smithy-protocol` says of CBOR.
const CBOR: &str = "rpc-v2-cbor";

/// What a client asks.
#[derive(Debug)]
pub struct Request {
    /// By the signature's scope.
    pub region: Option<String>,
    /// None: a service that the region has not.
    pub service: Option<Service>,
    pub action: String,
    pub protocol: Protocol,
    pub params: Params,
}

/// Reads a request. `Err`: not one of any protocol that is spoken here; why.
pub fn read(headers: &HeaderMap, uri: &Uri, body: &[u8]) -> Result<Request, String> {
    let header = |name: &str| header(headers, name);
    let region = scope(headers).map(|[region, _]| region.to_owned());
    let signed = signed_for(headers).and_then(Service::signed);
    if let Some((target, action)) = header("x-amz-target").split_once('.') {
        let service = by_target(target);
        let params = match body {
            [] => serde_json::json!({}),
            body => serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?,
        };
        let (action, params) = (action.to_owned(), Params::from_json(params));
        return Ok(Request { region, service, action, protocol: protocol_of(headers, service), params });
    }
    if let Some((target, action)) = rpc(uri.path()).filter(|_| header("smithy-protocol") == CBOR) {
        let params = match body {
            [] => serde_json::json!({}),
            body => cbor::read(body)?,
        };
        let (service, action, params) = (by_target(target), action.to_owned(), Params::from_json(params));
        return Ok(Request { region, service, action, protocol: Protocol::Cbor, params });
    }
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    if let Some(query) = uri.query() {
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
    }
    let find = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let action = find("Action").ok_or("there is no Action in the request")?;
    let service = signed.or_else(|| find("Version").as_deref().and_then(by_version));
    let protocol = protocol_of(headers, service);
    let given = pairs.iter().filter(|(key, _)| key != "Action" && key != "Version");
    let params = Params::from_query(given.map(|(key, value)| (key.as_str(), value.as_str())))?;
    Ok(Request { region, service, action, protocol, params })
}

/// The protocol that a request is written in, by its headers; EC2's is one of its own.
pub(super) fn protocol_of(headers: &HeaderMap, service: Option<Service>) -> Protocol {
    if !header(headers, "x-amz-target").is_empty() {
        return Protocol::Json(match header(headers, "content-type") {
            "application/x-amz-json-1.0" => "application/x-amz-json-1.0",
            _ => "application/x-amz-json-1.1",
        });
    }
    match header(headers, "smithy-protocol") {
        CBOR => Protocol::Cbor,
        _ if service == Some(Service::Ec2) => Protocol::Ec2,
        _ => Protocol::Query,
    }
}

/// The service that a request is signed for.
pub(super) fn signed_for(headers: &HeaderMap) -> Option<&str> {
    scope(headers).map(|[_, service]| service)
}

/// Region and service of `Credential=AKID/20261121/us-east-1/ec2/aws4_request`.
fn scope(headers: &HeaderMap) -> Option<[&str; 2]> {
    let (_, rest) = header(headers, "authorization").split_once("Credential=")?;
    let mut parts = rest.split([',', ' ']).next()?.split('/').skip(2);
    Some([parts.next()?, parts.next()?])
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The target and the action of a Smithy RPC v2 path: `/service/TARGET/operation/ACTION`.
fn rpc(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/service/")?.split_once("/operation/")
}

/// The service by the name that its JSON and CBOR requests have for it.
fn by_target(target: &str) -> Option<Service> {
    match target {
        "AmazonSSM" => Some(Service::Ssm),
        "GraniteServiceVersion20100801" => Some(Service::CloudWatch),
        _ => None,
    }
}

/// The service by the API version that its query requests name.
fn by_version(version: &str) -> Option<Service> {
    Some(match version {
        "2016-11-15" => Service::Ec2,
        "2011-01-01" => Service::AutoScaling,
        "2015-12-01" => Service::Elbv2,
        "2010-08-01" => Service::CloudWatch,
        "2011-06-15" => Service::Sts,
        _ => return None,
    })
}
