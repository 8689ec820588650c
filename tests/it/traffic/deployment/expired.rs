//! Credentials that expire while a release is on its way are no reason to take it back.

use super::{Scene, canary, none_failed};

#[test]
fn a_release_goes_on_where_its_credentials_expired() {
    let scene = Scene::of(&canary(50, "4s"));
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 50% of the traffic");
    scene.product.wire.expires_after(Some(0));
    under
        .end()
        .exits(6)
        .says("web: 2.0 stands where it is")
        .says("(access key test)")
        .says("Traffic, as far as is known: 1.0 on blue 50%, 2.0 on green 50%")
        .says("Log in again and run the same command");
    scene.product.wire.expires_after(None);
    scene.apply("2.0").exits(0).says("2.0 is live on green");
    scene.stands("2.0");
    none_failed(&load.end());
}
