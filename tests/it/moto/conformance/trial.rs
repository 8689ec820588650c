//! What a kind's file says of itself: cases, each with its prerequisites, inputs to begin with and
//! other values to go to.

use std::future::Future;
use std::pin::Pin;

use bgform::value::{Object, Value};

use super::{Ground, World};

type Calls<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One way to have a resource of the kind.
pub struct Case {
    /// What is tried, such as `a network load balancer`.
    pub name: &'static str,
    /// Makes the prerequisites with the world's own SDK clients.
    pub prepare: for<'a> fn(&'a World) -> Calls<'a, Trial>,
}

/// Inputs, and what they are changed to.
pub struct Trial {
    pub base: Object,
    pub changes: Vec<Change>,
    /// What must differ for two of them to stand side by side; `None` where two never can.
    pub twin: Option<Object>,
    pub outputs_untold: Vec<(&'static str, &'static str)>,
    /// Attributes that only state remembers, since no API answers them.
    pub in_state: Vec<&'static str>,
    /// Why nothing in it tells which operation made it.
    pub found_as_it_stands: Option<&'static str>,
}

/// Another value for one attribute.
pub struct Change {
    pub attribute: &'static str,
    /// That value, and whatever else has to go with it.
    pub set: Object,
    pub how: How,
}

pub enum How {
    /// By the kind's own update, or by creating with the other value where a change replaces.
    Update,
    /// By this call with the resource's id.
    AtApi(for<'a> fn(&'a World, &'a str) -> Calls<'a, ()>),
    /// moto does not change it: another one is created with the other value. Why.
    Create(&'static str),
    /// moto cannot say it: why.
    Untold(&'static str),
    /// The same, but the sandbox can.
    UntoldByMoto(&'static str),
}

impl Case {
    pub fn new(name: &'static str, prepare: for<'a> fn(&'a World) -> Calls<'a, Trial>) -> Self {
        Self { name, prepare }
    }
}

#[allow(dead_code, reason = "not every way to say something is needed by some kind at all times")]
impl Trial {
    /// Begins with `base`, which is an object.
    pub fn new(base: Value) -> Self {
        Self {
            base: members(base),
            changes: Vec::new(),
            twin: Some(Object::new()),
            outputs_untold: Vec::new(),
            in_state: Vec::new(),
            found_as_it_stands: None,
        }
    }

    pub fn change(self, attribute: &'static str, to: impl Into<Value>) -> Self {
        self.change_with(attribute, Value::Object(Object::from_iter([(attribute.to_owned(), to.into())])))
    }

    /// The attribute's other value needs others beside it.
    pub fn change_with(mut self, attribute: &'static str, set: Value) -> Self {
        self.changes.push(Change { attribute, set: members(set), how: How::Update });
        self
    }

    /// Somebody else changes it to this.
    pub fn drift(
        mut self,
        attribute: &'static str,
        to: impl Into<Value>,
        call: for<'a> fn(&'a World, &'a str) -> Calls<'a, ()>,
    ) -> Self {
        let set = Object::from_iter([(attribute.to_owned(), to.into())]);
        self.changes.push(Change { attribute, set, how: How::AtApi(call) });
        self
    }

    /// moto takes the value when one is created and not afterwards.
    pub fn only_created(mut self, attribute: &'static str, set: Value, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.changes.push(Change { attribute, set: members(set), how: How::Create(why) });
        self
    }

    pub fn untold(mut self, attribute: &'static str, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.changes.push(Change { attribute, set: Object::new(), how: How::Untold(why) });
        self
    }

    /// The attribute's other value, which only the sandbox keeps.
    pub fn on_sandbox(mut self, attribute: &'static str, to: impl Into<Value>, why: &'static str) -> Self {
        assert!(!why.is_empty());
        let set = Object::from_iter([(attribute.to_owned(), to.into())]);
        self.changes.push(Change { attribute, set, how: How::UntoldByMoto(why) });
        self
    }

    /// As it is tried on this server: what only moto cannot do is done on the sandbox.
    pub fn on(mut self, ground: Ground) -> Self {
        for change in &mut self.changes {
            change.how = match (&change.how, ground) {
                (How::UntoldByMoto(why), Ground::Moto) => How::Untold(why),
                (How::UntoldByMoto(_) | How::Create(_), Ground::Sandbox) => How::Update,
                _ => continue,
            };
        }
        self
    }

    pub fn in_state(mut self, attributes: &[&'static str]) -> Self {
        self.in_state.extend(attributes);
        self
    }

    pub fn found_as_it_stands(mut self, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.found_as_it_stands = Some(why);
        self
    }

    pub fn output_untold(mut self, output: &'static str, why: &'static str) -> Self {
        self.outputs_untold.push((output, why));
        self
    }

    /// What a second one needs that stands beside the first.
    pub fn twin(mut self, set: Value) -> Self {
        self.twin = Some(members(set));
        self
    }

    pub fn no_twin(mut self) -> Self {
        self.twin = None;
        self
    }
}

fn members(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        other => panic!("an object, not {other:?}"),
    }
}
