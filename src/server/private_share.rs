//! Says in the log when most connections come from one private address: mostly a proxy or a container's bridge that nobody has
//! told the server of, so that limits take everybody behind it for one.

use crate::insight::Gauges;

/// Fewer connections say nothing: a household tries the server out.
const CONNECTIONS_MIN: f64 = 50.0;
/// The share from which it is said, and the one below which it may be said again.
const SHARE: f64 = 0.5;
const SHARE_AGAIN: f64 = 0.25;

/// Whether it has been said.
#[derive(Debug, Default)]
pub(super) struct PrivateShare {
    is_told: bool,
}

impl PrivateShare {
    /// Looks at the numbers of one second; true if it was said now.
    pub(super) fn look(&mut self, gauges: &Gauges) -> bool {
        let (connections, most) = (
            gauges.connections,
            gauges.largest_private_address_connections,
        );
        if connections < CONNECTIONS_MIN || most < connections * SHARE_AGAIN {
            self.is_told = false;
        }
        let is_due = !self.is_told && connections >= CONNECTIONS_MIN && most > connections * SHARE;
        if is_due {
            self.is_told = true;
            tracing::warn!(
                connections,
                of_one_address = most,
                "most connections come from one private address; is a proxy missing in proxies.trusted?"
            );
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(connections: f64, most: f64) -> Gauges {
        Gauges {
            connections,
            largest_private_address_connections: most,
            ..Gauges::default()
        }
    }

    #[test]
    fn it_is_said_once_and_again_only_after_it_was_over() {
        let mut share = PrivateShare::default();
        let looks = [
            (40.0, 40.0, false),
            (100.0, 50.0, false),
            (100.0, 51.0, true),
            (200.0, 190.0, false),
            (200.0, 90.0, false),
            (200.0, 190.0, false),
            (200.0, 40.0, false),
            (200.0, 190.0, true),
        ];
        for (connections, most, is_said) in looks {
            let said = share.look(&gauges(connections, most));
            assert_eq!(said, is_said, "{most} of {connections}");
        }
        assert!(!PrivateShare::default().look(&Gauges::default()), "unknown");
    }
}
