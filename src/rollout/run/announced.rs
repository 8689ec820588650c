//! Holds a run to the effects that its stage has announced, which the proof was made from. A change that was
//! not announced, or that comes too early, is refused before its call is sent. Facts and effects come in;
//! nothing is called.

use crate::facts::{Colour, Deployment, Sizing};
use crate::rollout::verify::Effect;

/// The effects of a stage, or of its undoing, and their progress.
#[derive(Debug, Default)]
pub struct Announced {
    /// The name of the stage, for messages.
    stage: String,
    /// The effects in order, each with whether it has come about.
    effects: Vec<(Effect, bool)>,
    /// The facts that the resources agree with.
    agreed: Deployment,
}

/// The part of a deployment's facts that a resource carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// The weights and the previews.
    Router,
    Sizes(Colour),
}

/// A change that must not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unannounced {
    #[error("stage `{stage}` was about to make a change that it has not announced: {change}")]
    Never { stage: String, change: Effect },
    #[error("stage `{stage}` was about to make a change too early: {change} comes after \"{first}\"")]
    Early { stage: String, change: Effect, first: Effect },
}

impl Announced {
    /// Announces the effects of `stage`, which begins with resources that agree with these facts.
    pub fn new(stage: &str, effects: Vec<Effect>, agreed: Deployment) -> Self {
        let effects = effects.into_iter().map(|effect| (effect, false)).collect();
        Self { stage: stage.to_owned(), effects, agreed }
    }

    /// Allows the changes between the agreed facts and `facts`.
    ///
    /// # Errors
    /// The first change that was not announced, or is not due.
    pub fn allows(&mut self, facts: &Deployment, carries: &[Carries]) -> Result<(), Unannounced> {
        let mut changes = changes(&self.agreed, facts, carries);
        for place in 0..self.effects.len() {
            let (effect, done) = self.effects[place];
            if done {
                changes.retain(|change| !makes(*change, effect));
                continue;
            }
            let made = changes.iter().any(|change| makes(*change, effect));
            changes.retain(|change| !makes(*change, effect));
            match effect {
                // The run must wait for it.
                Effect::Ensured(..) => break,
                _ if made || holds(&self.agreed, effect) => self.effects[place].1 = true,
                _ => break,
            }
        }
        match changes.first() {
            Some(change) => Err(self.refused(*change)),
            None => Ok(()),
        }
    }

    /// The facts that the resources agree with, in the parts that they carry.
    pub fn stands(&self) -> &Deployment {
        &self.agreed
    }

    /// Records that the resources that carry these parts now agree with the facts.
    pub fn agreed(&mut self, facts: &Deployment, carries: &[Carries]) {
        for one in carries {
            match one {
                Carries::Router => {
                    self.agreed.weights.clone_from(&facts.weights);
                    self.agreed.previews.clone_from(&facts.previews);
                    self.agreed.unweighted.clone_from(&facts.unweighted);
                }
                Carries::Sizes(colour) => self.agreed.size(*colour, facts.sizing(*colour)),
            }
        }
    }

    /// Allows a change that is made by a call of its own.
    ///
    /// # Errors
    /// When it was not announced, or is not due.
    pub fn makes(&mut self, change: Effect) -> Result<(), Unannounced> {
        // A change that can lose nothing may come at any time.
        if matches!(change, Effect::Unscheduled(_))
            && self.effects.iter().any(|(effect, _)| *effect == change)
        {
            self.puts_off(change);
            return Ok(());
        }
        match self.due(change) {
            true => Ok(()),
            false => Err(self.refused(change)),
        }
    }

    /// Lets the other effects go on without this one.
    pub fn puts_off(&mut self, effect: Effect) {
        self.effects.iter_mut().filter(|(one, _)| *one == effect).for_each(|(_, done)| *done = true);
    }

    /// Records that the awaited effect has come about.
    pub fn is_so(&mut self, effect: Effect) {
        self.due(effect);
    }

