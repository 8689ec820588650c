//! Passes the gates of a rollout, with the values known when they are reached.

use std::time::Duration;

use super::{Failure, Rolling};
use crate::address::Address;
use crate::deployment::declaration::Gate;
use crate::deployment::names;
use crate::deployment::sides::Sides;
use crate::facts::Colour;
use crate::kind;
use crate::plan::resolve::resolve;
use crate::rollout::gate::{self, Verdict};
use crate::value::Object;

impl Rolling<'_> {
    /// Passes a gate once; a gate that was passed is not checked again.
    pub async fn gate(&self, name: &str) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let began = clock.monotonic();
        let mut attempts = 0;
        loop {
            self.heed().await?;
            let Some((_, rollout)) = self.rollout() else { return Ok(()) };
            if rollout.passed.contains(name) {
                return Ok(());
            }
            let Some(gate) = self.evaluated(name) else {
                let reason = "it is no longer in the stack".to_owned();
                return Err(Failure::Gate { gate: name.to_owned(), reason });
            };
            let acts = gate.command.is_some() || gate.remote.is_some() || gate.task.is_some();
            if gate.task.is_some() {
                self.register().await?;
            }
            if gate.irreversible && acts && !rollout.has_reached(name) {
                // If the gate fails half way, going back does not undo that half.
                self.change(|facts, rollout| {
                    facts.no_way_back = Some(name.to_owned());
                    rollout.begun = Some(name.to_owned());
                })
                .await?;
            }
            attempts += 1;
            let verdict = match (&gate.approval, rollout.approved.contains(name)) {
                (Some(_), true) => Verdict::Passed,
                (Some(asked), false) => Verdict::NotYet(format!(
                    "waiting for approval{}; `bgform approve \"{name}\"` gives it",
                    if asked.message.is_empty() { String::new() } else { format!(" ({})", asked.message) }
                )),
                (None, _) => {
                    let ground = self.ground(&gate)?;
                    tokio::select! {
                    verdict = gate::check(&gate, &ground) => verdict?,
                    // The first interrupt lets a running command end.
                        () = self.run.shutdown.at_once() => return Err(Failure::Interrupted),
                    }
                }
            };
            let late = clock.monotonic().saturating_sub(began) >= Duration::from_secs(gate.timeout);
            match verdict {
                Verdict::Passed => {
                    self.change(|facts, rollout| {
                        if gate.irreversible {
                            facts.no_way_back = Some(name.to_owned());
                        }
                        rollout.passed.insert(name.to_owned());
                    })
                    .await?;
                    self.tell(&format!("gate \"{name}\" passed"));
                    return Ok(());
                }
                Verdict::NotYet(seen) if !late && !gate.is_exhausted(attempts) => {
                    let seen = format!("gate \"{name}\": {seen}");
                    match attempts == 1 && (gate.approval.is_some() || gate.command.is_some()) {
                        // An approval is asked for, and shown, without a terminal too.
                        true => self.tell(&seen),
                        false => self.say(&seen),
                    }
                    tokio::select! {
                        () = clock.sleep(gate.pause()) => {}
                        () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                    }
                }
                Verdict::NotYet(reason) | Verdict::Failed(reason) => {
                    return Err(Failure::Gate { gate: name.to_owned(), reason });
                }
            }
        }
    }

    /// Brings the launch source to the release in the file, before a colour is raised from it.
    async fn register(&self) -> Result<(), Failure> {
        let Some((_, rollout)) = self.rollout().filter(|(_, rollout)| !rollout.has_raised()) else {
            return Ok(());
        };
        if !rollout.registered {
            self.change(|_, rollout| rollout.registered = true).await?;
        }
        // Every time: a run may have been cut short between the fact and the call.
        let source = Address::new(self.seam().source(), self.name);
        self.agree(&[source].into()).await
    }

    /// The inputs of a resource of the deployment in the file.
    fn in_the_file(&self, address: &Address) -> Option<Object> {
        let (program, known) = (self.run.program, self.known());
        let node = program.nodes.iter().find(|node| node.address == *address)?;
        let evaluated = program.evaluate(node, &known, &mut Vec::new())?;
        let schema = kind::find_managed(&address.kind)?.schema();
        Some(resolve(schema, &evaluated.inputs, &known))
    }

    /// The gate with the values known now.
    pub fn evaluated(&self, name: &str) -> Option<Gate> {
        let (facts, rollout) = self.rollout()?;
        let label = |colour: Colour| facts.releases.get(&colour).map_or("", |release| release.label.as_str());
        let sides = Sides {
            name: self.name,
            new: rollout.to,
            releases: [&rollout.release.label, label(facts.live.unwrap_or(rollout.to.other()))],
        };
        let known = self.known();
        let declaration = self.run.program.deployment(self.name, &sides, &known, &mut Vec::new())?;
        declaration.gate.into_iter().find(|gate| gate.name == name)
    }

    pub fn ground(&self, gate: &Gate) -> Result<gate::Ground<'_>, Failure> {
        let facts = self.facts();
        let rollout = facts.rollout.as_ref();
        let to = rollout.map_or(Colour::Blue, |rollout| rollout.to);
        let snapshot = self.run.journal.snapshot();
        let group = snapshot.resources.get(&self.fleet_of(to));
        let label = |colour: Colour| facts.releases.get(&colour).map_or("", |release| release.label.as_str());
        let env = [
            ("BGFORM_STACK", snapshot.stack.as_str()),
            ("BGFORM_DEPLOYMENT", self.name),
            ("BGFORM_GATE", &gate.name),
            ("BGFORM_RELEASE", rollout.map_or("", |rollout| rollout.release.label.as_str())),
            ("BGFORM_OLD_RELEASE", label(facts.live.unwrap_or(to.other()))),
            ("BGFORM_COLOUR", to.name()),
            ("BGFORM_REGION", &self.run.cloud.region),
        ];
        Ok(gate::Ground {
            cloud: self.run.cloud,
            journal: self.run.journal,
            environment: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            folder: self.run.program.folder(),
            deployment: format!("{}.{}", snapshot.lineage, self.name),
            seam: self.seam(),
            group: group.map(|record| record.id.clone()),
            inputs: self.in_the_file(&self.fleet_of(to)),
            newest: snapshot
                .resources
                .get(&Address::new(self.seam().source(), self.name))
                .and_then(|source| self.seam().newest(source)),
            release: rollout
                .map(|one| format!("{}/{}", one.release.fingerprint, one.release.began))
                .unwrap_or_default(),
            since: facts.history.iter().rev().find(|one| one.colour == to).map(|one| one.ended),
            router: names::routers(&snapshot, self.name)
                .first()
                .map(|(_, record, router)| (*router, (*record).clone())),
            headers: match facts.previews.is_empty() {
                true => Default::default(),
                false => self.declaration.preview.as_ref().map(|one| one.header.clone()).unwrap_or_default(),
            },
        })
    }

    /// The deployment's first router.
    pub fn first_router(&self) -> Address {
        let routers = self.routers();
        let plain = |address: &&Address| !names::is_preview(address, self.name);
        routers.iter().find(plain).cloned().unwrap_or_else(|| Address::new("deployment", self.name))
    }
}
