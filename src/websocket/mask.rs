//! Masking (RFC 6455, 5.3).

/// Masks, or unmasks, in place.
pub(super) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    // Eight bytes at a time, which the compiler makes into wider steps still.
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_masked_byte_by_byte() {
        let mask = [0x12, 0x34, 0x56, 0x78];
        for length in 0..100_u8 {
            let plain: Vec<u8> = (0..length).collect();
            let expected: Vec<u8> = plain
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask)
                .collect();
            let mut masked = plain.clone();
            apply(mask, &mut masked);
            assert_eq!(masked, expected);
            apply(mask, &mut masked);
            assert_eq!(masked, plain);
        }
    }
}
