//! Small files of the user's own: tables of devices, coefficients.

use std::fs;
use std::path::Path;

/// The text of a file of at most so many MiB.
///
/// # Errors
/// Why it cannot be read, to follow its name.
pub fn small_text(path: &Path, most_mib: u64) -> Result<String, String> {
    if path.metadata().is_ok_and(|metadata| metadata.len() > most_mib << 20) {
        return Err(format!("is longer than {most_mib} MiB"));
    }
    fs::read_to_string(path).map_err(|why| format!("cannot be read: {why}"))
}
