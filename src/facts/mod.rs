//! The facts of a deployment: the live colour, the release of each colour, and the progress of a rollout.
//! Facts only: nothing here decides or makes a call.

mod rollout;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use rollout::{BACK, Batches, Course, Origin, Rollout, Stage};

/// One of the two fleets that a deployment keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    Blue,
    Green,
}

impl Colour {
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// The key of its resources: `autoscaling_group.web["blue"]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A release that a colour runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The author's `release`.
    pub label: String,
    /// The digest of everything that reaches an instance or says how it is judged.
    pub fingerprint: String,
    /// The digest of the target group, which says how instances are reached and judged. Empty in states that
    /// were written before it existed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub judged: String,
    pub began: Timestamp,
    /// The user who shipped it, as `user@host`.
    pub by: String,
    /// The commit of the checkout that holds the stack, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Release {
    /// Tells whether `other` needs a target group with other settings.
    pub fn is_judged_otherwise(&self, other: &Self) -> bool {
        !self.judged.is_empty() && self.judged != other.judged
    }
}

#[cfg(test)]
impl Release {
    /// A release that was shipped long ago; its fingerprint is its label.
    pub fn of(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            fingerprint: label.to_owned(),
            judged: String::new(),
            began: Timestamp::UNIX_EPOCH,
            by: "a@b".to_owned(),
            commit: None,
        }
    }
}

/// The source of the sizes of a colour's fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizing {
    /// The file; within its bounds the desired capacity belongs to scaling policies.
    File,
    /// At least this many instances, so that no scaling policy shrinks a fleet that carries traffic or is the
    /// way back.
    AtLeast(u32),
    /// This many instances now, and never fewer.
    Raised(u32),
    /// The file, with the minimum lowered by this many instances, which are on standby while they are given a
    /// release.
    Standby(u32),
    /// Unchanged: the colour stands by, and its retirement may come at any moment.
    Left,
    /// No instances.
    #[default]
    Empty,
}

/// The release of the live colour until another replaced it there: the way back from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    pub release: Release,
    pub origin: Origin,
}

/// The retirement of a colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    pub colour: Colour,
    pub at: Timestamp,
    /// The total time that the colour stands by.
    #[serde(with = "rollout::seconds", default)]
    pub after: Duration,
}

/// The end of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Shipped,
    /// A gate, an alarm or a fleet failed, and the traffic is back on the old colour.
    RolledBack,
    /// Somebody asked for it.
    Aborted,
    /// Another release replaced it before it was done.
    Superseded,
    /// It ran already, and was adopted.
    Adopted,
}

/// Default settle time. A load balancer's nodes learn of a rule change one after another, and AWS gives no
/// bound for it: traffic was seen at weight 0 for up to two minutes (argo-rollouts 4595).
pub const SETTLE: Duration = Duration::from_secs(120);

/// Lines of history that are kept.
const KEPT: usize = 200;

/// One line of `bgform history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    pub release: Release,
    pub colour: Colour,
    pub ended: Timestamp,
    pub ending: Ending,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The fleet that was adopted as the blue colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// The Auto Scaling group's name.
    pub group: String,
    /// The version to which the group must still be pinned: it uses `$Latest` or `$Default`, and so would
    /// launch the next release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Origin>,
}

/// All facts of one deployment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// The colour that carries the traffic; `None` before the first release was shipped.
    pub live: Option<Colour>,
    /// The weights in the listener rules, in percent; a missing colour has none.
    pub weights: BTreeMap<Colour, u8>,
    pub sizing: BTreeMap<Colour, Sizing>,
    pub releases: BTreeMap<Colour, Release>,
    /// The priorities of the preview rules, in the order of the deployment's rules; empty without a preview.
    pub previews: Vec<u32>,
    /// The scheduled action that may exist on a colour's group: recorded before it is made, and removed after
    /// it is deleted.
    pub retirement: Option<Retirement>,
    /// The colours that have lost their weight, and when; `None` while the rules are being changed.
    pub unweighted: BTreeMap<Colour, Option<Timestamp>>,
    /// Time that a colour keeps its instances after it has lost its weight, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<u64>,
    pub rollout: Option<Rollout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// The name of an irreversible gate that was begun since the live colour took over.
    pub no_way_back: Option<String>,
    /// The file's minimum and maximum size when sizes were last pinned.
    pub bounds: Option<[u32; 2]>,
    /// The latest last.
    pub history: Vec<Shipped>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

