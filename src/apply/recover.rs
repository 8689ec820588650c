//! Recovery, before planning: looks up every operation that began and is not known to have ended. Adopts what
//! it made, and repairs what it left half done. Does not read the stack.

use std::time::Duration;

use crate::address::Address;
use crate::clock;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::{self, AnyKind, Live, Wanted};
use crate::plan::observe::overlaid;
use crate::state::{Action, Begin, Change, Entry, Journal, OpenOperation, Record, Snapshot, Unseen};
use crate::value::Object;

use crate::kind::operation::{Operation, Reporter, SHOWN_WITHIN};

/// Time after the start of recovery within which a call's resource may not be visible yet. A request may also
/// still be on its way.
const LATE: Duration = Duration::from_secs(3);
const LATE_IN_EC2: Duration = Duration::from_secs(10);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Time after which a resource that does not show was never made.
const NEVER: Duration = Duration::from_secs(3600);

/// The findings about an operation that was cut short.
#[derive(Debug)]
pub struct Recovered {
    pub address: Address,
    pub action: Action,
    /// The finding for people: `it was made, and is adopted`.
    pub found: String,
}

/// Ends every open operation, in the order in which they began, and looks once more for resources of earlier
/// creates. `destroys`: no later run will look, so this one looks longer.
///
/// # Errors
/// When AWS cannot be asked or the state cannot be written; operations that were not ended stay open.
pub async fn recover(
    cloud: &Cloud,
    journal: &Journal,
    open: &[OpenOperation],
    destroys: bool,
    reporter: &dyn Reporter,
) -> Result<Vec<Recovered>, (Address, Error)> {
    let began = cloud.clock.monotonic();
    let mut recovered = Vec::new();
    let mut found = |begin: &Begin, found: &str| {
        let (address, action) = (begin.address.clone(), begin.action);
        recovered.push(Recovered { address, action, found: found.to_owned() });
    };
    let unseen = journal.snapshot().unseen;
    for operation in open {
        let begin = &operation.begin;
        let late = match operation.calls.last() {
            _ if destroys => SHOWN_WITHIN,
            Some(call) if call.service == Service::Ec2.to_string() => LATE_IN_EC2,
            _ => LATE,
        };
        let patience = Patience { began, late };
        let ended = one(cloud, journal, operation, patience, reporter).await;
        found(begin, ended.map_err(|error| (begin.address.clone(), error))?);
    }
    let is_open = |begin: &Begin| open.iter().any(|open| open.begin.operation == begin.operation);
    for earlier in unseen.iter().filter(|earlier| !is_open(&earlier.begin)) {
        let begin = &earlier.begin;
        let late = if destroys { SHOWN_WITHIN.saturating_sub(earlier.age()) } else { Duration::ZERO };
        let patience = Patience { began, late };
        let ended = again(cloud, journal, earlier, patience, reporter).await;
        let ended = ended.map_err(|error| (begin.address.clone(), error))?;
        if ended.is_none() && earlier.age() > NEVER {
            let change = Change::Over { operation: begin.operation.clone() };
            let written = journal.append(Entry::Fact { change }).await;
            written.map_err(|error| (begin.address.clone(), error.into()))?;
        }
        ended.iter().for_each(|ended| found(begin, ended));
    }
    Ok(recovered)
}

/// Looks for the resource of an unseen create until it would have shown. Returns whether it was found, and is
/// in the state now.
pub(super) async fn shows_itself(
    cloud: &Cloud,
    journal: &Journal,
    earlier: &Unseen,
    reporter: &dyn Reporter,
) -> Result<bool, Error> {
    let patience =
        Patience { began: cloud.clock.monotonic(), late: SHOWN_WITHIN.saturating_sub(earlier.age()) };
    Ok(again(cloud, journal, earlier, patience, reporter).await? == Some(ADOPTED))
}

const ADOPTED: &str = "it had been made, and is adopted";
const GONE: &str = "its new resource is gone again";

/// The time limits of a look for an unseen resource.
#[derive(Clone, Copy)]
struct Patience {
    began: Duration,
    late: Duration,
}

/// The outcome of an unseen create; `None` if it is still unseen.
async fn again(
    cloud: &Cloud,
    journal: &Journal,
    earlier: &Unseen,
    patience: Patience,
    reporter: &dyn Reporter,
) -> Result<Option<&'static str>, Error> {
    let begin = &earlier.begin;
    let Some(kind) = kind::find_managed(&begin.address.kind) else { return Ok(None) };
    let snapshot = journal.snapshot();
    let op = operation(cloud, journal, begin, &snapshot, reporter);
    created(&op, kind, journal, begin, patience).await
}

fn operation<'a>(
    cloud: &'a Cloud,
    journal: &'a Journal,
    begin: &'a Begin,
    snapshot: &'a Snapshot,
    reporter: &'a dyn Reporter,
) -> Operation<'a> {
    Operation::new(cloud, &begin.address, &begin.operation, &snapshot.stack, &snapshot.lineage, reporter)
        .of_generation(begin.generation)
        .journalled(journal)
}

