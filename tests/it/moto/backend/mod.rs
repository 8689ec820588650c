//! States that several machines use, and several processes at once: in a folder, and in S3.

mod bucket;
mod locks;
mod owner;

use crate::kit::product::Product;

/// A stack of so many security groups, which are made one after the other with `--parallelism 1`.
fn stack(groups: usize) -> String {
    let keys: Vec<_> = (0..groups).map(|n| format!("\"g{n:02}\"")).collect();
    format!(
        "stack \"small\" {{\n  region = \"us-east-1\"\n}}\n\nexisting vpc \"main\" {{\n  default = true\n}}\n\n\
         security_group \"g\" {{\n  for_each    = [{}]\n  vpc         = vpc.main\n  description = each.key\n}}\n",
        keys.join(", ")
    )
}

/// How many security groups the account has beside those that a VPC is made with.
async fn groups(product: &Product) -> usize {
    let groups = product.cloud().await.ec2.describe_security_groups().send().await.unwrap();
    groups.security_groups().iter().filter(|group| group.group_name() != Some("default")).count()
}
