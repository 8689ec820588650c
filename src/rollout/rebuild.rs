//! Rebuilds a lost state from the account: resources by the tags that bgform set when it created them, the
//! live colour by the weights, releases by the launch sources of the fleets. Reads only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decide::Author;
use super::fingerprint::fingerprint;
use super::{Error, author, seen};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::deployment::declaration::Declaration;
use crate::deployment::names;
use crate::deployment::nested::ships;
use crate::deployment::sides::Sides;
use crate::facts::{Colour, Deployment, Release, Retirement, Sizing};
use crate::kind;
use crate::kind::fleet::{Fleet, Standing};
use crate::kind::operation::Tagged;
use crate::plan::PlanError;
use crate::plan::diff::diff;
use crate::plan::observe::read_existing;
use crate::plan::take_over::{Taken, take_over};
use crate::stack::{Facts, Known, Program, View};
use crate::state::{Change, Snapshot};
use crate::value::Value;

/// The resources found of a stack.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// The changes that enter them in the state.
    pub changes: Vec<Change>,
    /// Each resource that was found, by address, with its id.
    pub found: Vec<(Address, String)>,
    /// The status of each deployment, for people.
    pub lines: Vec<String>,
    /// Resources of the file that the account does not have.
    pub missing: Vec<Address>,
    /// Resources with the stack's tag and no place in the file: kind, id, and the address that they were made
    /// for.
    pub left: Vec<(String, Tagged)>,
}

/// Searches for all resources of the stack that `snapshot` does not have.
///
/// # Errors
/// A mistake of the stack; a failed read; two resources of one address, or traffic on both colours, since
/// neither can be preferred.
pub async fn rebuild(cloud: &Cloud, program: &Program, snapshot: &Snapshot) -> Result<Rebuilt, Error> {
    let view = program.unreleased();
    let mut building = Building {
        cloud,
        view: &view,
        snapshot: snapshot.clone(),
        known: crate::plan::remembered_outputs(snapshot),
        taken: HashMap::new(),
        rebuilt: Rebuilt::default(),
    };
    building.existing().await?;
    building.resources().await?;
    for name in program.deployments().keys().filter(|name| !snapshot.deployments.contains_key(*name)) {
        building.deployment(name).await?;
    }
    building.outputs()?;
    Ok(building.rebuilt)
}

struct Building<'a> {
    cloud: &'a Cloud,
    view: &'a View<'a>,
    snapshot: Snapshot,
    known: Known,
    taken: HashMap<Address, Taken>,
    rebuilt: Rebuilt,
}

