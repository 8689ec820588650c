//! The roles of steps, and the number of each. A plan comes in; the role of each step and the counts go out.
//! Decides nothing.

use std::collections::HashMap;

use super::step::{Action, Plan, Step};
use crate::address::Address;

/// The role of a step for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Create,
    Update,
    /// A create that replaces a resource; `old` is the step that deletes that resource, if the plan has one
    /// (it may be kept).
    Replace {
        old: Option<usize>,
    },
    /// The delete or forget of the resource that the step `new` replaces.
    Replaced {
        new: usize,
    },
    Delete,
    Forget,
}

/// The role of each step, by its place in the plan.
pub fn roles(plan: &Plan) -> Vec<Role> {
    let mut roles: Vec<Role> = plan.steps.iter().map(alone).collect();
    let mut going: HashMap<&Address, Vec<(usize, &Action)>> = HashMap::new();
    for (place, step) in plan.steps.iter().enumerate().filter(|(_, step)| step.action.is_delete()) {
        going.entry(&step.address).or_default().push((place, &step.action));
    }
    for (new, create) in plan.steps.iter().enumerate() {
        let Action::Create { replaces, .. } = &create.action else { continue };
        let old =
            going.get(&create.address).into_iter().flatten().find(|(_, action)| match (action, replaces) {
                (Action::Delete { id, .. } | Action::Forget { id, .. }, Some(replaced)) => id == replaced,
                (Action::Delete { deposed, .. } | Action::Forget { deposed, .. }, None) => !deposed,
                _ => false,
            });
        let old = old.map(|(place, _)| *place);
        if let Some(role) = old.and_then(|old| roles.get_mut(old)) {
            *role = Role::Replaced { new };
        }
        if let Some(role) = roles.get_mut(new).filter(|_| old.is_some() || replaces.is_some()) {
            *role = Role::Replace { old };
        }
    }
    roles
}

fn alone(step: &Step) -> Role {
    match step.action {
        Action::Create { .. } => Role::Create,
        Action::Update => Role::Update,
        Action::Delete { .. } => Role::Delete,
        Action::Forget { .. } => Role::Forget,
    }
}

/// The numbers of resources that are created, updated, replaced, deleted and forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub forget: usize,
}

impl Summary {
    pub fn of(roles: &[Role]) -> Self {
        let mut summary = Self::default();
        for role in roles {
            match role {
                Role::Create => summary.create += 1,
                Role::Update => summary.update += 1,
                Role::Replace { .. } => summary.replace += 1,
                Role::Replaced { .. } => {}
                Role::Delete => summary.delete += 1,
                Role::Forget => summary.forget += 1,
            }
        }
        summary
    }

    /// `3 to create, 1 to update`; empty if there is nothing.
    pub fn text(&self) -> String {
        let counts = [
            (self.create, "create"),
            (self.update, "update"),
            (self.replace, "replace"),
            (self.delete, "delete"),
            (self.forget, "forget"),
        ];
        let said: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, verb)| format!("{count} to {verb}"))
            .collect();
        said.join(", ")
    }
}
