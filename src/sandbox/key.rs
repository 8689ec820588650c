//! The access key of a sandbox: its holder counts as the sandbox's user.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign as signed,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::state::random_hex;
use crate::clock;

/// An access key id and its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

/// Why a request is not taken for one of the key's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distrust {
    /// It has no `Authorization` in the form of Signature Version 4.
    Unsigned,
    /// It is signed with this key id, which is not the sandbox's.
    OtherKey(String),
    /// The signature does not match the key.
    WrongSignature,
    /// The time of the signature is too far from now.
    Stale,
}

/// Maximum distance of a request's time from now ("requests must be received within five minutes",
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html> and IAM's
/// reference_sigv-troubleshooting).
const SKEW: SignedDuration = SignedDuration::from_mins(5);

const ALGORITHM: &str = "AWS4-HMAC-SHA256 ";

impl Key {
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into() }
    }

    /// Makes an unguessable key: 160 random bits.
    pub fn random() -> Self {
        Self::new(format!("SANDBOX{}", random_hex(13).to_uppercase()), random_hex(40))
    }

    pub fn credentials(&self) -> Credentials {
        Credentials::new(&self.id, &self.secret, None, None, "sandbox")
    }

    /// Signs a request for a service, now.
    pub(super) fn sign<B>(&self, request: &mut Request<B>, body: &[u8], service: &str) -> Result<(), String> {
        let scope = Scope { region: "us-east-1", service, at: clock::now() };
        let headers: Vec<_> = texts(request.headers()).collect();
        let uri = absolute(request.headers(), request.uri());
        let (made, _) = self.signature(request.method().as_str(), uri, &headers, body, &scope)?;
        made.apply_to_request_http1x(request);
        Ok(())
    }

    /// Tells whether a request's `Authorization` may be this key's, from the head alone.
    pub(super) fn may_have_signed(&self, headers: &HeaderMap) -> Result<(), Distrust> {
        let authorization = Authorization::of(headers).ok_or(Distrust::Unsigned)?;
        match authorization.id == self.id {
            true => Ok(()),
            false => Err(Distrust::OtherKey(authorization.id.chars().take(128).collect())),
        }
    }

    /// Checks that a request was signed with this key within the last minutes.
    pub(super) fn has_signed(&self, head: &Parts, body: &[u8]) -> Result<(), Distrust> {
        self.may_have_signed(&head.headers)?;
        let authorization = Authorization::of(&head.headers).ok_or(Distrust::Unsigned)?;
        let at = authorization.at.ok_or(Distrust::Unsigned)?;
        let is_signed = |name: &str| authorization.headers.split(';').any(|signed| signed == name);
        let headers: Vec<_> = texts(&head.headers).filter(|(name, _)| is_signed(name)).collect();
        let scope = Scope { region: authorization.region, service: authorization.service, at };
        let uri = absolute(&head.headers, &head.uri);
        let (_, signature) = self
            .signature(head.method.as_str(), uri, &headers, body, &scope)
            .map_err(|_| Distrust::WrongSignature)?;
        // Of digests, so that the time it takes tells nothing.
        if Sha256::digest(&signature) != Sha256::digest(authorization.signature) {
            return Err(Distrust::WrongSignature);
        }
        match at.duration_since(clock::now()).abs() <= SKEW {
            true => Ok(()),
            false => Err(Distrust::Stale),
        }
    }

    fn signature(
        &self,
        method: &str,
        uri: String,
        headers: &[(&str, &str)],
        body: &[u8],
        scope: &Scope<'_>,
    ) -> Result<(SigningInstructions, String), String> {
        let identity: Identity = self.credentials().into();
        let since = Duration::try_from(scope.at.as_duration()).map_err(|error| error.to_string())?;
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service)
            .time(SystemTime::UNIX_EPOCH + since)
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?;
        let request = SignableRequest::new(method, uri, headers.iter().copied(), SignableBody::Bytes(body));
        let output =
            request.and_then(|request| signed(request, &params.into()).map(|made| made.into_parts()));
        output.map_err(|error| error.to_string())
    }
}

/// The debug output hides the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The scope of a signature, and its time.
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
    at: Timestamp,
}

/// The parts of an `Authorization`:
/// `AWS4-HMAC-SHA256 Credential=ID/20261121/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=...`
struct Authorization<'a> {
    id: &'a str,
    region: &'a str,
    service: &'a str,
    /// `a;b;c`, in lower case.
    headers: &'a str,
    signature: &'a str,
    /// The time in `X-Amz-Date`; `None` if it is missing or malformed.
    at: Option<Timestamp>,
}

