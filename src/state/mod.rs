//! What bgform remembers: snapshot, history, journal and lock.