impl Building<'_> {
    fn learn(&mut self, change: Change) {
        self.snapshot.apply(&change);
        self.rebuilt.changes.push(change);
    }

    async fn existing(&mut self) -> Result<(), Error> {
        let answers = read_existing(self.cloud, self.view, &self.snapshot, false, &mut self.known).await?;
        answers.into_iter().for_each(|(address, value)| self.learn(Change::Existing { address, value }));
        Ok(())
    }

    async fn resources(&mut self) -> Result<(), Error> {
        let mut found = self.tagged().await?;
        let nodes = self.view.nodes.iter().filter(|node| node.managed);
        for node in
            nodes.filter(|node| !self.snapshot.resources.contains_key(&node.address)).collect::<Vec<_>>()
        {
            let address = &node.address;
            let all = found.entry(address.kind.clone()).or_default();
            let (mut here, others): (Vec<_>, Vec<_>) = all.drain(..).partition(|one| one.is_at(address));
            *all = others;
            // Older bakes belong to older releases, and are deleted when nothing uses them.
            let bakes = kind::find_managed(&address.kind).is_some_and(|kind| kind.is_its_inputs());
            if let ([_, _, ..], false) = (here.as_slice(), bakes) {
                return Err(several(address, &here));
            }
            let Some(Tagged { id, .. }) = here.pop() else {
                self.rebuilt.missing.push(address.clone());
                continue;
            };
            for older in here {
                let taken = take_over(self.cloud, self.view, node, &older.id, &self.known).await?;
                let record = taken.map(|taken| taken.record);
                let leftover = record.map(|record| Change::Leftover { address: address.clone(), record });
                leftover.into_iter().for_each(|change| self.learn(change));
            }
            let Some(taken) = take_over(self.cloud, self.view, node, &id, &self.known).await? else {
                self.rebuilt.missing.push(address.clone());
                continue;
            };
            let record = taken.record.clone();
            let (inputs, outputs) = (record.inputs.clone(), record.outputs.clone());
            self.known.insert(address.clone(), Facts { inputs, outputs, members: None });
            self.rebuilt.found.push((address.clone(), record.id.clone()));
            self.taken.insert(address.clone(), taken);
            self.learn(Change::Put { address: address.clone(), record });
        }
        let left =
            found.into_iter().flat_map(|(kind, all)| all.into_iter().map(move |one| (kind.clone(), one)));
        let deposed = self.snapshot.deposed.iter().map(|one| &one.record);
        let records = self.snapshot.resources.values().chain(deposed);
        let known: BTreeSet<&str> = records.map(|record| record.id.as_str()).collect();
        self.rebuilt.left = left.filter(|(_, one)| !known.contains(one.id.as_str())).collect();
        Ok(())
    }

    /// The resources with the stack's tag, by kind; a kind comes after the kinds that it is a part of.
    async fn tagged(&self) -> Result<BTreeMap<String, Vec<Tagged>>, Error> {
        let outputs = self.known.values().flat_map(|facts| facts.outputs.values());
        let mut within: Vec<String> = outputs.filter_map(Value::as_str).map(str::to_owned).collect();
        let mut found = BTreeMap::new();
        for kind in kind::managed() {
            within.sort();
            within.dedup();
            let some = kind.tagged(self.cloud, &self.snapshot.stack, &within).await?;
            within.extend(some.iter().map(|one| one.id.clone()));
            found.insert(kind.schema().kind.to_owned(), some);
        }
        Ok(found)
    }

    /// The stack's outputs, if no resource is missing that they may refer to.
    fn outputs(&mut self) -> Result<(), Error> {
        if self.rebuilt.missing.is_empty() {
            let mut mistakes = Vec::new();
            let outputs = self.view.outputs(&self.known, &mut mistakes);
            if !mistakes.is_empty() {
                return Err(PlanError::stack(self.view, mistakes).into());
            }
            self.learn(Change::Outputs { outputs });
        }
        Ok(())
    }

    async fn deployment(&mut self, name: &str) -> Result<(), Error> {
        let seam = names::fleet(&self.snapshot, name);
        let id = |colour: Colour| {
            let address = Address::new(seam.kind(), name).with_key(colour.name());
            self.snapshot.resources.get(&address).map(|record| record.id.clone())
        };
        let ids: BTreeMap<Colour, String> =
            Colour::BOTH.into_iter().filter_map(|colour| Some((colour, id(colour)?))).collect();
        let weights = seen::weights(self.cloud, &self.snapshot, name).await?;
        let (Some(weights), false) = (weights, ids.is_empty()) else { return Ok(()) };
        let carries: Vec<Colour> =
            weights.iter().filter(|(_, weight)| **weight > 0).map(|(colour, _)| *colour).collect();
        let &[live] = carries.as_slice() else { return Err(divided(name, &weights)) };
        let names: Vec<&str> = ids.values().map(String::as_str).collect();
        let fleets = seam.observe(self.cloud, &names).await?;
        let mut facts = Deployment::first();
        facts.live = Some(live);
        facts.shift(live, 100);
        facts.has_shifted(self.cloud.clock.now());
        facts.size(live, Sizing::File);
        facts.size(live.other(), Sizing::Empty);
        let declaration = self.declaration(name)?;
        facts.settle = Some(declaration.settle);
        for (colour, id) in &ids {
            let Some(fleet) = fleets.get(id) else { continue };
            let runs = fleet.desired > 0 || fleet.running() > 0;
            if *colour != live && !runs {
                continue;
            }
            let release = self.release(name, seam, *colour, fleet, &declaration.release).await?;
            let (label, count) = (release.label.clone(), fleet.running());
            facts.releases.insert(*colour, release);
            self.rebuilt.lines.push(match *colour == live {
                true => format!("{name}: {label} on {colour} is live and has all traffic"),
                false => format!("{name}: {label} on {colour} stands by with {count} {}", seam.members()),
            });
            if *colour != live {
                facts.size(*colour, Sizing::Left);
                let (at, after) = (seam.retires(self.cloud, id).await?, declaration.strategy.retire_after());
                facts.retirement = at.map(|at| Retirement { colour: *colour, at, after });
            }
        }
        self.learn(Change::Deployment { name: name.to_owned(), facts: Some(Box::new(facts)) });
        Ok(())
    }

    fn declaration(&self, name: &str) -> Result<Declaration, Error> {
        let (sides, mut mistakes) = (Sides { name, new: Colour::Blue, releases: ["", ""] }, Vec::new());
        let read = self.view.deployment(name, &sides, &self.known, &mut mistakes);
        read.ok_or_else(|| PlanError::stack(self.view, mistakes).into())
    }

    /// The release that a colour runs: the file's, if no shipped attribute differs. Otherwise its label comes
    /// from its launch source, and the next apply ships the file's release in its place.
    async fn release(
        &mut self,
        name: &str,
        seam: &dyn Fleet,
        colour: Colour,
        fleet: &Standing,
        declared: &str,
    ) -> Result<Release, Error> {
        let differs = self.differs(name, seam, colour, fleet).await?;
        let Author { by, commit } = author::author(self.view);
        let mut mistakes = Vec::new();
        let found = fingerprint(self.view, name, &self.known, &mut mistakes);
        let (fingerprint, judged) = found.ok_or_else(|| PlanError::stack(self.view, mistakes))?;
        let began = self.cloud.clock.now();
        if differs.is_empty() {
            return Ok(Release { label: declared.to_owned(), fingerprint, judged, began, by, commit });
        }
        let label = match fleet.stands_at() {
            Some(version) => format!("version-{}", version.version),
            None => format!("{colour}-as-found"),
        };
        self.rebuilt.lines.push(format!(
            "{name}: {colour} runs another release than the file's {declared}, which differs in {}; it is called {label}",
            differs.join(", ")
        ));
        let is_judged = !differs.iter().any(|path| path.starts_with(seam.targets()));
        Ok(Release {
            fingerprint: format!("found-{label}"),
            label,
            judged: if is_judged { judged } else { String::new() },
            began,
            by,
            commit: None,
        })
    }

    /// The shipped attributes of a colour that differ from the file.
    async fn differs(
        &self,
        name: &str,
        seam: &dyn Fleet,
        colour: Colour,
        fleet: &Standing,
    ) -> Result<Vec<String>, Error> {
        let source = Address::new(seam.source(), name);
        let mut paths = BTreeSet::new();
        if let (Some(taken), Some(kind)) = (self.taken.get(&source), kind::find_managed(&source.kind)) {
            let was = match fleet.stands_at() {
                Some(version) => seam.at_version(self.cloud, &version, &taken.record).await?,
                None => None,
            };
            let was = was.as_ref().unwrap_or(&taken.live.inputs);
            let changes = diff(kind.schema(), was, &taken.inputs, &taken.record.inputs);
            let changes = changes.iter().filter(|change| ships(seam, &source.kind, change.attribute()));
            paths.extend(changes.map(|change| format!("{}.{}", source.kind, change.path)));
        }
        for kind in [seam.targets(), seam.kind()] {
            let Some(taken) = self.taken.get(&Address::new(kind, name).with_key(colour.name())) else {
                continue;
            };
            let changes = taken.changes_but(&["name"]);
            let changes = changes.iter().filter(|change| ships(seam, kind, change.attribute()));
            paths.extend(changes.map(|change| format!("{kind}.{}", change.path)));
        }
        Ok(paths.into_iter().collect())
    }
}

fn several(address: &Address, here: &[Tagged]) -> Error {
    let ids: Vec<&str> = here.iter().map(|one| one.id.as_str()).collect();
    Error::refused(
        "bgform::state::several",
        format!("{} bear the tag of `{address}`, and only one of them can be it", ids.join(" and ")),
        format!(
            "nothing was changed. A replacement was cut short. Take the one that is in use over with `bgform import \
             '{address}' ID`; `bgform state rebuild` finds the rest then"
        ),
    )
}

fn divided(name: &str, weights: &BTreeMap<Colour, u8>) -> Error {
    let shares: Vec<String> = weights.iter().map(|(colour, weight)| format!("{colour} {weight}%")).collect();
    Error::refused(
        "bgform::state::divided",
        format!("the live colour of `{name}` cannot be found out: {}", shares.join(", ")),
        "nothing was changed. A release was under way when the state was lost. Give the colour that is to be live all \
         of the weight in AWS's console or with its CLI, and do this again",
    )
}
