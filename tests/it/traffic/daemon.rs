//! `bgform sandbox`, `--sandbox` and `rehearse` as a person meets them: one message for each slip,
//! and nothing left behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bgform::sandbox::log;
use serde_json::Value;

use crate::kit::product::{Product, Run, ended};

/// A product whose sandbox, if it has one, ends with it.
pub struct Sandboxed(pub Product);

impl Drop for Sandboxed {
    fn drop(&mut self) {
        self.0.run(&["sandbox", "down"]);
    }
}

impl Sandboxed {
    pub fn new() -> Self {
        Self(Product::alone())
    }

    pub fn sandbox(&self, args: &[&str]) -> Run {
        self.0.run(&[&["sandbox"], args].concat())
    }

    pub fn status(&self) -> Value {
        let run = self.sandbox(&["status", "--json"]).exits(0);
        serde_json::from_str(&run.out).expect("JSON")
    }

    fn pid(&self) -> String {
        self.status()["pid"].to_string()
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path(".local/share/bgform/sandbox").join(name)
    }
}

fn lives(pid: &str) -> bool {
    // A process that ended and that nobody has waited for yet is gone too, once its last thread is: until
    // then its files are open, and its lock is held.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| threads > 1 || !stat.contains(") Z "))
}

#[test]
fn it_is_started_once_and_ended() {
    let product = Sandboxed::new();
    product.sandbox(&["status"]).exits(1).says("No sandbox runs in");
    product.sandbox(&["down"]).exits(0).says("No sandbox runs in");
    product.sandbox(&["fault"]).exits(1).says("`bgform sandbox up` starts one");
    product.sandbox(&["up", "--port", "0"]).exits(0).says("eval \"$(bgform sandbox env)\"");
    let pid = product.pid();
    product.sandbox(&["up"]).exits(0).says("runs already");
    product.sandbox(&["up", "--port", "1"]).exits(1).says("already, at http://127.0.0.1:");
    assert_eq!(product.pid(), pid, "it is still the first one");
    product.sandbox(&["fault", "eventual=5s", "lost=CreateRule:1"]).exits(0).says("lost=CreateRule:1");
    product.sandbox(&["fault", "--clear"]).exits(0).says("No fault is set");
    product.sandbox(&["fault", "late=5s"]).exits(2).says("there are latency, throttle");
    product.sandbox(&["crash", "i-1"]).exits(1).says("there is no instance i-1");
    product.sandbox(&["down"]).exits(0).says("The sandbox is down");
    assert!(!lives(&pid));
}

#[test]
fn a_killed_one_is_known_and_gone_on_from() {
    let product = Sandboxed::new();
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let kill = || {
        let pid = product.pid();
        ended(std::process::Command::new("kill").args(["-9", &pid])).exits(0);
        while lives(&pid) {
            std::thread::yield_now();
        }
    };
    kill();
    product.sandbox(&["status"]).exits(1).says("was killed").says("continues from its state");
    product.sandbox(&["crash", "i-1"]).exits(1).says("was killed");
    product.sandbox(&["up", "--port", "0"]).exits(0).says("This one continues from its state");
    kill();
    product.sandbox(&["down"]).exits(0).says("Its processes are cleaned up");
    product.sandbox(&["status"]).exits(1).says("No sandbox runs in");
}

#[test]
fn what_is_in_its_way_is_named() {
    let (product, other) = (Sandboxed::new(), Sandboxed::new());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    product.sandbox(&["up", "--port", &port]).exits(1).says("in use by another program");
    other.sandbox(&["up", "--port", "0"]).exits(0);
    let endpoint = other.status()["endpoint"].as_str().unwrap().to_owned();
    let port = endpoint.rsplit(':').next().unwrap();
    product.sandbox(&["up", "--port", port]).exits(1).says("in use by another sandbox");

    product.0.write("thesis/chapter.txt", "one");
    product.sandbox(&["up", "--dir", "thesis"]).exits(2).says("it has other things in it");
    product
        .sandbox(&["up", "--dir", "thesis/chapter.txt"])
        .exits(2)
        .says("cannot be made a sandbox's folder");
    product.sandbox(&["reset", "--dir", "thesis"]).exits(0).says("There is no sandbox in");
    assert!(product.0.path("thesis/chapter.txt").exists());

    product.0.write(".local/share/bgform/sandbox/us-east-1/state.json", "{\"account\":");
    product.sandbox(&["up", "--port", "0"]).exits(1).says("does not read").says("bgform sandbox reset");
    product.sandbox(&["status"]).exits(1).says("No sandbox runs in");
    product.sandbox(&["reset"]).exits(0).says("is as new");
    product.sandbox(&["up", "--port", "0"]).exits(0);
}

