//! Bytes that wait to go on: decrypted ones for who reads, encrypted ones for the socket.
//!
//! Knows nothing of TLS; a session fills them, a stream empties them.

/// Bytes that wait, and how many of them have gone. Emptied it keeps no memory.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    gone: usize,
}

impl Pending {
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// Lets so many of the rest go.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.gone += bytes;
        if self.gone >= self.bytes.len() {
            *self = Self::default();
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends what `write` writes into room of this size. If that fails for want of room,
    /// `lacks` says how much it needs.
    ///
    /// # Errors
    ///
    /// Any other of `write`'s; nothing is appended then.
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

    /// The memory it has.
    #[cfg(any(test, feature = "echo"))]
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
