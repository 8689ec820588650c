//! Output to a terminal. Text comes in that may be foreign in any part: answers of AWS, output of gates and
//! instances, tags, labels, names, source lines. Characters that would act in a terminal go out as visible
//! escapes, such as `\u001b`, which the language and JSON parse back to the same character.
//!
//! All printing goes through here; no other code writes to standard output or error.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::{OnceLock, PoisonError, RwLock};

use unicode_width::UnicodeWidthStr;

pub use crate::lang::visible::{Source, acts, escaped, shown};
use crate::secrets::hidden;

/// The options and stack of this command that other commands need too.
#[derive(Debug, Default)]
struct Given {
    /// The options that choose account and state, each after a space.
    options: String,
    /// The stack, if it is not the default one.
    stack: Option<String>,
    /// The options that give variables, each after a space.
    variables: String,
    /// Whether the stack has several deployments, of which a command is about one.
    several: bool,
    /// The one that this command is about, where there are several.
    deployment: Option<String>,
}

static GIVEN: RwLock<Given> = RwLock::new(Given {
    options: String::new(),
    stack: None,
    variables: String::new(),
    several: false,
    deployment: None,
});

fn tell_with(change: impl FnOnce(&mut Given)) {
    change(&mut GIVEN.write().unwrap_or_else(PoisonError::into_inner));
}

/// From now on commands are shown with these options, each after a space.
pub fn tell_with_options(options: String) {
    tell_with(|given| given.options = options);
}

/// From now on commands are shown with this stack.
pub fn tell_with_stack(stack: &Path) {
    tell_with(|given| given.stack = Some(quoted(&stack.display().to_string())));
}

/// From now on commands that read the stack are told with these options, each after a space.
pub fn tell_with_variables(options: String) {
    tell_with(|given| given.variables = options);
}

/// From now on commands about a deployment are told with its name: the stack has several.
pub fn tell_with_deployments() {
    tell_with(|given| given.several = true);
}

/// From now on they are told with this one.
pub fn tell_with_deployment(name: &str) {
    tell_with(|given| given.deployment = Some(name.to_owned()).filter(|_| given.several));
}

/// A word quoted for a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The commands about a stack, which take it as their last word.
const OF_A_STACK: [&str; 17] = [
    "abort",
    "apply",
    "approve",
    "destroy",
    "graph",
    "history",
    "import",
    "pause",
    "permissions",
    "plan",
    "promote",
    "retire",
    "rollback",
    "show",
    "state",
    "status",
    "validate",
];

/// Those that read the stack, and need what its variables are.
const READ_IT: [&str; 7] = ["apply", "destroy", "graph", "import", "permissions", "plan", "validate"];

/// Those about one deployment.
const OF_A_DEPLOYMENT: [&str; 8] =
    ["abort", "approve", "history", "pause", "promote", "retire", "rollback", "status"];

/// The text with each command in it (`bgform apply`, between backticks) as it is to be typed after this one: with
/// its stack, its variables, and the options that choose account and state.
pub fn runnable(text: &str) -> Cow<'_, str> {
    typed(text, &GIVEN.read().unwrap_or_else(PoisonError::into_inner))
}

fn typed<'a>(text: &'a str, given: &Given) -> Cow<'a, str> {
    if given.options.is_empty()
        && given.stack.is_none()
        && given.variables.is_empty()
        && given.deployment.is_none()
    {
        return Cow::Borrowed(text);
    }
    commands(text, |words| {
        let name = words.split(' ').next().unwrap_or_default();
        if !OF_A_STACK.contains(&name) {
            return format!(" {words}");
        }
        let names_one = words.split(' ').any(|word| word == "FILE" || word.ends_with(".deploy"));
        let mut out = format!("{} {words}", given.options);
        if let Some(stack) = given.stack.as_ref().filter(|_| !names_one) {
            out.push(' ');
            out.push_str(stack);
        }
        if READ_IT.contains(&name) && !names_one && !words.contains("--var") {
            out.push_str(&given.variables);
        }
        if let Some(deployment) = &given.deployment
            && OF_A_DEPLOYMENT.contains(&name)
            && !words.contains("--deployment")
        {
            out.push_str(" --deployment ");
            out.push_str(&quoted(deployment));
        }
        out
    })
}

