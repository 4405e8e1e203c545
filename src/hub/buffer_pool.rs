//! Pools emptied output buffers of one worker for reuse: they are cached and have grown already.

/// Maximum number of pooled buffers: about as many as a busy worker fills in one iteration of its event loop.
const BUFFERS_MAX: usize = 128;
/// Largest pooled buffer: room for three relayed offers. Larger ones are freed. With `BUFFERS_MAX` this bounds the pool
/// to 1 MiB.
const BUFFER_BYTES_MAX: usize = 8 * 1024;

/// A pool of empty buffers.
#[derive(Debug, Default)]
pub struct BufferPool(Vec<Vec<u8>>);

impl BufferPool {
    /// Returns an empty buffer with room for `bytes`: the last returned one, if any.
    pub(super) fn take(&mut self, bytes: usize) -> Vec<u8> {
        let mut buffer = self.0.pop().unwrap_or_default();
        buffer.reserve(bytes);
        buffer
    }

    /// Returns a buffer to the pool and clears it.
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
    fn the_pool_is_bounded_in_number_and_size() {
        let mut pool = BufferPool::default();
        pool.put(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        assert_eq!(pool.0.len(), 0);
        for _ in 0..2 * BUFFERS_MAX {
            pool.put(vec![1; BUFFER_BYTES_MAX]);
        }
        assert_eq!(pool.0.len(), BUFFERS_MAX);
        let buffer = pool.take(1);
        assert_eq!((buffer.len(), buffer.capacity()), (0, BUFFER_BYTES_MAX));
        assert!(BufferPool::default().take(100).capacity() >= 100);
    }
}
