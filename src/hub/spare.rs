//! Emptied output buffers of one worker, kept for the next connection that has something to write: they are warm and
//! have grown already.

/// How many are kept: about as many as a busy worker fills in one round of its loop.
const BUFFERS_MAX: usize = 128;
/// Room for three relayed offers. Larger ones are given back to the system. With `BUFFERS_MAX` this bounds what is kept to 1 MiB.
const BUFFER_BYTES_MAX: usize = 8 * 1024;

/// The buffers.
#[derive(Debug, Default)]
pub struct Spare(Vec<Vec<u8>>);

impl Spare {
    /// An empty buffer with room for `bytes`: the one emptied last, if there is any.
    pub(super) fn take(&mut self, bytes: usize) -> Vec<u8> {
        let mut buffer = self.0.pop().unwrap_or_default();
        buffer.reserve(bytes);
        buffer
    }

    /// Keeps a buffer whose contents are no longer needed.
    pub(super) fn put(&mut self, mut buffer: Vec<u8>) {
        if self.0.len() < BUFFERS_MAX && buffer.capacity() <= BUFFER_BYTES_MAX {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_in_number_and_size() {
        let mut spare = Spare::default();
        spare.put(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        assert_eq!(spare.0.len(), 0);
        for _ in 0..2 * BUFFERS_MAX {
            spare.put(vec![1; BUFFER_BYTES_MAX]);
        }
        assert_eq!(spare.0.len(), BUFFERS_MAX);
        let buffer = spare.take(1);
        assert_eq!((buffer.len(), buffer.capacity()), (0, BUFFER_BYTES_MAX));
        assert!(Spare::default().take(100).capacity() >= 100);
    }
}
