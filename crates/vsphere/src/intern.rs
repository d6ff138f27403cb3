//! Equal short texts of one answer share their memory.
//!
//! An answer about ten thousand machines says `poweredOn`, `VirtualMachine` and each property path ten thousand times.

use std::sync::Arc;

/// Longer texts are rarely equal.
const LONGEST: usize = 64;
/// Texts remembered. A later one takes the place of an earlier one, so this bounds the memory, not what can be shared.
const SLOTS: usize = 1024;

/// Remembers the texts of one answer.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    slots: Vec<Option<Arc<str>>>,
}

impl Interner {
    /// The text, shared with an equal one if one was seen lately.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > LONGEST {
            return text.into();
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        match self.slots.get_mut(slot_of(text)) {
            Some(Some(kept)) if **kept == *text => kept.clone(),
            Some(place) => place.insert(text.into()).clone(),
            None => text.into(),
        }
    }
}

/// Where a text is remembered (FNV-1a; an attacker who makes texts collide only loses the sharing).
fn slot_of(text: &str) -> usize {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    usize::try_from(hash >> 32).unwrap_or(0) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_their_memory() {
        let mut interner = Interner::default();
        let first = interner.share("poweredOn");
        let again = interner.share("poweredOn");
        assert!(Arc::ptr_eq(&first, &again));
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(&*interner.share(&long), long);
    }

    #[test]
    fn texts_that_share_a_place_stay_apart() {
        let mut interner = Interner::default();
        for round in 0..2 {
            for number in 0..3 * SLOTS {
                let text = format!("vm-{number}");
                assert_eq!(&*interner.share(&text), text, "round {round}");
            }
        }
    }
}
