//! Computes SipHash-2-4. The hashers of the standard library may change with a release; here all nodes must agree.

/// A key of 128 bits that all nodes of a cluster share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey(u64, u64);

impl HashKey {
    /// Creates a key.
    #[must_use]
    pub const fn new([low, high]: [u64; 2]) -> Self {
        Self(low, high)
    }

    /// Returns the hash of `data`.
    #[must_use]
    pub fn hash(&self, data: &[u8]) -> u64 {
        let mut state = [
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        ];
        let (words, rest) = data.as_chunks::<8>();
        for word in words {
            absorb(&mut state, u64::from_le_bytes(*word));
        }
        // The last word: the remaining bytes, and the length in its highest byte.
        let last = rest.iter().rev();
        let last = last.fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        absorb(&mut state, last | (data.len() as u64) << 56);
        let [a, b, c, d] = &mut state;
        *c ^= 0xff;
        for _ in 0..4 {
            round(a, b, c, d);
        }
        *a ^ *b ^ *c ^ *d
    }
}

/// Never shows the key.
impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey")
    }
}

fn absorb(state: &mut [u64; 4], word: u64) {
    let [a, b, c, d] = state;
    *d ^= word;
    round(a, b, c, d);
    round(a, b, c, d);
    *a ^= word;
}

fn round(a: &mut u64, b: &mut u64, c: &mut u64, d: &mut u64) {
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference implementation (`vectors.h`): key 0 to 15, the input of length n is 0 to n - 1.
    #[test]
    fn the_hash_equals_the_reference_vectors() {
        let key = HashKey::new([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        let input: Vec<u8> = (0..64).collect();
        for (length, expected) in [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
            (63, 0x958a_324c_eb06_4572),
        ] {
            assert_eq!(key.hash(&input[..length]), expected, "{length}");
        }
        assert_ne!(HashKey::new([1; 2]).hash(&input), key.hash(&input));
    }
}
