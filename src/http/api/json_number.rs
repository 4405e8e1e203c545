//! Numbers as the API writes them.

use serde::{Serialize, Serializer};

/// A number without a fraction if it is whole, which is shorter; null if it is not finite.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonNumber(pub(super) f64);

impl Serialize for JsonNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const WHOLE_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
        let Self(value) = *self;
        if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
            #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
            serializer.serialize_i64(value as i64)
        } else {
            // serde_json writes null for NaN and infinity.
            serializer.serialize_f64(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction_and_nan_is_null() {
        for (value, text) in [
            (3.0, "3"),
            (-1.0, "-1"),
            (0.25, "0.25"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(
                serde_json::to_string(&JsonNumber(value)).ok().as_deref(),
                Some(text)
            );
            assert_eq!(serde_json::json!(JsonNumber(value)).to_string(), text);
        }
    }
}
