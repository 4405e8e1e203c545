//! Reads the memory use and budget from the system, and returns memory to it after many connections have ended.
//!
//! The glibc allocator keeps freed memory in the heaps of all threads but the first: 5,000 connections that ended left
//! 40 MiB for good. Returning it takes a foreign function, the only unsafe code of the crate. The worker calls this.

mod shrink;
mod system;

pub(crate) use shrink::ShrinkDetector;
pub(crate) use system::{budget_bytes, resident_bytes};

/// Makes the allocator return unused memory to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn trim() {
    #[expect(unsafe_code, reason = "a foreign function")]
    // SAFETY: malloc_trim takes no pointer and may be called by any thread at any time (malloc_trim(3)); it touches only
    // memory that the allocator holds free, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Does nothing: other allocators return memory by themselves, or cannot be asked to.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trim_keeps_live_memory() {
        let in_use = vec![1_u8; 1 << 20];
        drop(vec![1_u8; 1 << 20]);
        trim();
        assert!(in_use.iter().all(|&byte| byte == 1));
    }
}
