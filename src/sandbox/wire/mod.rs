//! The protocols of AWS: decodes requests, checks them against their shapes, encodes answers.
//!
//! Parameters are one tree whatever their protocol; an answer is a tree that is written as XML, JSON or CBOR.
//! Knows no service: its [`Wire`] describes what differs.

mod answer;
pub mod cbor;
mod filter;
mod page;
mod params;
mod refusal;
mod request;
pub mod shapes;
mod xml;

pub use answer::{Protocol, map, timestamp};
pub use filter::{Filters, tag_values, wildcard};
pub use page::{Page, Paging};
pub use params::{Params, text};
pub use refusal::{Known, Refusal};
pub use request::{Request, protocol_of, read, signed_for};
pub use shapes::Shapes;
use shapes::lower_first;
pub use xml::speakable;

/// The wire format of a service.
#[derive(Debug)]
pub struct Wire {
    /// The short name, as faults, logs and AWS's SDKs have it.
    pub name: &'static str,
    /// The name that requests are signed for.
    pub signed: &'static str,
    /// The name that JSON and CBOR requests have for it.
    pub target: Option<&'static str>,
    /// The protocol of requests that are texts, [`Protocol::Ec2`] or [`Protocol::Query`].
    pub query: Option<Protocol>,
    /// Of its XML; the last part of it is the API version that query requests name.
    pub namespace: &'static str,
    /// The error shapes that JSON and CBOR name in place of the query protocol's codes.
    pub errors: &'static [(&'static str, &'static str)],
    /// The code of a validation error.
    pub invalid: &'static str,
    /// Its refusal of too many calls (its page of common errors).
    pub throttled: Known,
    /// Its error for a failure of its own.
    pub broken: Known,
}

impl Wire {
    /// Auto Scaling's and ELBv2's kind: the query protocol alone.
    pub const QUERY: Wire = Wire {
        name: "",
        signed: "",
        target: None,
        query: Some(Protocol::Query),
        namespace: "",
        errors: &[],
        invalid: "ValidationError",
        throttled: Known("Throttling", "Rate exceeded", 400),
        broken: Known(
            "InternalFailure",
            "The request processing has failed because of an unknown error.",
            500,
        ),
    };

    /// Tells whether it has EC2's features: dry runs, client tokens for every call, late reads.
    pub fn is_ec2(&self) -> bool {
        self.query == Some(Protocol::Ec2)
    }

    pub fn unknown(&self, action: &str) -> Refusal {
        match self.query {
            None => Refusal::new("UnknownOperationException", ""),
            Some(_) => {
                let message = format!("The action {action} is not valid for this web service.");
                Refusal::new("InvalidAction", message)
            }
        }
    }
}
