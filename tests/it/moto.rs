//! A moto server over real HTTP: a control plane that nobody here wrote.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A server of its own, gone when dropped or when this process ends, however it ends.
pub struct Moto {
    /// A shell that ends the server when its own input is closed.
    watcher: Child,
    pub endpoint: String,
}

const WATCH: &str = r#""$0" "$@" & server=$!; exec 2>&-; cat >/dev/null; kill "$server"; wait "$server""#;

/// The server as its own command starts it, but one call after the other: moto keeps what it holds
/// in plain dictionaries, and calls side by side now and then end in an error 500 of its own. User
/// data of a version after the first is kept in a form that its own groups refuse to launch.
const SERVE: &str = r#"
import moto.ec2.models.launch_templates as templates
import moto.server as server
from moto.ec2.utils import parse_user_data
made = templates.LaunchTemplateVersion.__init__
def make(version, *args, **options):
    made(version, *args, **options)
    if isinstance(version.data.get("UserData"), (str, bytes)):
        version.data["UserData"] = parse_user_data(version.data["UserData"])
templates.LaunchTemplateVersion.__init__ = make
run = server.run_simple
server.run_simple = lambda *args, **options: run(*args, **{**options, "threaded": False})
server.main(["-H", "127.0.0.1", "-p", "0"])
"#;

impl Moto {
    /// Starts a server with no account's resources but the default VPC and Amazon's images.
    pub fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let binary = target.join("moto/bin/python");
        assert!(binary.exists(), "no moto server: run tests/moto first");
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH])
            .arg(binary)
            .args(["-c", SERVE])
            .env("MOTO_ENABLE_AMI_VALIDATION", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut lines = BufReader::new(watcher.stderr.take().expect("stderr is piped")).lines();
        let endpoint = loop {
            let line = lines.next().expect("moto says where it listens").expect("text");
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.trim().to_owned();
            }
        };
        // Its log goes on; nobody reading it would fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { watcher, endpoint }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}
