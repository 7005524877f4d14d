//! A deterministic stream of numbers from BLAKE3's output stream: the only randomness of this crate.
//! Owns the mapping from bytes to numbers; it may not touch the operating system's or a thread's generator.

/// An endless stream that depends on a context and on parts, and on nothing else.
pub(crate) struct Stream {
    reader: blake3::OutputReader,
    buffer: [u8; 1024],
    used: usize,
}

impl Stream {
    /// `context` must be unique per use; `parts` are hashed with their lengths, so they cannot run into each other.
    pub(crate) fn new(context: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let reader = hasher.finalize_xof();
        Self {
            reader,
            buffer: [0; 1024],
            used: 1024,
        }
    }

    fn u32(&mut self) -> u32 {
        if self.used == self.buffer.len() {
            self.reader.fill(&mut self.buffer);
            self.used = 0;
        }
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 4]);
        self.used += 4;
        u32::from_le_bytes(bytes)
    }

    /// Uniform in `0..bound`, without bias (Lemire, 2019). `bound` must not be zero.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        debug_assert!(bound > 0);
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.u32()) * u64::from(bound);
            if (product & u64::from(u32::MAX)) >= u64::from(threshold) {
                return (product >> 32) as u32;
            }
        }
    }

    /// Uniform in `-1.0..1.0` on a grid of 2^-23; exact arithmetic, so the same on every machine.
    pub(crate) fn signed_unit(&mut self) -> f32 {
        (self.u32() >> 8) as f32 * (1.0 / 8_388_608.0) - 1.0
    }

    /// Fisher-Yates.
    pub(crate) fn shuffle(&mut self, items: &mut [u32]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last + 1).expect("no more than u32::MAX items are shuffled");
            items.swap(last, self.below(bound) as usize);
        }
    }
}
