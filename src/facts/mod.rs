//! What is known of a deployment: which colour carries the traffic, what each colour runs, and how
//! far a rollout is. Facts only: nothing here decides or makes a call.

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

/// What a colour was given to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The author's `release`.
    pub label: String,
    /// The digest of everything that reaches an instance or says how it is judged.
    pub fingerprint: String,
    /// The digest of what says how its instances are reached and judged: the target group. Empty in
    /// states that were written before it was kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub judged: String,
    pub began: Timestamp,
    /// Who shipped it, as `user@host`.
    pub by: String,
    /// The commit of the checkout that holds the stack, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Release {
    /// Whether `other` needs a target group with other settings.
    pub fn is_judged_otherwise(&self, other: &Self) -> bool {
        !self.judged.is_empty() && self.judged != other.judged
    }
}

#[cfg(test)]
impl Release {
    /// One that somebody shipped long ago; its fingerprint is its label.
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

/// What decides the sizes of a colour's Auto Scaling group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizing {
    /// The file; within its bounds the desired capacity belongs to scaling policies.
    File,
    /// At least so many instances, so that no scaling policy shrinks a fleet that carries traffic or
    /// is the way back.
    AtLeast(u32),
    /// So many instances now, and never fewer.
    Raised(u32),
    /// The file, with the minimum lower by so many: they are on standby while they are given a release.
    Standby(u32),
    /// As it is: it stands by, and its retirement may come at any moment.
    Left,
    /// None.
    #[default]
    Empty,
}

/// What the live colour ran until a release took its place there: the way back from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    pub release: Release,
    pub origin: Origin,
}

/// When and how a colour is to be emptied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    pub colour: Colour,
    pub at: Timestamp,
    /// How long the colour stands by in all.
    #[serde(with = "rollout::seconds", default)]
    pub after: Duration,
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Shipped,
    /// A gate, an alarm or a fleet failed, and the traffic is back on the old colour.
    RolledBack,
    /// Somebody asked for it.
    Aborted,
    /// Another release took its place before it was done.
    Superseded,
    /// It ran already, and was taken over as it was.
    Adopted,
}

/// A load balancer's nodes learn of a rule change one after the other, and AWS gives no bound for it:
/// traffic was seen at weight 0 for up to two minutes (argo-rollouts 4595).
pub const SETTLE: Duration = Duration::from_secs(120);

/// So many lines of history are kept.
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

/// What ran before there was a deployment, taken over as its blue colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// The Auto Scaling group's name.
    pub group: String,
    /// The version that the group is still to be pinned to: it names the newest or the default one,
    /// and so would launch the next release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Origin>,
}

/// All that is known of one deployment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// The colour that carries the traffic; none before the first release was shipped.
    pub live: Option<Colour>,
    /// What the listener rules give each colour; a colour that is not named has none.
    pub weights: BTreeMap<Colour, u8>,
    pub sizing: BTreeMap<Colour, Sizing>,
    pub releases: BTreeMap<Colour, Release>,
    /// The priorities of the preview rules, in the order of the deployment's rules; none without a
    /// preview.
    pub previews: Vec<u32>,
    /// The scheduled action that may stand on a colour's group: written before it is made, and taken
    /// away after it is.
    pub retirement: Option<Retirement>,
    /// The colours that had weight and have none, and since when; none while the rules are changed.
    pub unweighted: BTreeMap<Colour, Option<Timestamp>>,
    /// How long a colour keeps its instances after it has lost its weight, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<u64>,
    pub rollout: Option<Rollout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// A gate that cannot be taken back was begun since the live colour took over: its name.
    pub no_way_back: Option<String>,
    /// The file's minimum and maximum size, as they were when sizes were last pinned.
    pub bounds: Option<[u32; 2]>,
    /// The latest last.
    pub history: Vec<Shipped>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

impl Deployment {
    /// Before its first release: blue is to be as large as the file says, and green empty.
    pub fn first() -> Self {
        Self {
            weights: BTreeMap::from([(Colour::Blue, 100), (Colour::Green, 0)]),
            sizing: BTreeMap::from([(Colour::Blue, Sizing::File), (Colour::Green, Sizing::Empty)]),
            ..Self::default()
        }
    }

