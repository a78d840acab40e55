//! What there is to score: files, folders, patterns, lists and manifests, as one stream of models.
//!
//! Nothing is opened here but folders and lists. What cannot be listed is an entry, too, with its reason: one bad name
//! hides no other.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;

use super::manifest;
use super::{Annotations, Problem};

/// A list has lines of at most so many bytes: longer ones are no paths.
const LONGEST_LINE: u64 = 64 << 10;

/// One model to score, or what stands in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// [`super::Score::path`].
    pub path: String,
    /// Where it is.
    pub place: Result<Place, Problem>,
    /// What a manifest says of it.
    pub annotations: Annotations,
    /// Sizes of its open dimensions, before those that hold for all models.
    pub dims: Vec<(String, u64)>,
}

/// Where a model is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In an object store or on a server, by URL.
    #[cfg(feature = "cloud")]
    Remote(String),
}

impl Entry {
    pub(super) fn plain(path: String, place: Place) -> Self {
        Self { path, place: Ok(place), annotations: Annotations::default(), dims: vec![] }
    }

    pub(super) fn problem(path: String, problem: Problem) -> Self {
        Self { path, place: Err(problem), annotations: Annotations::default(), dims: vec![] }
    }
}

/// What a user names to be scored.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inputs {
    /// Files, folders, patterns, URLs and manifests (`.toml`, `.csv`).
    pub paths: Vec<String>,
    /// Files with one of these, but manifests, a line; `-` is standard input.
    pub lists: Vec<PathBuf>,
}

impl Inputs {
    /// Lists the models, each path once, in the order in which they are named; folders by name.
    ///
    /// Takes memory for the manifests and eight bytes a model.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + Send {
        let paths = self.paths.clone().into_iter().flat_map(|path| match manifest::kind(&path) {
            Some(kind) => manifest::entries(&path, kind),
            None => named(path),
        });
        let lists = self.lists.clone().into_iter().flat_map(lines);
        let hasher = RandomState::new();
        let mut seen = HashSet::new();
        paths.chain(lists).filter(move |entry| seen.insert(hasher.hash_one(&entry.path)))
    }
}

pub(super) type Entries = Box<dyn Iterator<Item = Entry> + Send>;

pub(super) fn one(entry: Entry) -> Entries {
    Box::new(std::iter::once(entry))
}

/// Whether a name is a URL of something that models can be read from.
fn is_url(name: &str) -> bool {
    ["s3://", "gs://", "az://", "https://", "http://"].iter().any(|scheme| name.starts_with(scheme))
}

/// The models of one name on the command line or in a list.
pub(super) fn named(name: String) -> Entries {
    if is_url(&name) {
        return remote(name);
    }
    let path = Path::new(&name);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => folder(name, None),
        // Also what is no regular file: reading it tells what it is.
        Ok(_) => one(Entry::plain(name.clone(), Place::File(PathBuf::from(name)))),
        Err(_) if has_pattern(&name) => pattern(name),
        Err(error) => one(Entry::problem(name.clone(), unlisted(&name, &error))),
    }
}

#[cfg(feature = "cloud")]
use super::remote::entries as remote;

#[cfg(not(feature = "cloud"))]
fn remote(url: String) -> Entries {
    one(Entry::problem(
        url.clone(),
        Problem {
            code: "no-remote".to_owned(),
            message: format!("{url}: this ergometer was built without a way to read over the network"),
            hint: Some("build it with `--features cloud`, or copy the model here".to_owned()),
        },
    ))
}

fn unlisted(name: &str, error: &io::Error) -> Problem {
    let (code, hint) = match error.kind() {
        io::ErrorKind::NotFound => ("not-found", "name a file, a folder or a pattern that exists"),
        io::ErrorKind::PermissionDenied => ("unreadable", "you may not read it: ask its owner"),
        _ => ("unreadable", "the system refuses it"),
    };
    Problem { code: code.to_owned(), message: format!("{name}: {error}"), hint: Some(hint.to_owned()) }
}

