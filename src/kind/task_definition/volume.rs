//! The volumes of a task definition, and their requests. Makes no call.

use aws_sdk_ecs::types as t;
use serde::Deserialize;

use super::request::{Texts, hashed};
use crate::cloud::error::Error;
use crate::kind::ecs::built;

#[derive(Debug, Deserialize)]
pub struct Volume {
    name: String,
    host_path: Option<String>,
    efs: Option<Efs>,
    docker: Option<Docker>,
    configured_at_launch: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Efs {
    file_system: String,
    root_directory: Option<String>,
    transit_encryption: Option<bool>,
    transit_encryption_port: Option<i32>,
    access_point: Option<String>,
    iam: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Docker {
    scope: Option<String>,
    autoprovision: Option<bool>,
    driver: Option<String>,
    driver_options: Option<Texts>,
    labels: Option<Texts>,
}

impl Volume {
    pub fn request(&self) -> Result<t::Volume, Error> {
        let host =
            |path: &Option<String>| t::HostVolumeProperties::builder().set_source_path(path.clone()).build();
        Ok(t::Volume::builder()
            .name(&self.name)
            .set_host(self.host_path.is_some().then(|| host(&self.host_path)))
            .set_efs_volume_configuration(self.efs.as_ref().map(Efs::request).transpose()?)
            .set_docker_volume_configuration(self.docker.as_ref().map(Docker::request))
            .set_configured_at_launch(self.configured_at_launch)
            .build())
    }
}

impl Efs {
    fn request(&self) -> Result<t::EfsVolumeConfiguration, Error> {
        let authorization = (self.access_point.is_some() || self.iam.is_some()).then(|| {
            let iam = |on| {
                if on {
                    t::EfsAuthorizationConfigIam::Enabled
                } else {
                    t::EfsAuthorizationConfigIam::Disabled
                }
            };
            t::EfsAuthorizationConfig::builder()
                .set_access_point_id(self.access_point.clone())
                .set_iam(self.iam.map(iam))
                .build()
        });
        let encrypts =
            |on| if on { t::EfsTransitEncryption::Enabled } else { t::EfsTransitEncryption::Disabled };
        let efs = t::EfsVolumeConfiguration::builder()
            .file_system_id(&self.file_system)
            .set_root_directory(self.root_directory.clone())
            .set_transit_encryption(self.transit_encryption.map(encrypts))
            .set_transit_encryption_port(self.transit_encryption_port)
            .set_authorization_config(authorization);
        built(efs.build())
    }
}

impl Docker {
    fn request(&self) -> t::DockerVolumeConfiguration {
        t::DockerVolumeConfiguration::builder()
            .set_scope(self.scope.as_deref().map(Into::into))
            .set_autoprovision(self.autoprovision)
            .set_driver(self.driver.clone())
            .set_driver_opts(hashed(self.driver_options.as_ref()))
            .set_labels(hashed(self.labels.as_ref()))
            .build()
    }
}
