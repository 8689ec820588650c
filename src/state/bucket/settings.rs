//! `s3://bucket/prefix?region=eu-west-1&sse=aws:kms`: the place of a state in S3, and its settings.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A place in a bucket. Credentials come from the standard chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketSettings {
    pub bucket: String,
    /// Without slashes at its ends.
    pub prefix: String,
    /// The bucket's region; otherwise the standard chain's, otherwise us-east-1.
    pub region: Option<String>,
    pub profile: Option<String>,
    /// The endpoint of a server with S3's API; otherwise AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL.
    pub endpoint: Option<String>,
    /// Whether the bucket is in the path instead of the host name; the default if an endpoint is set.
    pub path_style: Option<bool>,
    /// `AES256`, `aws:kms` or `aws:kms:dsse`; otherwise the bucket's default.
    pub sse: Option<String>,
    pub kms_key_id: Option<String>,
    /// Time that a silent holder keeps the lock.
    pub lease: Option<Duration>,
}

/// A living holder would lose a shorter lease, and a dead one would keep a longer.
const LEASES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
const KNOWN: &str = "region, profile, endpoint, path_style, sse, kms_key_id and lease";

impl BucketSettings {
    /// Parses a place as written in `state` and after `--state`.
    ///
    /// # Errors
    /// The reason, in words, if it is no such place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("s3://").ok_or("it does not begin with s3://")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_name) {
            return Err(format!("`{bucket}` is no bucket's name"));
        }
        let mut settings = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            ..Self::default()
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*key {
                "region" => settings.region = Some(value),
                "profile" => settings.profile = Some(value),
                "endpoint" if value.starts_with("http://") || value.starts_with("https://") => {
                    settings.endpoint = Some(value);
                }
                "endpoint" => return Err(format!("endpoint is a URL, and `{value}` is none")),
                "path_style" => match value.as_str() {
                    "true" => settings.path_style = Some(true),
                    "false" => settings.path_style = Some(false),
                    _ => return Err(format!("path_style is true or false, not `{value}`")),
                },
                "sse" if ["AES256", "aws:kms", "aws:kms:dsse"].contains(&value.as_str()) => {
                    settings.sse = Some(value);
                }
                "sse" => return Err(format!("sse is AES256, aws:kms or aws:kms:dsse, not `{value}`")),
                "kms_key_id" => settings.kms_key_id = Some(value),
                "lease" => {
                    match value.parse().ok().and_then(|time: jiff::SignedDuration| time.try_into().ok()) {
                        Some(time) if LEASES.contains(&time) => settings.lease = Some(time),
                        _ => return Err(format!("lease is a time from 1s to 10m, not `{value}`")),
                    }
                }
                other => {
                    return Err(format!(
                        "`{other}` is no setting of a place in S3; the settings are {KNOWN}"
                    ));
                }
            }
        }
        match (&settings.kms_key_id, settings.sse.as_deref()) {
            (Some(_), None) => settings.sse = Some("aws:kms".to_owned()),
            (Some(_), Some("AES256")) => {
                return Err("kms_key_id goes with sse=aws:kms, not with AES256".to_owned());
            }
            _ => {}
        }
        Ok(settings)
    }

    /// The place of one stack in it.
    pub fn of_stack(mut self, name: &str) -> Self {
        self.prefix =
            if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        self
    }

    /// Warnings before anything is sent there, a line each; `by_stack` is whether a stack file names the
    /// place. Empty for a server on this machine.
    pub fn exposed(&self, by_stack: bool) -> Vec<String> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let from_environment = || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].into_iter().find_map(set);
        let Some(endpoint) = self.endpoint.clone().or_else(from_environment) else { return Vec::new() };
        if is_loopback(&endpoint) {
            return Vec::new();
        }
        let mut lines = Vec::new();
        if by_stack && self.endpoint.is_some() {
            lines.push(format!(
                "The stack file has its state at {endpoint}, a server of its own: requests to it are signed with \
                 your credentials, and the state with all that is secret in it is sent there."
            ));
        }
        if endpoint.starts_with("http://") {
            lines.push(format!(
                "The state goes to {endpoint} over plain HTTP: anyone on the network path can read and change it, with \
                 all that is secret in it. Name the server with https:// if it has that."
            ));
        }
        lines
    }

    /// The ARNs for a policy: the bucket's, and that of the objects.
    pub fn arns(&self) -> [String; 2] {
        [format!("arn:aws:s3:::{}", self.bucket), format!("arn:aws:s3:::{}/{}/*", self.bucket, self.prefix)]
    }

    pub(super) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

/// Tells whether a URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if let Some(inside) = host.strip_prefix('[').and_then(|host| host.split(']').next()) {
        return inside.parse().is_ok_and(|ip: std::net::Ipv6Addr| ip.is_loopback());
    }
    let name = host.split(':').next().unwrap_or_default();
    name == "localhost" || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

impl fmt::Display for BucketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_a_prefix_and_settings() {
        let place =
            BucketSettings::parse("s3://acme-state/prod/?region=eu-west-1&kms_key_id=alias%2Fstate").unwrap();
        let place = place.of_stack("shop");
        assert_eq!(
            (place.to_string().as_str(), place.key("a/b").as_str()),
            ("s3://acme-state/prod/shop", "prod/shop/a/b")
        );
        assert_eq!((place.region.as_deref(), place.sse.as_deref()), (Some("eu-west-1"), Some("aws:kms")));
        assert_eq!(
            BucketSettings::parse("s3://acme").unwrap().of_stack("shop").to_string(),
            "s3://acme/shop"
        );
    }

    #[test]
    fn a_server_that_others_can_listen_to_or_that_the_stack_chose_is_told() {
        let told = |text: &str, by_stack| BucketSettings::parse(text).unwrap().exposed(by_stack).join("\n");
        let plain = told("s3://acme/prod?endpoint=http://minio.corp:9000", false);
        assert!(plain.starts_with("The state goes to http://minio.corp:9000 over plain HTTP"), "{plain}");
        let chosen = told("s3://acme/prod?endpoint=https://minio.corp", true);
        assert!(chosen.starts_with("The stack file has its state at https://minio.corp"), "{chosen}");
        assert_eq!(told("s3://acme/prod?endpoint=http://evil.example", true).lines().count(), 2);
        // Hosts that look like this machine but are not.
        for name in
            ["http://127.0.0.1.evil.example", "http://localhost@evil.example", "http://[2001:db8::1]:9"]
        {
            assert!(!told(&format!("s3://acme/prod?endpoint={name}"), false).is_empty(), "{name}");
        }
        for name in ["https://minio.corp", "http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/"]
        {
            assert_eq!(told(&format!("s3://acme/prod?endpoint={name}"), false), "", "{name}");
        }
    }

    #[test]
    fn what_is_no_place_is_told() {
        let told = |text| BucketSettings::parse(text).unwrap_err();
        assert_eq!(told("s3:///prefix"), "`` is no bucket's name");
        assert_eq!(told("s3://acme?sse=yes"), "sse is AES256, aws:kms or aws:kms:dsse, not `yes`");
        assert!(
            told("s3://acme?regoin=x")
                .starts_with("`regoin` is no setting of a place in S3; the settings are region,")
        );
        assert_eq!(told("s3://acme?endpoint=minio:9000"), "endpoint is a URL, and `minio:9000` is none");
        assert_eq!(
            told("s3://acme?sse=AES256&kms_key_id=k"),
            "kms_key_id goes with sse=aws:kms, not with AES256"
        );
    }
}