impl Deployment {
    /// The facts before the first release: blue at the sizes of the file, green empty.
    pub fn first() -> Self {
        Self {
            weights: BTreeMap::from([(Colour::Blue, 100), (Colour::Green, 0)]),
            sizing: BTreeMap::from([(Colour::Blue, Sizing::File), (Colour::Green, Sizing::Empty)]),
            ..Self::default()
        }
    }

    /// Begins the first release. It has no instance until the gates before its launch have passed, and no
    /// traffic until those before its shift have. The traffic goes to the other colour, which is empty.
    pub fn begin_first(&mut self, rollout: Rollout) {
        let to = rollout.to;
        // The remains of an earlier failed release stay until they are replaced.
        let is_new = self.history.is_empty();
        match rollout.stages.first() {
            Some(Stage::Gate { .. }) if is_new => drop(self.sizing.insert(to, Sizing::Empty)),
            Some(Stage::Gate { .. }) => {}
            _ => drop(self.sizing.insert(to, Sizing::File)),
        }
        match rollout.stages.iter().any(|stage| matches!(stage, Stage::Shift { .. })) {
            true if is_new => self.weights = BTreeMap::from([(to, 0), (to.other(), 100)]),
            true => {}
            false => self.weights = BTreeMap::from([(to, 100), (to.other(), 0)]),
        }
        self.rollout = Some(rollout);
    }

    /// The facts of an adopted fleet: blue is live, and its release has no label yet.
    pub fn adopting(adopted: Adopted) -> Self {
        Self { live: Some(Colour::Blue), adopted: Some(adopted), ..Self::first() }
    }

    /// Tells whether it was adopted and its release is not known yet.
    pub fn is_unlabelled(&self) -> bool {
        self.adopted.is_some() && self.releases.is_empty() && self.rollout.is_none()
    }

    /// Gives the adopted fleet this release.
    pub fn label(&mut self, release: Release) {
        let Some(live) = self.live else { return };
        self.releases.insert(live, release.clone());
        self.remember(release, live, Ending::Adopted, None);
    }

    /// Sets the sizes while the new colour is raised beside a live one of this capacity: neither may shrink
    /// below it. A first release has the sizes of the file.
    pub fn raise(&mut self, capacity: Option<u32>) {
        let Some(to) = self.rollout.as_ref().map(|rollout| rollout.to) else { return };
        match (self.live.filter(|live| *live != to), capacity) {
            (Some(old), Some(capacity)) => {
                self.sizing.insert(to, Sizing::Raised(capacity));
                self.sizing.insert(old, Sizing::AtLeast(capacity));
            }
            _ => {
                self.sizing.insert(to, Sizing::File);
            }
        }
    }

    /// Copies the weights, sizes and previews of `other`.
    pub fn stand_like(&mut self, other: &Self) {
        self.weights.clone_from(&other.weights);
        self.unweighted.clone_from(&other.unweighted);
        self.sizing.clone_from(&other.sizing);
        self.previews.clone_from(&other.previews);
    }

    /// The release that a colour runs, or is being given.
    pub fn running(&self, colour: Colour) -> Option<&Release> {
        match &self.rollout {
            Some(rollout) if rollout.to == colour && rollout.has_raised() => Some(&rollout.release),
            _ => self.releases.get(&colour),
        }
    }

    /// Tells whether a colour without traffic still has its instances, as far as is known.
    pub fn stands_by(&self, colour: Colour) -> bool {
        self.live.is_some_and(|live| live != colour) && self.sizing(colour) != Sizing::Empty
    }

    /// Makes the release under way the live one.
    pub fn arrived(&mut self) {
        let Some(rollout) = &self.rollout else { return };
        let to = rollout.to;
        let before = self.releases.get(&to).cloned().filter(|_| self.live == Some(to));
        self.live = Some(to);
        match rollout.is_back() {
            // Its author and time stay as they were.
            true => self.went_back(),
            false => {
                let origin = rollout.origin.clone();
                self.releases.insert(to, rollout.release.clone());
                self.replaced = before.zip(origin).map(|(release, origin)| Replaced { release, origin });
                if self.replaced.is_some() {
                    // The other colour's release is no longer the release before.
                    self.releases.remove(&to.other());
                }
                self.give_up(Ending::Shipped, None);
            }
        }
    }

    /// The pending retirement of a standby colour.
    pub fn due(&self) -> Option<&Retirement> {
        self.retirement.as_ref().filter(|one| self.sizing(one.colour) == Sizing::Left)
    }

    /// Ends the rollout and adds it to the history.
    pub fn give_up(&mut self, ending: Ending, reason: Option<String>) {
        let Some(rollout) = self.rollout.take() else { return };
        self.remember(rollout.release, rollout.to, ending, reason);
    }

