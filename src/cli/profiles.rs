//! Profiles in the user's cache directory: saved by `bench`, read by whoever estimates.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::error::Refusal;
use crate::device::profile::{Profile, ProfileError};

/// The name of a profile that is not named.
pub const LOCAL: &str = "local";
/// Bytes of the largest profile that is read: twenty times what a full run writes.
const LARGEST: u64 = 64 << 20;

/// Where ergometer keeps what it would have to work out again.
///
/// # Errors
/// A [`Refusal`] on a system without a home directory.
pub fn cache_folder() -> Result<PathBuf, Refusal> {
    let directories = etcetera::choose_base_strategy()
        .map_err(|error| Refusal::environment(format!("there is no cache directory: {error}")))?;
    Ok(directories.cache_dir().join("ergometer"))
}

/// Where profiles are kept.
///
/// # Errors
/// A [`Refusal`] on a system without a home directory.
pub fn folder() -> Result<PathBuf, Refusal> {
    Ok(cache_folder()?.join("profiles"))
}

/// Whether a profile may be called so: it becomes a file's name.
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && !name.starts_with(['.', '-']) && name.chars().all(allowed)
}

/// Saves a profile under its name, whole or not at all, and says where.
///
/// # Errors
/// A [`Refusal`] that names the file.
pub fn save(profile: &Profile) -> Result<PathBuf, Refusal> {
    let folder = folder()?;
    let path = folder.join(format!("{}.json", profile.name));
    let refuse = |error: io::Error| {
        Refusal::environment(format!("cannot save the profile as {}: {error}", path.display()))
            .hint("write it elsewhere with `--format json -o FILE`")
    };
    let write = || {
        fs::create_dir_all(&folder)?;
        let unfinished = folder.join(format!(".{}.{}", profile.name, std::process::id()));
        let mut file = File::create(&unfinished)?;
        serde_json::to_writer(&mut file, profile)?;
        file.flush()?;
        fs::rename(&unfinished, &path)
    };
    write().map_err(refuse)?;
    Ok(path)
}

/// The profile saved under a name; `None` if there is none.
///
/// # Errors
/// A [`Refusal`] if there is one that cannot be read.
pub fn load(name: &str) -> Result<Option<Profile>, Refusal> {
    if !is_name(name) {
        return Ok(None);
    }
    let path = folder()?.join(format!("{name}.json"));
    if path.exists() { read(&path).map(Some) } else { Ok(None) }
}

/// The profile in a file.
///
/// # Errors
/// A [`Refusal`] that names the file.
pub fn read(path: &Path) -> Result<Profile, Refusal> {
    let refuse = |message: String| Refusal::environment(format!("{}: {message}", path.display()));
    let mut json = vec![];
    let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    file.take(LARGEST + 1).read_to_end(&mut json).map_err(|error| refuse(error.to_string()))?;
    if json.len() as u64 > LARGEST {
        return Err(refuse(format!("it is larger than any profile ({LARGEST} bytes)")));
    }
    Profile::parse(&json).map_err(|error| {
        let hint = match error {
            ProfileError::Schema { .. } => "measure again with `ergometer bench`",
            ProfileError::Malformed(_) | ProfileError::Figure { .. } => {
                "`ergometer bench --format json -o FILE` writes a profile"
            }
        };
        refuse(error.to_string()).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        for name in ["local", "rtx-4090", "a.b_c", "7"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "-o", ".hidden", "ü", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