pub(super) fn has_pattern(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

/// The files of a pattern, in which `*` does not cross a `/` and `**` does.
fn pattern(name: String) -> Entries {
    let matcher = match matcher(&name) {
        Ok(matcher) => matcher,
        Err(problem) => return one(Entry::problem(name, problem)),
    };
    let fixed = before_pattern(&name);
    let root = match (fixed.is_empty(), name.starts_with('/')) {
        (true, true) => "/".to_owned(),
        (true, false) => ".".to_owned(),
        _ => fixed,
    };
    let mut found = folder(root, Some(matcher)).peekable();
    if found.peek().is_none() {
        let problem = Problem {
            code: "not-found".to_owned(),
            message: format!("{name}: no file is called so"),
            hint: Some("`*` stays within a folder, `**` does not".to_owned()),
        };
        return one(Entry::problem(name, problem));
    }
    Box::new(found)
}

/// # Errors
/// That it is no pattern.
pub(super) fn matcher(name: &str) -> Result<GlobMatcher, Problem> {
    let glob = GlobBuilder::new(name).literal_separator(true).build().map_err(|error| Problem {
        code: "bad-pattern".to_owned(),
        message: format!("{name}: {error}"),
        hint: Some("`*`, `?`, `[a-z]`, `{a,b}` and `**` make a pattern".to_owned()),
    })?;
    Ok(glob.compile_matcher())
}

/// What stands before the first part with a pattern: a folder.
pub(super) fn before_pattern(name: &str) -> String {
    name.split('/').take_while(|part| !has_pattern(part)).collect::<Vec<_>>().join("/")
}

/// Whether a name is that of a model.
pub(super) fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// The `.onnx` files of a folder and its folders, or the files that match. Ignore files are not honoured: weights and
/// models are what they name most. Links are followed; one that leads to where it lies is an entry with that reason.
fn folder(root: String, matcher: Option<GlobMatcher>) -> Entries {
    let mut walk = WalkBuilder::new(&root);
    walk.standard_filters(false).follow_links(true).sort_by_file_name(Ord::cmp);
    let entries = walk.build().filter_map(move |found| {
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some(unwalked(&root, &error)),
        };
        if found.file_type().is_some_and(|kind| kind.is_dir()) {
            return None;
        }
        let path = found.path();
        let shown = path.strip_prefix("./").unwrap_or(path);
        let wanted = match &matcher {
            Some(matcher) => matcher.is_match(shown) || matcher.is_match(path),
            None => is_model(path),
        };
        let path = if matcher.is_some() { shown } else { path };
        if !wanted {
            return None;
        }
        // A pipe would be waited for, for ever; who names one means it.
        if !found.file_type().is_some_and(|kind| kind.is_file()) {
            let problem = Problem {
                code: "not-a-file".to_owned(),
                message: format!("{}: is no regular file", text_of(path)),
                hint: Some("a pipe or device is read where it is named itself".to_owned()),
            };
            return Some(Entry::problem(text_of(path), problem));
        }
        Some(Entry::plain(text_of(path), Place::File(path.to_owned())))
    });
    Box::new(entries)
}

/// A path as it stands in results: with `/` between its parts, whatever the system writes.
fn text_of(path: &Path) -> String {
    let text = path.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' {
        text.into_owned()
    } else {
        text.replace(std::path::MAIN_SEPARATOR, "/")
    }
}

fn unwalked(root: &str, error: &ignore::Error) -> Entry {
    let path = path_of(error).map_or_else(|| root.to_owned(), text_of);
    let (code, hint) = match (is_loop(error), error.io_error().map(io::Error::kind)) {
        (true, _) => {
            ("link-loop", "the link leads to a folder that it lies in; the models there are scored once")
        }
        (_, Some(io::ErrorKind::NotFound)) => {
            ("not-found", "the file was moved or its disk is not there: make the link again")
        }
        _ => ("unreadable", "you may not read it: ask its owner"),
    };
    let message = match (code, error.io_error()) {
        ("link-loop", _) => format!("{path}: is a link to a folder around it"),
        ("not-found", _) => format!("{path}: is a link to nothing"),
        (_, Some(error)) => format!("{path}: {error}"),
        (_, None) => error.to_string(),
    };
    let problem = Problem { code: code.to_owned(), message, hint: Some(hint.to_owned()) };
    Entry::problem(path, problem)
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

fn is_loop(error: &ignore::Error) -> bool {
    match error {
        ignore::Error::Loop { .. } => true,
        ignore::Error::WithPath { err, .. }
        | ignore::Error::WithDepth { err, .. }
        | ignore::Error::WithLineNumber { err, .. } => is_loop(err),
        _ => false,
    }
}

/// The models of a list, a name a line.
fn lines(list: PathBuf) -> Entries {
    let reader: Box<dyn Read + Send> = if list.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        match File::open(&list) {
            Ok(file) => Box::new(file),
            Err(error) => {
                let name = text_of(&list);
                return one(Entry::problem(name.clone(), unlisted(&name, &error)));
            }
        }
    };
    let lines = Lines { reader: BufReader::new(reader), name: text_of(&list), ended: false };
    Box::new(lines.flat_map(|line| match line {
        Ok(name) => named(name),
        Err(entry) => one(*entry),
    }))
}

/// Lines of a list that are not empty.
struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    name: String,
    ended: bool,
}

impl Lines {
    fn ends(&mut self, message: &str) -> Option<Result<String, Box<Entry>>> {
        self.ended = true;
        let problem = Problem {
            code: "bad-list".to_owned(),
            message: format!("{}: {message}", self.name),
            hint: Some("a list has a path a line, in UTF-8".to_owned()),
        };
        Some(Err(Box::new(Entry::problem(self.name.clone(), problem))))
    }
}

impl Iterator for Lines {
    type Item = Result<String, Box<Entry>>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let mut line = vec![];
            match self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(read) if read as u64 == LONGEST_LINE => {
                    return self.ends("a line is longer than any path");
                }
                Ok(_) => {}
                Err(error) => return self.ends(&error.to_string()),
            }
            let Ok(text) = std::str::from_utf8(&line) else { return self.ends("a line is no text") };
            let name = text.trim_end_matches(['\r', '\n']);
            if !name.is_empty() {
                return Some(Ok(name.to_owned()));
            }
        }
        None
    }
}
