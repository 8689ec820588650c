//! (being written)

use std::path::{Path, PathBuf};

use super::Options;
use super::step::Plan;
use crate::cli::{Global, VariableArgs};
use crate::lang::program::Program;
use crate::state::Snapshot;

pub struct SavedPlan;

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("saved")]
pub struct SavedPlanError;

impl SavedPlan {
    pub fn new(
        _: &[PathBuf],
        _: &VariableArgs,
        _: &Global,
        _: &Options,
        _: &Program,
        _: &Snapshot,
        _: &Plan,
    ) -> Self {
        Self
    }
    pub fn write(&self, _: &Path) -> Result<(), SavedPlanError> {
        Ok(())
    }
    pub fn read(_: &Path) -> Result<Self, SavedPlanError> {
        Err(SavedPlanError)
    }
    pub fn is_one(_: &Path) -> bool {
        false
    }
    pub fn variables(&self) -> Vec<String> {
        Vec::new()
    }
    pub fn stack_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
    pub fn global(&self, global: &Global) -> Global {
        global.clone()
    }
    pub fn options(&self) -> Options {
        Options::default()
    }
    pub fn still_holds(&self, _: &Program, _: &Snapshot, _: &Plan) -> Result<(), SavedPlanError> {
        Ok(())
    }
}
