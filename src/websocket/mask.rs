//! Masks and unmasks payloads (RFC 6455, 5.3).

/// Bytes that are masked at once: the compiler turns them into two wide steps.
const BLOCK_BYTES: usize = 32;

/// Masks or unmasks in place.
pub(super) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let mut wide = [0; BLOCK_BYTES];
    for part in wide.as_chunks_mut::<4>().0 {
        *part = mask;
    }
    let (blocks, rest) = payload.as_chunks_mut::<BLOCK_BYTES>();
    for block in blocks {
        for (byte, mask) in block.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in rest.iter_mut().zip(wide) {
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
