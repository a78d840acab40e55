//! Reading sensors that are files: one short number each, under a root that tests replace.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::MeterError;

/// More than any sensor file holds.
const LONGEST: u64 = 4096;

/// More entries than a folder of sensors or PCI devices has.
const MOST_ENTRIES: usize = 8192;

/// A tree of sensor files. Paths are absolute, parts joined by `/`.
pub trait Files: Send + Sync {
    /// The text of a file, at most its first 4 KiB.
    ///
    /// # Errors
    /// What the system says; a text that is not UTF-8 is [`io::ErrorKind::InvalidData`].
    fn read(&self, path: &str) -> io::Result<String>;

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// The files of this machine, or of a copy of its tree.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Files under `root`: `/` for those of the machine.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.place(path))?.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = std::fs::read_dir(self.place(folder))?
            .take(MOST_ENTRIES)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }
}

/// The text of a sensor that must be there, without space around it.
pub(super) fn text(files: &dyn Files, path: &str, hint: &'static str) -> Result<String, MeterError> {
    match files.read(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(failure(path, &error, hint)),
    }
}

/// The text of a file that need not be there; nothing where it cannot be read.
pub(super) fn optional(files: &dyn Files, path: &str) -> Option<String> {
    files.read(path).ok().map(|text| text.trim().to_owned())
}

/// Whether a file is there, readable or not.
pub(super) fn is_there(files: &dyn Files, path: &str) -> bool {
    files.read(path).map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true)
}

/// A count: decimal, not negative.
pub(super) fn count(files: &dyn Files, path: &str, hint: &'static str) -> Result<u64, MeterError> {
    let text = text(files, path, hint)?;
    text.parse().map_err(|_| malformed(path, &text, "count"))
}

pub(super) fn malformed(what: &str, text: &str, expected: &'static str) -> MeterError {
    MeterError::Malformed { what: what.to_owned(), text: text.chars().take(60).collect(), expected }
}

fn failure(path: &str, error: &io::Error, hint: &'static str) -> MeterError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => MeterError::Permission { path: path.to_owned(), hint },
        io::ErrorKind::NotFound => MeterError::Vanished { what: path.to_owned() },
        _ => MeterError::Unreadable { what: path.to_owned(), message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tree;
    use super::*;

    #[test]
    fn a_sensor_that_says_no_count_is_quoted() {
        for said in ["", "-5", "12.5", "N/A", "99999999999999999999999"] {
            let tree = Tree::of(&[("/sys/energy", said)]);
            let error = count(&tree, "/sys/energy", "").unwrap_err();
            assert_eq!(error.to_string(), format!("/sys/energy says \"{said}\", which is no count"));
        }
        assert_eq!(count(&Tree::of(&[("/sys/energy", " 7\n")]), "/sys/energy", ""), Ok(7));
    }

    #[test]
    fn the_systems_refusals_are_told_apart() {
        let tree = Tree::of(&[("/a", "1"), ("/b", "1"), ("/c", "1")]);
        tree.fail("/a", io::ErrorKind::PermissionDenied);
        tree.fail("/b", io::ErrorKind::ResourceBusy);
        tree.remove("/c");
        assert_eq!(
            count(&tree, "/a", "ask"),
            Err(MeterError::Permission { path: "/a".to_owned(), hint: "ask" })
        );
        assert!(matches!(count(&tree, "/b", ""), Err(MeterError::Unreadable { .. })));
        assert_eq!(count(&tree, "/c", ""), Err(MeterError::Vanished { what: "/c".to_owned() }));
    }

    #[test]
    fn the_disk_reads_numbers_and_lists_names_in_order() {
        let disk = Disk::under(env!("CARGO_MANIFEST_DIR"));
        let names = disk.list("/src/calibrate/power").unwrap();
        assert!(names.is_sorted() && names.iter().any(|name| name == "files.rs"));
        assert_eq!(disk.read("/src/calibrate/power/files.rs").unwrap().len(), 4096);
        assert_eq!(disk.read("/src/no such file").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
