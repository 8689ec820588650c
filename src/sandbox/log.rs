//! Log files with a limit. Lines are appended to the file. Before it would exceed its limit, it replaces the
//! older file as `NAME.1`, and a new one begins. So the two hold at least the limit's last bytes and at most
//! about twice as many, whatever is written and however fast.
//!
//! A follower reads the rest of a file after it was renamed, and then the new one.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The bound of the logs of calls and requests, in bytes.
pub const LIMIT: u64 = 64 << 20;

/// A log that is appended to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    limit: u64,
    /// Opened by the first write: a log in which nothing stands is no file.
    file: Option<File>,
}

impl Log {
    pub fn new(path: PathBuf, limit: u64) -> Self {
        Self { path, limit, file: None }
    }

    /// Appends lines, each whole in one file. Lines that cannot be written are lost; the next call tries
    /// again.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(part(rest, self.limit));
            self.append_part(part)?;
            rest = after;
        }
        Ok(())
    }

    fn append_part(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = self.file.take().map_or_else(|| open(&self.path), Ok)?;
        let length = file.metadata()?.len();
        let file = match length > 0 && length.saturating_add(lines.len() as u64) > self.limit {
            true => {
                drop(file);
                turn(&self.path)?;
                open(&self.path)?
            }
            false => file,
        };
        self.file.insert(file).write_all(lines)
    }
}

/// The length of the first lines that fit into one file, or of a single line that does not fit.
fn part(lines: &[u8], limit: u64) -> usize {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some(fits) = lines.get(..limit).filter(|fits| fits.len() < lines.len()) else { return lines.len() };
    let end = |at: usize| at + 1;
    let last = fits.iter().rposition(|byte| *byte == b'\n').map(end);
    let first = || lines.iter().position(|byte| *byte == b'\n').map(end);
    last.or_else(first).unwrap_or(lines.len())
}

