//! Folders: copied whole or not at all, removed whatever their modes are.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};

/// Ends the name of a folder that is not finished.
const UNFINISHED: &str = "new";
/// Ends the name of a folder that is being removed.
const DOOMED: &str = "gone";

/// Makes the folder `to` a copy of `from`: files by reflink if the filesystem can, symlinks unchanged, modes
/// kept, sockets, pipes and devices left out. `to` appears only when the copy is complete. Entries that
/// disappear from `from` meanwhile are left out.
/// `Interrupted`: `cancelled` was set.
pub fn copy(from: &Path, to: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    finish(to, |new| {
        // A link at the given path is followed; inside the folder, none.
        let from = fs::canonicalize(from)?;
        if !from.is_dir() {
            return Err(io::Error::new(ErrorKind::NotADirectory, format!("{} is no folder", from.display())));
        }
        copy_entries(&from, new, cancelled)?;
        fs::set_permissions(new, fs::metadata(&from)?.permissions())
    })
}

/// Makes the folder `to` of `files`: name, content, mode.
pub fn write(to: &Path, files: &[(&str, &str, u32)]) -> io::Result<()> {
    finish(to, |new| {
        for (name, content, mode) in files {
            let path = new.join(name);
            put(&path, content.as_bytes())?;
            fs::set_permissions(&path, Permissions::from_mode(*mode))?;
        }
        Ok(())
    })
}

/// The SHA-256 digest of a folder's content: names, kinds, modes and bytes, in the order of the names.
pub fn digest(folder: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash_entries(folder, &mut hash)?;
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{hex}"))
}

fn hash_entries(folder: &Path, hash: &mut Sha256) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let mode = fs::symlink_metadata(&path)?.permissions().mode() & 0o777;
        let mut part = |kind: &str, content: &[u8]| {
            let name = entry.file_name();
            hash.update(format!("{kind} {mode:o} {} {}\0", name.len(), content.len()));
            hash.update(name.as_encoded_bytes());
            hash.update(content);
        };
        if kind.is_symlink() {
            part("link", fs::read_link(&path)?.as_os_str().as_encoded_bytes());
        } else if kind.is_dir() {
            part("folder", b"");
            hash_entries(&path, hash)?;
            hash.update(b"end\0");
        } else if kind.is_file() {
            part("file", &fs::read(&path)?);
        }
    }
    Ok(())
}

/// Writes a file whole.
pub fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    File::create(path)?.write_all(content)
}

/// Has `fill` fill a folder beside `to` and gives it that name then.
fn finish(to: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let new = beside(to, UNFINISHED);
    erase(&new)?;
    fs::create_dir_all(&new)?;
    let made = fill(&new).and_then(|()| fs::rename(&new, to));
    if made.is_err() {
        // The first error is the informative one.
        let _ = erase(&new);
    }
    made
}

fn copy_entries(from: &Path, to: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        if cancelled.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        let entry = entry?;
        match copy_entry(&entry, &to.join(entry.file_name()), cancelled) {
            Err(error) if error.kind() == ErrorKind::NotFound && gone(&entry.path()) => {}
            other => other?,
        }
    }
    Ok(())
}

fn copy_entry(entry: &fs::DirEntry, to: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    let (from, kind) = (entry.path(), entry.file_type()?);
    if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(&from)?, to)
    } else if kind.is_dir() {
        fs::create_dir(to)?;
        copy_entries(&from, to, cancelled)?;
        // Last, since a folder may be read-only.
        fs::set_permissions(to, entry.metadata()?.permissions())
    } else if kind.is_file() {
        reflink_copy::reflink_or_copy(&from, to)?;
        fs::set_permissions(to, entry.metadata()?.permissions())
    } else {
        Ok(())
    }
}

fn gone(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Removes a folder. Under its name it is gone at once, or not at all.
pub fn remove(path: &Path) -> io::Result<()> {
    let doomed = beside(path, DOOMED);
    erase(&doomed)?;
    match fs::rename(path, &doomed) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => erase(&doomed),
    }
}

/// Removes unfinished copies of a killed run in `folder`, and one level below.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if leftover(&path) {
            erase(&path)?;
            continue;
        }
        for inner in fs::read_dir(&path).into_iter().flatten().flatten() {
            if leftover(&inner.path()) {
                erase(&inner.path())?;
            }
        }
    }
    Ok(())
}

fn leftover(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == UNFINISHED || extension == DOOMED)
}

/// `instances/i-1/root` → `instances/i-1/root.new`
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Removes a folder entry by entry; no error if it does not exist.
fn erase(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

/// Makes folders writable that a machine made read-only.
fn open_up(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_copy_keeps_links_and_modes_and_follows_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let (from, to) = (temp.path().join("from"), temp.path().join("to"));
        fs::create_dir_all(from.join("closed/deep")).unwrap();
        put(&from.join("closed/deep/run"), b"#!/bin/sh\n").unwrap();
        fs::set_permissions(from.join("closed/deep/run"), Permissions::from_mode(0o750)).unwrap();
        fs::set_permissions(from.join("closed"), Permissions::from_mode(0o555)).unwrap();
        std::os::unix::fs::symlink("/etc", from.join("out")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
        copy(&from, &to, &AtomicBool::new(false)).unwrap();
        assert_eq!(mode(&to.join("closed/deep/run")), 0o750);
        assert_eq!(mode(&to.join("closed")), 0o555);
        assert_eq!(fs::read_link(to.join("out")).unwrap(), Path::new("/etc"));
        assert!(gone(&to.join("socket")));
        remove(&to).unwrap();
        assert!(gone(&to) && Path::new("/etc").is_dir());
    }

    #[test]
    fn a_copy_that_fails_or_is_cancelled_leaves_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let (from, to) = (temp.path().join("from"), temp.path().join("to"));
        assert!(copy(&from, &to, &AtomicBool::new(false)).is_err());
        fs::create_dir(&from).unwrap();
        put(&from.join("file"), b"x").unwrap();
        let cancelled = copy(&from, &to, &AtomicBool::new(true)).unwrap_err();
        assert_eq!(cancelled.kind(), ErrorKind::Interrupted);
        assert!(gone(&to) && gone(&beside(&to, UNFINISHED)));
    }
}
