//! Takes over a running fleet as the first colour. The name of a fleet comes in. The records of the fleet,
//! its launch source, its target group and the rules that forward to it go out, as a deployment has them; or
//! the reason why it cannot be adopted without touching traffic.
//! Reads only; [`pin`] alone makes a call that changes something, and it affects no instance.

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::names;
use crate::deployment::nested::ships;
use crate::facts::{Adopted, Colour, Origin};
use crate::kind::fleet::{Fleet, Refusal, Standing, Template};
use crate::kind::name_in;
use crate::kind::operation::Operation;
use crate::kind::targets::{self, Health};
use crate::plan::PlanError;
use crate::plan::diff::AttributeChange;
use crate::plan::take_over::{Taken, take_over};
use crate::stack::{Facts, Known, Node, View};
use crate::state::{Change, Record, Snapshot};
use crate::value::Value;

mod rules;

/// A deployment that adopts a running fleet as its first colour.
#[derive(Debug, Clone)]
pub struct Adoption {
    pub name: String,
    pub adopted: Adopted,
    pub records: Vec<(Address, Record)>,
    /// The adopted resources, for people.
    pub lines: Vec<String>,
}

impl Adoption {
    /// The changes that enter the adopted records in the state.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let put = |(address, record): &(Address, Record)| Change::Put {
            address: address.clone(),
            record: record.clone(),
        };
        self.records.iter().map(put)
    }
}

/// Why nothing is adopted.
#[derive(Debug)]
pub enum NotAdopted {
    /// Adoption would touch traffic or instances. The help says what to do.
    Refused {
        reason: String,
        help: String,
    },
    Plan(PlanError),
}

fn refused<T>(reason: impl Into<String>, help: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Not(NotAdopted::Refused { reason: reason.into(), help: help.into() }))
}

enum Stop {
    Not(NotAdopted),
    Cloud(Error),
}

impl Stop {
    fn because((reason, help): Refusal) -> Self {
        Self::Not(NotAdopted::Refused { reason, help })
    }
}

impl From<PlanError> for Stop {
    fn from(error: PlanError) -> Self {
        Self::Not(NotAdopted::Plan(error))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Cloud(error)
    }
}

/// Decides what the deployment `name` adopts with the fleet `group`.
///
/// # Errors
/// When adoption would touch traffic or instances, or something cannot be read.
pub async fn adopt(
    cloud: &Cloud,
    program: &View<'_>,
    snapshot: &Snapshot,
    known: &Known,
    name: &str,
    seam: &'static dyn Fleet,
    group: &str,
) -> Result<Adoption, NotAdopted> {
    let taking = Taking { cloud, program, snapshot, name, seam, known: known.clone(), taken: Vec::new() };
    taking.take(group).await.map_err(|stop| match stop {
        Stop::Not(why) => why,
        Stop::Cloud(error) => {
            let address = Address::new(seam.kind(), name).with_key(Colour::Blue.name());
            NotAdopted::Plan(PlanError::Read { address, error })
        }
    })
}

/// The records read so far.
struct Taking<'a> {
    cloud: &'a Cloud,
    program: &'a View<'a>,
    snapshot: &'a Snapshot,
    name: &'a str,
    seam: &'static dyn Fleet,
    known: Known,
    taken: Vec<Taken>,
}

