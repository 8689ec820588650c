//! `bgform sandbox env`: the variables with which any AWS client reaches the sandbox.

use super::DirArg;
use super::home::{self, Home};
use crate::cli::{CliError, Exit, Global, report};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eval \"$(bgform sandbox env)\" && aws ec2 describe-instances\n\n\
                  The key is the sandbox's own: whoever has it can run programs as you on this machine.")]
pub struct EnvArgs {
    #[command(flatten)]
    dir: DirArg,
}

pub fn run(global: &Global, args: &EnvArgs) -> Result<Exit, CliError> {
    let home = Home::of(args.dir.dir.as_deref())?;
    let record = home.running()?;
    let key = home.key()?;
    report::out(&format!(
        "export AWS_ENDPOINT_URL={endpoint}\nexport AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_REGION={region}\nexport AWS_DEFAULT_REGION={region}\nunset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE\n",
        endpoint = record.endpoint(),
        id = key.id,
        secret = key.secret,
        region = home::region(global),
    ));
    Ok(Exit::Done)
}
