//! The wall clock of one process, which may jump: the machine's is never changed.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The library that is loaded into the process, built once.
static LIBRARY: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("clock.c"), folder.path().join("clock.so"));
    write(&source, include_bytes!("wall_clock.c"));
    // Rust links with it, so it is here.
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(built.expect("a C compiler").success());
    (folder, library)
});

fn write(path: &Path, bytes: &[u8]) {
    #[allow(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(path, bytes).expect("a file");
}

/// How far the clock of the commands is from the machine's.
pub struct WallClock(PathBuf);

impl WallClock {
    /// Kept in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        let clock = Self(folder.join("clock"));
        clock.jump(0);
        clock
    }

    pub fn given_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &LIBRARY.1).env("CLOCK_JUMP", &self.0);
    }

    /// So many seconds from the machine's, from now on: a process that runs sees it at once.
    pub fn jump(&self, seconds: i64) {
        // In place: a process that reads a mapped file while it is empty is ended by SIGBUS.
        let file = File::options().create(true).truncate(false).write(true).open(&self.0).expect("a file");
        file.write_all_at(&seconds.to_ne_bytes(), 0).expect("it is written");
    }
}
