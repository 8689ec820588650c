//! The built-in images.

use std::io;
use std::path::Path;

use super::folder;

/// Names of the built-in images; each is a folder that compute can make.
///
/// `linux`: an empty machine that starts what is put on it, and answers by itself until then.
/// `hello`: the smallest real service, which answers with its release.
pub const NAMES: &[&str] = &["linux", "hello"];

/// Makes the folder of a built-in image. `NotFound` if there is none of this name.
pub fn write(name: &str, to: &Path) -> io::Result<()> {
    let files = match name {
        "linux" => [
            ("README.md", include_str!("base/README-linux.md"), 0o644),
            ("boot", include_str!("base/boot-linux.sh"), 0o755),
        ],
        "hello" => [
            ("README.md", include_str!("base/README-hello.md"), 0o644),
            ("boot", include_str!("base/boot-hello.sh"), 0o755),
        ],
        _ => return Err(io::Error::new(io::ErrorKind::NotFound, format!("no base image {name}"))),
    };
    folder::write(to, &files)
}
