//! Errors of calls to AWS, classed by the service's error code and never by message text.

use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::address::Address;
use crate::state::StateError;

/// The API that a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Ec2,
    AutoScaling,
    Elbv2,
    Ssm,
    Sts,
    CloudWatch,
    Ecs,
    ApplicationAutoScaling,
    Acm,
    Ecr,
    Iam,
    Logs,
    Route53,
    SecretsManager,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ec2 => "EC2",
            Self::AutoScaling => "Auto Scaling",
            Self::Elbv2 => "Elastic Load Balancing",
            Self::Ssm => "Systems Manager",
            Self::Sts => "STS",
            Self::CloudWatch => "CloudWatch",
            Self::Ecs => "ECS",
            Self::ApplicationAutoScaling => "Application Auto Scaling",
            Self::Acm => "Certificate Manager",
            Self::Ecr => "ECR",
            Self::Iam => "IAM",
            Self::Logs => "CloudWatch Logs",
            Self::Route53 => "Route 53",
            Self::SecretsManager => "Secrets Manager",
        })
    }
}

/// The meaning of a failed call for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Throttled,
    NotFound,
    /// Something still refers to the resource, or an activity is under way on it.
    InUse,
    AlreadyExists,
    Denied,
    /// Missing, wrong or expired credentials.
    Credentials,
    /// The connection was refused: nothing was sent.
    Unreachable,
    /// The request may have been carried out: a timeout, a dropped connection, a 5xx.
    InDoubt,
    /// The service refused the request as it stands.
    Refused,
}

/// One failed API call.
#[derive(Debug, Clone)]
pub struct CloudError {
    pub service: Service,
    pub action: &'static str,
    pub class: Class,
    /// The service's own code, such as `TargetGroupNotFound`.
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    /// An earlier attempt at the same call got no answer and may have been carried out.
    pub after_doubt: bool,
    /// The access key that was refused, if that is the error.
    pub access_key: Option<String>,
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.action)?;
        match &self.code {
            Some(code) => write!(f, " answered {code}: {}", self.message)?,
            None => write!(f, " failed: {}", self.message)?,
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        match &self.access_key {
            Some(key) => write!(f, " (access key {key})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CloudError {}

/// Answers after which the same call may be sent again: nothing was carried out. Among them are those to calls
/// that met another one of the same resource (IAM and CloudWatch Logs API references, common errors of
/// changing calls).
const THROTTLED: [&str; 12] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "EC2ThrottledException",
    "SlowDown",
    "PriorRequestNotComplete",
    "ConcurrentModification",
    "OperationAbortedException",
];
const DENIED: [&str; 5] =
    ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired"];
const CREDENTIALS: [&str; 10] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "IncompleteSignature",
];
const IN_USE: [&str; 13] = [
    "ResourceInUse",
    "ResourceInUseFault",
    "ResourceInUseException",
    "DependencyViolation",
    "ResourceContention",
    "ScalingActivityInProgress",
    "OperationNotPermitted",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "ClusterContainsContainerInstancesException",
    "UpdateInProgressException",
    "ConcurrentUpdateException",
    "DeleteConflict",
];
const NOT_FOUND_BESIDE_SUFFIX: [&str; 6] = [
    "InvalidAMIID.Unavailable",
    "InvalidInstanceId",
    "InvocationDoesNotExist",
    "NoSuchEntity",
    "NoSuchHostedZone",
    "NoSuchChange",
];
const EXISTS_BESIDE_SUFFIX: [&str; 6] = [
    "DuplicateLoadBalancerName",
    "DuplicateTargetGroupName",
    "DuplicateListener",
    "PriorityInUse",
    "AlreadyExistsFault",
    "EntityAlreadyExists",
];

/// The class of a service's error code, or of an HTTP status if there is none.
pub fn class_of(code: Option<&str>, status: Option<u16>) -> Class {
    let Some(code) = code else {
        return match status {
            Some(429) => Class::Throttled,
            Some(400..=499) => Class::Refused,
            _ => Class::InDoubt,
        };
    };
    let not_found =
        |code: &str| ["NotFound", "NotFoundException", "NotFoundFault"].iter().any(|end| code.ends_with(end));
    let exists = |code: &str| {
        ["AlreadyExists", "AlreadyExistsException", ".Duplicate", ".InUse"]
            .iter()
            .any(|end| code.ends_with(end))
    };
    match code {
        _ if THROTTLED.contains(&code) => Class::Throttled,
        _ if DENIED.contains(&code) => Class::Denied,
        _ if CREDENTIALS.contains(&code) => Class::Credentials,
        _ if IN_USE.contains(&code) => Class::InUse,
        _ if not_found(code) || NOT_FOUND_BESIDE_SUFFIX.contains(&code) => Class::NotFound,
        _ if exists(code) || EXISTS_BESIDE_SUFFIX.contains(&code) => Class::AlreadyExists,
        _ if status.is_some_and(|status| status >= 500) => Class::InDoubt,
        _ => Class::Refused,
    }
}

impl CloudError {
    pub fn from_sdk<E>(service: Service, action: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let new = |class, code: Option<String>, message: String, request_id: Option<String>| Self {
            service,
            action,
            class,
            code,
            message,
            request_id,
            after_doubt: false,
            access_key: None,
        };
        match &error {
            SdkError::ServiceError(context) => {
                let meta = context.err().meta();
                let class = class_of(meta.code(), status);
                let message = match (meta.message(), status) {
                    (Some(message), _) => message.to_owned(),
                    (None, Some(status)) => format!("HTTP status {status} without a message"),
                    (None, None) => "no message".to_owned(),
                };
                new(
                    class,
                    meta.code().map(str::to_owned),
                    message,
                    meta.extra("aws_request_id").map(str::to_owned),
                )
            }
            // Credentials have expired and could not be renewed: nothing was signed, and so nothing sent.
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_)
                if cause::<CredentialsError>(&error).is_some() =>
            {
                new(Class::Credentials, None, chain(&error), None)
            }
            SdkError::ConstructionFailure(_) => new(Class::Refused, None, chain(&error), None),
            SdkError::DispatchFailure(failure) if never_sent(&error, failure.is_user()) => {
                new(Class::Unreachable, None, chain(&error), None)
            }
            _ => new(Class::InDoubt, None, chain(&error), None),
        }
    }
}