impl<'a> Authorization<'a> {
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let rest = text(AUTHORIZATION.as_str())?.strip_prefix(ALGORITHM)?;
        let part = |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name));
        let mut scope = part("Credential=")?.split('/');
        let (id, _date, region) = (scope.next()?, scope.next()?, scope.next()?);
        let service = scope.next()?;
        let rest_of_scope = (scope.next(), scope.next());
        let at = text("x-amz-date").and_then(|at| DateTime::strptime("%Y%m%dT%H%M%SZ", at).ok());
        let at = at.and_then(|at| Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp()));
        (rest_of_scope == (Some("aws4_request"), None)).then_some(Self {
            id,
            region,
            service,
            headers: part("SignedHeaders=")?,
            signature: part("Signature=")?,
            at,
        })
    }
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
}

/// The signed URI, with the host that the request names.
fn absolute(headers: &HeaderMap, uri: &hyper::Uri) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("http://{host}{}", uri.path_and_query().map_or("/", |path| path.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a request that `key` signed for the service `sts`.
    fn request(key: &Key, body: &[u8]) -> Parts {
        let request = Request::builder().method("POST").uri("/?b=2&a=%20").header("host", "127.0.0.1:4577");
        let mut request = request.header("content-type", "text/plain").body(()).unwrap();
        key.sign(&mut request, body, "sts").unwrap();
        request.into_parts().0
    }

    #[test]
    fn a_request_is_trusted_as_it_was_signed_and_not_otherwise() {
        let key = Key::random();
        let head = request(&key, b"Action=A");
        assert_eq!(key.has_signed(&head, b"Action=A"), Ok(()));
        assert_eq!(key.has_signed(&head, b"Action=B"), Err(Distrust::WrongSignature));
        let altered = |name: &'static str, value: &str| {
            let mut head = head.clone();
            head.headers.insert(name, value.parse().unwrap());
            key.has_signed(&head, b"Action=A")
        };
        assert_eq!(altered("host", "127.0.0.1:4578"), Err(Distrust::WrongSignature));
        assert_eq!(altered("x-amz-date", "20200101T000000Z"), Err(Distrust::WrongSignature));
        assert_eq!(altered("x-amz-date", "yesterday"), Err(Distrust::Unsigned));
        assert_eq!(altered("user-agent", "a proxy"), Ok(()), "it is not signed");
        let mut elsewhere = head.clone();
        elsewhere.uri = "/?b=3&a=%20".parse().unwrap();
        assert_eq!(key.has_signed(&elsewhere, b"Action=A"), Err(Distrust::WrongSignature));
        let other = Key { secret: "other".to_owned(), ..key.clone() };
        assert_eq!(other.has_signed(&head, b"Action=A"), Err(Distrust::WrongSignature));
        let other = Key::random();
        assert_eq!(other.has_signed(&head, b"Action=A"), Err(Distrust::OtherKey(key.id.clone())));
    }

    #[test]
    fn a_request_is_unsigned_unless_its_authorization_has_every_part() {
        let key = Key::new("ID", "secret");
        let of = |text: &str| {
            let mut head = request(&key, b"");
            head.headers.insert(AUTHORIZATION, text.parse().unwrap());
            key.has_signed(&head, b"")
        };
        for text in [
            "",
            "Basic dGVzdDp0ZXN0",
            "AWS4-HMAC-SHA256 Credential=ID",
            "AWS4-HMAC-SHA256 Credential=ID/20261121/us-east-1/ec2/aws4_request",
            "AWS4-HMAC-SHA256 Credential=ID/20261121/us-east-1/ec2/aws4_request, SignedHeaders=host",
            "AWS4-HMAC-SHA256 Credential=ID/20261121/../ec2/aws4_request/more, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 Credential=ID/20261121/us-east-1/ec2/other, SignedHeaders=host, Signature=0",
        ] {
            assert_eq!(of(text), Err(Distrust::Unsigned), "{text}");
        }
    }

    #[test]
    fn a_signature_of_another_time_is_stale() {
        let key = Key::random();
        let at = clock::now() - SignedDuration::from_mins(6);
        let date = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut head = request(&key, b"");
        head.headers.remove("x-amz-date");
        let headers = [("host", "127.0.0.1:4577")];
        let scope = Scope { region: "us-east-1", service: "sts", at };
        let uri = absolute(&head.headers, &head.uri);
        let (made, _) = key.signature("POST", uri, &headers, b"", &scope).unwrap();
        let mut signed = Request::from_parts(head, ());
        made.apply_to_request_http1x(&mut signed);
        assert_eq!(signed.headers()["x-amz-date"], date);
        assert_eq!(key.has_signed(&signed.into_parts().0, b""), Err(Distrust::Stale));
    }

    #[test]
    fn the_secret_is_not_in_what_is_printed_for_debugging() {
        assert!(!format!("{:?}", Key::new("ID", "hunter2")).contains("hunter2"));
    }
}