    /// Ends a way back: the release that it left is added to the history, with the user who went back.
    pub fn went_back(&mut self) {
        let Some(rollout) = self.rollout.take() else { return };
        let reason = format!("{} went back to {}", rollout.release.by, rollout.release.label);
        let restores = rollout.stages.contains(&Stage::Restore);
        let left = if restores { rollout.to } else { rollout.to.other() };
        if let Some(release) = self.releases.get(&left).cloned() {
            self.remember(release, left, Ending::RolledBack, Some(reason));
        }
        if let Some(replaced) = self.replaced.take().filter(|_| restores) {
            self.releases.insert(rollout.to, replaced.release);
        }
    }

    fn remember(&mut self, release: Release, colour: Colour, ending: Ending, reason: Option<String>) {
        self.history.push(Shipped { release, colour, ended: crate::clock::now(), ending, reason });
        let excess = self.history.len().saturating_sub(KEPT);
        self.history.drain(..excess);
    }

    pub fn weight(&self, colour: Colour) -> u8 {
        self.weights.get(&colour).copied().unwrap_or_default()
    }

    pub fn size(&mut self, colour: Colour, sizing: Sizing) {
        self.sizing.insert(colour, sizing);
    }

    pub fn sizing(&self, colour: Colour) -> Sizing {
        self.sizing.get(&colour).copied().unwrap_or_default()
    }

    /// The history line of the release with this fingerprint, if it was taken back the last time it was
    /// shipped.
    pub fn taken_back(&self, fingerprint: &str) -> Option<&Shipped> {
        let last = self.history.iter().rev().find(|one| one.release.fingerprint == fingerprint)?;
        matches!(last.ending, Ending::RolledBack | Ending::Aborted).then_some(last)
    }

    /// The release that a command addresses: the one under way, otherwise the live one.
    pub fn addressed(&self) -> Option<&Release> {
        let live = || self.releases.get(&self.live?);
        self.rollout.as_ref().map(|rollout| &rollout.release).or_else(live)
    }

    /// Tells whether the colour's standby time is over.
    pub fn has_retired(&self, colour: Colour, now: Timestamp) -> bool {
        self.sizing(colour) == Sizing::Empty
            || self.retirement.as_ref().is_some_and(|one| one.colour == colour && one.at <= now)
    }

    /// Records that the rules were changed: colours without weight have lost it now.
    pub fn has_shifted(&mut self, now: Timestamp) {
        for since in self.unweighted.values_mut() {
            since.get_or_insert(now);
        }
    }

    /// Time that a colour keeps its instances after it has lost its weight.
    pub fn settle(&self) -> Duration {
        self.settle.map_or(SETTLE, Duration::from_secs)
    }

    /// The time left of the stage under way; `None` if the stage has no time.
    pub fn left(&self) -> Option<Duration> {
        let rollout = self.rollout.as_ref()?;
        let time = match rollout.stage()? {
            Stage::Hold { time } => *time,
            Stage::Settle => self.settle(),
            _ => return None,
        };
        Some(time.saturating_sub(rollout.served))
    }

    /// The gate of the release under way that closed the way back.
    pub fn closed_by(&self) -> Option<&String> {
        let rollout = self.rollout.as_ref()?;
        self.no_way_back.as_ref().filter(|gate| rollout.has_reached(gate))
    }

    /// Records that the colour is empty: its way back needs a raise, and sizes are the file's again.
    pub fn retired(&mut self, colour: Colour) {
        self.sizing.insert(colour, Sizing::Empty);
        self.sizing.insert(colour.other(), Sizing::File);
    }

    /// Sets the weights that give the new colour `new` percent of the traffic.
    pub fn shift(&mut self, to: Colour, new: u8) {
        for (colour, weight) in [(to, new), (to.other(), 100u8.saturating_sub(new))] {
            match (self.weights.insert(colour, weight).unwrap_or_default(), weight) {
                (0, 0) => {}
                (_, 0) => drop(self.unweighted.insert(colour, None)),
                _ => drop(self.unweighted.remove(&colour)),
            }
        }
    }

    /// Tells whether the attributes that ship with a colour follow the file, since it is being raised.
    /// Otherwise they stay as they were when it was raised.
    pub fn follows_file(&self, colour: Colour) -> bool {
        let follows = |rollout: &Rollout| rollout.to == colour && rollout.has_raised() && !rollout.is_back();
        self.rollout.as_ref().is_some_and(follows)
    }
}
