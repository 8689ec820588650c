//! A mistake in a stack file: a stable code, the message, spans and the fix.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::secrets::{hidden, masked};
use crate::visible;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// A file of the stack, by its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    pub file: FileId,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start, end }
    }

    /// The span from the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.start), ..self }
    }
}

/// The files of a stack, kept for showing mistakes in them.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    files: Vec<(PathBuf, Arc<str>)>,
}

impl Sources {
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> FileId {
        self.files.push((path.into(), text.into()));
        FileId((self.files.len() - 1) as u32)
    }

    pub fn text(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |(_, text)| text)
    }

    pub fn path(&self, file: FileId) -> &Path {
        self.files.get(file.0 as usize).map_or(Path::new(""), |(path, _)| path)
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Path, &str)> {
        self.files.iter().enumerate().map(|(i, (path, text))| (FileId(i as u32), path.as_path(), &**text))
    }

    /// The line and the column of a byte, both from 1; columns count characters.
    pub fn at(&self, file: FileId, byte: usize) -> [usize; 2] {
        let text = self.text(file);
        let before = text.get(..boundary(text, byte)).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        [before.matches('\n').count() + 1, line.chars().count() + 1]
    }

    /// The text that a span underlines.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start..span.end).unwrap_or("")
    }
}

/// A mistake in a stack, without its source text.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// Stable: `bgform::lang::unknown_attribute`.
    pub code: &'static str,
    pub message: String,
    /// The first label is the place of the mistake; the others show where related parts were declared.
    pub labels: Vec<(Span, String)>,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), labels: Vec::new(), help: None }
    }

    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds to the help.
    pub fn and_help(self, more: &str) -> Self {
        let help = match &self.help {
            Some(help) => format!("{help}; {more}"),
            None => more.to_owned(),
        };
        self.help(help)
    }

    /// The mistake with its source text, without secrets and safe for a terminal.
    pub fn in_sources(&self, sources: &Sources) -> Shown {
        let file = self.labels.first().map(|(span, _)| span.file);
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            self.labels.iter().partition(|(span, _)| Some(span.file) == file);
        let mut shown = Shown::new(self.code, &self.message, file.map(|file| (sources, file)), &here);
        shown.help = self.help.as_deref().map(safe);
        shown.elsewhere = elsewhere
            .into_iter()
            .map(|(span, label)| {
                Shown::new(self.code, label, Some((sources, span.file)), &[&(*span, String::new())])
            })
            .collect();
        shown
    }
}

fn safe(text: &str) -> String {
    visible::shown(&hidden(text)).into_owned()
}

/// A [`Mistake`] that miette can draw.
#[derive(Debug)]
pub struct Shown {
    code: &'static str,
    message: String,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    /// Byte ranges in the shown text.
    labels: Vec<(Range<usize>, String)>,
    elsewhere: Vec<Shown>,
}

impl Shown {
    fn new(
        code: &'static str,
        message: &str,
        within: Option<(&Sources, FileId)>,
        labels: &[&(Span, String)],
    ) -> Self {
        let source = within.map(|(sources, file)| visible::Source::of(&masked(sources.text(file))));
        let place = |place| source.as_ref().map_or(place, |source| source.place(place));
        let mut labels: Vec<_> = labels
            .iter()
            .map(|(span, label)| (place(span.start)..place(span.end.max(span.start)), safe(label)))
            .collect();
        let source = source.map(|source| shortened(source.text, &mut labels));
        let path = within.map(|(sources, file)| safe(&sources.path(file).display().to_string()));
        let source = path.zip(source).map(|(path, text)| NamedSource::new(path, text));
        Self { code, message: safe(message), help: None, source, labels, elsewhere: Vec::new() }
    }
}

/// Maximum bytes of a line that is drawn whole: a longer line is unreadable, and the renderer counts columns
/// in 16 bits.
const LONGEST_LINE: usize = 2000;
/// Bytes of a longer line that stay on both sides of the start and the end of a label.
const AROUND: usize = 100;

/// The text with `…` for the parts of long lines that are far from every label; the labels move with it.
fn shortened(text: String, labels: &mut [(Range<usize>, String)]) -> String {
    if text.split('\n').all(|line| line.len() <= LONGEST_LINE) {
        return text;
    }
    let ends: Vec<usize> = labels.iter().flat_map(|(place, _)| [place.start, place.end]).collect();
    let (mut out, mut kept, mut start) = (String::new(), Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        let whole = start..start + line.len();
        let parts = match line.len() <= LONGEST_LINE {
            true => vec![whole.clone()],
            false => around(&text, whole.clone(), &ends),
        };
        let mut at = whole.start;
        for part in parts {
            if part.start > at {
                out.push('…');
            }
            kept.push((part.clone(), out.len()));
            out.push_str(text.get(part.clone()).unwrap_or_default());
            at = part.end;
        }
        if at < whole.end {
            out.push_str(if line.ends_with('\n') { "…\n" } else { "…" });
        }
        start = whole.end;
    }
    // The position of the omitted part is the start of the next part.
    let length = out.len();
    let moved = |place: usize| {
        let next = kept.iter().find(|(part, _)| place <= part.end);
        next.map_or(length, |(part, to)| to + place.saturating_sub(part.start))
    };
    for (place, _) in labels {
        *place = moved(place.start)..moved(place.end);
    }
    out
}

