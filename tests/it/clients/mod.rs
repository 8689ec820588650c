//! Programs that others wrote, on the sandbox: SDKs, Terraform, a browser.

pub mod door;
pub mod sdks;
