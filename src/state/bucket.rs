//! A state in S3, or in what speaks as S3 does: conditional writes keep two writers apart
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>). The journal is objects
//! `journal/NNNNNNNNNNNN.jsonl`, one for each write, each put only where there is none of its number. Whoever
//! takes over puts the next number first, so that a late holder's next write is refused.
//!
//! Everything else of `state/` is called as a function and waits; the calls run on threads of their own.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};
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

use super::error::StateError;
use super::medium::{Append, Claim, Medium, Object, Only, Version};
use crate::cloud::error::chain;
use crate::cloud::{CREDENTIALS_HELP, Target, config, has_credentials};

mod settings;

pub use settings::BucketSettings;

/// Objects that are read side by side.
const AT_ONCE: usize = 16;
/// How a segment begins that only marks who writes from there on.
const MARK: &[u8] = b"{\"fence\":";

pub(super) struct Bucket {
    settings: Arc<BucketSettings>,
    place: PathBuf,
    s3: OnceLock<Arc<S3>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.place).finish()
    }
}

/// The connected client, with threads of its own.
struct S3 {
    runtime: Option<Runtime>,
    client: Client,
    settings: Arc<BucketSettings>,
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

impl Bucket {
    pub(super) fn new(settings: BucketSettings) -> Self {
        let place = PathBuf::from(settings.to_string());
        Self { settings: Arc::new(settings), place, s3: OnceLock::new() }
    }

    fn s3(&self) -> Result<&Arc<S3>, StateError> {
        if let Some(s3) = self.s3.get() {
            return Ok(s3);
        }
        let s3 = Arc::new(S3::connect(&self.settings, &self.place)?);
        Ok(self.s3.get_or_init(|| s3))
    }

    fn segments(&self) -> Result<Vec<u64>, StateError> {
        let names = self.names("journal")?;
        let mut numbers: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".jsonl")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn segment(number: u64) -> String {
    format!("journal/{number:012}.jsonl")
}

impl S3 {
    fn connect(settings: &Arc<BucketSettings>, place: &Path) -> Result<Self, StateError> {
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
            has_credentials(&config).await.map(|()| config).map_err(|error| error.to_string())
        };
        let shared = wait(&runtime, load).unwrap_or_else(|| Err("its thread has stopped".to_owned()));
        let shared = shared.map_err(failed)?;
        let elsewhere = settings.endpoint.is_some()
            || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
                .iter()
                .any(|name| std::env::var_os(name).is_some());
        let mut builder = aws_sdk_s3::config::Builder::from(&shared)
            // Not every server that speaks as S3 does knows the checksums that are new there.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(settings.path_style.unwrap_or(elsewhere));
        if shared.region().is_none() {
            builder = builder.region(aws_config::Region::new("us-east-1"));
        }
        let client = Client::from_conf(builder.build());
        Ok(Self { runtime: Some(runtime), client, settings: Arc::clone(settings) })
    }

    fn key(&self, name: &str) -> String {
        self.settings.key(name)
    }

    fn run<T: Send + 'static>(
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

    fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        let get = get(self.client.clone(), self.settings.bucket.clone(), self.key(name));
        self.run(name, "GetObject", get)
    }

    fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<Version>, StateError> {
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
                        // Two conditional writes at once; who of them came first is not decided.
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
        // A repeat of what had been carried out, and not been answered, is refused like anybody else's.
        Ok(self.get(name)?.filter(|there| there.bytes == bytes).map(|there| there.version))
    }

