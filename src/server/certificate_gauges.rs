//! Computes the gauges of the certificates: how long they are still valid, and whether a renewal is late.

use std::time::{Duration, SystemTime};

use crate::net::tls::CertificateInfo;

/// The time before its end in which a certificate must be renewed, and the share of its validity if that is shorter.
const RENEWAL_TIME_MAX: Duration = Duration::from_hours(10 * 24);
const RENEWAL_SHARE: u32 = 4;

/// The gauges; NaN without certificates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CertificateGauges {
    /// Seconds until the first certificate expires.
    pub(super) left: f64,
    /// The smallest share of the renewal time that is left.
    pub(super) margin: f64,
}

impl CertificateGauges {
    pub(super) fn new(
        certificates: impl Iterator<Item = CertificateInfo>,
        now: SystemTime,
    ) -> Self {
        let mut gauges = Self {
            left: f64::NAN,
            margin: f64::NAN,
        };
        for certificate in certificates {
            let left = seconds_until(certificate.not_after, now);
            let validity = certificate.not_after.duration_since(certificate.not_before);
            let renewal_time = validity.unwrap_or_default() / RENEWAL_SHARE;
            let renewal_time = renewal_time.clamp(Duration::from_secs(1), RENEWAL_TIME_MAX);
            // `min` ignores NaN.
            gauges.left = gauges.left.min(left);
            gauges.margin = gauges.margin.min(left / renewal_time.as_secs_f64());
        }
        gauges
    }
}

/// Returns the seconds until `end`; negative if it has passed.
fn seconds_until(end: SystemTime, now: SystemTime) -> f64 {
    match end.duration_since(now) {
        Ok(left) => left.as_secs_f64(),
        Err(passed) => -passed.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::default_rules;

    const HOUR: f64 = 3600.0;

    /// Returns the gauges of certificates, each with its validity in hours and the hours that are left.
    fn gauges(certificates: &[(f64, f64)]) -> CertificateGauges {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 60);
        let certificates = certificates.iter().map(|&(validity, left)| {
            let not_after = if left < 0.0 {
                now - Duration::from_secs_f64(-left * HOUR)
            } else {
                now + Duration::from_secs_f64(left * HOUR)
            };
            CertificateInfo {
                names: Vec::new(),
                addresses: Vec::new(),
                not_before: not_after - Duration::from_secs_f64(validity * HOUR),
                not_after,
            }
        });
        CertificateGauges::new(certificates, now)
    }

    fn fires(rule: &str, certificates: &[(f64, f64)]) -> bool {
        let rules = default_rules();
        let rule = rules.iter().find(|one| one.name == rule).unwrap();
        assert_eq!(rule.series, "certificate_margin");
        gauges(certificates).margin < rule.threshold
    }

    #[test]
    fn a_long_certificate_is_late_ten_days_before_its_end() {
        let with_days_left = |days: f64| [(90.0 * 24.0, days * 24.0)];
        assert!(!fires("certificate_expiring", &with_days_left(10.1)));
        assert!(fires("certificate_expiring", &with_days_left(9.9)));
        assert!(!fires("certificate_ending", &with_days_left(2.1)));
        assert!(fires("certificate_ending", &with_days_left(1.9)));
        assert!(fires("certificate_ending", &with_days_left(-1.0)));
    }

    /// Let's Encrypt's profile `shortlived`: 160 hours, renewed when 80 are left.
    #[test]
    fn a_short_lived_certificate_is_not_late_from_the_start() {
        for left in [160.0, 80.0, 41.0] {
            assert!(!fires("certificate_expiring", &[(160.0, left)]), "{left}");
        }
        assert!(fires("certificate_expiring", &[(160.0, 39.0)]));
        assert!(!fires("certificate_ending", &[(160.0, 9.0)]));
        assert!(fires("certificate_ending", &[(160.0, 7.0)]));
    }

    #[test]
    fn the_certificate_with_the_smallest_margin_counts() {
        let both = [(160.0, 120.0), (90.0 * 24.0, 8.0 * 24.0)];
        assert!(fires("certificate_expiring", &both));
        assert!((gauges(&both).left - 120.0 * HOUR).abs() < 1.0);
        assert!(gauges(&[]).left.is_nan() && gauges(&[]).margin.is_nan());
        assert!(gauges(&[(0.0, 5.0)]).margin.is_finite());
    }
}
