//! The stories that the pages tell are the ones that a release tells.

use crate::kit::product::Product;
use crate::offline::help::{blocks, read};

#[test]
fn the_stories_of_deployments_are_told() {
    let page = read("src/help/deployments.md");
    let marked = page.split("<!-- story: kept by tests/it/offline/help.rs -->").skip(1);
    let block = |rest: &str| {
        rest.split("```text\n").nth(1).and_then(|rest| rest.split("```").next().map(str::to_owned))
    };
    let stories: Vec<String> = marked.filter_map(block).collect();
    let product = Product::on_sandbox(&[]);
    product.copy_stack("release.deploy");
    let release = |command: &[&str], release: &str| {
        let release = format!("release={release}");
        product.run(&[command, &["release.deploy", "--var", &release]].concat()).exits(0)
    };
    release(&["apply", "--auto-approve"], "1.0").says("web: 1.0 is live on blue.");
    let told = [release(&["apply", "--auto-approve"], "2.0"), release(&["plan"], "1.0")];
    assert_eq!(stories.len(), told.len());
    // The README shows the same stack and the same plan.
    let readme = blocks(&read("README.md"), "text");
    assert!(readme.contains(&stories[0]));
    assert!(
        readme
            .iter()
            .any(|block| block.starts_with("deployment ") && read("stacks/release.deploy").contains(block))
    );
    for (story, run) in stories.iter().zip(told) {
        assert!(run.out.contains(story.as_str()), "{story}\nis not in\n{}", run.out);
    }
}
