//! The check of an `http` gate: a request through the deployment's listener, answered by the new colour.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri};
use hyper_rustls::{ConfigBuilderExt, FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::gate::{Ground, Verdict};
use crate::clock;
use crate::cloud::error::Error;
use crate::deployment::declaration::Http;
use crate::kind::router::Door;

/// Timeout of an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a body that are read.
const BODY: usize = 1 << 20;

/// # Errors
/// When AWS cannot be asked for the deployment's listener.
pub async fn look(http: &Http, ground: &Ground<'_>) -> Result<Verdict, Error> {
    let Some((router, record)) = &ground.router else {
        return Ok(Verdict::Failed("the deployment has no rule yet".to_owned()));
    };
    let door = match router.door(ground.cloud, record).await? {
        Ok(door) => door,
        Err(reason) => return Ok(Verdict::Failed(reason)),
    };
    let host = http.host.clone().or_else(|| door.host.clone());
    if door.scheme == "https" && host.is_none() {
        return Ok(Verdict::Failed(
            "its listener speaks HTTPS, and nothing says which name its certificate is for; write host = \"...\" \
             in http, or a host_header condition in the rule"
                .to_owned(),
        ));
    }
    let host = host.unwrap_or_else(|| door.authority.clone());
    let trusted = match ClientConfig::builder().with_native_roots() {
        Ok(builder) => builder.with_no_client_auth(),
        Err(error) => {
            return Ok(Verdict::Failed(format!("the certificates that this machine trusts: {error}")));
        }
    };
    let answer = tokio::select! {
        answer = send(&door, trusted, &host, &http.path, &ground.headers) => answer,
        () = clock::sleep(TIMEOUT) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    };
    Ok(match answer {
        Err(reason) => Verdict::NotYet(format!("GET {} at {}: {reason}", http.path, door.authority)),
        Ok((status, _)) if status != http.status => {
            Verdict::NotYet(format!("GET {} was answered with {status}, not {}", http.path, http.status))
        }
        Ok((_, body)) => match &http.body {
            Some(wanted) if !body.contains(wanted.as_str()) => {
                Verdict::NotYet(format!("the answer to GET {} does not hold `{wanted}`", http.path))
            }
            _ => Verdict::Passed,
        },
    })
}

/// Sends one request; returns the status and the body. Over HTTPS the certificate must be valid for `host`
/// and trusted.
async fn send(
    door: &Door,
    trusted: ClientConfig,
    host: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> Result<(u16, String), String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
    let builder = HttpsConnectorBuilder::new().with_tls_config(trusted).https_or_http();
    let connector = match ServerName::try_from(name) {
        Ok(name) => {
            builder.with_server_name_resolver(FixedServerNameResolver::new(name)).enable_http1().build()
        }
        Err(_) => builder.enable_http1().build(),
    };
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let uri =
        Uri::builder().scheme(door.scheme).authority(door.authority.as_str()).path_and_query(path).build();
    let uri = uri.map_err(|error| error.to_string())?;
    let mut request = Request::get(uri).header("host", host).header("connection", "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| innermost(&error))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), BODY).collect().await.map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

/// The innermost cause of an error: `invalid peer certificate: NotValidForName`.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::sync::Arc;

    use rustls::{RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A listener with a certificate for this name; the body of its one answer is the head of the request.
    /// Returns its door and a client configuration that trusts it.
    async fn listener(name: &str) -> (Door, ClientConfig) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = socket.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (stream, _) = socket.accept().await.unwrap();
            let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return };
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(head.get(..length).unwrap()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let trusted = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        (Door { scheme: "https", authority, host: None }, trusted)
    }

    #[tokio::test]
    async fn a_listener_of_https_is_asked_by_the_name_of_its_certificate() {
        let (door, trusted) = listener("shop.example.com").await;
        let headers = BTreeMap::from([("X-Preview".to_owned(), "next".to_owned())]);
        let (status, body) =
            send(&door, trusted, "shop.example.com", "/smoke?deep=1", &headers).await.unwrap();
        assert_eq!(status, 200);
        assert!(body.starts_with("GET /smoke?deep=1 HTTP/1.1\r\n"), "{body}");
        assert!(
            body.contains("host: shop.example.com\r\n") && body.contains("x-preview: next\r\n"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_or_from_nobody_trusted_is_refused() {
        let (door, trusted) = listener("shop.example.com").await;
        let error = send(&door, trusted, "other.example.com", "/", &BTreeMap::new()).await.unwrap_err();
        assert!(error.contains("certificate not valid for name \"other.example.com\""), "{error}");
        let (door, _) = listener("shop.example.com").await;
        let nobody =
            ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let error = send(&door, nobody, "shop.example.com", "/", &BTreeMap::new()).await.unwrap_err();
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
}
