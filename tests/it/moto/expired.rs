//! Credentials that expire in the middle: the run says whose they are and what to do, leaves nothing
//! in doubt, and the same command goes on from there.

use std::collections::BTreeMap;

use crate::kit::product::{Product, Run, ended};
use crate::moto::lifecycle::everything;

const STACK: &str = "explicit.deploy";
const APPLY: &[&str] = &["apply", STACK, "--auto-approve"];

/// At how many calls of an apply they expire in turn.
const POINTS: usize = 8;

fn on_moto() -> Product {
    let product = Product::on_moto();
    product.copy_stack(STACK);
    product
}

/// The first apply has stopped for its credentials, and the second ends with what the stack says.
async fn goes_on(product: &Product, first: Run, wanted: &BTreeMap<&'static str, usize>, point: &str) {
    println!("{point}: exit {}", first.code);
    let told = first.err.matches("log in again").count();
    // Before the first change it is refused, after it stopped.
    let code = if [1, 6].contains(&first.code) { first.code } else { 6 };
    first.exits(code).says("access key").says("run the same command; it goes on from where it stopped");
    assert_eq!(told, 1, "{point}: it is said once");
    product.run(APPLY).exits(0);
    product.run(&["plan", STACK, "--detailed-exitcode"]).exits(0).says("Nothing to do");
    assert_eq!(&everything(&product.cloud().await).await, wanted, "{point}");
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_cost_no_more_than_the_same_command() {
    let mut product = on_moto();
    product.run(APPLY).exits(0);
    let calls = product.wire.take().len();
    let wanted = everything(&product.cloud().await).await;
    for point in (0..POINTS).map(|n| n * (calls - 1) / (POINTS - 1)) {
        product = product.anew();
        product.copy_stack(STACK);
        product.wire.expires_after(Some(point));
        let first = product.run(APPLY);
        product.wire.expires_after(None);
        assert!(!first.err.contains("not known"), "{point}:\n{}", first.err);
        goes_on(&product, first, &wanted, &format!("expired after call {point} of {calls}")).await;
    }
}

/// A session whose source has ended (`aws sso login` would begin another): calls are not even signed.
#[tokio::test]
async fn credentials_that_are_not_given_again_are_not_taken_for_lost_answers() {
    let product = on_moto();
    // About to expire from the first: the next call asks again.
    let source = r#"
echo . >> asked
if [ "$(wc -l < asked)" -gt "$(cat most)" ]; then
  echo "the session has ended" >&2
  exit 1
fi
printf '{"Version": 1, "AccessKeyId": "SESSION", "SecretAccessKey": "x", "SessionToken": "y", "Expiration": "%s"}' \
  "$(date -u -d '+1 second' +%Y-%m-%dT%H:%M:%SZ)"
"#;
    let given = |product: &Product, most: usize| {
        product.write("source", source);
        product.write("asked", "");
        product.write("most", &most.to_string());
        product.write(".aws/config", "[profile work]\ncredential_process = sh ./source\n");
        let mut command = product.command(APPLY);
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .env("AWS_PROFILE", "work");
        ended(&mut command)
    };
    given(&product, 1000).exits(0);
    let asked = std::fs::read_to_string(product.path("asked")).expect("it was asked").lines().count();
    let wanted = everything(&product.cloud().await).await;
    let product = product.anew();
    product.copy_stack(STACK);
    let first = given(&product, asked / 2);
    assert!(first.err.contains("SESSION") && !first.err.contains("not known"), "{}", first.err);
    goes_on(&product, first, &wanted, &format!("not given again after {} of {asked} times", asked / 2)).await;
}