    /// Marks an effect as done if all effects before it are done; returns whether it did.
    fn due(&mut self, change: Effect) -> bool {
        for (effect, done) in &mut self.effects {
            if makes(change, *effect) {
                *done = true;
                return true;
            }
            if !*done && !holds(&self.agreed, *effect) {
                return false;
            }
        }
        false
    }

    fn refused(&self, change: Effect) -> Unannounced {
        let stage = self.stage.clone();
        let open = |(effect, done): &&(Effect, bool)| !done && !holds(&self.agreed, *effect);
        let first = self.effects.iter().find(open).map(|(effect, _)| *effect);
        match first.filter(|_| self.effects.iter().any(|(effect, _)| makes(change, *effect))) {
            Some(first) => Unannounced::Early { stage, change, first },
            None => Unannounced::Never { stage, change },
        }
    }
}

/// The changes between two sets of facts, in the parts that these resources carry.
fn changes(before: &Deployment, after: &Deployment, carries: &[Carries]) -> Vec<Effect> {
    let mut all = Vec::new();
    for one in carries {
        match one {
            Carries::Router => {
                let weights = |facts: &Deployment| Colour::BOTH.map(|colour| facts.weight(colour));
                let [blue, green] = weights(after);
                if weights(before) != [blue, green] {
                    all.push(Effect::Weights(blue, green));
                }
                if before.previews != after.previews {
                    all.push(Effect::Preview(!after.previews.is_empty()));
                }
            }
            Carries::Sizes(colour) => {
                all.extend(resized(*colour, before.sizing(*colour), after.sizing(*colour)));
            }
        }
    }
    all
}

fn resized(colour: Colour, before: Sizing, after: Sizing) -> Option<Effect> {
    match (before, after) {
        _ if before == after => None,
        // The minimum is the same, and from now on the fleet may grow.
        (Sizing::Raised(was), Sizing::AtLeast(is)) if was == is => None,
        // Its sizes stay as they are.
        (_, Sizing::Left) => None,
        (Sizing::Standby(_), _) | (_, Sizing::Standby(_)) => Some(Effect::Replaced(colour)),
        (_, Sizing::File) => Some(Effect::Freed(colour)),
        (_, Sizing::AtLeast(n)) => Some(Effect::Pinned(colour, n)),
        (_, Sizing::Raised(n)) => Some(Effect::Size(colour, n)),
        (_, Sizing::Empty) => Some(Effect::Size(colour, 0)),
    }
}

/// Tells whether a change is this effect, or begins it. The number of instances is known only when the stage
/// runs; a plan has the number of its own time.
fn makes(change: Effect, effect: Effect) -> bool {
    match (change, effect) {
        (Effect::Size(a, 0), Effect::Size(b, n)) => a == b && n == 0,
        (Effect::Size(a, _), Effect::Size(b, n)) => a == b && n > 0,
        (Effect::Size(a, 1..), Effect::Ensured(b, _)) => a == b,
        (Effect::Pinned(a, _), Effect::Pinned(b, _) | Effect::Ensured(b, _)) => a == b,
        (Effect::Pinned(a, _), Effect::Size(b, n)) => a == b && n > 0,
        (Effect::Healthy(a), Effect::Healthy(b) | Effect::Ensured(b, _)) => a == b,
        _ => change == effect,
    }
}