/// Tells whether the connection was never made, so that nothing was sent.
fn never_sent(error: &(dyn std::error::Error + 'static), user: bool) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let refused =
        |io: &std::io::Error| matches!(io.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable);
    cause::<std::io::Error>(error).is_some_and(refused) || user
}

/// The cause of this type.
fn cause<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// An error and its causes, without repetitions.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

/// The end of a wait that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitEnd {
    TimedOut {
        limit: Duration,
    },
    /// The awaited resource is gone.
    Gone,
    /// It will never be ready: AWS's reason.
    Failed,
}

/// Why a read or a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Cloud(#[from] CloudError),
    #[error("waited until {what}, and {}; last seen: {last}", match .end {
        WaitEnd::TimedOut { limit } => format!("it did not come within {}", crate::value::format_duration(*limit)),
        WaitEnd::Gone => "it is gone".to_owned(),
        WaitEnd::Failed => "it failed".to_owned(),
    })]
    Wait { what: String, end: WaitEnd, last: String },
    /// A step that AWS did not refuse but that cannot go on, such as a bake's failing command.
    #[error("{message}")]
    Failed { message: String, help: String },
    #[error("interrupted while waiting until {what}; last seen: {last}")]
    Interrupted { what: String, last: String },
    #[error(transparent)]
    State(#[from] StateError),
}

