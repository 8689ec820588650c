//! An answer that is an error.

/// AWS's answer instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `InvalidInstanceID.NotFound`.
    pub code: String,
    pub message: String,
    /// The HTTP status, 400 unless it is the service's own fault.
    pub status: u16,
}

/// A refusal that is always the same: code, message, HTTP status.
#[derive(Debug, Clone, Copy)]
pub struct Known(pub &'static str, pub &'static str, pub u16);

impl From<Known> for Refusal {
    fn from(Known(code, message, status): Known) -> Self {
        Refusal::new(code, message).status(status)
    }
}

impl Refusal {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400 }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// A parameter that must be there (EC2's and the query services' way).
    pub fn missing(name: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {name}"))
    }

    /// `ValidationError`, as Auto Scaling, ELBv2 and CloudWatch refuse a value.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", message)
    }

    /// `InvalidParameterValue`, as EC2 refuses a value.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }
}