/// The text with the commands about a deployment in it as ones about this one, where the stack has several.
pub fn about<'a>(deployment: &str, text: &'a str) -> Cow<'a, str> {
    match GIVEN.read().unwrap_or_else(PoisonError::into_inner).several {
        true => of_one(deployment, text),
        false => Cow::Borrowed(text),
    }
}

fn of_one<'a>(deployment: &str, text: &'a str) -> Cow<'a, str> {
    commands(text, |words| {
        let is_of_one = words.split(' ').next().is_some_and(|name| OF_A_DEPLOYMENT.contains(&name));
        match is_of_one && !words.contains("--deployment") {
            true => format!(" {words} --deployment {}", quoted(deployment)),
            false => format!(" {words}"),
        }
    })
}

/// The text with each command in it that is to be typed as `told` has it, with a space before.
fn commands<'a>(text: &'a str, told: impl Fn(&str) -> String) -> Cow<'a, str> {
    if !text.contains(COMMAND) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len() + 64), text);
    while let Some((before, from)) = rest.split_once(COMMAND) {
        let (words, after) = from.split_once('`').unwrap_or((from, ""));
        out.push_str(before);
        out.push_str(COMMAND.trim_end());
        // `bgform apply` of ann is one that runs, and none to type.
        let runs =
            after.starts_with(" of ") || before.ends_with("in use by ") || before.ends_with("lock of ");
        match runs {
            true => {
                out.push(' ');
                out.push_str(words);
            }
            false => out.push_str(&told(words)),
        }
        if from.len() > words.len() {
            out.push('`');
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The start of a command in a text.
const COMMAND: &str = "`bgform ";

/// Text with bgform's own colours; other control characters are made visible.
pub fn painted(text: &str) -> Cow<'_, str> {
    if !text.contains("\x1b[") {
        return shown(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\x1b[") {
        let (before, from) = rest.split_at(start);
        out.push_str(&shown(before));
        let length = colour(from).unwrap_or(1);
        let (colour, after) = from.split_at(length);
        match length {
            1 => out.push_str(&shown(colour)),
            _ => out.push_str(colour),
        }
        rest = after;
    }
    out.push_str(&shown(rest));
    Cow::Owned(out)
}

/// The length of the colour sequence at the beginning of the text (SGR, ECMA-48 8.3.117).
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters.get(end..)?.starts_with('m').then_some("\x1b[".len() + end + 1)
}

/// Prints to standard output. A reader that stops early, such as `head`, is no failure.
pub fn out(text: &str) {
    write(&mut std::io::stdout().lock(), &shown(&runnable(text)));
}

/// Prints text with our colours to standard output. Foreign text in it must have been made safe before: its
/// colours would be taken for ours.
pub fn out_painted(text: &str) {
    write(&mut std::io::stdout().lock(), &painted(text));
}

/// Prints to standard error.
pub fn err(text: &str) {
    write(&mut std::io::stderr().lock(), &shown(&runnable(text)));
}

/// Prints text with our colours to standard error, as [`out_painted`] does.
pub fn err_painted(text: &str) {
    write(&mut std::io::stderr().lock(), &painted(text));
}

/// Moves up this many lines on standard output and clears everything below.
pub fn back(lines: usize) {
    write(&mut std::io::stdout().lock(), &format!("\x1b[{lines}A\x1b[J"));
}

/// Writes; a failure decides nothing. A reader that has gone does not matter, and another error, such as a
/// full disk, is kept for [`unwritten`].
fn write(to: &mut impl Write, text: &str) {
    let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    if let Some(error) = written.err().filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        let _ = UNWRITTEN.set(error);
    }
}

static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// The first error of a print, if one failed.
pub fn unwritten() -> Option<&'static std::io::Error> {
    UNWRITTEN.get()
}

/// The size of the terminal on standard output or standard error: columns and lines.
pub fn size() -> Option<(usize, usize)> {
    let of = |size: rustix::io::Result<rustix::termios::Winsize>| size.ok().filter(|size| size.ws_col > 0);
    let size = of(rustix::termios::tcgetwinsize(std::io::stdout()))
        .or_else(|| of(rustix::termios::tcgetwinsize(std::io::stderr())))?;
    Some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// The number of terminal lines that a text fills when wrapped at `columns`.
pub fn rows(text: &str, columns: usize) -> usize {
    text.lines().map(|line| shown(line).width().div_ceil(columns.max(1)).max(1)).sum()
}

/// From now on a panic is reported in our words, and leaves no core dump, since secrets are in the memory.
pub fn tell_panics() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    // A limit that may not be set is already set by the system.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said =
            said.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        err(&panicked(said, place.as_deref().unwrap_or("an unknown place")));
    }));
}

