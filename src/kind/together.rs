//! The seam for what AWS changes of several resources in one call, since no two may ever have the same: the
//! priorities of a listener's rules. Decides nothing about when that is.

use super::Boxed;
use super::operation::{Operation, Tagged};
use crate::cloud::Cloud;
use crate::value::{Object, Value};

/// An attribute of a kind that one call changes of all resources that must differ in it.
pub trait Together: Send + Sync {
    /// One of the kind's `unique` attributes. Resources that agree in the others go together.
    fn attribute(&self) -> &'static str;

    /// Gives each resource, by id, its new value: all of them or none.
    fn change<'a>(&'a self, op: &'a Operation<'a>, values: &'a [(String, Value)]) -> Boxed<'a, ()>;

    /// All that must differ from a resource with these inputs, by id, each with its value, itself included.
    fn neighbours<'a>(&'a self, cloud: &'a Cloud, inputs: &'a Object) -> Boxed<'a, Vec<(String, Value)>>;

    /// Of these ids the ones that bear the tag of a stack.
    fn of_stack<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, ids: Vec<String>) -> Boxed<'a, Vec<Tagged>>;
}
