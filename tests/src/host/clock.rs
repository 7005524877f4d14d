//! Wall clocks of their own for processes, by libfaketime: what a wrong battery, a suspended machine or
//! a first answer of an NTP server does to a node. The monotonic clock stays the kernel's, as it does
//! when a real wall clock is stepped. (Time namespaces have only the other clocks.)

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How far the time of a line may be from the time at which it is read.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// The library, if it is installed.
pub fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let paths = folders.filter_map(Result::ok).map(|folder| folder.path());
    let named = paths.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    named.into_iter().find(|path| path.exists())
}

/// Words before a program whose clock is told by this file.
///
/// # Panics
/// When there is no library.
pub fn words(file: &Path) -> Vec<String> {
    let library = library().expect("libfaketime is not installed: install Debian's libfaketime");
    fs::write(file, "+0").expect("a file can be written");
    [
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", file.display()),
        // Seconds until a step is noticed.
        "FAKETIME_CACHE_DURATION=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        // The name before 0.9.9.
        "DONT_FAKE_MONOTONIC=1".to_owned(),
    ]
    .to_vec()
}

/// Sets a clock so many seconds off.
///
/// # Panics
/// When the file cannot be written.
pub fn step(file: &Path, seconds: i64) {
    // In one go, so that nobody reads half of it.
    let new = file.with_extension("new");
    fs::write(&new, format!("{seconds:+}")).expect("a file can be written");
    fs::rename(&new, file).expect("it can take the place of the old one");
}

/// Whether a line of a log begins with a time that is so many seconds off.
pub fn is_off(line: &str, seconds: i64) -> bool {
    let told = line.split_whitespace().next();
    let told = told.and_then(|word| humantime::parse_rfc3339(word).ok());
    let by = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    let expected = if seconds < 0 { now - by } else { now + by };
    told.is_some_and(|told| {
        let ahead = told.duration_since(expected);
        ahead.unwrap_or_else(|error| error.duration()) < READ_WITHIN
    })
}
