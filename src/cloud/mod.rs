//! The only way to AWS: real SDK clients with an optional endpoint, our own retries (the SDK's are off), and
//! errors classed by code. Knows no resource kind.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use crate::clock::Clock;
use crate::secrets::hidden;

pub mod error;
pub mod metrics;
mod pace;
mod time;

use crate::terminal::errln;
use error::{Class, CloudError, Error, Service};
use pace::Paces;

/// The place of AWS, from the command line or the stack.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
}

/// SDK clients of one account and region.
#[derive(Debug)]
pub struct Cloud {
    pub ec2: aws_sdk_ec2::Client,
    pub autoscaling: aws_sdk_autoscaling::Client,
    pub elbv2: aws_sdk_elasticloadbalancingv2::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub sts: aws_sdk_sts::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub application_autoscaling: aws_sdk_applicationautoscaling::Client,
    pub acm: aws_sdk_acm::Client,
    pub ecr: aws_sdk_ecr::Client,
    pub iam: aws_sdk_iam::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub route53: aws_sdk_route53::Client,
    pub secretsmanager: aws_sdk_secretsmanager::Client,
    pub region: String,
    /// The endpoint that replaces AWS's own, if one is set.
    pub endpoint: Option<String>,
    pub clock: Clock,
    /// The credentials that replace the user's, in a sandbox.
    given: Option<Credentials>,
    calls: AtomicUsize,
    paces: Paces,
    /// The access key that calls were first signed with.
    access_key: String,
    verbose: bool,
}

/// Whether a call that may have been carried out can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// A read, a call with our client token, or an idempotent call: repeated after a throttle, a 5xx and a
    /// dropped connection.
    Safe,
    /// Repeated only after a throttle; any other failure leaves the operation in doubt.
    OnThrottle,
}

/// Maximum time for which one call is repeated.
const PATIENCE: Duration = Duration::from_secs(300);
/// Maximum number of attempts for a call that fails without an answer.
const ATTEMPTS_IN_DOUBT: u32 = 4;
/// Maximum number of further attempts after a refused connection: a restarting server is back by then.
const ATTEMPTS_UNREACHABLE: u32 = 3;

impl Cloud {
    /// Makes clients for `target`. Makes no API call, but loads credentials, so that missing ones are
    /// reported before anything else.
    pub async fn connect(target: &Target, clock: Clock, verbose: bool) -> Result<Self, Error> {
        Self::connect_as(None, target, clock, verbose).await
    }