/// The processes that have to do with a folder: by their command, their surroundings or where they are.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let read =
        |path: PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).replace('\0', " ");
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let of_it = processes.filter_map(|process| {
        let command = read(process.join("cmdline"));
        let there = std::fs::read_link(process.join("cwd")).unwrap_or_default();
        let all = format!("{command} {} {}", read(process.join("environ")), there.display());
        // One that has ended has neither.
        (!command.is_empty() && all.contains(name)).then(|| format!("{}: {command}", process.display()))
    });
    of_it.collect()
}

/// Waits until none is left: after a kill their keeper ends them.
#[track_caller]
fn none_is_left(folder: &Path) {
    for _ in 0..500 {
        if processes_of(folder).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{:#?}", processes_of(folder));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let product = Sandboxed::new();
    let run = product.sandbox(&["up", "--port", "0", "--dir", "/proc/sandbox"]).exits(2);
    run.says("`/proc/sandbox` cannot be made a sandbox's folder").says("name another with --dir");

    let folder = product.0.path("sandbox");
    std::fs::create_dir(&folder).unwrap();
    for (path, mode) in [(product.0.folder.path(), 0o755), (&folder, 0o555)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = product.0.command(&["sandbox", "up", "--port", "0", "--dir", "sandbox"]);
    if rustix::process::geteuid().is_root() {
        // Modes do not bind root.
        command.uid(65_534).gid(65_534);
    }
    let run = ended(&mut command).exits(2).says("cannot be written to: permission denied");
    run.says("name another with --dir or BGFORM_SANDBOX_DIR");
    none_is_left(product.0.folder.path());
}

/// A disk of 4 MB, mounted where only this process and those that enter its surroundings see it.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// None where the system does not let us.
    fn mounted_on(folder: &Path) -> Option<Self> {
        std::fs::create_dir(folder).unwrap();
        let script = "mount -t tmpfs -o size=4m none \"$0\" && echo mounted && exec cat";
        let mut holder = Command::new("unshare");
        let holder = holder.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder);
        let holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut disk = Self { holder: holder.ok()?, folder: folder.to_owned() };
        let mut line = String::new();
        BufReader::new(disk.holder.stdout.take()?).read_line(&mut line).ok()?;
        (line == "mounted\n").then_some(disk)
    }

    /// Runs a command where the disk is seen.
    fn run(&self, command: &Command) -> Run {
        let mut inside = Command::new("nsenter");
        inside.args([
            "--preserve-credentials",
            "--user",
            "--mount",
            "--target",
            &self.holder.id().to_string(),
        ]);
        inside.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(command.get_current_dir().unwrap());
        inside.arg(command.get_program()).args(command.get_args());
        inside.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        ended(inside.stdin(Stdio::null()))
    }

    /// What fills it, as it is seen from outside.
    fn filler(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.folder.strip_prefix("/").unwrap()).join("filler")
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for size in [65_536, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let product = Product::alone();
    let Some(disk) = SmallDisk::mounted_on(&product.path("disk")) else {
        println!("left out: this system lets nobody mount a small disk");
        return;
    };
    let stack = std::fs::read_to_string(product.copy_stack("hello.deploy")).unwrap();
    product.write("other.deploy", &stack.replace("stack \"hello\"", "stack \"other\""));
    let folder = product.path("disk/sandbox");
    let plain = |arguments: &[&str]| {
        let mut command = product.command(arguments);
        command.env("BGFORM_SANDBOX_DIR", &folder);
        command
    };
    let in_it = |arguments: &[&str], endpoint: Option<&str>| {
        let mut command = plain(arguments);
        if let Some(endpoint) = endpoint {
            command.env("AWS_ENDPOINT_URL", endpoint);
            let told = disk.run(&plain(&["sandbox", "env"])).out;
            for line in told.lines().filter(|line| line.contains("KEY")) {
                let (name, value) = line.trim_start_matches("export ").split_once('=').unwrap();
                command.env(name, value);
            }
        }
        disk.run(&command)
    };
    let up = |port: &str| {
        in_it(&["sandbox", "up", "--port", port], None).exits(0);
        let status: Value = serde_json::from_str(&in_it(&["sandbox", "status", "--json"], None).out).unwrap();
        (status["endpoint"].as_str().unwrap().to_owned(), status["pid"].to_string())
    };
    let (endpoint, pid) = up("0");
    // The stack's state is on another disk, but for `--sandbox`.
    let apply = ["apply", "hello.deploy", "--auto-approve"];
    let green = ["--var", "green=2.0", "--var", "live=green"];
    let shift = [&apply[..], &green].concat();
    in_it(&apply, Some(&endpoint)).exits(0);

    disk.fill();
    let run =
        in_it(&shift, Some(&endpoint)).exits(6).says("CreateLaunchTemplateVersion answered InternalError");
    run.says("The sandbox cannot write its state in")
        .says("the disk is full")
        .says("`bgform apply hello.deploy --var green=2.0 --var live=green` looks first");
    let status =
        in_it(&["sandbox", "status"], None).exits(0).says("its state cannot be written: the disk is full");
    status.says("instances: 4 running");
    let run = in_it(&["--sandbox", "apply", "other.deploy", "--auto-approve"], None).exits(1);
    run.says("the disk is full").says("Make room");
    ended(Command::new("kill").args(["-9", &pid])).exits(0);
    none_is_left(&folder);
    let run = in_it(&["sandbox", "up", "--port", "0"], None).exits(1);
    run.says("the sandbox cannot write to its folder").says("the disk is full").says("`df -h`");
    none_is_left(&folder);

    // What was on it when it got full is there, and the same command goes on from it.
    disk.make_room();
    up(endpoint.rsplit(':').next().unwrap());
    in_it(&["plan", "hello.deploy", "--detailed-exitcode"], Some(&endpoint)).exits(0).says("Nothing to do");
    in_it(&shift, Some(&endpoint)).exits(0).says("Applied: 0 created, 3 updated, 0 deleted");
    in_it(&["sandbox", "down"], None).exits(0);
    none_is_left(&folder);
}

#[test]
fn the_first_command_of_the_readme_ends_with_a_url_that_answers() {
    let product = Sandboxed::new();
    product.0.copy_stack("hello.deploy");
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let apply = ["--sandbox", "apply", "hello.deploy", "--auto-approve"];
    // Credentials that would end any call that used them.
    let mut command = product.0.command(&apply);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env("AWS_PROFILE", "nobody")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let run = ended(&mut command).exits(0).says("Applied: 9 created");
    let url = run.out.lines().find_map(|line| line.strip_prefix("url = http://")).expect("a url").to_owned();
    let get = || {
        let (address, _) = url.split_once('/').unwrap();
        let mut stream = TcpStream::connect(address).expect("a load balancer");
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    };
    assert!(get().starts_with("hello from 1.0 on i-"), "{}", get());
    let second = [&apply[..], &["--var", "green=2.0", "--var", "live=green"]].concat();
    product.0.run(&second).exits(0).says("Applied: 0 created, 3 updated");
    assert!(get().starts_with("hello from 2.0 on i-"), "{}", get());
    product
        .0
        .run(&[&["--sandbox", "plan", "--detailed-exitcode"], &second[2..3], &second[4..]].concat())
        .exits(0);
    assert!(product.path("state/hello/snapshot.json").exists() && !product.0.path("state").exists());
    product
        .0
        .run(&["--sandbox", "plan", "--profile", "x", "hello.deploy"])
        .exits(2)
        .says("exclude each other");

    // Another port is the same sandbox.
    product.sandbox(&["down"]).exits(0);
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product
        .0
        .run(&[&["--sandbox", "plan", "--detailed-exitcode"], &second[2..3], &second[4..]].concat())
        .exits(0);
    product.sandbox(&["reset"]).exits(0);
    assert!(!product.path("state").exists());
    assert_eq!(product.status()["regions"][0]["instances"], serde_json::json!({}));
}

#[test]
fn a_rehearsal_sends_requests_and_says_whether_one_failed() {
    let product = Sandboxed::new();
    product.0.copy_stack("hello.deploy");
    let rehearse = ["rehearse", "hello.deploy", "--json", "--from", "live=blue", "--from", "green=1.0"];
    let to = ["--var", "green=2.0", "--var", "live=green"];
    let run = product.0.run(&[&rehearse[..], &to].concat()).exits(0);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&told["passed"], &told["requests"]["failed"]), (&true.into(), &0.into()));
    assert!(told["requests"]["sent"].as_u64().unwrap() > 100, "{told}");
    let rows = told["timeline"].as_array().unwrap();
    let served = |row: &Value, colour: &str| row["requests_per_second"][colour].as_u64().unwrap_or(0);
    let last = rows.last().unwrap();
    assert!(rows.iter().any(|row| served(row, "blue") > 0), "{told}");
    assert!(served(last, "green") > 0 && served(last, "blue") == 0, "{told}");
    assert_eq!(last["weights"], serde_json::json!([{ "blue": 0, "green": 100 }]));

    // What cannot be tried is told before anything is waited for.
    let run = product.0.run(&["rehearse", "hello.deploy"]).exits(2);
    run.says("which release is replaced is not said");
    let same = ["--from", to[1], "--from", to[3], "--speed", "60"];
    let run = product.0.run(&[&["rehearse", "hello.deploy"], &to[..], &same].concat()).exits(1);
    run.says("there was nothing to do: both releases are the same");
    let whole = std::fs::read_to_string(product.0.path("hello.deploy")).unwrap();
    let (before, _) = whole.split_once("listener \"http\"").unwrap();
    product.0.write("silent.deploy", before);
    let run =
        product.0.run(&["rehearse", "silent.deploy", "--from", "green=1.0", "--var", "green=2.0"]).exits(1);
    run.says("no load balancer of the stack has a listener");

    // What is shipped answers 500 after some requests.
    let broken = [&rehearse[..], &to, &["--fault", "fails=hello-hello-green*:20"]].concat();
    let run = product.0.run(&broken).exits(1);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        (&told["passed"], &told["requests"]["failures"][0]["error"]),
        (&false.into(), &"status 500".into())
    );
}

