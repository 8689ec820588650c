//! Durable files for their owner only: folders 0700, files 0600, replaced by one rename from an unpredictable
//! name.
//!
//! In: paths and bytes. Out: bytes on the disk, or an error. It does not know their content.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::error::StateError;

/// The error of a failed write, by its remedy.
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

/// The system's error text in lower case, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The file's bytes; `None` if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The names in a folder; empty if it does not exist.
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

/// Makes the folder and its parents; each is durable in its parent.
pub(super) fn create_folder(folder: &Path) -> Result<(), StateError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = parent(folder);
    create_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => sync_folder(parent),
        // Another process made it first.
        Err(_) if folder.is_dir() => sync_folder(parent),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(unwritable(folder, &ErrorKind::NotADirectory.into()))
        }
        Err(error) => Err(unwritable(folder, &error)),
    }
}

/// The parent, `.` for a bare name, so that it can be opened.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes renames and new names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StateError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(folder, &error))
}

/// Opens a file for reading and appending. Makes it if it is missing, never truncates it, and follows no
/// link.
pub(super) fn open_append(path: &Path) -> Result<File, StateError> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| unwritable(path, &error))
}

/// Writes the bytes durably into `folder`, under a random name that is removed on drop.
pub(super) fn stage(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut staged = tempfile::Builder::new().suffix(".tmp").tempfile_in(folder)?;
    staged.write_all(bytes)?;
    staged.as_file().sync_all()?;
    Ok(staged)
}

/// Replaces `path` durably by a file with these bytes. A link is replaced, not followed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let staged = stage(parent(path), bytes).map_err(|error| unwritable(path, &error))?;
    staged.persist(path).map_err(|error| unwritable(path, &error.error))?;
    sync_folder(parent(path))
}

/// Checks that there is room to write in `folder`, before anything depends on it.
pub(super) fn probe(folder: &Path) -> Result<(), StateError> {
    let staged = stage(folder, &[b'.'; 64 * 1024]).map_err(|error| unwritable(folder, &error))?;
    staged.close().map_err(|error| unwritable(folder, &error))
}

/// The folder's owner, if it is not this process's user.
pub(super) fn other_owner(folder: &Path) -> Result<Option<u32>, StateError> {
    let meta = std::fs::metadata(folder).map_err(|error| unreadable(folder, &error))?;
    Ok(Some(meta.uid()).filter(|owner| *owner != rustix::process::geteuid().as_raw()))
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
    fn what_is_written_goes_through_no_link_of_a_name_that_was_known_before() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let theirs = place("theirs");
        replace(&theirs, b"theirs").unwrap();
        for name in ["file", "file.tmp", "probe.tmp"] {
            std::os::unix::fs::symlink(&theirs, place(name)).unwrap();
        }
        assert!(matches!(open_append(&place("file")), Err(StateError::Unwritable { .. })));
        probe(folder.path()).unwrap();
        replace(&place("file"), b"ours").unwrap();
        assert_eq!(read(&theirs).unwrap().unwrap(), b"theirs");
        assert_eq!(read(&place("file")).unwrap().unwrap(), b"ours");
        let left: Vec<_> = names(folder.path()).unwrap();
        assert_eq!(left.len(), 4, "{left:?}");
    }
}
