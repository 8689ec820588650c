//! Changes several resources in one call: all are read again, each has its operation in the journal, the call
//! is sent once, and each goes on with its other changes.

use std::collections::BTreeSet;

use super::StepError;
use super::execute::Shared;
use crate::address::Address;
use crate::cloud::error::Error;
use crate::kind::together::Together;
use crate::kind::{AnyKind, Live};
use crate::plan::diff::changed_attributes;
use crate::plan::step::Step;
use crate::state::{self, Change, Entry, Record};
use crate::value::Value;

/// An update after its predecessors: its record, the live resource, and its remaining changes.
pub(super) type Left = (Option<Record>, Option<Live>, BTreeSet<String>);

impl Shared<'_> {
    /// Makes the call if the step is the first of those that share it.
    pub(super) async fn after_together(
        &self,
        kind: &'static dyn AnyKind,
        together: &'static dyn Together,
        step: &Step,
    ) -> Result<Left, StepError> {
        let steps: Vec<&Step> =
            step.together.iter().filter_map(|place| self.context.plan.steps.get(*place)).collect();
        if steps.first().is_some_and(|first| first.address == step.address) {
            self.change_together(kind, together, &steps).await?;
        }
        let name = together.attribute();
        let record = self.context.journal.look(|snapshot| snapshot.resources.get(&step.address).cloned());
        let mut live = step.live.clone();
        let mut planned = changed_attributes(&step.changes);
        planned.remove(name);
        if let (Some(live), Some(value)) = (&mut live, step.inputs.get(name)) {
            live.inputs.insert(name.to_owned(), value.clone());
        }
        Ok((record, live, planned))
    }

    async fn change_together(
        &self,
        kind: &'static dyn AnyKind,
        together: &'static dyn Together,
        steps: &[&Step],
    ) -> Result<(), StepError> {
        let name = together.attribute();
        let attribute = BTreeSet::from([name.to_owned()]);
        let mut records = Vec::new();
        for step in steps {
            let (Some(record), Some(seen)) = (&step.record, &step.live) else { continue };
            let found = self.reread(kind, step, record, seen, &attribute).await;
            found.map_err(|error| of(&step.address, error))?;
            let mut inputs = record.inputs.clone();
            inputs.insert(name.to_owned(), step.inputs.get(name).cloned().unwrap_or(Value::Null));
            records.push((*step, Record { inputs, ..record.clone() }));
        }
        let mut operations = Vec::new();
        for (step, record) in &records {
            let depends_on = record.depends_on.iter().cloned().collect();
            let (action, generation) = (state::Action::Update, record.generation);
            operations.push(self.begin(step, action, generation, &record.inputs, &depends_on).await?);
        }
        let others = operations.iter().skip(1).map(|op| op.id.clone()).collect();
        let ids: Vec<String> = operations.iter().map(|op| op.id.clone()).collect();
        let Some(op) = operations.into_iter().next() else { return Ok(()) };
        let op = op.with(others);
        let values: Vec<(String, Value)> = records
            .iter()
            .map(|(_, record)| (record.id.clone(), record.inputs.get(name).cloned().unwrap_or(Value::Null)))
            .collect();
        if let Err(error) = together.change(&op, &values).await {
            return Err(self.close_all(op.changed_nothing(), &ids, error).await);
        }
        for ((step, record), id) in records.into_iter().zip(ids) {
            self.read_back(kind, &step.address, &record.id, &record.inputs, &attribute, Some(&record))
                .await?;
            let change = Change::Put { address: step.address.clone(), record };
            self.append(Entry::Done { operation: id, change }).await?;
        }
        Ok(())
    }
}

/// A difference that was found at another resource than the step's.
fn of(address: &Address, error: StepError) -> StepError {
    match error {
        StepError::ChangedMeanwhile { attribute, planned, found } => {
            StepError::ChangedMeanwhile { attribute: format!("{address}.{attribute}"), planned, found }
        }
        StepError::Vanished => StepError::Kind(Error::failed(
            format!("`{address}`, which is to change together with it, has vanished since the plan was made"),
            "this step changed nothing; run `bgform plan` to see the present state",
        )),
        other => other,
    }
}
