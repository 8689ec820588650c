//! Services of containers: real processes behind the load balancer, under load while they are replaced.

use crate::clients::sdks::by;
use crate::kit::load::Load;
use crate::kit::local::{Local, key};

/// What a step of `tests/clients/service.py` prints.
fn service(local: &Local, step: &[&str]) -> String {
    let (code, text) = by(local, "service.py", step);
    assert_eq!(code, Some(0), "{step:?}: {text}");
    text.trim().to_owned()
}

/// A new revision takes over, and one whose tasks exit is taken back, and nobody who sends requests sees any of it.
#[test]
fn a_service_ships_and_rolls_back_under_load_and_no_request_fails() {
    let local = Local::start(&[]);
    let address = service(&local, &["up", "bgform-hello:1.0"]);
    let load = Load::on(&address, 4, 4);
    assert_eq!(service(&local, &["release", "bgform-hello:2.0"]), "shipped");
    local.faults.add("dies=bgform-hello:3.0:50ms".parse().expect("a fault"));
    assert_eq!(service(&local, &["release", "bgform-hello:3.0"]), "rolled back");
    local.faults.add("never-healthy=bgform-hello:4.0".parse().expect("a fault"));
    load.mark();
    assert_eq!(service(&local, &["release", "bgform-hello:4.0"]), "rolled back");
    let tally = load.end();
    assert!(
        tally.failed.is_empty(),
        "{} of {} failed: {:?}",
        tally.failed.len(),
        tally.sent,
        tally.failed.first()
    );
    for release in ["1.0", "2.0"] {
        assert!(
            tally.releases.get(release).is_some_and(|count| *count > 0),
            "{release}: {:?}",
            tally.releases
        );
    }
    assert_eq!(tally.late.keys().collect::<Vec<_>>(), ["2.0"], "what was taken back answered nobody");
}

/// An image of a folder runs by its tag and by its digest; what a command ends with is told.
#[test]
fn a_task_runs_what_was_put_as_its_image() {
    let local = Local::start(&[]);
    service(&local, &["up", "bgform-hello:1.0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = std::fs::File::create(folder.path().join("word")).expect("a file");
    std::io::Write::write_all(&mut file, b"hello\n").expect("written");
    let port = local.endpoint.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let client = bgform::sandbox::control::Client::new(port, key());
    let put = |name: &str| {
        let new = bgform::sandbox::control::NewImage {
            region: "us-east-1".to_owned(),
            name: name.to_owned(),
            description: String::new(),
            folder: folder.path().to_path_buf(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(client.image(&new)).expect("an image").id
    };
    let digest = put("team/word:1");
    assert_eq!(put("team/word:again"), digest, "the same content has the same digest");
    let said = "test \"$(cat word)\" = hello && exit 7";
    for image in ["team/word:1", &format!("team/word@{digest}")] {
        assert_eq!(
            service(&local, &["run", image, said]),
            "7 EssentialContainerExited Essential container in task exited"
        );
    }
    std::io::Write::write_all(&mut file, b"more\n").expect("written");
    assert_ne!(put("team/word:1"), digest);
    assert_eq!(
        service(&local, &["run", "team/word:again", said]).split(' ').next(),
        Some("7"),
        "it is not changed"
    );
    let none = service(&local, &["run", "team/none:1", "true"]);
    assert!(none.starts_with("None TaskFailedToStart CannotPullContainerError: "), "{none}");
}
