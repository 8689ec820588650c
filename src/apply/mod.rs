//! Does what a plan says: each step's calls, journalled before they go out.

pub mod operation;
