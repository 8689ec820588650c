//! One integration binary (each one links the whole SDK). A folder is a tier, which runs alone; tests/README.md has them.

mod clients;
mod kills;
mod kit;
mod moto;
mod offline;
mod traffic;