fn panicked(said: &str, place: &str) -> String {
    format!(
        "\nbgform has a fault, and this part of it has stopped: {}\n  at {place}, in bgform {}\n  \
         The finished steps are in the state: `bgform plan` shows what is left, and `bgform apply` goes on. Please report \
         this text and what you did at {}\n",
        hidden(said),
        env!("CARGO_PKG_VERSION"),
        match env!("CARGO_PKG_REPOSITORY") {
            "" => "the place that you have bgform from",
            place => place,
        },
    )
}

/// Prints a line to standard output, as `println!` does.
macro_rules! outln {
    ($($part:tt)*) => { $crate::terminal::out(&format!("{}\n", format_args!($($part)*))) };
}

/// Prints a line to standard error, as `eprintln!` does.
macro_rules! errln {
    ($($part:tt)*) => { $crate::terminal::err(&format!("{}\n", format_args!($($part)*))) };
}

pub(crate) use {errln, outln};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_as_it_is_to_be_typed() {
        let text = "`bgform apply` goes on; `bgform approve \"go\"` too; `bgform sandbox up`; `bgform apply FILE`; \
                    `bgform apply` of ann; bgform";
        assert_eq!(typed(text, &Given::default()), text);
        let given = Given {
            options: " --sandbox".to_owned(),
            stack: Some(quoted("my stacks/shop.deploy")),
            ..Given::default()
        };
        assert_eq!(
            typed(text, &given),
            "`bgform --sandbox apply 'my stacks/shop.deploy'` goes on; `bgform --sandbox approve \"go\" 'my \
             stacks/shop.deploy'` too; `bgform sandbox up`; `bgform --sandbox apply FILE`; \
             `bgform apply` of ann; bgform"
        );
    }

    #[test]
    fn a_command_is_told_with_the_variables_and_the_deployment_that_it_needs() {
        let text = "`bgform apply` or `bgform plan --var a=1`, `bgform rollback`, `bgform status --deployment api`; \
                    in use by `bgform apply`; `bgform show`";
        let given = Given {
            variables: " --var 'a=b c' --var-file x.vars".to_owned(),
            deployment: Some("web".to_owned()),
            ..Given::default()
        };
        assert_eq!(
            typed(text, &given),
            "`bgform apply --var 'a=b c' --var-file x.vars` or `bgform plan --var a=1`, `bgform rollback --deployment \
             web`, `bgform status --deployment api`; in use by `bgform apply`; `bgform show`"
        );
        assert_eq!(
            of_one("web", "`bgform approve \"go\"`, then `bgform apply`"),
            "`bgform approve \"go\" --deployment web`, then `bgform apply`"
        );
    }

    #[test]
    fn a_line_that_a_terminal_wraps_fills_several() {
        assert_eq!(rows("12345678\n\n123456789\n日本日本日\n", 8), 1 + 1 + 2 + 2);
        assert_eq!(rows("\u{1b}[2J", 4), 3, "what is shown of it is `\\u001b[2J`");
    }

    #[test]
    fn a_panic_is_told_in_our_words_without_what_is_secret() {
        crate::secrets::keep_text("quay-mole-18");
        let told = panicked("index of quay-mole-18 out of range", "src/plan/make.rs:1:2");
        assert!(told.contains("bgform has a fault") && told.contains("src/plan/make.rs:1:2"), "{told}");
        assert!(told.contains("Please report") && !told.contains("quay-mole-18"), "{told}");
    }

    #[test]
    fn only_colours_pass_among_what_is_painted() {
        assert_eq!(painted("\x1b[1;31mred\x1b[0m"), "\x1b[1;31mred\x1b[0m");
        assert_eq!(painted("\x1b[2J\x1b[\x1b[31\x1b]0;x\x07"), r"\u001b[2J\u001b[\u001b[31\u001b]0;x\u0007");
        assert_eq!(painted("\x1b[?25l\x1b[3\u{9b}1m\x1b[m"), "\\u001b[?25l\\u001b[3\\u009b1m\x1b[m");
    }
}
