//! Comes before planning: every operation that began and is not known to have ended is looked up.
//! What it made is adopted, what it left half done is put right; the stack is not consulted.

use std::time::Duration;

use crate::address::Address;
use crate::clock;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::{self, AnyKind, Live, Wanted};
use crate::plan::observe::overlaid;
use crate::state::{Action, Change, Entry, Journal, OpenOperation, Record, Unseen};
use crate::value::Object;

use super::operation::{Operation, Reporter};

/// For so long after a call what it made may not be seen.
const LATE: Duration = Duration::from_secs(3);
const LATE_IN_EC2: Duration = Duration::from_secs(10);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What was found about an operation that was cut short.
#[derive(Debug)]
pub struct Recovered {
    pub address: Address,
    pub action: Action,
    /// For the person who reads it: `it was made, and is adopted`.
    pub found: String,
}

/// Ends every open operation, in the order in which they began.
///
/// # Errors
/// When AWS cannot be asked or the state cannot be written; what is not ended stays open.
pub async fn recover(
    cloud: &Cloud,
    journal: &Journal,
    open: &[OpenOperation],
    reporter: &dyn Reporter,
) -> Result<Vec<Recovered>, (Address, Error)> {
    let mut recovered = Vec::new();
    for operation in open {
        let address = operation.begin.address.clone();
        let found =
            one(cloud, journal, operation, reporter).await.map_err(|error| (address.clone(), error))?;
        recovered.push(Recovered { address, action: operation.begin.action, found: found.to_owned() });
    }
    Ok(recovered)
}

async fn one(
    cloud: &Cloud,
    journal: &Journal,
    open: &OpenOperation,
    reporter: &dyn Reporter,
) -> Result<&'static str, Error> {
    let begin = &open.begin;
    let failed = |error: &str| Entry::Failed { operation: begin.operation.clone(), error: error.to_owned() };
    let done = |change| Entry::Done { operation: begin.operation.clone(), change };
    let Some(kind) = kind::find_managed(&begin.address.kind) else {
        return Err(Error::failed(
            format!("this bgform has no kind `{}`", begin.address.kind),
            "it was applied by another version: use that one, or a later one",
        ));
    };
    if open.calls.is_empty() && open.made.is_empty() {
        journal.append(failed("no call was made")).await?;
        return Ok("no call had been made");
    }
    let snapshot = journal.snapshot();
    let op =
        Operation::new(cloud, &begin.address, &begin.operation, &snapshot.stack, &snapshot.lineage, reporter)
            .of_generation(begin.generation)
            .journalled(journal);
    match (begin.action, &begin.id) {
        (Action::Create, _) => {
            const GONE: &str = "what it had made is gone again";
            let id = match made(&op, kind, open).await {
                Err(error) if error.is_gone() => {
                    op.progress(&error.to_string());
                    journal.append(failed(GONE)).await?;
                    return Ok(GONE);
                }
                found => found?,
            };
            let Some(id) = id else {
                // One that was repeated, and of which still nothing is to be seen, made nothing that stands.
                let unseen = Unseen { operation: begin.operation.clone(), generation: begin.generation };
                let create = Some(unseen).filter(|_| !op.is_repeat());
                let change = Change::Unseen { address: begin.address.clone(), create };
                journal.append(Entry::Fact { change }).await?;
                journal.append(failed("nothing is to be seen of it")).await?;
                return Ok("nothing had been made");
            };
            let record = record_of(open, &id, begin.inputs.clone());
            let Some(live) = read(cloud, kind, &begin.address, &record).await? else {
                journal.append(failed(GONE)).await?;
                return Ok(GONE);
            };
            if let Some(old) = snapshot.resources.get(&begin.address).filter(|old| old.id != id) {
                let change = Change::Depose { address: begin.address.clone(), id: old.id.clone() };
                journal.append(Entry::Fact { change }).await?;
            }
            // Inputs that did not come true are left to the next plan.
            let mut inputs = begin.inputs.clone();
            inputs.retain(|name, value| {
                live.inputs.get(name).is_none_or(|now| now.without_marks() == value.without_marks())
            });
            let record = Record { inputs, outputs: live.outputs, ..record };
            journal.append(done(Change::Put { address: begin.address.clone(), record })).await?;
            Ok("it had been made, and is adopted")
        }
        (Action::Update, Some(id)) => {
            // What the update started beside its own resource is put right by the same look.
            let standing = snapshot.resources.get(&begin.address).filter(|record| record.id == *id);
            let Some(standing) = standing else {
                journal.append(failed("its resource is not in the state")).await?;
                return Ok("its resource is no longer in the state");
            };
            let live = read(cloud, kind, &begin.address, standing).await?;
            let Some(live) = live else {
                journal.append(failed("its resource is gone")).await?;
                return Ok("its resource is gone");
            };
            let record = Record {
                inputs: came_true(standing, &begin.inputs, &live),
                outputs: live.outputs.clone(),
                unfinished: true,
                ..standing.clone()
            };
            journal.append(done(Change::Put { address: begin.address.clone(), record })).await?;
            Ok("it was under way, and is taken up again")
        }
        (Action::Delete, Some(id)) => {
            let record = record_of(open, id, begin.inputs.clone());
            if read(cloud, kind, &begin.address, &record).await?.is_some() {
                journal.append(failed("it still stands")).await?;
                return Ok("it still stands");
            }
            let deposed =
                snapshot.deposed.iter().find(|old| old.address == begin.address && old.record.id == *id);
            let standing = snapshot.resources.get(&begin.address).filter(|record| record.id == *id);
            // What was made for it (an image's snapshots) may still be there.
            let known = standing.or(deposed.map(|old| &old.record)).unwrap_or(&record);
            kind.delete(&op, known).await?;
            let change = match deposed.is_some() {
                true => Change::RemoveDeposed { address: begin.address.clone(), id: id.clone() },
                false => Change::Remove { address: begin.address.clone() },
            };
            journal.append(done(change)).await?;
            Ok("it had been deleted")
        }
        (Action::Update | Action::Delete, None) => {
            journal.append(failed("it names no resource")).await?;
            Ok("it names no resource")
        }
    }
}