async fn one(
    cloud: &Cloud,
    journal: &Journal,
    open: &OpenOperation,
    patience: Patience,
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
    let op = operation(cloud, journal, begin, &snapshot, reporter);
    match (begin.action, &begin.id) {
        (Action::Create, _) => {
            if let Some(found) = created(&op, kind, journal, begin, patience).await? {
                return Ok(found);
            }
            let create = Box::new(Unseen { begin: begin.clone(), since: clock::now() });
            journal.append(done(Change::Unseen { create })).await?;
            Ok("nothing had been made")
        }
        (Action::Update, Some(id)) => {
            // The same look repairs what the update started besides its own resource.
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
            let record = record_of(begin, id);
            if read(cloud, kind, &begin.address, &record).await?.is_some() {
                journal.append(failed("it still stands")).await?;
                return Ok("it still stands");
            }
            let deposed =
                snapshot.deposed.iter().find(|old| old.address == begin.address && old.record.id == *id);
            let standing = snapshot.resources.get(&begin.address).filter(|record| record.id == *id);
            // Resources made for it (an image's snapshots) may still exist.
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

/// Adopts the resource of a create that was cut short; `None` if it is not found.
async fn created(
    op: &Operation<'_>,
    kind: &'static dyn AnyKind,
    journal: &Journal,
    begin: &Begin,
    patience: Patience,
) -> Result<Option<&'static str>, Error> {
    let address = &begin.address;
    let done = |change| Entry::Done { operation: begin.operation.clone(), change };
    let found = match made(op, kind, begin, patience).await {
        Ok(None) => return Ok(None),
        Ok(Some(id)) => {
            let record = record_of(begin, &id);
            read(op.cloud, kind, address, &record).await?.map(|live| (record, live))
        }
        Err(error) if error.is_gone() => {
            op.progress(&error.to_string());
            None
        }
        Err(error) => return Err(error),
    };
    let Some((record, live)) = found else {
        journal.append(done(Change::Over { operation: begin.operation.clone() })).await?;
        return Ok(Some(GONE));
    };
    // Inputs that were not applied are left to the next plan.
    let mut inputs = begin.inputs.clone();
    inputs.retain(|name, value| live.inputs.get(name).is_none_or(|now| now.same(value)));
    let record = Record { inputs, outputs: live.outputs, ..record };
    let snapshot = journal.snapshot();
    match snapshot.resources.get(address) {
        // It was created again meanwhile, or adopted as it was.
        Some(there) if there.generation > begin.generation => {
            let mut found = "its new resource is in the state";
            if there.id != record.id {
                let change = Change::Leftover { address: address.clone(), record };
                journal.append(Entry::Fact { change }).await?;
                found = "it had been made, beside the one that stands, and is deleted";
            }
            journal.append(done(Change::Over { operation: begin.operation.clone() })).await?;
            return Ok(Some(found));
        }
        Some(old) if old.id != record.id => {
            let change = Change::Depose { address: address.clone(), id: old.id.clone() };
            journal.append(Entry::Fact { change }).await?;
        }
        _ => {}
    }
    journal.append(done(Change::Put { address: address.clone(), record })).await?;
    Ok(Some(ADOPTED))
}

/// Finds the resource of a create that was cut short. EC2 shows it only after a while
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
///
/// # Errors
/// [`Error::gone`] if it was made and no longer exists.
async fn made(
    op: &Operation<'_>,
    kind: &'static dyn AnyKind,
    begin: &Begin,
    Patience { began, late }: Patience,
) -> Result<Option<String>, Error> {
    let clock = &op.cloud.clock;
    loop {
        if let Some(id) = kind.find(op, &begin.inputs).await? {
            return Ok(Some(id));
        }
        let left = late.saturating_sub(clock.monotonic().saturating_sub(began));
        if left.is_zero() {
            return Ok(None);
        }
        op.progress("it is not to be seen; looking again, as it may have been made just now");
        clock.sleep(PAUSE.min(left)).await;
    }
}

fn record_of(begin: &Begin, id: &str) -> Record {
    Record {
        id: id.to_owned(),
        inputs: begin.inputs.clone(),
        outputs: Object::new(),
        generation: begin.generation,
        depends_on: begin.depends_on.clone(),
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

/// For each attribute, the update's value if it is live, otherwise the value from before, so that bgform's
/// own change is not shown as drift.
fn came_true(standing: &Record, wanted: &Object, live: &Live) -> Object {
    let now = overlaid(standing, live);
    let mut inputs = standing.inputs.clone();
    for (name, value) in wanted {
        if now.get(name).is_some_and(|now| now.same(value)) {
            inputs.insert(name.clone(), value.clone());
        }
    }
    inputs
}
