//! Machines for real: processes in temporary folders.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::clock;
use crate::faults::Fault;
use crate::log;
use crate::region;

/// Maximum time for anything on a busy machine.
const LONG: Duration = Duration::from_secs(30);

struct Bench {
    temp: TempDir,
    compute: Compute,
    inbox: mpsc::UnboundedReceiver<region::Report>,
    faults: Arc<Faults>,
    clock: Clock,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Clock::real()).await
    }

    async fn with(clock: Clock) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let faults = Arc::new(Faults::new(clock.clone(), []));
        let (compute, inbox) = start(temp.path(), &clock, &faults).await;
        Self { temp, compute, inbox, faults, clock }
    }

    /// Again, as after a restart.
    async fn again(self) -> Self {
        self.compute.stop().await;
        let (compute, inbox) = start(self.temp.path(), &self.clock, &self.faults).await;
        Self { compute, inbox, ..self }
    }

    /// A folder for an image, with this boot script.
    fn folder(&self, boot: &str) -> PathBuf {
        let folder = self.temp.path().join("source");
        fs::create_dir_all(&folder).unwrap();
        folder::put(&folder.join("boot"), format!("#!/bin/sh\n{boot}\n").as_bytes()).unwrap();
        fs::set_permissions(folder.join("boot"), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn root(&self, machine: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join("instances").join(machine).join("root")
    }

    /// The next report that `pick` takes.
    async fn report<T>(&mut self, pick: impl Fn(&Report) -> Option<T>) -> T {
        let next = async {
            loop {
                let Some(region::Report::Compute(report)) = self.inbox.recv().await else { panic!("closed") };
                if let Some(picked) = pick(&report) {
                    return picked;
                }
            }
        };
        tokio::time::timeout(LONG, next).await.expect("the report comes")
    }

    async fn booted(&mut self, id: &str, number: u64) {
        self.report(|report| match report {
            Report::Booted { machine, boots } => (machine == id && *boots == number).then_some(()),
            Report::Failed { why, .. } => panic!("{why}"),
            _ => None,
        })
        .await;
    }
}

async fn start(
    root: &Path,
    clock: &Clock,
    faults: &Arc<Faults>,
) -> (Compute, mpsc::UnboundedReceiver<region::Report>) {
    let (reports, inbox) = mpsc::unbounded_channel();
    let setup = Setup {
        root: root.to_owned(),
        clock: clock.clone(),
        faults: faults.clone(),
        reports,
        program: "/bin/true".into(),
    };
    (Compute::start(setup).await.unwrap(), inbox)
}

fn machine(id: &str, image: &str) -> Machine {
    Machine {
        id: id.to_owned(),
        image: image.to_owned(),
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 8080,
        runs: true,
        boots: 1,
        user_data: None,
        command: Vec::new(),
        grace: GRACE,
        environment: BTreeMap::from([("INSTANCE_ID".to_owned(), id.to_owned())]),
        labels: Arc::new([id.to_owned()]),
    }
}

fn image(id: &str, from: ImageSource) -> Image {
    Image { id: id.to_owned(), from }
}

fn wanted(folder: &Path, machines: &[&Machine]) -> Wanted {
    Wanted {
        machines: machines.iter().map(|machine| (*machine).clone()).collect(),
        images: vec![image("ami-1", ImageSource::Folder(folder.to_owned()))],
        commands: Vec::new(),
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = clock::monotonic();
    while !holds() {
        assert!(clock::monotonic() - begun < LONG, "{what}");
        clock::sleep(Duration::from_millis(10)).await;
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Tells whether the process whose number is in a file is alive (a zombie is not).
fn lives(file: &Path) -> bool {
    let output = std::process::Command::new("ps").args(["-o", "stat=", "-p", text(file).trim()]).output();
    let state = String::from_utf8(output.unwrap().stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}

#[tokio::test]
async fn user_data_runs_once_and_both_scripts_see_where_to_listen() {
    let mut bench = Bench::new().await;
    let folder =
        bench.folder("echo $HOST:$PORT $INSTANCE_ID $BGFORM ${AWS_REGION-none} >> boots; exec sleep 1000");
    let mut one = machine("i-1", "ami-1");
    one.user_data = Some(b"#!/bin/sh\necho $PORT in $PWD >> data; exit 3\n".to_vec());
    bench.compute.want(wanted(&folder, &[&one]));
    bench.booted("i-1", 1).await;
    let root = bench.root("i-1");
    let line = "127.0.0.1:8080 i-1 /bin/true none\n";
    until("it boots after user data that failed", || text(&root.join("boots")) == line).await;
    one.boots = 2;
    bench.compute.want(wanted(&folder, &[&one]));
    bench.booted("i-1", 2).await;
    until("it boots again", || text(&root.join("boots")) == line.repeat(2)).await;
    assert_eq!(text(&root.join("data")), format!("8080 in {}\n", root.display()));
    let said = "user data ended with exit code 3\n";
    until("its console says so", || text(&console(bench.temp.path(), "i-1")) == said).await;
    bench = bench.again().await;
    bench.compute.want(wanted(&folder, &[&one]));
    bench.booted("i-1", 2).await;
    until("it boots after a restart", || text(&root.join("boots")) == line.repeat(3)).await;
    bench.compute.want(Wanted::default());
    until("it is removed", || !root.parent().unwrap().exists()).await;
    bench.compute.stop().await;
}

const TREE: &str = "(sh -c 'echo $$ > near; exec sleep 1000') &\n\
    echo $$ > first; exec sleep 1000";

#[tokio::test]
async fn stop_ends_the_whole_tree_and_reboot_and_crash_keep_the_folder() {
    let mut bench = Bench::new().await;
    let folder = bench.folder(TREE);
    let mut one = machine("i-1", "ami-1");
    bench.compute.want(wanted(&folder, &[&one]));
    bench.booted("i-1", 1).await;
    let root = bench.root("i-1");
    let pids = ["first", "near"].map(|name| root.join(name));
    let all = |live: bool| pids.iter().all(|pid| !text(pid).is_empty() && lives(pid) == live);
    until("all are there", || all(true)).await;

    bench.compute.crash("i-1");
    bench.report(|report| matches!(report, Report::Exited { .. }).then_some(())).await;
    until("a crash kills all", || all(false)).await;
    folder::put(&root.join("kept"), b"x").unwrap();

    one.boots = 2;
    bench.compute.want(wanted(&folder, &[&one]));
    bench.booted("i-1", 2).await;
    until("all are there again", || all(true)).await;
    assert_eq!(text(&root.join("kept")), "x");

    one.runs = false;
    bench.compute.want(wanted(&folder, &[&one]));
    until("a stop ends all", || all(false)).await;
    assert!(root.join("kept").exists());
    bench.compute.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_left_the_group_and_ignores_sigterm_ends_too() {
    let mut bench = Bench::new().await;
    let folder =
        bench.folder("setsid sh -c \"trap '' TERM; echo \\$\\$ > far; while :; do sleep 1; done\" & exit 4");
    let one = machine("i-1", "ami-1");
    bench.compute.want(wanted(&folder, &[&one]));
    let why = bench.report(|report| match report {
        Report::Exited { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(why.await, "its boot script ended: exit status: 4");
    let far = bench.root("i-1").join("far");
    until("it is there", || !text(&far).is_empty() && lives(&far)).await;
    bench.compute.stop().await;
    assert!(!lives(&far));
}

#[tokio::test]
async fn an_image_of_an_instance_boots_elsewhere_for_the_first_time() {
    let mut bench = Bench::new().await;
    let folder = bench.folder("exec sleep 1000");
    let mut one = machine("i-1", "ami-1");
    one.user_data = Some(b"#!/bin/sh\necho $INSTANCE_ID >> baked\n".to_vec());
    bench.compute.want(wanted(&folder, &[&one]));
    bench.booted("i-1", 1).await;
    until("user data ran", || text(&bench.root("i-1").join("baked")) == "i-1\n").await;
    let mut two = one.clone();
    (two.id, two.image) = ("i-2".to_owned(), "ami-2".to_owned());
    two.environment = BTreeMap::from([("INSTANCE_ID".to_owned(), "i-2".to_owned())]);
    let mut both = wanted(&folder, &[&one, &two]);
    both.images.push(image("ami-2", ImageSource::Instance("i-1".to_owned())));
    bench.compute.want(both);
    bench.booted("i-2", 1).await;
    let baked = bench.root("i-2").join("baked");
    until("the other's user data ran", || text(&baked) == "i-1\ni-2\n").await;
    // Neither image is listed any more; the machines stay.
    bench.compute.want(Wanted { images: Vec::new(), ..wanted(&folder, &[&one, &two]) });
    let images = bench.temp.path().join("images");
    until("the images are removed", || fs::read_dir(&images).unwrap().next().is_none()).await;
    assert!(baked.exists());
    bench.compute.stop().await;
}

#[tokio::test]
async fn an_image_or_a_machine_that_cannot_be_made_is_reported() {
    let mut bench = Bench::new().await;
    bench.compute.want(wanted(Path::new("/nowhere"), &[&machine("i-1", "ami-1"), &machine("i-2", "ami-9")]));
    let mut whys = Vec::new();
    while whys.len() < 3 {
        let next = bench.report(|report| match report {
            Report::Failed { machine, why } => Some(format!("{machine}: {why}")),
            Report::ImageFailed { image, why } => Some(format!("{image}: {why}")),
            _ => None,
        });
        whys.push(next.await);
    }
    whys.sort();
    let missing = "/nowhere cannot be copied: No such file or directory (os error 2)";
    assert_eq!(
        whys,
        [
            format!("ami-1: {missing}"),
            format!("i-1: its image ami-1 could not be made: {missing}"),
            "i-2: there is no image ami-9".to_owned(),
        ]
    );
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(
        image::describe(&full, "its folder cannot be made"),
        "its folder cannot be made: the disk is full"
    );
    bench.compute.stop().await;
}

#[tokio::test]
async fn base_images_boot() {
    let mut bench = Bench::new().await;
    let machines: Vec<Machine> =
        base_images().iter().map(|name| machine(&format!("i-{name}"), &format!("ami-{name}"))).collect();
    let images =
        base_images().iter().map(|name| image(&format!("ami-{name}"), ImageSource::Base((*name).to_owned())));
    bench.compute.want(Wanted { machines, images: images.collect(), commands: Vec::new() });
    for _ in base_images() {
        let why = bench.report(|report| match report {
            Report::Exited { why, .. } => Some(why.clone()),
            Report::Failed { why, .. } => panic!("{why}"),
            _ => None,
        });
        // The program is `true` here.
        assert_eq!(why.await, "its boot script ended: exit status: 0");
    }
    bench.compute.stop().await;
}

#[tokio::test]
async fn faults_delay_a_boot_and_kill_by_the_clock() {
    let mut bench = Bench::with(Clock::manual()).await;
    bench.faults.add(Fault::SlowBoot { who: "i-1".to_owned(), by: Duration::from_secs(60) });
    bench.faults.add(Fault::Dies { who: "i-1".to_owned(), after: Duration::from_secs(30) });
    let folder = bench.folder("echo up > up; exec sleep 1000");
    bench.compute.want(wanted(&folder, &[&machine("i-1", "ami-1")]));
    bench.booted("i-1", 1).await;
    let up = bench.root("i-1").join("up");
    assert!(!up.exists());
    assert_eq!(bench.clock.advance_to_next().await, Duration::from_secs(60));
    until("the script runs after the wait", || up.exists()).await;
    let clock = bench.clock.clone();
    until("its death is due", || matches!(futures_util::FutureExt::now_or_never(clock.advance_to_next()), Some(by) if by == Duration::from_secs(30))).await;
    let why = bench.report(|report| match report {
        Report::Exited { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.await.contains("signal: 9"));
    bench.compute.stop().await;
}

fn command(id: &str, script: &str) -> CommandToRun {
    CommandToRun {
        id: id.to_owned(),
        instance: "i-1".to_owned(),
        script: script.to_owned(),
        timeout: Duration::from_secs(600),
    }
}

/// Of the next command that ended: its id, exit code, stdout, stderr.
async fn ended(bench: &mut Bench) -> (String, Option<i32>, String, String) {
    bench
        .report(|report| match report {
            Report::CommandEnded { command, exit, stdout, stderr } => {
                Some((command.clone(), *exit, stdout.clone(), stderr.clone()))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn commands_run_once_and_end_by_themselves_by_timeout_or_cancelled() {
    let mut bench = Bench::with(Clock::manual()).await;
    let folder = bench.folder("exec sleep 1000");
    let mut want = wanted(&folder, &[&machine("i-1", "ami-1")]);
    bench.compute.want(want.clone());
    bench.booted("i-1", 1).await;
    let root = bench.root("i-1");

    want.commands = vec![command("c-1", "echo $PORT >> out; (sleep 1000)& echo hi; echo no >&2; exit 7")];
    bench.compute.want(want.clone());
    let expected = ("c-1".to_owned(), Some(7), "hi\n".to_owned(), "no\n".to_owned());
    assert_eq!(ended(&mut bench).await, expected);

    want.commands
        .push(command("c-2", "echo $$ > pid-2; setsid sh -c 'echo $$ > far; exec sleep 1000'; exit 0"));
    want.commands.push(command("c-3", "echo $$ > pid-3; echo so far; exec sleep 1000"));
    bench.compute.want(want.clone());
    let (two, three) = (root.join("pid-2"), root.join("pid-3"));
    until("both run", || {
        [&two, &three, &root.join("far")].iter().all(|pid| !text(pid).is_empty() && lives(pid))
    })
    .await;
    want.commands.retain(|command| command.id != "c-3");
    bench.compute.want(want.clone());
    let (id, exit, stdout, _) = ended(&mut bench).await;
    assert_eq!((id.as_str(), exit, stdout.as_str()), ("c-3", Some(137), "so far\n"));
    assert!(!lives(&three) && lives(&two));

    assert_eq!(bench.clock.advance_to_next().await, Duration::from_secs(600));
    let (id, exit, ..) = ended(&mut bench).await;
    assert_eq!((id.as_str(), exit), ("c-2", None));
    assert!(!lives(&two) && !lives(&root.join("far")));

    bench = bench.again().await;
    bench.compute.want(want.clone());
    for _ in 0..2 {
        let (_, exit, _, stderr) = ended(&mut bench).await;
        assert_eq!((exit, stderr.as_str()), (Some(-1), "the sandbox ended while the command ran"));
    }
    assert_eq!(text(&root.join("out")), "8080\n");
    bench.compute.stop().await;
}

/// Not a test: the process that the next one kills.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn owner() {
    let Ok(root) = std::env::var("COMPUTE_TEST_ROOT") else { return };
    let root = PathBuf::from(root);
    let clock = Clock::real();
    let (compute, _inbox) = start(&root, &clock, &Arc::new(Faults::new(clock.clone(), []))).await;
    compute.want(wanted(&root.join("source"), &[&machine("i-1", "ami-1")]));
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_is_left_when_the_owner_is_killed() {
    let bench = Bench::new().await;
    bench.folder(TREE);
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("{module}::owner")])
        .env("COMPUTE_TEST_ROOT", bench.temp.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pids = ["first", "near"].map(|name| bench.root("i-1").join(name));
    until("all are there", || pids.iter().all(|pid| !text(pid).is_empty() && lives(pid))).await;
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("all are gone", || !pids.iter().any(|pid| lives(pid))).await;
}

#[tokio::test]
async fn a_console_stays_within_its_bound_under_load_and_keeps_what_was_printed_last() {
    let mut bench = Bench::new().await;
    let folder = bench
        .folder("yes 'a line of a service that prints without end' | head -c 60000000; echo the last line");
    bench.compute.want(wanted(&folder, &[&machine("i-1", "ami-1")]));
    bench.booted("i-1", 1).await;
    let path = console(bench.temp.path(), "i-1");
    let older = log::older(&path);
    let length = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
    let (bound, most) = (8 << 20, AtomicU64::new(0));
    let look = || {
        let now = length(&path).max(length(&older));
        most.fetch_max(now, Ordering::Relaxed);
        assert!(now <= bound, "{now}");
    };
    let watched = async {
        loop {
            look();
            clock::sleep(Duration::from_millis(2)).await;
        }
    };
    let exited = bench.report(|report| matches!(report, Report::Exited { .. }).then_some(()));
    tokio::select! {
        () = watched => {}
        () = exited => {}
    }
    look();
    assert!(most.load(Ordering::Relaxed) > bound / 2);
    let end = log::tail(&path, 100).unwrap();
    assert!(end.len() == 100 && end.ends_with(b"the last line\n"), "{}", String::from_utf8_lossy(&end));
    bench.compute.stop().await;
}
