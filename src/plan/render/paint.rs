//! Colours. Text and its meaning come in; text with or without escape codes goes out.

use owo_colors::OwoColorize;

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    pub colour: bool,
}

/// The meaning of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Added,
    Changed,
    Removed,
    Warning,
    Heading,
    Aside,
}

impl Style {
    pub(super) fn paint(self, meaning: Meaning, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        match meaning {
            Meaning::Added => text.green().to_string(),
            Meaning::Changed => text.yellow().to_string(),
            Meaning::Removed => text.red().to_string(),
            Meaning::Warning => text.red().bold().to_string(),
            Meaning::Heading => text.bold().to_string(),
            Meaning::Aside => text.dimmed().to_string(),
        }
    }
}
