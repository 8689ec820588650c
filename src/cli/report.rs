//! The form of errors: what happened, to which address, what stands now, what to do.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value as Json, json};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use textwrap::{WordSeparator, WordSplitter};

use super::{Exit, Global};
use crate::address::Address;
use crate::cloud::error::Error;
use crate::diagnostic::{Mistake, Sources, Span};
use crate::plan::PlanError;
use crate::rollout;
use crate::secrets::hidden;
use crate::state::StateError;
pub use crate::terminal::out;
use crate::terminal::{self, err_painted, errln, out_painted, shown};

/// The errors that end a command early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{message}")]
    Usage { code: &'static str, message: String, help: Option<String> },
    #[error("the stack has mistakes")]
    Mistakes { sources: Box<Sources>, mistakes: Vec<Mistake> },
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{error}")]
    Cloud { address: Option<Address>, error: Error },
    #[error("{message}")]
    Refused { code: &'static str, message: String, help: String },
    #[error("`{}` cannot be {what}: {reason}", .path.display())]
    File { path: PathBuf, what: &'static str, reason: String },
    /// An error while something was under way.
    #[error("{0}")]
    Stopped(Box<CliError>),
    /// The diagnostic of another room.
    #[error("{0}")]
    Diagnostic(Box<dyn Diagnostic + Send + Sync>),
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::State(error) => Self::State(error),
            error => Self::Cloud { address: None, error },
        }
    }
}

impl From<rollout::Error> for CliError {
    fn from(error: rollout::Error) -> Self {
        match error {
            rollout::Error::Plan(error) => Self::Plan(error),
            rollout::Error::State(error) => Self::State(error),
            rollout::Error::Cloud { address, error } => Self::Cloud { address, error },
            rollout::Error::Refused { code, message, help } => Self::Refused { code, message, help },
            rollout::Error::Senseless { code, message, help } => Self::usage(code, message, help),
        }
    }
}

impl CliError {
    pub fn usage(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { code, message: message.into(), help: Some(help.into()) }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::Mistakes { .. } | Self::File { .. } => Exit::Usage,
            Self::Plan(PlanError::Stack { .. } | PlanError::NoSuchAddress { .. }) => Exit::Usage,
            Self::Stopped(_) => Exit::Stopped,
            Self::Plan(_)
            | Self::State(_)
            | Self::Cloud { .. }
            | Self::Refused { .. }
            | Self::Diagnostic(_) => Exit::Failed,
        }
    }
}

/// Tells whether text may be coloured.
pub fn colour(global: &Global) -> bool {
    !global.no_color
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::io::stderr().is_terminal()
        && std::io::stdout().is_terminal()
}

/// Prints clap's message, and returns its exit code.
pub fn usage(error: &clap::Error) -> ExitCode {
    let text = match std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        true if error.use_stderr() && std::io::stderr().is_terminal() => error.render().ansi().to_string(),
        true if !error.use_stderr() && std::io::stdout().is_terminal() => error.render().ansi().to_string(),
        _ => error.render().to_string(),
    };
    match error.use_stderr() {
        true => err_painted(&text),
        false => out_painted(&text),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}

/// A message, its code and its help, without source text; without secrets and safe for a terminal.
#[derive(Debug)]
struct Plain {
    code: Option<String>,
    message: String,
    help: Option<String>,
    cause: Option<Box<Plain>>,
}

impl Plain {
    fn new(code: Option<String>, message: &str, help: Option<&str>) -> Self {
        let safe = |text: &str| shown(&terminal::runnable(&hidden(text))).into_owned();
        Self { code, message: safe(message), help: help.map(safe), cause: None }
    }

    /// Made from a diagnostic without source text, with its causes.
    fn of(diagnostic: &dyn Diagnostic) -> Self {
        let text = |part: Option<Box<dyn std::fmt::Display + '_>>| part.map(|part| part.to_string());
        let plain =
            Self::new(text(diagnostic.code()), &diagnostic.to_string(), text(diagnostic.help()).as_deref());
        Self { cause: diagnostic.source().map(|cause| Box::new(Self::caused(cause))), ..plain }
    }