    /// The same with credentials outside the standard chain: an emulator takes any.
    pub async fn connect_as(
        credentials: Option<Credentials>,
        target: &Target,
        clock: Clock,
        verbose: bool,
    ) -> Result<Self, Error> {
        let config = config(credentials.clone(), target, RetryConfig::disabled()).await;
        let region = config.region().map(|region| region.to_string()).ok_or_else(|| {
            Error::failed(
                "no region is set",
                "write `region = \"us-east-1\"` in the `stack` block, or pass --region",
            )
        })?;
        let loaded = loaded_credentials(&config).await?;
        let endpoint = config.endpoint_url().map(str::to_owned);
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(&config),
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            elbv2: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            ecs: aws_sdk_ecs::Client::new(&config),
            application_autoscaling: aws_sdk_applicationautoscaling::Client::new(&config),
            acm: aws_sdk_acm::Client::new(&config),
            ecr: aws_sdk_ecr::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            secretsmanager: aws_sdk_secretsmanager::Client::new(&config),
            region,
            endpoint,
            clock,
            given: credentials,
            calls: AtomicUsize::new(0),
            paces: Paces::default(),
            access_key: loaded.access_key_id().to_owned(),
            verbose,
        })
    }

    /// Points a child process at the same place. In a sandbox it reaches only the sandbox, with none of the
    /// caller's `AWS_*`. Elsewhere it has the caller's own variables, and the endpoint that replaces AWS's.
    pub fn lead(&self, process: &mut tokio::process::Command) {
        let Some(credentials) = &self.given else {
            process.envs(self.endpoint.as_deref().map(|endpoint| ("AWS_ENDPOINT_URL", endpoint)));
            return;
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_"))
        {
            process.env_remove(name);
        }
        process.envs([
            ("AWS_ENDPOINT_URL", self.endpoint.as_deref().unwrap_or_default()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            // Neither the user's profiles nor a role of this machine is found.
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("BGFORM_SANDBOX", "1"),
        ]);
    }

    /// The first part of ARNs in this region (AWS General Reference, aws-arns-and-namespaces).
    pub fn partition(&self) -> &'static str {
        match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            _ if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Number of requests sent so far, including repeats.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The account that the credentials belong to.
    pub async fn account(&self) -> Result<String, Error> {
        let identity =
            self.read(Service::Sts, "GetCallerIdentity", || self.sts.get_caller_identity().send()).await?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }

    /// Sends a read; repeats it after a throttle, a 5xx or a dropped connection.
    pub async fn read<T, E, F, Fut>(
        &self,
        service: Service,
        action: &'static str,
        send: F,
    ) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.send(service, action, Repeat::Safe, send).await
    }

    /// Sends a call as often as `repeat` and the answers allow. Mutating calls go through
    /// [`crate::kind::operation::Operation::call`], which records them in the journal first.
    pub(crate) async fn send<T, E, F, Fut>(
        &self,
        service: Service,
        action: &'static str,
        repeat: Repeat,
        send: F,
    ) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.send_while(service, action, repeat, || Ok(()), send).await
    }

    /// The same; after each wait it sends only if `may` succeeds.
    pub(crate) async fn send_while<T, E, F, Fut>(
        &self,
        service: Service,
        action: &'static str,
        repeat: Repeat,
        may: impl Fn() -> Result<(), Error>,
        send: F,
    ) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let began = self.clock.monotonic();
        let pace = self.paces.of(service);
        let mut attempt = 0;
        let mut doubt = false;
        loop {
            attempt += 1;
            pace.wait(action, &self.clock).await;
            if attempt > 1 || self.clock.monotonic().saturating_sub(began) > Duration::from_secs(1) {
                may()?;
            }
            self.calls.fetch_add(1, Ordering::Relaxed);
            let signed = crate::clock::now();
            let error = match send().await {
                Ok(answer) => {
                    self.trace(service, action, "ok");
                    return Ok(answer);
                }
                Err(error) => {
                    let answered = error.raw_response().and_then(time::of_answer);
                    let error =
                        CloudError { after_doubt: doubt, ..CloudError::from_sdk(service, action, error) };
                    // Refused for when it was signed, and so not carried out.
                    if error.class == Class::Credentials
                        && answered.is_some_and(|aws| time::was_wrong(signed, aws))
                    {
                        continue;
                    }
                    error
                }
            };
            doubt |= error.class == Class::InDoubt;
            if error.class == Class::Throttled {
                pace.throttled(self.clock.monotonic());
            }
            let access_key = (error.class == Class::Credentials).then(|| self.access_key.clone());
            // AWS repeats the request in its messages, including secrets.
            let error = CloudError { access_key, message: hidden(&error.message), ..error };
            self.trace(service, action, &error.to_string());
            let again = match error.class {
                Class::Throttled => true,
                Class::InDoubt => repeat == Repeat::Safe && attempt < ATTEMPTS_IN_DOUBT,
                Class::Unreachable => attempt < ATTEMPTS_UNREACHABLE,
                _ => false,
            };
            let waited = self.clock.monotonic().saturating_sub(began);
            if !again || waited > PATIENCE {
                return Err(error.into());
            }
            self.clock.sleep(backoff(attempt)).await;
        }
    }

    fn trace(&self, service: Service, action: &'static str, outcome: &str) {
        if self.verbose {
            errln!("{service} {action}: {outcome}");
        }
    }
}

/// The configuration of AWS's clients: the standard chain, with `target` before it.
pub(crate) async fn config(
    credentials: Option<Credentials>,
    target: &Target,
    retries: RetryConfig,
) -> aws_config::SdkConfig {
    let http = aws_smithy_http_client::Builder::new();
    // For an emulator on plain HTTP, no chain of credentials asks another server, and reading the machine's
    // certificates costs more than a plan.
    let is_plain = target.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
    let http = match credentials.is_some() && is_plain {
        true => http.build_http(),
        false => {
            http.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
        }
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .time_source(time::Ours)
        .retry_config(retries);
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &target.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(credentials);
    }
    loader.load().await
}

/// The remedy for missing credentials.
pub(crate) const CREDENTIALS_HELP: &str =
    "set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`";

/// Loads credentials, so that missing ones are reported before anything else.
pub(crate) async fn loaded_credentials(config: &aws_config::SdkConfig) -> Result<Credentials, Error> {
    let loaded = match config.credentials_provider() {
        Some(provider) => provider.provide_credentials().await.map_err(|error| error::chain(&error)),
        None => Err("no credentials provider is configured".to_owned()),
    };
    loaded.map_err(|cause| Error::failed(format!("no AWS credentials were found: {cause}"), CREDENTIALS_HELP))
}

/// Full jitter between half and the whole of 200 ms doubled at each attempt, 20 s at most.
pub fn backoff(attempt: u32) -> Duration {
    let whole = Duration::from_millis(200).saturating_mul(1 << attempt.min(10)).min(Duration::from_secs(20));
    whole.mul_f64(rand::random_range(0.5..=1.0))
}
