//! Which services NATS can carry: those whose methods take one message and answer with one.

use prost::Message;
use prost_types::FileDescriptorSet;

use crate::Error;

/// Refuses a service whose package, `vitrine.<service>.v1` or the like, has a method that streams.
pub(crate) fn check(descriptors: &[u8], package: &str, service: &str) -> Result<(), Error> {
    // Ours are checked when they are compiled; what cannot be read describes no method.
    let files = FileDescriptorSet::decode(descriptors).unwrap_or_default().file;
    for file in files.iter().filter(|file| file.package() == package) {
        for interface in &file.service {
            if let Some(method) = interface.method.iter().find(|m| m.client_streaming() || m.server_streaming()) {
                let method = format!("{package}.{}/{}", interface.name(), method.name());
                return Err(Error::Streams { service: service.to_owned(), method });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use vitrine_contracts::{DESCRIPTORS, services};

    #[test]
    fn every_service_of_the_shop_can_be_carried() {
        for service in services::ALL.iter().chain(&[services::FLAGS, "bus"]) {
            check(DESCRIPTORS, &format!("vitrine.{service}.v1"), service).expect("unary");
        }
    }

    #[test]
    fn a_service_that_streams_is_refused() {
        let health = tonic_health::pb::FILE_DESCRIPTOR_SET;
        let refused = check(health, "grpc.health.v1", "health").expect_err("it has Watch").to_string();
        assert!(refused.contains("health") && refused.contains("grpc.health.v1.Health/Watch"), "{refused}");
        assert!(refused.contains("grpc://"), "{refused}");
        check(health, "vitrine.carts.v1", "carts").expect("another package");
    }
}