    fn caused(error: &dyn std::error::Error) -> Self {
        let cause = error.source().map(|cause| Box::new(Self::caused(cause)));
        Self { cause, ..Self::new(None, &error.to_string(), None) }
    }
}

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Plain {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &dyn std::error::Error)
    }
}

impl Diagnostic for Plain {
    fn code(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn std::fmt::Display>)
    }

    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
}

/// Prints an error to standard error.
pub fn print(error: &CliError, colour: bool) {
    match error {
        CliError::Mistakes { sources, mistakes } => {
            mistakes_of(sources, mistakes, "no API call was made", colour)
        }
        CliError::Plan(PlanError::Stack { sources, mistakes }) => {
            mistakes_of(sources, mistakes, "nothing was changed", colour);
        }
        CliError::Stopped(error) => print(error, colour),
        CliError::State(error) => draw(&Plain::of(error), colour),
        CliError::Diagnostic(error) => draw(&Plain::of(&**error), colour),
        CliError::Usage { code, message, help } => plain(code, message, help.clone(), colour),
        CliError::Refused { code, message, help } => plain(code, message, Some(help.clone()), colour),
        CliError::Plan(error) => plain(error.code(), &error.to_string(), error.help(), colour),
        CliError::File { .. } => plain("bgform::cli::file", &error.to_string(), None, colour),
        CliError::Cloud { address, error } => {
            plain("bgform::cloud", &error.to_string(), error.help(address.as_ref()), colour);
        }
    }
}

/// All mistakes as JSON, without secrets.
pub fn mistakes_as_json(sources: &Sources, mistakes: &[Mistake]) -> Json {
    let place = |(span, label): &(Span, String)| {
        let ([line, column], [end_line, end_column]) =
            (sources.at(span.file, span.start), sources.at(span.file, span.end));
        json!({
            "file": sources.path(span.file),
            "line": line, "column": column, "end_line": end_line, "end_column": end_column,
            "label": hidden(label),
        })
    };
    let told = |mistake: &Mistake| {
        json!({
            "code": mistake.code,
            "message": hidden(&mistake.message),
            "help": mistake.help.as_deref().map(hidden),
            "places": mistake.labels.iter().map(place).collect::<Json>(),
        })
    };
    mistakes.iter().map(told).collect()
}

/// Maximum number of a stack's mistakes that are shown.
const MOST_DRAWN: usize = 100;

fn mistakes_of(sources: &Sources, mistakes: &[Mistake], stands: &str, colour: bool) {
    for mistake in mistakes.iter().take(MOST_DRAWN) {
        draw(&mistake.in_sources(sources), colour);
    }
    if let Some(more) = mistakes.len().checked_sub(MOST_DRAWN).filter(|more| *more > 0) {
        errln!("\nand {more} more");
    }
    let count = match mistakes.len() {
        1 => "1 mistake".to_owned(),
        n => format!("{n} mistakes"),
    };
    errln!("\n{count} in the stack; {stands}");
}

/// Prints a message with its code and help.
pub fn plain(code: &'static str, message: &str, help: Option<String>, colour: bool) {
    draw(&Plain::new(Some(code.to_owned()), message, help.as_deref()), colour);
}

/// Draws a diagnostic that is safe for a terminal: a [`Plain`] or a mistake in its sources.
fn draw(diagnostic: &dyn Diagnostic, colour: bool) {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    // A word longer than a line, such as an ARN, is not broken: it can be copied.
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(width())
        .with_break_words(false)
        .with_word_separator(WordSeparator::AsciiSpace)
        .with_word_splitter(WordSplitter::NoHyphenation);
    let mut text = String::new();
    if handler.render_report(&mut text, diagnostic).is_err() {
        text = diagnostic.to_string();
    }
    err_painted(&format!("{}\n", text.trim_end()));
}

/// Columns to wrap messages at.
pub fn width() -> usize {
    let said = || std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let seen = || std::io::stderr().is_terminal().then(terminal::size).flatten().map(|(columns, _)| columns);
    seen().or_else(said).unwrap_or(100usize).clamp(40, 120)
}