    fn delete(&self, names: Vec<String>) -> Result<(), StateError> {
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

async fn get(client: Client, bucket: String, key: String) -> Result<Option<Object>, Failure> {
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

/// What a future yields on another thread.
fn wait<T: Send + 'static>(runtime: &Runtime, call: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (answer, answered) = mpsc::channel();
    runtime.spawn(async move {
        // Nobody has stopped waiting.
        let _ = answer.send(call.await);
    });
    answered.recv().ok()
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// A call to S3 that failed.
#[derive(Debug, Default)]
struct Failure {
    code: Option<String>,
    reason: String,
    /// The region that the bucket is in, where S3 says that it is another.
    region: Option<String>,
}

impl Failure {
    fn of<E>(error: SdkError<E, HttpResponse>) -> Self
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

impl Medium for Bucket {
    fn place(&self) -> &Path {
        &self.place
    }

    fn prepare(&self) -> Result<(), StateError> {
        // A bucket holds what a folder would have to be made for.
        self.s3().map(drop)
    }

    fn probe(&self) -> Result<(), StateError> {
        // The lock has just been put.
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        self.s3()?.get(name)
    }

    fn version(&self, name: &str) -> Result<Option<Version>, StateError> {
        let s3 = self.s3()?;
        let head = s3.client.head_object().bucket(&self.settings.bucket).key(s3.key(name));
        s3.run(name, "HeadObject", async move {
            match head.send().await {
                Ok(head) => Ok(Some(head.e_tag.unwrap_or_default())),
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(Failure::of(error)),
            }
        })
    }

    fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<Version>, StateError> {
        self.s3()?.put(name, bytes, only)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, StateError> {
        let s3 = self.s3()?;
        let prefix = s3.key(&format!("{folder}/"));
        let list = s3.client.list_objects_v2().bucket(&self.settings.bucket).prefix(&prefix);
        s3.run(folder, "ListObjectsV2", async move {
            let mut names = Vec::new();
            let mut pages = list.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(Failure::of)?;
                let keys = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&prefix));
                names.extend(keys.map(str::to_owned));
            }
            Ok(names)
        })
    }

    fn delete(&self, name: &str) -> Result<bool, StateError> {
        // S3 does not say whether there was anything.
        let was = self.version(name)?.is_some();
        self.s3()?.delete(vec![name.to_owned()])?;
        Ok(was)
    }

    fn journal(&self) -> Result<Vec<u8>, StateError> {
        let s3 = self.s3()?;
        let (client, bucket) = (s3.client.clone(), self.settings.bucket.clone());
        let keys: Vec<String> = self.segments()?.into_iter().map(|number| s3.key(&segment(number))).collect();
        let all = s3.run("journal", "GetObject", async move {
            let each = keys.into_iter().map(|key| get(client.clone(), bucket.clone(), key));
            let all: Vec<_> = stream::iter(each).buffered(AT_ONCE).collect().await;
            all.into_iter().collect::<Result<Vec<_>, _>>()
        })?;
        // One that is gone was folded into a newer snapshot, which the reader will see.
        let segments = all.into_iter().flatten().map(|object| object.bytes);
        Ok(segments.filter(|bytes| !bytes.starts_with(MARK)).flatten().collect())
    }

    fn open_journal(&self, fence: u64) -> Result<Box<dyn Append>, StateError> {
        let s3 = Arc::clone(self.s3()?);
        let session = hex::encode(rand::random::<[u8; 8]>());
        let mark = [MARK, format!("{fence},\"session\":\"{session}\"}}\n").as_bytes()].concat();
        loop {
            let next = self.segments()?.last().map_or(1, |last| last + 1);
            if s3.put(&segment(next), &mark, Only::Absent)?.is_some() {
                return Ok(Box::new(Segments { s3, next: next + 1 }));
            }
        }
    }

    fn empty_journal(&self) -> Result<(), StateError> {
        let mut numbers = self.segments()?;
        // The last one stays, so that numbers never begin again.
        numbers.pop();
        match numbers.is_empty() {
            true => Ok(()),
            false => self.s3()?.delete(numbers.into_iter().map(segment).collect()),
        }
    }

    fn claim(&self, name: &str, bytes: &[u8]) -> Result<Option<Box<dyn Claim>>, StateError> {
        let s3 = Arc::clone(self.s3()?);
        let Some(version) = s3.put(name, bytes, Only::Absent)? else { return Ok(None) };
        Ok(Some(Box::new(Lock { s3, name: name.to_owned(), version })))
    }

    fn is_held(&self, _name: &str) -> Result<Option<bool>, StateError> {
        Ok(None)
    }

    fn lease(&self) -> Duration {
        self.settings.lease.unwrap_or(super::lock::TTL)
    }

    fn beat(&self) -> Duration {
        self.lease() / 7
    }

    fn trust(&self) -> Duration {
        self.lease() / 2
    }
}

/// The journal, from a number on.
#[derive(Debug)]
struct Segments {
    s3: Arc<S3>,
    next: u64,
}

impl Append for Segments {
    fn go_on(&mut self, _sound: &[u8]) -> Result<(), StateError> {
        // An object is whole, or not there.
        Ok(())
    }

    fn cut(&mut self, sound: &[u8]) -> Result<(), StateError> {
        // Whoever asks for this has kept a copy.
        let old = (1..self.next).map(segment).collect();
        self.s3.delete(old)?;
        self.append(sound)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        if self.s3.put(&segment(self.next), bytes, Only::Absent)?.is_none() {
            return Err(StateError::TakenOver {
                path: PathBuf::from(self.s3.settings.to_string()),
                by: None,
                silent: 0,
            });
        }
        self.next += 1;
        Ok(())
    }
}

#[derive(Debug)]
struct Lock {
    s3: Arc<S3>,
    name: String,
    version: Version,
}

impl Claim for Lock {
    fn renew(&mut self, bytes: &[u8]) -> Result<bool, StateError> {
        match self.s3.put(&self.name, bytes, Only::If(&self.version))? {
            Some(version) => self.version = version,
            None => return Ok(false),
        }
        Ok(true)
    }

    fn release(&mut self, bytes: &[u8]) {
        let _ = self.s3.put(&self.name, bytes, Only::If(&self.version));
    }
}