/// Tells whether an effect has already come about in the agreed facts.
fn holds(facts: &Deployment, effect: Effect) -> bool {
    match effect {
        Effect::Size(colour, 0) => facts.sizing(colour) == Sizing::Empty,
        Effect::Pinned(colour, _) | Effect::Size(colour, _) => {
            matches!(facts.sizing(colour), Sizing::AtLeast(_) | Sizing::Raised(_))
        }
        Effect::Freed(colour) => facts.sizing(colour) == Sizing::File,
        Effect::Weights(blue, green) => Colour::BOTH.map(|colour| facts.weight(colour)) == [blue, green],
        Effect::Preview(on) => facts.previews.is_empty() != on,
        Effect::Unscheduled(colour) => facts.retirement.as_ref().is_none_or(|one| one.colour != colour),
        Effect::Healthy(_)
        | Effect::Ensured(..)
        | Effect::Scheduled(_)
        | Effect::Settled(_)
        | Effect::Replaced(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLUE: Colour = Colour::Blue;
    const GREEN: Colour = Colour::Green;

    /// Facts with blue live, at the sizes of the file.
    fn standing() -> Deployment {
        Deployment { live: Some(BLUE), ..Deployment::first() }
    }

    fn with(change: impl FnOnce(&mut Deployment)) -> Deployment {
        let mut facts = standing();
        change(&mut facts);
        facts
    }

    fn raise() -> Announced {
        let effects = vec![
            Effect::Unscheduled(GREEN),
            Effect::Pinned(BLUE, 2),
            Effect::Size(GREEN, 2),
            Effect::Healthy(GREEN),
            Effect::Weights(0, 100),
        ];
        Announced::new("raise", effects, standing())
    }

    fn raised(facts: &mut Deployment) {
        facts.size(BLUE, Sizing::AtLeast(3));
        facts.size(GREEN, Sizing::Raised(3));
    }

    const GROUPS: [Carries; 2] = [Carries::Sizes(BLUE), Carries::Sizes(GREEN)];

    #[test]
    fn what_was_announced_is_allowed_in_its_order() {
        let mut run = raise();
        let larger = with(raised);
        run.allows(&larger, &GROUPS).unwrap();
        run.agreed(&larger, &GROUPS);
        run.is_so(Effect::Healthy(GREEN));
        let shifted = with(|facts| facts.shift(GREEN, 100));
        run.allows(&shifted, &[Carries::Router]).unwrap();
    }

    #[test]
    fn weight_before_health_is_refused() {
        let mut run = raise();
        let larger = with(raised);
        run.allows(&larger, &GROUPS).unwrap();
        run.agreed(&larger, &GROUPS);
        let shifted = with(|facts| facts.shift(GREEN, 100));
        let refused = run.allows(&shifted, &[Carries::Router]).unwrap_err();
        let text = "stage `raise` was about to make a change too early: give green 100% of the traffic comes after \
                    \"wait until all of green are healthy\"";
        assert_eq!(refused.to_string(), text);
    }

    #[test]
    fn a_fleet_that_is_not_pinned_keeps_the_other_from_being_raised() {
        let mut run = raise();
        let unpinned = with(|facts| facts.size(GREEN, Sizing::Raised(3)));
        let refused = run.allows(&unpinned, &GROUPS).unwrap_err();
        assert!(matches!(refused, Unannounced::Early { first: Effect::Pinned(BLUE, _), .. }), "{refused}");
        // A pin that no resource carries yet does not count.
        let refused = run.allows(&with(raised), &[Carries::Sizes(GREEN)]).unwrap_err();
        assert!(matches!(refused, Unannounced::Early { first: Effect::Pinned(BLUE, _), .. }), "{refused}");
    }

    #[test]
    fn what_was_never_announced_is_refused() {
        let mut run = Announced::new("settle", vec![Effect::Settled(BLUE)], standing());
        let emptied = with(|facts| facts.size(BLUE, Sizing::Empty));
        let refused = run.allows(&emptied, &GROUPS).unwrap_err();
        let text = "stage `settle` was about to make a change that it has not announced: empty blue";
        assert_eq!(refused.to_string(), text);
        assert!(run.makes(Effect::Scheduled(BLUE)).is_err() && run.makes(Effect::Replaced(BLUE)).is_err());
    }

    #[test]
    fn a_colour_is_emptied_only_once_it_is_quiet_and_nothing_else_empties_it() {
        let effects = crate::rollout::stage::emptied(BLUE);
        let emptied = with(|facts| facts.size(BLUE, Sizing::Empty));
        let mut run = Announced::new("retire", effects.clone(), standing());
        assert!(run.allows(&emptied, &GROUPS).is_err());
        let mut run = Announced::new("retire", effects, standing());
        run.is_so(Effect::Settled(BLUE));
        run.makes(Effect::Unscheduled(BLUE)).unwrap();
        run.allows(&emptied, &GROUPS).unwrap();
    }
}
