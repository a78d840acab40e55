//! The time that results are of.

use jiff::Timestamp;

/// Now, or what `SOURCE_DATE_EPOCH` says, so that the same input gives the same output.
pub fn now() -> Timestamp {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    given.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(Timestamp::now)
}
