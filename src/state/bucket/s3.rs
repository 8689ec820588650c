//! The calls to S3, which run on threads of their own while their caller waits, and the meaning of a failure.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use futures_util::stream::{self, StreamExt};
use tokio::runtime::Runtime;

use super::BucketSettings;
use crate::cloud::error::chain;
use crate::cloud::{CREDENTIALS_HELP, Target, config, loaded_credentials};
use crate::state::error::StateError;
use crate::state::medium::{Object, Only, Version};

/// Objects that are read or removed in parallel.
pub(super) const AT_ONCE: usize = 16;

/// The connected client, with threads of its own.
pub(super) struct S3 {
    runtime: Option<Runtime>,
    pub(super) client: Client,
    pub(super) settings: Arc<BucketSettings>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3").field(&self.settings).finish()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl S3 {
    pub(super) fn connect(settings: &Arc<BucketSettings>, place: &Path) -> Result<Self, StateError> {
        let failed = |reason: String| StateError::Bucket {
            path: place.to_owned(),
            reason,
            help: format!("no call was made. {CREDENTIALS_HELP}"),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("s3")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let target = Target {
            region: settings.region.clone(),
            profile: settings.profile.clone(),
            endpoint_url: settings.endpoint.clone(),
        };
        let load = async move {
            let config = config(None, &target, RetryConfig::standard().with_max_attempts(5)).await;
            loaded_credentials(&config).await.map(|_| config).map_err(|error| error.to_string())
        };
        let shared = wait(&runtime, load).unwrap_or_else(|| Err("its thread has stopped".to_owned()));
        let shared = shared.map_err(failed)?;
        let elsewhere = settings.endpoint.is_some()
            || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
                .iter()
                .any(|name| std::env::var_os(name).is_some());
        let mut builder = aws_sdk_s3::config::Builder::from(&shared)
            // Some servers with S3's API do not have its newer checksums.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(settings.path_style.unwrap_or(elsewhere));
        if shared.region().is_none() {
            builder = builder.region(aws_config::Region::new("us-east-1"));
        }
        let client = Client::from_conf(builder.build());
        Ok(Self { runtime: Some(runtime), client, settings: Arc::clone(settings) })
    }

    pub(super) fn key(&self, name: &str) -> String {
        self.settings.key(name)
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        name: &str,
        action: &str,
        call: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, StateError> {
        let done = self.runtime.as_ref().and_then(|runtime| wait(runtime, call));
        let path = || PathBuf::from(format!("{}/{name}", self.settings));
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(failure)) => Err(failure.told(path(), action, &self.settings)),
            None => Err(Failure::default().told(path(), action, &self.settings)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        let get = get(self.client.clone(), self.settings.bucket.clone(), self.key(name));
        self.run(name, "GetObject", get)
    }

    pub(super) fn put(
        &self,
        name: &str,
        bytes: &[u8],
        only: Only<'_>,
    ) -> Result<Option<Version>, StateError> {
        let (client, settings) = (self.client.clone(), Arc::clone(&self.settings));
        let (key, body) = (self.key(name), bytes::Bytes::copy_from_slice(bytes));
        let (absent, version) = match only {
            Only::Always => (None, None),
            Only::Absent => (Some("*".to_owned()), None),
            Only::If(version) => (None, Some(version.clone())),
        };
        let sent = async move {
            loop {
                let put =
                    client.put_object().bucket(&settings.bucket).key(&key).content_type("application/json");
                let put = put
                    .body(ByteStream::from(body.clone()))
                    .set_if_none_match(absent.clone())
                    .set_if_match(version.clone())
                    .set_server_side_encryption(settings.sse.as_deref().map(Into::into))
                    .set_ssekms_key_id(settings.kms_key_id.clone());
                match put.send().await {
                    Ok(done) => return Ok(Some(done.e_tag.unwrap_or_default())),
                    Err(error) => match status(&error) {
                        Some(412 | 404) if error.code() != Some("NoSuchBucket") => return Ok(None),
                        // Two conditional writes at once; S3 has not decided which came first.
                        Some(409) => crate::clock::sleep(Duration::from_millis(50)).await,
                        _ => return Err(Failure::of(error)),
                    },
                }
            }
        };
        let put = self.run(name, "PutObject", sent)?;
        if put.is_some() || matches!(only, Only::Always) {
            return Ok(put);
        }
        // A repeat of a write that was carried out without an answer is refused like anybody else's.
        Ok(self.get(name)?.filter(|there| there.bytes == bytes).map(|there| there.version))
    }

    pub(super) fn delete(&self, names: Vec<String>) -> Result<(), StateError> {
        let first = names.first().cloned().unwrap_or_default();
        let (client, bucket) = (self.client.clone(), self.settings.bucket.clone());
        let keys: Vec<String> = names.iter().map(|name| self.key(name)).collect();
        let deleted = async move {
            let each = keys.into_iter().map(|key| client.delete_object().bucket(&bucket).key(key).send());
            let mut all = stream::iter(each).buffer_unordered(AT_ONCE);
            while let Some(one) = all.next().await {
                one.map_err(Failure::of)?;
            }
            Ok(())
        };
        self.run(&first, "DeleteObject", deleted)
    }
}

pub(super) async fn get(client: Client, bucket: String, key: String) -> Result<Option<Object>, Failure> {
    let answer = match client.get_object().bucket(bucket).key(key).send().await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
        Err(error) => return Err(Failure::of(error)),
    };
    let version = answer.e_tag.unwrap_or_default();
    match answer.body.collect().await {
        Ok(bytes) => Ok(Some(Object { bytes: bytes.to_vec(), version })),
        Err(error) => Err(Failure { reason: chain(&error), ..Failure::default() }),
    }
}

/// Runs a future on another thread and waits for its result.
fn wait<T: Send + 'static>(runtime: &Runtime, call: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (answer, answered) = mpsc::channel();
    runtime.spawn(async move {
        // The waiting side never drops its receiver.
        let _ = answer.send(call.await);
    });
    answered.recv().ok()
}

pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// A call to S3 that failed.
#[derive(Debug, Default)]
pub(super) struct Failure {
    code: Option<String>,
    reason: String,
    /// The bucket's region, if S3 says that it is another.
    region: Option<String>,
}

impl Failure {
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let region = error.raw_response().and_then(|answer| answer.headers().get("x-amz-bucket-region"));
        let region = region.map(str::to_owned);
        let moved = status(&error) == Some(301);
        let code = error.code().map(str::to_owned).or_else(|| moved.then(|| "PermanentRedirect".to_owned()));
        let reason = match error.message() {
            Some(message) => message.to_owned(),
            None => chain(&error),
        };
        Self { code, reason, region }
    }

    fn told(self, path: PathBuf, action: &str, settings: &BucketSettings) -> StateError {
        let Self { code, reason, region } = self;
        let stands = "all that was durable before stands";
        let help = match code.as_deref() {
            Some("NoSuchBucket") => {
                format!(
                    "make it first: `aws s3 mb s3://{}`, with versioning and no public access",
                    settings.bucket
                )
            }
            Some("AccessDenied" | "AllAccessDisabled" | "Forbidden") => format!(
                "{stands}. bgform needs s3:GetObject, s3:PutObject and s3:DeleteObject on {}/*, and s3:ListBucket on the bucket (and kms:GenerateDataKey and kms:Decrypt of its key)",
                settings
            ),
            Some(
                "ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredTokenException",
            ) => {
                format!(
                    "{stands}. Log in again (`aws sso login`, or set new keys), then run the same command: it goes on"
                )
            }
            Some(
                "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException",
            ) => {
                let region = region.as_deref().unwrap_or("REGION");
                format!("the bucket is in another region: write `s3://...?region={region}`")
            }
            _ => format!("{stands}. When S3 answers again, run the same command: it goes on from there"),
        };
        let code = code.map(|code| format!(" {code}:")).unwrap_or_default();
        let reason = if reason.is_empty() { "no answer".to_owned() } else { reason };
        StateError::Bucket { path, reason: format!("S3 {action} failed:{code} {reason}"), help }
    }
}
