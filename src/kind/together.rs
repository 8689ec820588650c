//! The seam for an attribute that AWS changes for several resources in one call, since no two may ever have
//! the same value: the priorities of a listener's rules. Does not decide when that happens.

use super::Boxed;
use super::operation::{Operation, Tagged};
use crate::cloud::Cloud;
use crate::value::{Object, Value};

/// An attribute of a kind that must differ among resources, and that one call changes for all of them.
pub trait Together: Send + Sync {
    /// One of the kind's `unique` attributes. Resources that agree in the others are changed together.
    fn attribute(&self) -> &'static str;

    /// Gives each resource, by id, its new value: all or none.
    fn change<'a>(&'a self, op: &'a Operation<'a>, values: &'a [(String, Value)]) -> Boxed<'a, ()>;

    /// All resources that must differ from one with these inputs, itself included: each id with its value.
    fn neighbours<'a>(&'a self, cloud: &'a Cloud, inputs: &'a Object) -> Boxed<'a, Vec<(String, Value)>>;

    /// The resources of these ids with the tag of a stack.
    fn of_stack<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, ids: Vec<String>) -> Boxed<'a, Vec<Tagged>>;
}