impl Taking<'_> {
    async fn take(mut self, group: &str) -> Result<Adoption, Stop> {
        let (seam, cloud) = (self.seam, self.cloud);
        let fleet = seam.observe(cloud, &[group]).await?.remove(group).filter(|fleet| !fleet.deleting);
        let Some(fleet) = fleet else {
            return refused(
                format!("there is no {} `{group}` in region {}", seam.noun(), cloud.region),
                "check `adopt`, --region and --profile; without `adopt`, the first release makes a fleet of its own",
            );
        };
        let template = seam.adoptable(cloud, &fleet).await?.map_err(Stop::because)?;
        let groups: Vec<&String> = fleet.target_groups.iter().collect();
        let targets = match groups.as_slice() {
            [only] => (*only).clone(),
            [] => {
                return refused(
                    format!("`{group}` is attached to no target group"),
                    "attach it to the one that the rule forwards to; a deployment shifts traffic between target groups",
                );
            }
            many => {
                let names: Vec<&str> = many.iter().map(|arn| name_in(arn)).collect();
                return refused(
                    format!(
                        "`{group}` is attached to {}, and a deployment keeps each colour in one",
                        names.join(" and ")
                    ),
                    "detach all but the one whose traffic the deployment is to shift; what reaches the others would \
                     not follow a release",
                );
            }
        };
        let colour = Colour::Blue.name();
        let at = |kind: &str| Address::new(kind, self.name).with_key(colour);
        let (source, reached) = (Address::new(seam.source(), self.name), at(seam.targets()));
        let runs = at(seam.kind());
        self.one(source, &template.id).await?;
        self.one(reached, &targets).await?;
        let taken = self.one(runs, group).await?;
        if let Some(refusal) = seam.not_untouched(&fleet, &taken.live.inputs, &taken.inputs) {
            return Err(Stop::because(refusal));
        }
        let mut lines = vec![self.template(&template), self.targets(&fleet, &targets).await?];
        lines.extend(self.many_versions());
        lines.extend(rules::take(&mut self, &targets).await?);
        lines.extend(self.later());
        let pin = template.number().is_none().then(|| self.newest(&template)).flatten();
        let mut records: Vec<_> = self.taken.into_iter().map(|one| (one.address, one.record)).collect();
        for (_, record) in &mut records {
            // The configured name belongs to colours that bgform creates; an adopted resource keeps its own
            // name.
            record.inputs.shift_remove("name");
        }
        let adopted = Adopted { group: group.to_owned(), pin };
        Ok(Adoption { name: self.name.to_owned(), adopted, records, lines })
    }

    fn node(&self, address: &Address) -> Option<&Node> {
        self.program.nodes.iter().find(|node| node.address == *address)
    }

    /// Reads the resource that is to stand at an address.
    async fn one(&mut self, address: Address, id: &str) -> Result<Taken, Stop> {
        let elsewhere = |(other, record): &(&Address, &Record)| {
            record.id == id && other.kind == address.kind && **other != address
        };
        if let Some((other, _)) = self.snapshot.resources.iter().find(elsewhere) {
            return refused(
                format!("{id} is in the state already, as `{other}`"),
                format!("to give it to the deployment: bgform state mv '{other}' '{address}'"),
            );
        }
        if let Some(record) = self.snapshot.resources.get(&address).filter(|record| record.id != id) {
            return refused(
                format!("`{address}` is in the state already, as {}", record.id),
                "take `adopt` away: it is for a deployment that has shipped nothing yet",
            );
        }
        let Some(node) = self.node(&address) else {
            return refused(format!("the stack has no `{address}`"), "write its block into the deployment");
        };
        let Some(taken) = take_over(self.cloud, self.program, node, id, &self.known).await? else {
            return refused(
                format!("there is no `{}` with the id {id}", address.kind),
                "it was deleted meanwhile; look again with `bgform plan`",
            );
        };
        let (inputs, outputs) = (taken.record.inputs.clone(), taken.record.outputs.clone());
        self.known.insert(address, Facts { inputs, outputs, members: None });
        self.taken.push(taken.clone());
        Ok(taken)
    }

    /// Checks that every target is an instance of the group, since the next release is as large as the group.
    async fn targets(&self, fleet: &Standing, arn: &str) -> Result<String, Stop> {
        let health = health(self.cloud, arn).await?;
        let foreign = health.iter().find(|(id, _)| !fleet.members.iter().any(|member| member.target == *id));
        if let Some((id, _)) = foreign {
            return refused(
                format!(
                    "{id} is registered with target group {} and is none of the {} of `{}`",
                    name_in(arn),
                    self.seam.members(),
                    fleet.name
                ),
                "the next release would lack its capacity: attach it to the group, or deregister it",
            );
        }
        let healthy = health.iter().filter(|(_, healthy)| *healthy).count();
        Ok(format!("target group {}, {healthy} of {} targets healthy", name_in(arn), health.len()))
    }

    /// `launch template shop (lt-1), pinned to version 3 where it says $Latest`
    fn template(&self, template: &Template) -> String {
        let name =
            self.taken.first().and_then(|taken| taken.live.outputs.get("name")).and_then(Value::as_str);
        let name = name.unwrap_or(&template.id);
        let what = self.seam.source().replace('_', " ");
        match template.number().is_none().then(|| self.newest(template)).flatten() {
            Some(Origin { version, .. }) => format!(
                "{what} {name}; the group is pinned to its version {version} where it says {}, since the \
                 next release makes another one",
                template.version
            ),
            None => format!("{what} {name}, version {}", template.version),
        }
    }

    /// The number of versions of the template, if a release would delete some of them.
    fn many_versions(&self) -> Option<String> {
        let template = self.taken.first()?;
        let count = template.live.outputs.get("versions").and_then(Value::as_list)?.len();
        let keep = template.inputs.get("keep_versions").and_then(Value::as_number)?;
        (count as f64 > keep).then(|| {
            format!(
                "the template has {count} versions; the next release keeps the newest {keep} and those in use, as \
                 `keep_versions` says"
            )
        })
    }

    /// The version number that `$Latest` or `$Default` stands for now.
    fn newest(&self, template: &Template) -> Option<Origin> {
        let output = if template.version == "$Default" { "default_version" } else { "latest_version" };
        let number = self.taken.first()?.live.outputs.get(output)?.as_number()?;
        Some(Origin { template: template.id.clone(), version: format!("{number:.0}") })
    }

    /// The attributes of the colour that differ in the file and ship with the next release.
    fn later(&self) -> Option<String> {
        let paths = self.taken.iter().filter(|taken| !names::is_router(&taken.address)).flat_map(|taken| {
            let kind = &taken.address.kind;
            let ships = |change: &AttributeChange| ships(self.seam, kind, change.attribute());
            let changes = taken.changes_but(&["name"]).into_iter().filter(ships);
            changes.map(move |change| format!("{kind}.{}", change.path)).collect::<Vec<_>>()
        });
        let paths: Vec<String> = paths.collect();
        (!paths.is_empty()).then(|| {
            format!(
                "the file differs in {}: blue stays as it runs, and the next release has it",
                paths.join(", ")
            )
        })
    }
}

/// The registered targets, each with whether it is healthy. Draining targets are left out.
async fn health(cloud: &Cloud, group: &str) -> Result<Vec<(String, bool)>, Error> {
    let targets = targets::targets(cloud, group).await?.into_iter();
    let there = targets.filter(|one| one.health != Health::Draining);
    Ok(there.filter_map(|one| Some((one.id.clone()?, one.is_healthy()))).collect())
}

/// Pins the group to the version that it would launch now. No instance is affected; from then on a new
/// version of the template is launched only by a release.
///
/// # Errors
/// When the call fails. It may be repeated.
pub async fn pin(op: &Operation<'_>, seam: &dyn Fleet, adopted: &Adopted) -> Result<(), Error> {
    let Some(Origin { template, version }) = &adopted.pin else { return Ok(()) };
    let template = Template { id: template.clone(), version: version.clone() };
    seam.hold_at(op, &adopted.group, &template).await
}
