//! Buffers pending bytes: decrypted ones for the reader, encrypted ones for the socket.
//!
//! Is independent of TLS; a session fills the buffers, a stream empties them.

/// Pending bytes, and how many of them are consumed. An empty buffer holds no memory.
#[derive(Debug, Default)]
pub(super) struct PendingBytes {
    bytes: Vec<u8>,
    consumed: usize,
}

impl PendingBytes {
    pub(super) fn remaining(&self) -> &[u8] {
        self.bytes.get(self.consumed..).unwrap_or_default()
    }

    /// Consumes this number of bytes.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.consumed += bytes;
        if self.consumed >= self.bytes.len() {
            *self = Self::default();
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends the bytes that `write` writes into a buffer of `room` bytes. If the buffer is too small, `lacks` returns
    /// the required size.
    ///
    /// # Errors
    ///
    /// Any other error of `write`; then nothing is appended.
    pub(super) fn append<E>(
        &mut self,
        room: usize,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
        lacks: impl Fn(&E) -> Option<usize>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start + room, 0);
        let written = loop {
            match write(self.bytes.get_mut(start..).unwrap_or_default()) {
                Ok(written) => break written,
                Err(error) => match lacks(&error) {
                    Some(room) if room > self.bytes.len() - start => {
                        self.bytes.resize(start + room, 0);
                    }
                    _ => {
                        self.bytes.truncate(start);
                        return Err(error);
                    }
                },
            }
        };
        self.bytes.truncate(start + written);
        Ok(())
    }

    /// Returns the allocated memory in bytes.
    #[cfg(any(test, feature = "echo"))]
    pub(super) fn buffered_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
