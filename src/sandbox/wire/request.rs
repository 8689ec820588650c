//! A request, read from HTTP: which service, region and action, and the parameters.

use std::sync::LazyLock;

use hyper::{HeaderMap, Method, Uri};

use super::answer::Protocol;
use super::{Params, Shapes, Wire, cbor};

/// The value of `smithy-protocol` for CBOR.
const CBOR: &str = "rpc-v2-cbor";

/// A client's request.
#[derive(Debug)]
pub struct Request {
    /// By the signature's scope.
    pub region: Option<String>,
    /// `None`: a service that the region does not have.
    pub wire: Option<&'static Wire>,
    pub action: String,
    pub protocol: Protocol,
    pub params: Params,
}

/// A service as requests are read to it: its wire format and the shapes of its parameters.
pub type Spoken = (&'static Wire, &'static LazyLock<Shapes>);

/// Reads a request to one of these services. `Err`: not one of any protocol that is spoken here; why.
pub fn read(
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
    body: &[u8],
    services: impl Iterator<Item = Spoken> + Clone,
) -> Result<Request, String> {
    let wires = services.clone().map(|(wire, _)| wire);
    let header = |name: &str| header(headers, name);
    let region = scope(headers).map(|[region, _]| region.to_owned());
    let named = |target: &str| wires.clone().find(|wire| wire.target == Some(target));
    if let Some((target, action)) = header("x-amz-target").split_once('.') {
        let wire = named(target);
        let params = match body {
            [] => serde_json::json!({}),
            body => serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?,
        };
        let (action, params) = (action.to_owned(), Params::from_json(params));
        return Ok(Request { region, wire, action, protocol: protocol_of(headers, wire), params });
    }
    if let Some((target, action)) = rpc(uri.path()).filter(|_| header("smithy-protocol") == CBOR) {
        let params = match body {
            [] => serde_json::json!({}),
            body => cbor::read(body)?,
        };
        let (wire, action, params) = (named(target), action.to_owned(), Params::from_json(params));
        return Ok(Request { region, wire, action, protocol: Protocol::Cbor, params });
    }
    let rest = services
        .clone()
        .find(|(wire, _)| wire.query == Some(Protocol::RestXml) && signed_for(headers) == Some(wire.signed));
    if let Some((wire, shapes)) = rest {
        let (action, params) = routed(shapes, method, uri, body)?;
        return Ok(Request { region, wire: Some(wire), action, protocol: Protocol::RestXml, params });
    }
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    if let Some(query) = uri.query() {
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
    }
    let find = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let action = find("Action").ok_or("there is no Action in the request")?;
    let version = find("Version").map(|version| format!("/{version}/"));
    let signed = signed_for(headers).and_then(|name| wires.clone().find(|wire| wire.signed == name));
    let mut texts = wires.clone().filter(|wire| wire.query.is_some());
    let wire = signed.or_else(|| {
        texts.find(|wire| version.as_deref().is_some_and(|version| wire.namespace.ends_with(version)))
    });
    let protocol = protocol_of(headers, wire);
    let given = pairs.iter().filter(|(key, _)| key != "Action" && key != "Version");
    let params = Params::from_query(given.map(|(key, value)| (key.as_str(), value.as_str())))?;
    Ok(Request { region, wire, action, protocol, params })
}

/// The action and the parameters of a method, a path, a query and a body.
fn routed(shapes: &Shapes, method: &Method, uri: &Uri, body: &[u8]) -> Result<(String, Params), String> {
    let Some((action, mut members)) = shapes.routed(method.as_str(), uri.path()) else {
        return Ok((format!("{method} {}", uri.path()), Params::default()));
    };
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
    members.extend(query.map(|(name, value)| (name, value.into())));
    if !body.is_empty() {
        let body = std::str::from_utf8(body).map_err(|error| format!("the body is no XML: {error}"))?;
        members.extend(shapes.read_xml(action, body)?);
    }
    Ok((action.to_owned(), Params::from_json(members.into())))
}

/// The protocol that a request is written in, by its headers.
pub fn protocol_of(headers: &HeaderMap, wire: Option<&Wire>) -> Protocol {
    if !header(headers, "x-amz-target").is_empty() {
        return Protocol::Json(match header(headers, "content-type") {
            "application/x-amz-json-1.0" => "application/x-amz-json-1.0",
            _ => "application/x-amz-json-1.1",
        });
    }
    match header(headers, "smithy-protocol") {
        CBOR => Protocol::Cbor,
        _ => wire.and_then(|wire| wire.query).unwrap_or(Protocol::Query),
    }
}

/// The service that a request is signed for.
pub fn signed_for(headers: &HeaderMap) -> Option<&str> {
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
