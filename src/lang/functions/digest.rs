//! Digests of texts and files, and names made from digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::value::Value;

use super::file::read;
use super::{Body, Call, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row("md5", "md5(string)", "The MD5 digest in hexadecimal", (1, 1), Body::Known(text::<Md5>)),
    row("sha1", "sha1(string)", "The SHA-1 digest in hexadecimal", (1, 1), Body::Known(text::<Sha1>)),
    row("sha256", "sha256(string)", "The SHA-256 digest in hexadecimal", (1, 1), Body::Known(text::<Sha256>)),
    row("sha512", "sha512(string)", "The SHA-512 digest in hexadecimal", (1, 1), Body::Known(text::<Sha512>)),
    row(
        "base64sha256",
        "base64sha256(string)",
        "The SHA-256 digest in base64",
        (1, 1),
        Body::Known(text_in_base64::<Sha256>),
    ),
    row(
        "base64sha512",
        "base64sha512(string)",
        "The SHA-512 digest in base64",
        (1, 1),
        Body::Known(text_in_base64::<Sha512>),
    ),
    row(
        "filemd5",
        "filemd5(path)",
        "The MD5 digest of a file in hexadecimal",
        (1, 1),
        Body::Known(file::<Md5>),
    ),
    row(
        "filesha1",
        "filesha1(path)",
        "The SHA-1 digest of a file in hexadecimal",
        (1, 1),
        Body::Known(file::<Sha1>),
    ),
    row(
        "filesha256",
        "filesha256(path)",
        "The SHA-256 digest of a file in hexadecimal",
        (1, 1),
        Body::Known(file::<Sha256>),
    ),
    row(
        "filesha512",
        "filesha512(path)",
        "The SHA-512 digest of a file in hexadecimal",
        (1, 1),
        Body::Known(file::<Sha512>),
    ),
    row(
        "filebase64sha256",
        "filebase64sha256(path)",
        "The SHA-256 digest of a file in base64",
        (1, 1),
        Body::Known(file_in_base64::<Sha256>),
    ),
    row(
        "filebase64sha512",
        "filebase64sha512(path)",
        "The SHA-512 digest of a file in base64",
        (1, 1),
        Body::Known(file_in_base64::<Sha512>),
    ),
    row(
        "uuidv5",
        "uuidv5(namespace, name)",
        "The UUID of a name; the namespace is \"dns\", \"url\", \"oid\", \"x500\" or a UUID",
        (2, 2),
        Body::Known(uuidv5),
    ),
];

fn text<D: Digest>(call: &Call<'_>) -> Outcome {
    Ok(Value::String(hex::encode(D::digest(call.text(0)?))))
}

fn text_in_base64<D: Digest>(call: &Call<'_>) -> Outcome {
    Ok(Value::String(STANDARD.encode(D::digest(call.text(0)?))))
}

fn file<D: Digest>(call: &Call<'_>) -> Outcome {
    Ok(Value::String(hex::encode(D::digest(read(call, &call.text(0)?)?))))
}

fn file_in_base64<D: Digest>(call: &Call<'_>) -> Outcome {
    Ok(Value::String(STANDARD.encode(D::digest(read(call, &call.text(0)?)?))))
}

/// RFC 9562, section 5.5; the namespaces are in its section 6.6.
fn uuidv5(call: &Call<'_>) -> Outcome {
    let (namespace, name) = (call.text(0)?, call.text(1)?);
    let space = match namespace.as_str() {
        "dns" => uuid::Uuid::NAMESPACE_DNS,
        "url" => uuid::Uuid::NAMESPACE_URL,
        "oid" => uuid::Uuid::NAMESPACE_OID,
        "x500" => uuid::Uuid::NAMESPACE_X500,
        other => uuid::Uuid::try_parse(other).map_err(|_| {
            call.fault(0, format!("{} is no namespace", call.quote(other)), "not a UUID")
                .help("it is \"dns\", \"url\", \"oid\", \"x500\" or a UUID")
        })?,
    };
    let digest = Sha1::new().chain_update(space).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = of_digest);
    Ok(Value::String(uuid::Builder::from_sha1_bytes(bytes).into_uuid().to_string()))
}