/// What a create that was cut short made. The request may still be on its way, and EC2 shows what it made only
/// after a while (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>): so that
/// nothing is there is believed only some time after the call.
async fn made(
    op: &Operation<'_>,
    kind: &'static dyn AnyKind,
    open: &OpenOperation,
) -> Result<Option<String>, Error> {
    let in_ec2 = open.calls.last().is_some_and(|call| call.service == Service::Ec2.to_string());
    let believed = if in_ec2 { LATE_IN_EC2 } else { LATE };
    loop {
        if let Some(id) = kind.find(op, &open.begin.inputs).await? {
            return Ok(Some(id));
        }
        let age = open.called.map(|at| Duration::try_from(clock::now().duration_since(at)));
        // A clock that was put back is no reason to wait.
        let Some(Ok(age)) = age.filter(|age| age.as_ref().is_ok_and(|age| *age < believed)) else {
            return Ok(None);
        };
        op.progress("it is not to be seen; looking again, as it may have been made just now");
        clock::sleep(PAUSE.min(believed.saturating_sub(age))).await;
    }
}

fn record_of(open: &OpenOperation, id: &str, inputs: Object) -> Record {
    Record {
        id: id.to_owned(),
        inputs,
        outputs: Object::new(),
        generation: open.begin.generation,
        depends_on: open.begin.depends_on.clone(),
        prevent_destroy: false,
        unfinished: true,
    }
}

async fn read(
    cloud: &Cloud,
    kind: &'static dyn AnyKind,
    address: &Address,
    record: &Record,
) -> Result<Option<Live>, Error> {
    let declared = record.inputs.keys().cloned().collect();
    let wanted = [Wanted { address, id: &record.id, declared: &declared, last: Some(record) }];
    Ok(kind.read(cloud, &wanted).await?.remove(&record.id))
}

/// Of each attribute what the update wanted where that is live, and what it was before elsewhere:
/// so that what bgform itself has changed is not shown as drift.
fn came_true(standing: &Record, wanted: &Object, live: &Live) -> Object {
    let now = overlaid(standing, live);
    let mut inputs = standing.inputs.clone();
    for (name, value) in wanted {
        if now.get(name).is_some_and(|now| now.without_marks() == value.without_marks()) {
            inputs.insert(name.clone(), value.clone());
        }
    }
    inputs
}