#[test]
fn an_interrupted_rehearsal_leaves_nothing() {
    let product = Sandboxed::new();
    product.0.copy_stack("hello.deploy");
    let rehearse = ["rehearse", "hello.deploy", "--from", "green=1.0", "--var", "green=2.0", "--speed", "1"];
    // The new instances need an hour: it is in the middle of a step for as long as anybody waits.
    let hour = ["--var", "live=green", "--from", "live=blue", "--fault", "slow-boot=*green*:1h"];
    let mut command = product.0.command(&[&rehearse[..], &hour].concat());
    let temporary = product.0.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    command.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut told = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("updated autoscaling_group.hello[\"green\"]") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it goes on");
    }
    ended(Command::new("kill").args(["-INT", &running.id().to_string()])).exits(0);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(4), "{rest}");
    assert!(rest.contains(" 0 failed;") && rest.contains("It was interrupted"), "{rest}");
    none_is_left(product.0.folder.path());
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_log_is_followed_over_its_turns_and_its_own_stays_within_a_bound() {
    let product = Sandboxed::new();
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product.sandbox(&["down"]).exits(0);
    let own = product.path("sandbox.log");
    std::fs::File::options()
        .write(true)
        .open(&own)
        .expect("a log")
        .set_len((64 << 20) + 1)
        .expect("a length");
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let length = |path: &Path| std::fs::metadata(path).expect("a file").len();
    assert_eq!((length(&own), length(&log::older(&own))), (0, (64 << 20) + 1));

    product.0.write(".local/share/bgform/sandbox/us-east-1/state.json", "{}");
    let path = product.path("us-east-1/access.log");
    let mut access = log::Log::new(path.clone(), 2000);
    let mut line = |number: usize| access.append(format!("request {number};\n").as_bytes()).expect("a log");
    (0..200).for_each(&mut line);
    assert!(log::older(&path).exists());
    let mut follower = product.0.begin(&["sandbox", "logs", "--access", "--follow"]);
    for number in 200..1000 {
        line(number);
        if number % 50 == 0 {
            follower.until(&format!("request {number};\n"));
        }
    }
    follower.until("request 999;\n");
    let numbers = |said: &str| -> Vec<usize> {
        let number = |line: &str| line.strip_prefix("request ")?.strip_suffix(';')?.parse().ok();
        said.lines().map(|line| number(line).unwrap_or_else(|| panic!("{line}"))).collect()
    };
    let said = numbers(&follower.said());
    assert_eq!(said, (1000 - said.len()..1000).collect::<Vec<_>>());
    assert!(said.len() > 900, "{}", said.len());
    follower.signal(rustix::process::Signal::TERM);
    follower.end();
    let run = product.sandbox(&["logs", "--access"]).exits(0);
    assert!(
        numbers(&run.out).ends_with(&[998, 999])
            && run.out.len() as u64 == length(&path) + length(&log::older(&path))
    );
}

#[test]
fn a_plan_of_the_sandbox_is_applied_in_the_sandbox_as_it_says() {
    let product = Sandboxed::new();
    let group = "security_group \"g\" {\n  vpc         = vpc.main\n  description = \"d\"\n}\n";
    let head = "stack \"s\" {\n  region = \"us-east-1\"\n}\nexisting vpc \"main\" {\n  default = true\n}\n";
    product.0.write("s.deploy", &format!("{head}{group}"));
    let saved = product.0.run(&["--sandbox", "plan", "--out", "a.bgplan"]).exits(0);
    saved.says("To run it: bgform apply a.bgplan");
    product.0.run(&["apply", "a.bgplan"]).exits(0).says("1 created");
    // So is a command of a shell whose surroundings say that they are the sandbox's.
    let mut again = product.0.command(&["apply", "--auto-approve"]);
    ended(again.env("BGFORM_SANDBOX", "1")).exits(0).says("Nothing to do");
    let told = product.0.run(&["--sandbox", "promote"]).exits(2);
    told.says("`bgform --sandbox apply` ships the first release");
    assert!(!product.0.path("state").exists());
}
