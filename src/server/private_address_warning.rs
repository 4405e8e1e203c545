//! Logs a warning when most connections come from one private address. This is usually an unconfigured proxy or
//! container bridge, so that limits treat all its clients as one.

use crate::metrics::LoadGauges;

/// Fewer connections are not significant, such as a household that tries the server.
const CONNECTIONS_MIN: f64 = 50.0;
/// Share of connections above which the warning is logged, and below which it is armed again.
const WARN_SHARE: f64 = 0.5;
const REARM_SHARE: f64 = 0.25;

/// Whether the warning was logged.
#[derive(Debug, Default)]
pub(super) struct PrivateAddressWarning {
    is_logged: bool,
}

impl PrivateAddressWarning {
    /// Checks the gauges of one second; returns true if the warning was logged now.
    pub(super) fn check(&mut self, gauges: &LoadGauges) -> bool {
        let (connections, most) = (
            gauges.connections,
            gauges.largest_private_address_connections,
        );
        if connections < CONNECTIONS_MIN || most < connections * REARM_SHARE {
            self.is_logged = false;
        }
        let is_due =
            !self.is_logged && connections >= CONNECTIONS_MIN && most > connections * WARN_SHARE;
        if is_due {
            self.is_logged = true;
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

    fn gauges(connections: f64, most: f64) -> LoadGauges {
        LoadGauges {
            connections,
            largest_private_address_connections: most,
            ..LoadGauges::default()
        }
    }

    #[test]
    fn the_warning_is_logged_once_until_the_share_drops() {
        let mut share = PrivateAddressWarning::default();
        let samples = [
            (40.0, 40.0, false),
            (100.0, 50.0, false),
            (100.0, 51.0, true),
            (200.0, 190.0, false),
            (200.0, 90.0, false),
            (200.0, 190.0, false),
            (200.0, 40.0, false),
            (200.0, 190.0, true),
        ];
        for (connections, most, is_logged) in samples {
            let logged = share.check(&gauges(connections, most));
            assert_eq!(logged, is_logged, "{most} of {connections}");
        }
        assert!(
            !PrivateAddressWarning::default().check(&LoadGauges::default()),
            "unknown"
        );
    }
}
