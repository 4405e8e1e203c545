//! Reads the memory use and budget from the system, and returns memory to it after many connections have ended.
//!
//! The glibc allocator keeps freed memory in the heaps of all threads but the first: 5,000 connections that ended left
//! 40 MiB for good. Returning it takes a foreign function, the only unsafe code of the crate. The worker calls this.

mod ebb;
mod system;

pub(crate) use ebb::Ebb;
pub(crate) use system::{budget_bytes, resident_bytes};

/// Makes the allocator return unused memory to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    #[expect(unsafe_code, reason = "a foreign function")]
    // SAFETY: malloc_trim takes no pointer and may be called by any thread at any time (malloc_trim(3)); it touches only
    // memory that the allocator holds free, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Does nothing: other allocators return memory by themselves, or cannot be asked to.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_does_no_harm() {
        let in_use = vec![1_u8; 1 << 20];
        drop(vec![1_u8; 1 << 20]);
        give_back();
        assert!(in_use.iter().all(|&byte| byte == 1));
    }
}
