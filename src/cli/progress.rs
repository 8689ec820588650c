//! The progress of steps: spinners in a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::address::Address;
use crate::clock;
use crate::kind::operation::Reporter;
use crate::secrets::hidden;
use crate::terminal::{errln, runnable, shown};
use crate::value::format_duration;

/// Reports to standard error.
pub struct Progress {
    terminal: bool,
    bars: MultiProgress,
    steps: Mutex<HashMap<Address, Line>>,
}

struct Line {
    bar: ProgressBar,
    verb: String,
    /// The time and text of the last plain line.
    told: Duration,
    text: String,
}

/// The interval of lines about a waiting step without a terminal.
const QUIET: Duration = Duration::from_secs(10);

impl Progress {
    pub fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            bars: MultiProgress::new(),
            steps: Mutex::default(),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Address, Line>) -> T) -> T {
        act(&mut self.steps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&self, address: &Address, text: String) {
        if let Some(line) = self.with(|steps| steps.remove(address)) {
            line.bar.finish_and_clear();
            self.bars.remove(&line.bar);
        }
        self.say(&text);
    }
}

impl Reporter for Progress {
    fn progress(&self, address: &Address, text: &str) {
        let text = hidden(text);
        let text = text.as_str();
        self.with(|steps| {
            let Some(line) = steps.get_mut(address) else { return };
            line.bar.set_message(shown(&format!("{} {address}: {text}", line.verb)).into_owned());
            let now = clock::monotonic();
            if !self.terminal && line.text != text && now.saturating_sub(line.told) >= QUIET {
                line.told = now;
                text.clone_into(&mut line.text);
                errln!("  {address}: {text}");
            }
        });
    }

    fn say(&self, text: &str) {
        let text = hidden(text);
        let text = shown(&text);
        match self.terminal {
            true => drop(self.bars.println(runnable(&text))),
            false => errln!("{text}"),
        }
    }

    fn told(&self, address: &Address, text: &str) {
        self.say(&format!("  {address}: {text}"));
    }

    fn began(&self, address: &Address, verb: &str) {
        let bar = match self.terminal {
            true => self.bars.add(ProgressBar::new_spinner()),
            false => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(shown(&format!("{verb} {address}")).into_owned());
        if self.terminal {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let line = Line { bar, verb: verb.to_owned(), told: clock::monotonic(), text: String::new() };
        self.with(|steps| steps.insert(address.clone(), line));
    }

    fn done(&self, address: &Address, verb: &str, took: Duration) {
        self.end(address, format!("  {} {address} ({})", past(verb), took_text(took)));
    }

    fn failed(&self, address: &Address, verb: &str, error: &str) {
        self.end(address, format!("  failed to {verb} {address}: {error}"));
    }
}

pub fn past(verb: &str) -> &str {
    match verb {
        "create" => "created",
        "update" => "updated",
        "delete" => "deleted",
        "forget" => "forgot",
        "ship" => "shipped",
        other => other,
    }
}

/// `0.2s`, `14s`, `3m`.
pub fn took_text(took: Duration) -> String {
    match took.as_secs() {
        0..10 => format!("{:.1}s", took.as_secs_f64()),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}
