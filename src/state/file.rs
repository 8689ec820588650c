//! Durable files for their owner only: folders 0700, files 0600, replaced in one rename.
//!
//! In: paths and bytes. Out: bytes on the disk, or why not. It knows nothing of what they say.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::StateError;

/// A failed write, by what the person can do about it.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> StateError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StateError::Full { path },
        _ => StateError::Unwritable { path, reason: reason(error) },
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> StateError {
    StateError::Unreadable { path: path.to_owned(), reason: reason(error) }
}

/// The system's words, in our case and without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The file's bytes, or none where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The names in a folder; none where there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, StateError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(folder, &error))
}

/// Makes the folder and those above it; each is durable in its parent.
pub(super) fn create_folder(folder: &Path) -> Result<(), StateError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = parent(folder);
    create_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => sync_folder(parent),
        // Another process was faster.
        Err(_) if folder.is_dir() => sync_folder(parent),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(unwritable(folder, &ErrorKind::NotADirectory.into()))
        }
        Err(error) => Err(unwritable(folder, &error)),
    }
}

/// `.` for a bare name, so that it can be opened.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes renames and new names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StateError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(folder, &error))
}

/// Opens for reading and appending; made where it is missing, never truncated.
pub(super) fn open_append(path: &Path) -> Result<File, StateError> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| unwritable(path, &error))
}

/// Writes the bytes durably beside `path`, under a name that [`put`] turns into `path`.
pub(super) fn stage(path: &Path, bytes: &[u8]) -> Result<PathBuf, StateError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let staged = PathBuf::from(name);
    match write(&staged, bytes) {
        Ok(()) => Ok(staged),
        Err(error) => Err(unwritable(path, &error)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    if written.is_err() {
        // What is left of it is in nobody's way, but may hold the last of the disk's room.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Puts what [`stage`] wrote in the place of `path`, durably.
pub(super) fn put(staged: &Path, path: &Path) -> Result<(), StateError> {
    std::fs::rename(staged, path).map_err(|error| unwritable(path, &error))?;
    sync_folder(parent(path))
}

/// [`stage`] and [`put`].
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    put(&stage(path, bytes)?, path)
}

/// Shows that there is room to write in `folder`, before anything depends on it.
pub(super) fn probe(folder: &Path) -> Result<(), StateError> {
    let path = folder.join("probe.tmp");
    write(&path, &[b'.'; 64 * 1024])
        .and_then(|()| std::fs::remove_file(&path))
        .map_err(|error| unwritable(folder, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_is_told_by_what_helps() {
        let told = |kind: ErrorKind| unwritable(Path::new("state/shop"), &kind.into()).to_string();
        assert_eq!(told(ErrorKind::StorageFull), "the disk is full: `state/shop` cannot be written");
        assert_eq!(told(ErrorKind::PermissionDenied), "`state/shop` cannot be written: permission denied");
        assert_eq!(
            told(ErrorKind::ReadOnlyFilesystem),
            "`state/shop` cannot be written: read-only filesystem or storage medium"
        );
        let system = io::Error::from_raw_os_error(13);
        assert_eq!(
            unwritable(Path::new("a"), &system).to_string(),
            "`a` cannot be written: permission denied"
        );
    }

    #[test]
    fn a_full_disk_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"old").unwrap();
        // Staging goes to `file.tmp`, which here is a device that is always full.
        std::os::unix::fs::symlink("/dev/full", folder.path().join("file.tmp")).unwrap();
        assert!(matches!(replace(&path, b"new"), Err(StateError::Full { .. })));
        assert_eq!(read(&path).unwrap().unwrap(), b"old");
    }
}
