//! Whose a state is: one stack file's, and one user's.

use std::path::Path;

use bgform::state::{StateError, Store};

use super::{groups, stack};
use crate::kit::product::Product;

/// A checkout in which two stack files give their stacks the same name.
fn two_of_one_name() -> Product {
    let product = Product::on_moto();
    std::fs::create_dir(product.path(".git")).unwrap();
    product.write("api/small.deploy", &stack(2));
    product.write("web/small.deploy", &stack(1));
    product
}

#[tokio::test]
async fn of_two_stacks_of_one_name_the_second_does_not_get_the_state_of_the_first() {
    let product = two_of_one_name();
    product.run(&["apply", "api", "--auto-approve"]).exits(0).says("2 created");
    for command in [
        &["apply", "web", "--auto-approve"][..],
        &["plan", "web"],
        &["destroy", "web", "--auto-approve"],
        &["state", "rm", "security_group.g[\"g00\"]", "web"],
        &["apply", "web/small.deploy", "--auto-approve"],
    ] {
        let refused = product.run(command).exits(1).says("bgform::state::another_file");
        refused.says("is that of `api/small.deploy`, and this is `web/small.deploy`").says("--adopt-state");
    }
    assert_eq!(groups(&product).await, 2);
    // As the help says: a name of its own.
    product.write("web/small.deploy", &stack(1).replace("stack \"small\"", "stack \"web\""));
    product.run(&["apply", "web", "--auto-approve"]).exits(0).says("1 created");
    product.run(&["apply", "api", "--auto-approve"]).exits(0).says("Nothing to do");
}

#[tokio::test]
async fn a_stack_file_that_was_moved_says_so_once() {
    let product = two_of_one_name();
    product.run(&["apply", "api", "--auto-approve"]).exits(0);
    std::fs::create_dir(product.path("services")).unwrap();
    std::fs::rename(product.path("api"), product.path("services/api")).unwrap();
    let apply = ["apply", "services/api", "--auto-approve"];
    product.run(&apply).exits(1).says("If it is one stack whose file was moved");
    // A plan changes nothing, this neither.
    product.run(&["plan", "services/api", "--adopt-state", "--detailed-exitcode"]).exits(0);
    product.run(&apply).exits(1);
    product.run(&[&apply[..], &["--adopt-state"]].concat()).exits(0).says("Nothing to do");
    product.run(&apply).exits(0).says("Nothing to do");
    // The checkout may be anywhere, and be reached by a link.
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(product.folder.path(), &link).unwrap();
    let mut command = product.command(&apply);
    crate::kit::product::ended(command.current_dir(&link)).exits(0).says("Nothing to do");
}

#[test]
fn a_state_on_this_machine_is_in_no_git() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("state/shop");
    drop(Store::at(&folder).lock("bgform apply").unwrap());
    assert_eq!(std::fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
}

#[test]
fn a_state_folder_of_another_user_is_taken_only_when_told_so() {
    let root = rustix::process::geteuid().is_root();
    let place = tempfile::tempdir().unwrap();
    let folder = if root { place.path() } else { Path::new("/usr") };
    if root {
        std::os::unix::fs::chown(folder, Some(65534), None).unwrap();
    }
    let refused = Store::at(folder).lock("bgform apply").unwrap_err();
    assert!(
        matches!(refused, StateError::AnotherOwner { owner, .. } if owner == if root { 65534 } else { 0 }),
        "{refused}"
    );
    assert!(matches!(Store::at(folder).post("web", b"promote"), Err(StateError::AnotherOwner { .. })));
    if root {
        drop(Store::at(folder).of_file("shop.deploy".to_owned(), true).lock("bgform apply").unwrap());
    }
}
