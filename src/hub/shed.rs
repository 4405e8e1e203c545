//! What happens when memory runs short: connections go, those silent for longest first.

use super::entry::Entry;
use super::{Ended, Hub};
use crate::limits::Step;

/// Silences are told apart by the second, up to so many.
const SECONDS_MAX: usize = 256;

impl Hub {
    /// Takes note of the memory that the process has resident, and lets no new swarms begin while that is much.
    pub fn observe_memory(&self, resident_bytes: usize) {
        let node = &self.node;
        let before = node.pressure.step();
        node.pressure
            .observe(resident_bytes, node.connections_held());
        let step = node.pressure.step();
        node.tracker.swarms().set_closed(step >= Step::Refuse);
        if step != before {
            let used_bytes = node.pressure.used_bytes();
            if step > before {
                tracing::warn!(?step, used_bytes, "memory is short");
            } else {
                tracing::info!(?step, used_bytes, "memory is less short");
            }
        }
    }

    /// Asks those to close that have been silent for longest, as many as memory is short of. Once a second.
    pub fn shed(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        let mut surplus = self.node.pressure.surplus(state.entries.len());
        if surplus == 0 {
            return false;
        }
        let now = self.time.get();
        let mut silent = [0_usize; SECONDS_MAX];
        let open = |entry: &&Entry| entry.closing.is_none();
        for entry in state.entries.iter().map(|(_, entry)| entry).filter(open) {
            if let Some(count) = silent.get_mut(seconds(entry.silent(now))) {
                *count += 1;
            }
        }
        // The shortest silence of which some have to go.
        let mut longer = 0;
        let shortest = silent.iter().rposition(|count| {
            longer += count;
            longer >= surplus
        });
        for longest_first in [true, false] {
            for (_, entry) in &mut state.entries {
                let silence = seconds(entry.silent(now));
                let goes = match shortest {
                    Some(shortest) if longest_first => silence > shortest,
                    Some(shortest) => silence == shortest,
                    None => true,
                };
                if goes && surplus > 0 && entry.closing.is_none() {
                    surplus -= 1;
                    entry.close(Ended::Shed);
                }
            }
        }
        true
    }
}

fn seconds(silence: std::time::Duration) -> usize {
    usize::try_from(silence.as_secs())
        .map_or(SECONDS_MAX - 1, |seconds| seconds.min(SECONDS_MAX - 1))
}
