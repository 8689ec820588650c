//! What was found over all points of a command, as a table.

use super::story::Outcome;

/// What came of the kills of one command.
#[derive(Debug, Default)]
pub struct Found {
    /// Kills.
    pub points: usize,
    /// Ends that are as an undisturbed one.
    pub converged: usize,
    pub duplicates: usize,
    pub orphans: usize,
    pub unreadable: usize,
    pub wrong: Vec<String>,
}

impl Found {
    pub const NOTHING: Self =
        Self { points: 0, converged: 0, duplicates: 0, orphans: 0, unreadable: 0, wrong: Vec::new() };

    /// What came of one story.
    pub fn take(&mut self, point: &str, outcome: Outcome) {
        self.duplicates += usize::from(outcome.duplicates);
        self.orphans += usize::from(outcome.orphans);
        self.unreadable += usize::from(outcome.unreadable);
        self.end(point, &outcome.wrong);
    }

    /// What is wrong after a point, if anything.
    pub fn end(&mut self, point: &str, wrong: &[String]) {
        match wrong.is_empty() {
            true => self.converged += 1,
            false => {
                let wrong = format!("== {point}\n{}", wrong.join("\n"));
                // At once: the table may be an hour away.
                eprintln!("{wrong}");
                self.wrong.push(wrong);
            }
        }
    }
}

/// Prints the table, and fails where not everything converged.
#[track_caller]
pub fn table<'a>(title: &str, rows: impl IntoIterator<Item = (&'a str, &'a Found)>) {
    println!("{title}");
    println!(
        "{:<10} {:>8} {:>8} {:>10} {:>10} {:>8} {:>10}",
        "", "points", "ends", "converged", "duplicates", "orphans", "unreadable"
    );
    let mut wrong = Vec::new();
    for (name, found) in rows {
        let Found { points, converged, duplicates, orphans, unreadable, wrong: here } = found;
        let ends = converged + here.len();
        println!(
            "{name:<10} {points:>8} {ends:>8} {converged:>10} {duplicates:>10} {orphans:>8} {unreadable:>10}"
        );
        wrong.extend(here.iter().map(|what| format!("{name} {what}")));
    }
    assert!(wrong.is_empty(), "{} went wrong\n{}", wrong.len(), wrong.join("\n\n"));
}
