//! What the system says about memory, and giving memory back to it after many connections have gone.
//!
//! The allocator of glibc keeps what is freed in the heaps of other threads than the first: 5,000 connections that
//! came and went left 40 MiB behind, for good. Asking it takes a foreign function, the only unsafe code of the crate.
//! The worker calls this.

mod ebb;
mod system;

pub(crate) use ebb::Ebb;
pub(crate) use system::{budget_bytes, resident_bytes};

/// Asks the allocator to give back to the system what it does not use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    #[expect(unsafe_code, reason = "a foreign function")]
    // SAFETY: malloc_trim takes no pointer and may be called by any thread at any time (malloc_trim(3)); it touches only
    // memory that the allocator holds free, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Elsewhere allocators give back by themselves, or cannot be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_does_no_harm() {
        let kept = vec![1_u8; 1 << 20];
        drop(vec![1_u8; 1 << 20]);
        give_back();
        assert!(kept.iter().all(|&byte| byte == 1));
    }
}