/// The last character boundary up to `byte`.
fn boundary(text: &str, byte: usize) -> usize {
    let last = byte.min(text.len());
    (0..=last).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// The parts of a line that stay: those near one of the places, and its beginning.
fn around(text: &str, line: Range<usize>, places: &[usize]) -> Vec<Range<usize>> {
    let near = places.iter().copied().filter(|place| line.contains(place) || *place == line.end);
    let mut centres: Vec<usize> = near.chain([line.start]).collect();
    centres.sort_unstable();
    let mut parts: Vec<Range<usize>> = Vec::new();
    for centre in centres {
        let from = boundary(text, centre.saturating_sub(AROUND).max(line.start));
        let to = boundary(text, (centre + AROUND).min(line.end));
        match parts.last_mut() {
            Some(last) if last.end >= from => last.end = last.end.max(to),
            _ => parts.push(from..to),
        }
    }
    parts
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.code))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().map(|(span, label)| {
            let label = (!label.is_empty()).then(|| label.clone());
            LabeledSpan::new(label, span.start, span.len())
        })))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self.elsewhere.is_empty() {
            true => None,
            false => Some(Box::new(self.elsewhere.iter().map(|other| other as &dyn Diagnostic))),
        }
    }
}

/// `help` for an unknown name: the nearest of the known ones. Near is a slip in one letter of three, or the
/// same words with some left out: `desired_capacity` for `desired`, `vpc` for `vpc_id`. A word before the
/// others changes the meaning: `shift` is not near `pre_shift`.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    let apart = |c: char| !c.is_alphanumeric();
    let begins = |one: &str, whole: &str| whole.strip_prefix(one).is_some_and(|rest| rest.starts_with(apart));
    let ends = |one: &str, whole: &str| whole.strip_suffix(one).is_some_and(|rest| rest.ends_with(apart));
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let letters = strsim::osa_distance(&name, &candidate);
        match letters <= length.max(3) / 3 {
            true => Some(letters),
            // A slip in a letter is nearer than a missing word.
            false => (length > 1
                && (candidate.starts_with(&name) || ends(&name, &candidate) || begins(&candidate, &name)))
            .then_some(letters + length),
        }
    };
    let near = known.into_iter().filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The drawing of a text in which `words` are labelled.
    fn drawn(text: &str, words: &[&str]) -> (String, Vec<String>) {
        let mut sources = Sources::default();
        let file = sources.add("long.deploy", text);
        let mut mistake = Mistake::new("bgform::lang::syntax", "a mistake");
        for word in words {
            let at = text.find(word).unwrap();
            mistake = mistake.at(Span::new(file, at, at + word.len()), "here");
        }
        let shown = mistake.in_sources(&sources);
        let text = shown.source.as_ref().unwrap().inner().clone();
        let underlined = shown.labels.iter().map(|(place, _)| text[place.clone()].to_owned()).collect();
        let mut out = String::new();
        miette::GraphicalReportHandler::new().render_report(&mut out, &shown).unwrap();
        (text, underlined)
    }

    #[test]
    fn a_mistake_far_out_in_a_long_line_is_drawn() {
        let long = "é".repeat(70_000);
        let (text, underlined) = drawn(&format!("a = 1\nb = \"{long}\" wrong\nc = 2\n"), &["wrong"]);
        assert_eq!(underlined, ["wrong"]);
        assert!(
            text.len() < 1000 && text.starts_with("a = 1\nb = \"é") && text.ends_with("wrong\nc = 2\n"),
            "{text}"
        );
        // The underlined text may itself be that long, and the last line may have no newline.
        let (text, underlined) = drawn(&format!("b = \"{long}\""), &[&format!("\"{long}\"")]);
        assert!(text.len() < 1000 && text.contains('…'), "{text}");
        assert!(
            underlined[0].starts_with("\"é") && underlined[0].ends_with("é\"") && underlined[0].contains('…')
        );
    }

    #[test]
    fn a_text_of_short_lines_is_drawn_as_it_is() {
        let text = format!("{}\nb = wrong\n", "a".repeat(LONGEST_LINE));
        assert_eq!(drawn(&text, &["wrong"]), (text.clone(), vec!["wrong".to_owned()]));
    }
}