    /// Begins the first release. It has no instance before the gates that come before its launch have passed,
    /// and no traffic before those that come before its shift: that goes to the other colour, which is empty.
    pub fn begin_first(&mut self, rollout: Rollout) {
        let to = rollout.to;
        // What one that failed before has left stands until its turn comes.
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

    /// What runs already as the blue colour, live, before its release has its label.
    pub fn adopting(adopted: Adopted) -> Self {
        Self { live: Some(Colour::Blue), adopted: Some(adopted), ..Self::first() }
    }

    /// Whether it was taken over and its release is not known yet.
    pub fn is_unlabelled(&self) -> bool {
        self.adopted.is_some() && self.releases.is_empty() && self.rollout.is_none()
    }

    /// What was taken over is this release.
    pub fn label(&mut self, release: Release) {
        let Some(live) = self.live else { return };
        self.releases.insert(live, release.clone());
        self.remember(release, live, Ending::Adopted, None);
    }

    /// The sizes while the new colour is raised beside a live one of this capacity: neither may shrink
    /// below it. A first release is as large as the file says.
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

    /// The weights, sizes and previews are those of `other`.
    pub fn stand_like(&mut self, other: &Self) {
        self.weights.clone_from(&other.weights);
        self.unweighted.clone_from(&other.unweighted);
        self.sizing.clone_from(&other.sizing);
        self.previews.clone_from(&other.previews);
    }

    /// What a colour runs, or is being given to run.
    pub fn running(&self, colour: Colour) -> Option<&Release> {
        match &self.rollout {
            Some(rollout) if rollout.to == colour && rollout.has_raised() => Some(&rollout.release),
            _ => self.releases.get(&colour),
        }
    }

    /// Whether a colour without traffic still has its instances, as far as is known.
    pub fn stands_by(&self, colour: Colour) -> bool {
        self.live.is_some_and(|live| live != colour) && self.sizing(colour) != Sizing::Empty
    }

    /// The release under way is the live one from here on.
    pub fn arrived(&mut self) {
        let Some(rollout) = &self.rollout else { return };
        let to = rollout.to;
        let before = self.releases.get(&to).cloned().filter(|_| self.live == Some(to));
        self.live = Some(to);
        match rollout.is_back() {
            // Who shipped it, and when, stays as it was.
            true => self.went_back(),
            false => {
                let origin = rollout.origin.clone();
                self.releases.insert(to, rollout.release.clone());
                self.replaced = before.zip(origin).map(|(release, origin)| Replaced { release, origin });
                if self.replaced.is_some() {
                    // What the other colour had is no longer the release before.
                    self.releases.remove(&to.other());
                }
                self.give_up(Ending::Shipped, None);
            }
        }
    }

    /// The retirement that is to come, of a colour that stands by.
    pub fn due(&self) -> Option<&Retirement> {
        self.retirement.as_ref().filter(|one| self.sizing(one.colour) == Sizing::Left)
    }

    /// The rollout ends here, and is written into the history.
    pub fn give_up(&mut self, ending: Ending, reason: Option<String>) {
        let Some(rollout) = self.rollout.take() else { return };
        self.remember(rollout.release, rollout.to, ending, reason);
    }

    /// The way back has been gone: the release that it left is the one that is written into the
    /// history, with who went back.
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

    /// How the release of this fingerprint ended, if it was taken back the last time that it was shipped.
    pub fn taken_back(&self, fingerprint: &str) -> Option<&Shipped> {
        let last = self.history.iter().rev().find(|one| one.release.fingerprint == fingerprint)?;
        matches!(last.ending, Ending::RolledBack | Ending::Aborted).then_some(last)
    }

    /// The release that a command is about: the one under way, or, without one, the one that is live.
    pub fn addressed(&self) -> Option<&Release> {
        let live = || self.releases.get(&self.live?);
        self.rollout.as_ref().map(|rollout| &rollout.release).or_else(live)
    }

    /// Whether the colour's time to stand by is over.
    pub fn has_retired(&self, colour: Colour, now: Timestamp) -> bool {
        self.sizing(colour) == Sizing::Empty
            || self.retirement.as_ref().is_some_and(|one| one.colour == colour && one.at <= now)
    }

    /// The colours without weight have lost it by now: the rules were changed.
    pub fn has_shifted(&mut self, now: Timestamp) {
        for since in self.unweighted.values_mut() {
            since.get_or_insert(now);
        }
    }

    /// How long a colour keeps its instances after it has lost its weight.
    pub fn settle(&self) -> Duration {
        self.settle.map_or(SETTLE, Duration::from_secs)
    }

    /// How much of the time of the stage under way is left; none where it is not for a time.
    pub fn left(&self) -> Option<Duration> {
        let rollout = self.rollout.as_ref()?;
        let time = match rollout.stage()? {
            Stage::Hold { time } => *time,
            Stage::Settle => self.settle(),
            _ => return None,
        };
        Some(time.saturating_sub(rollout.served))
    }

    /// The gate of the release under way that there is no way back from.
    pub fn closed_by(&self) -> Option<&String> {
        let rollout = self.rollout.as_ref()?;
        self.no_way_back.as_ref().filter(|gate| rollout.has_reached(gate))
    }

    /// The colour is empty by now, and its way back needs a raise: sizes are the file's again.
    pub fn retired(&mut self, colour: Colour) {
        self.sizing.insert(colour, Sizing::Empty);
        self.sizing.insert(colour.other(), Sizing::File);
    }

    /// The weights that give the new colour `new` percent of the traffic.
    pub fn shift(&mut self, to: Colour, new: u8) {
        for (colour, weight) in [(to, new), (to.other(), 100u8.saturating_sub(new))] {
            match (self.weights.insert(colour, weight).unwrap_or_default(), weight) {
                (0, 0) => {}
                (_, 0) => drop(self.unweighted.insert(colour, None)),
                _ => drop(self.unweighted.remove(&colour)),
            }
        }
    }

    /// Whether what ships with a colour is to be as the file says: it is being raised. Otherwise it
    /// is as it was when the colour was raised.
    pub fn follows_file(&self, colour: Colour) -> bool {
        let follows = |rollout: &Rollout| rollout.to == colour && rollout.has_raised() && !rollout.is_back();
        self.rollout.as_ref().is_some_and(follows)
    }
}