/// Renames the file to the older one, so that a new one can begin. If the file was removed, a new one can
/// begin at once.
fn turn(path: &Path) -> io::Result<()> {
    match fs::rename(path, older(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Turns a log that is written by others when it is longer than `limit`; whether it was within it.
pub fn within(path: &Path, limit: u64) -> io::Result<bool> {
    let long = fs::metadata(path).is_ok_and(|about| about.len() > limit);
    if long {
        turn(path)?;
    }
    Ok(!long)
}

/// `calls.log` → `calls.log.1`
pub fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Opens a log to append to.
pub fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// The last `most` bytes of the log at `path`; empty if it does not exist.
pub fn tail(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut end = Vec::new();
    for path in [older(path), path.to_owned()] {
        match File::open(path) {
            Ok(mut file) => {
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
                file.take(most).read_to_end(&mut end)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let more = end.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(end.split_off(more))
}

/// Reads a log from its beginning and follows it as it grows, across its turns.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    /// The files to read, the oldest first; never empty.
    parts: VecDeque<Part>,
}

#[derive(Debug)]
struct Part {
    file: File,
    /// The identity of the file, to tell it from another of the same name.
    number: (u64, u64),
    /// Whether a file was written and replaced between the previous part and this one.
    late: bool,
}

/// The result of a read by a follower.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// This many bytes.
    Read(usize),
    /// The current end of the log.
    End,
    /// The log grew faster than it was read: lines are missing here.
    Missed,
    /// The log was removed.
    Gone,
}

impl Follower {
    /// # Errors
    /// When the log does not exist.
    pub fn open(path: &Path) -> io::Result<Self> {
        let newest = Part::of(File::open(path)?)?;
        let older = match File::open(older(path)) {
            Ok(older) => Some(Part::of(older)?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // The newest one may have been turned in between.
        let older = older.filter(|older| older.number != newest.number);
        Ok(Self { path: path.to_owned(), parts: older.into_iter().chain([newest]).collect() })
    }

    /// Reads the next bytes into `room`, which has room for some.
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<Seen> {
        // Checked before the read: a file with a successor is not appended to any more.
        let there = self.look()?;
        while let Some(part) = self.parts.front_mut() {
            if std::mem::take(&mut part.late) {
                return Ok(Seen::Missed);
            }
            if let read @ 1.. = part.file.read(room)? {
                return Ok(Seen::Read(read));
            }
            if self.parts.len() == 1 {
                break;
            }
            self.parts.pop_front();
        }
        Ok(if there { Seen::End } else { Seen::Gone })
    }

    /// Takes up the file that has the name now; false: the log is no more.
    fn look(&mut self) -> io::Result<bool> {
        let mut newest = match File::open(&self.path) {
            Ok(newest) => Part::of(newest)?,
            // Between a turn and the next write only the older file exists.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(older(&self.path).exists()),
            Err(error) => return Err(error),
        };
        let last = self.parts.back().map(|last| last.number);
        if last != Some(newest.number) {
            newest.late = fs::metadata(older(&self.path)).ok().map(|about| number(&about)) != last;
            self.parts.push_back(newest);
        }
        Ok(true)
    }
}

impl Part {
    fn of(file: File) -> io::Result<Self> {
        Ok(Self { number: number(&file.metadata()?), file, late: false })
    }
}

fn number(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(path: &Path) -> u64 {
        fs::metadata(path).map_or(0, |about| about.len())
    }

    /// Everything that a follower has to read now, and whether it missed lines.
    fn rest(follower: &mut Follower) -> (String, bool) {
        let (mut text, mut missed, mut room) = (Vec::new(), false, [0; 7]);
        loop {
            match follower.read(&mut room).unwrap() {
                Seen::Read(read) => text.extend(room.iter().take(read)),
                Seen::Missed => missed = true,
                Seen::End | Seen::Gone => return (String::from_utf8(text).unwrap(), missed),
            }
        }
    }

    #[test]
    fn a_log_stays_within_its_bound_and_keeps_its_last_part_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.log");
        let mut log = Log::new(path.clone(), 1000);
        for number in 0..10_000 {
            log.append(format!("line {number}\n").as_bytes()).unwrap();
            assert!(length(&path) <= 1000 && length(&older(&path)) <= 1000);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let end = String::from_utf8(tail(&path, 1000).unwrap()).unwrap();
        assert_eq!(end.len(), 1000);
        let lines: Vec<&str> = end.lines().skip(1).collect();
        let wanted: Vec<String> =
            (10_000 - lines.len()..10_000).map(|number| format!("line {number}")).collect();
        assert_eq!(lines, wanted);
        // At once, too.
        log.append("many lines\n".repeat(1000).as_bytes()).unwrap();
        assert!(length(&path) <= 1000 && length(&older(&path)) <= 1000);
        // A line longer than the limit is whole, in a file of its own.
        log.append(format!("a\n{}\nb\n", "x".repeat(3000)).as_bytes()).unwrap();
        assert_eq!((length(&path), length(&older(&path))), (2, 3001));
        assert!(tail(&folder.path().join("none"), 10).unwrap().is_empty());
    }

    #[test]
    fn who_follows_reads_every_line_over_the_turns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        assert!(Follower::open(&path).is_err());
        let mut log = Log::new(path.clone(), 100);
        let line = |log: &mut Log, number: usize| log.append(format!("line {number}\n").as_bytes()).unwrap();
        // From the beginning, which is in the older file already.
        (0..15).for_each(|number| line(&mut log, number));
        assert!(older(&path).exists());
        let (mut follower, mut read) = (Follower::open(&path).unwrap(), String::new());
        for number in 15..500 {
            line(&mut log, number);
            if number % 5 == 0 {
                let (text, missed) = rest(&mut follower);
                assert!(!missed);
                read += &text;
            }
        }
        read += &rest(&mut follower).0;
        assert_eq!(read, (0..500).map(|number| format!("line {number}\n")).collect::<String>());
        // Between the turn and the next write.
        turn(&path).unwrap();
        assert_eq!(follower.read(&mut [0; 1]).unwrap(), Seen::End);
        (0..100).for_each(|number| line(&mut log, number));
        assert!(rest(&mut follower).1);
        fs::remove_file(&path).unwrap();
        fs::remove_file(older(&path)).unwrap();
        assert_eq!(follower.read(&mut [0; 1]).unwrap(), Seen::Gone);
    }
}