impl Error {
    pub fn failed(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), help: help.into() }
    }

    /// The error of a resource that is gone before it is `what`; `last` is its last observation.
    pub fn gone(what: impl Into<String>, last: impl Into<String>) -> Self {
        Self::Wait { what: what.into(), end: WaitEnd::Gone, last: last.into() }
    }

    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Wait { end: WaitEnd::Gone, .. })
    }

    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Cloud(error) => Some(error.class),
            _ => None,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.class() == Some(Class::NotFound)
    }

    /// Whether the service takes the request as it is for none (API, common errors).
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Cloud(answer) if answer.code.as_deref() == Some("ValidationError"))
    }

    pub fn is_in_use(&self) -> bool {
        self.class() == Some(Class::InUse)
    }

    pub fn already_exists(&self) -> bool {
        self.class() == Some(Class::AlreadyExists)
    }

    /// Tells whether the service refused the request, and would again.
    pub fn is_refused(&self) -> bool {
        matches!(
            self.class(),
            Some(Class::Refused | Class::NotFound | Class::AlreadyExists | Class::InUse | Class::Denied)
        )
    }

    /// Tells whether every call will fail until somebody logs in again.
    pub fn is_locked_out(&self) -> bool {
        self.class() == Some(Class::Credentials)
    }

    /// Tells whether the request may still have been carried out.
    pub fn in_doubt(&self) -> bool {
        self.class() == Some(Class::InDoubt)
    }

    /// The remedy for the reader of the error, if the class gives one.
    pub fn help(&self, address: Option<&Address>) -> Option<String> {
        let permission = |error: &CloudError| {
            format!(
                "allow the action to this identity; `bgform permissions` prints the whole policy \
                 that the stack needs ({} {})",
                error.service, error.action
            )
        };
        match self {
            Self::Failed { help, .. } => Some(help.clone()),
            Self::Cloud(error) => match error.class {
                Class::Denied => Some(permission(error)),
                Class::Credentials => Some(
                    "these credentials are not valid, or no longer: check AWS_PROFILE and AWS_ACCESS_KEY_ID, or log \
                     in again (`aws sso login`), and run the same command; it goes on from where it stopped"
                        .to_owned(),
                ),
                Class::Unreachable => Some(
                    "check the network, --endpoint-url (or AWS_ENDPOINT_URL) and --region; nothing was sent"
                        .to_owned(),
                ),
                Class::InDoubt => Some(
                    "whether it was carried out is not known; the next `bgform apply` looks first and goes on"
                        .to_owned(),
                ),
                Class::Throttled => Some("the account's request rate is used up; run it again in a minute".to_owned()),
                Class::AlreadyExists => address.map(|address| {
                    format!("to take over what exists, run `bgform import '{address}' ID`; or choose another name")
                }),
                Class::InUse | Class::NotFound | Class::Refused => None,
            },
            Self::Wait { .. } => Some("mend the cause and run `bgform apply` again: it goes on from here".to_owned()),
            Self::Interrupted { .. } => Some("run `bgform apply` again: it goes on from here".to_owned()),
            Self::State(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_the_class_and_a_status_only_without_one() {
        for (code, status, class) in [
            (Some("RequestLimitExceeded"), Some(503), Class::Throttled),
            (Some("InvalidInstanceID.NotFound"), Some(400), Class::NotFound),
            (Some("InvalidLaunchTemplateName.AlreadyExistsException"), Some(400), Class::AlreadyExists),
            (Some("InvalidGroup.Duplicate"), Some(400), Class::AlreadyExists),
            (Some("DependencyViolation"), Some(400), Class::InUse),
            (Some("NoSuchEntity"), Some(404), Class::NotFound),
            (Some("EntityAlreadyExists"), Some(409), Class::AlreadyExists),
            (Some("DeleteConflict"), Some(409), Class::InUse),
            (Some("OperationAbortedException"), Some(400), Class::Throttled),
            (Some("UnauthorizedOperation"), Some(403), Class::Denied),
            (Some("AuthFailure"), Some(401), Class::Credentials),
            (Some("InternalError"), Some(500), Class::InDoubt),
            (Some("ValidationError"), Some(400), Class::Refused),
            (None, Some(500), Class::InDoubt),
            (None, Some(404), Class::Refused),
        ] {
            assert_eq!(class_of(code, status), class, "{code:?} {status:?}");
        }
    }
}
