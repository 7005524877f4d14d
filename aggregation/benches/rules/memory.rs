//! The most memory that a piece of work holds at a time, as Linux counts it.

use std::fs;

/// The resident memory of this process, and the most since the last reset, in bytes.
fn resident(key: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(1024.0 * kib)
}

/// Bytes that `work` needed beyond what was there before it; `None` where nobody counts.
pub(crate) fn beyond(work: impl FnOnce()) -> Option<f64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    let before = resident("VmRSS:")?;
    work();
    Some((resident("VmHWM:")? - before).max(0.0))
}
