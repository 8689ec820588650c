//! A kill at any moment loses nothing: the real binary is ended by SIGKILL around one of its calls,
//! and the same command again, told nothing of it, leaves what an undisturbed one leaves. What it
//! leaves is what the API lists, never what state says.
//!
//! | command | |
//! |---|---|
//! | `cargo test --test it kills::` | a spread of points |
//! | `BGFORM_KILLS=all cargo test --test it kills:: -- --nocapture` | every call at all three moments |
//! | `BGFORM_KILLS=seed:42:2000 cargo test --test it kills::seeded -- --nocapture` | 2000 kills in stories that the seed makes: several in a row, with faults on top; a fourth number is the story to begin with |
//! | `BGFORM_KILLS=seed:42:1000 cargo test --test it kills::disturbed -- --nocapture` | the same of releases, with changes by hand, deletions and a clock that jumps between the kills |
//! | `BGFORM_KILLS=seed:42:200 cargo test --test it kills::unheard -- --nocapture` | 200 canaries with another command in the middle, signals, and outputs that nobody reads |

use crate::kit::wire::Moment;

mod disturbed;
mod explicit;
mod found;
mod life;
mod neighbours;
mod region;
mod seeded;
mod story;
mod unheard;

const MOMENTS: [Moment; 3] = [Moment::BeforeIt, Moment::BeforeItsAnswer, Moment::AfterItsAnswer];

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Spread,
    All,
    Seeded { seed: u64, kills: usize, first: usize },
}

impl Tried {
    /// What `BGFORM_KILLS` asks for.
    fn asked() -> Self {
        let Ok(text) = std::env::var("BGFORM_KILLS") else { return Self::Spread };
        let parts: Vec<&str> = text.split(':').collect();
        let number = |text: &str| text.parse::<usize>().expect("a number");
        match parts[..] {
            ["all"] => Self::All,
            ["seed", seed, kills] => {
                Self::Seeded { seed: number(seed) as u64, kills: number(kills), first: 0 }
            }
            ["seed", seed, kills, first] => {
                Self::Seeded { seed: number(seed) as u64, kills: number(kills), first: number(first) }
            }
            _ => panic!("BGFORM_KILLS is `all` or `seed:SEED:KILLS[:FIRST]`, and not `{text}`"),
        }
    }
}
