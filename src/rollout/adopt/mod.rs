//! What runs already, taken over as the first colour. The name of an Auto Scaling group comes in;
//! the records of the group, its launch template, its target group and the rules that forward to it
//! go out, as a deployment has them, or the reason why it cannot be had without touching traffic.
//! Reads only; [`pin`] alone makes a call that changes something, and no instance notices.

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::names;
use crate::facts::{Adopted, Colour, Origin};
use crate::kind::autoscaling_group::group::observe_one;
use crate::kind::autoscaling_group::pin_to;
use crate::kind::elbv2::name_in;
use crate::kind::fleet::Template;
use crate::kind::operation::Operation;
use crate::plan::PlanError;
use crate::plan::take_over::{Taken, take_over};
use crate::stack::{Facts, Known, Node, View};
use crate::state::{Change, Record, Snapshot};
use crate::value::Value;

mod group;
mod rules;

/// A deployment whose first colour is taken over.
#[derive(Debug, Clone)]
pub struct Adoption {
    pub name: String,
    pub adopted: Adopted,
    pub records: Vec<(Address, Record)>,
    /// What is taken over, for people.
    pub lines: Vec<String>,
}

impl Adoption {
    /// The records as state takes them up.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let put = |(address, record): &(Address, Record)| Change::Put {
            address: address.clone(),
            record: record.clone(),
        };
        self.records.iter().map(put)
    }
}

/// Why nothing is taken over.
#[derive(Debug)]
pub enum NotAdopted {
    /// It would touch traffic or instances; what to do.
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

/// What the deployment `name` takes over with the Auto Scaling group `group`.
///
/// # Errors
/// Where that would touch traffic or instances, and where something cannot be read.
pub async fn adopt(
    cloud: &Cloud,
    program: &View<'_>,
    snapshot: &Snapshot,
    known: &Known,
    name: &str,
    group: &str,
) -> Result<Adoption, NotAdopted> {
    let taking = Taking { cloud, program, snapshot, name, known: known.clone(), taken: Vec::new() };
    taking.take(group).await.map_err(|stop| match stop {
        Stop::Not(why) => why,
        Stop::Cloud(error) => {
            let address = Address::new("autoscaling_group", name).with_key(Colour::Blue.name());
            NotAdopted::Plan(PlanError::Read { address, error })
        }
    })
}

/// What has been read so far.
struct Taking<'a> {
    cloud: &'a Cloud,
    program: &'a View<'a>,
    snapshot: &'a Snapshot,
    name: &'a str,
    known: Known,
    taken: Vec<Taken>,
}

impl Taking<'_> {
    async fn take(mut self, group: &str) -> Result<Adoption, Stop> {
        let fleet = observe_one(self.cloud, group).await?.filter(|fleet| !fleet.deleting);
        let Some(fleet) = fleet else {
            return refused(
                format!("there is no Auto Scaling group `{group}` in region {}", self.cloud.region),
                "check `adopt`, --region and --profile; without `adopt`, the first release makes a group of its own",
            );
        };
        let Some(template) = fleet.template.clone() else {
            return refused(
                format!("`{group}` launches from no launch template"),
                "give it one with the same settings first (https://docs.aws.amazon.com/autoscaling/ec2/userguide/\
                 migrate-to-launch-templates.html): that replaces no instance",
            );
        };
        self.alone_on(&template, group).await?;
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
        self.one(Address::new("launch_template", self.name), &template.id).await?;
        self.one(Address::new("target_group", self.name).with_key(colour), &targets).await?;
        let taken = self.one(Address::new("autoscaling_group", self.name).with_key(colour), group).await?;
        group::same_place(&taken, &fleet)?;
        let mut lines = vec![self.template(&template), self.targets(&fleet, &targets).await?];
        lines.extend(self.many_versions());
        lines.extend(rules::take(&mut self, &targets).await?);
        lines.extend(self.later());
        let pin = template.number().is_none().then(|| self.newest(&template)).flatten();
        let mut records: Vec<_> = self.taken.into_iter().map(|one| (one.address, one.record)).collect();
        for (_, record) in &mut records {
            // What the author calls it comes with the colour, and this one keeps the name that it has.
            record.inputs.shift_remove("name");
        }
        let adopted = Adopted { group: group.to_owned(), pin };
        Ok(Adoption { name: self.name.to_owned(), adopted, records, lines })
    }

    fn node(&self, address: &Address) -> Option<&Node> {
        self.program.nodes.iter().find(|node| node.address == *address)
    }

    /// Reads what is to stand at an address.
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

    /// `launch template shop (lt-1), pinned to version 3 where it says $Latest`
    fn template(&self, template: &Template) -> String {
        let name =
            self.taken.first().and_then(|taken| taken.live.outputs.get("name")).and_then(Value::as_str);
        let name = name.unwrap_or(&template.id);
        match template.number().is_none().then(|| self.newest(template)).flatten() {
            Some(Origin { version, .. }) => format!(
                "launch template {name}; the group is pinned to its version {version} where it says {}, since the \
                 next release makes another one",
                template.version
            ),
            None => format!("launch template {name}, version {}", template.version),
        }
    }

    /// How many versions of it there are, where a release would take some of them away.
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

    /// The number that `$Latest` or `$Default` stands for now.
    fn newest(&self, template: &Template) -> Option<Origin> {
        let output = if template.version == "$Default" { "default_version" } else { "latest_version" };
        let number = self.taken.first()?.live.outputs.get(output)?.as_number()?;
        Some(Origin { template: template.id.clone(), version: format!("{number:.0}") })
    }

    /// What the file says otherwise of what ships with a colour.
    fn later(&self) -> Option<String> {
        let paths = self.taken.iter().filter(|taken| !names::is_router(&taken.address)).flat_map(|taken| {
            let ships = |attribute: &str| match taken.address.kind.as_str() {
                "autoscaling_group" => attribute == "mixed_instances",
                _ => !crate::deployment::lower::OF_NO_RELEASE.contains(&attribute),
            };
            let changes = taken.changes_but(&["name"]).into_iter().filter(|change| ships(change.attribute()));
            let kind = &taken.address.kind;
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

/// Pins the group to the version that it would launch from now. No instance notices; from then on a
/// new version of the template is nobody's until a release is shipped.
///
/// # Errors
/// When the call fails. It may be made again.
pub async fn pin(op: &Operation<'_>, adopted: &Adopted) -> Result<(), Error> {
    let Some(Origin { template, version }) = &adopted.pin else { return Ok(()) };
    let template = Template { id: template.clone(), version: version.clone() };
    pin_to(op, &adopted.group, &template).await
}
