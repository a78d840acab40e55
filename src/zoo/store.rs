//! Rows as they come, in one SQLite file: what is in it stays, whatever ends the run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use super::count::Stamp;
use super::{Outcome, Score};

/// How long another process is waited for: it writes a few thousand rows at a time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Version of the tables.
const LAYOUT: i64 = 1;

/// Why a store or a cache is of no use.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refuses.
    #[error("{}: {message}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it says.
        message: String,
        /// What would help.
        hint: &'static str,
    },
    /// The rows in it answer another question.
    #[error("{}: its rows are of another run: {difference}", path.display())]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// There are rows in it, and nobody said that they are to be kept.
    #[error("{}: {rows} rows are in it already", path.display())]
    NotEmpty {
        /// The file.
        path: PathBuf,
        /// How many.
        rows: u64,
    },
    /// The system gives no threads to score with.
    #[error("no threads: {0}")]
    Threads(String),
    /// It is a store, but of no run.
    #[error("{}: no run has written to it", path.display())]
    NoRun {
        /// The file.
        path: PathBuf,
    },
}

impl StoreError {
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, NotADatabase, ReadOnly,
        };
        let hint = match error.sqlite_error_code() {
            Some(DiskFull) => "make room on the disk, then go on with --resume: what is written is kept",
            Some(CannotOpen | ReadOnly) => "name a file in a folder that exists and that you may write to",
            Some(NotADatabase) => "the file is no store: name another",
            Some(DatabaseBusy | DatabaseLocked) => "another process holds it: wait for it to end",
            _ => "name another file; the rows of this one may be lost",
        };
        Self::Sqlite { path: path.to_owned(), message: error.to_string(), hint }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Sqlite { hint, .. } => hint,
            Self::OtherRun { .. } => "name another file with --store, or leave --resume out with a new one",
            Self::NotEmpty { .. } => "go on with --resume, or name another file with --store",
            Self::Threads(_) => "take fewer with --jobs",
            Self::NoRun { .. } => "`ergometer score PATH --store FILE` writes one",
        }
    }
}

/// Opens a file that several threads and processes write to.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let wrong = |error| StoreError::of(path, error);
    let connection = Connection::open(path).map_err(wrong)?;
    connection.busy_timeout(PATIENCE).map_err(wrong)?;
    // A write-ahead log: readers and a writer at once, and a commit survives the process, if not the power.
    connection.pragma_update(None, "journal_mode", "wal").map_err(wrong)?;
    connection.pragma_update(None, "synchronous", "normal").map_err(wrong)?;
    Ok(connection)
}

/// What the rows of a store answer: rows of unlike runs do not stand side by side.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// What counts and estimates: [`super::cache::COUNTER`].
    pub tool: String,
    /// Shapes, devices with a hash of their figures, precision, runtime: one line each.
    pub request: Vec<String>,
    /// What was named to be scored.
    pub inputs: Vec<String>,
    /// Which part of it this is.
    pub shard: Shard,
}

impl Run {
    /// The first difference, in words.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let lists = |what: &str, one: &[String], two: &[String]| {
            let missing =
                |from: &[String], to: &[String]| from.iter().find(|line| !to.contains(line)).cloned();
            match (missing(one, two), missing(two, one)) {
                (None, None) if one == two => None,
                (None, None) => Some(format!("{what} in another order")),
                (Some(line), None) => Some(format!("{what}: only the first has {line}")),
                (None, Some(line)) => Some(format!("{what}: only the second has {line}")),
                (Some(first), Some(second)) => Some(format!("{what}: {first}, and {second}")),
            }
        };
        if self.tool != other.tool {
            return Some(format!("made by ergometer {}, and {}", self.tool, other.tool));
        }
        lists("asked", &self.request, &other.request).or_else(|| lists("named", &self.inputs, &other.inputs))
    }
}

/// One of several parts of a zoo: each model is in one, by the hash of its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// 1 for the whole.
    pub of: u32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// Whether a model is in it.
    #[must_use]
    pub fn has(self, path: &str) -> bool {
        let hash = blake3::hash(path.as_bytes());
        let first = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        first % u64::from(self.of.max(1)) == u64::from(self.index.saturating_sub(1))
    }
}

/// How many models there are in all shards together, and a sum of hashes of their paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Census {
    /// Models.
    pub models: u64,
    /// The sum of the first 128 bits of the hashes of their paths, in whatever order they come.
    pub digest: u128,
}

impl Census {
    /// Counts a model.
    pub fn add(&mut self, path: &str) {
        let hash = blake3::hash(path.as_bytes());
        let first = hash.as_bytes().first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes));
        self.models = self.models.saturating_add(1);
        self.digest = self.digest.wrapping_add(first);
    }
}

/// The rows of a run.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// Whether rows that are in a store are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// They are thrown away.
    Forget,
    /// They are kept, if they are of the same run.
    Resume,
    /// There must be none.
    Refuse,
}

impl Store {
    /// Opens a store for a run, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn begin(path: &Path, run: &Run, before: Before, devices: &[String]) -> Result<Self, StoreError> {
        Self { connection: open(path)?, path: path.to_owned() }.ready(run, before, devices)
    }

    /// A store that goes when it is closed; it is on disk where it is large.
    ///
    /// # Errors
    /// [`StoreError`] if there is no room for it.
    pub fn temporary(run: &Run, devices: &[String]) -> Result<Self, StoreError> {
        let path = PathBuf::from("temporary store");
        let connection = Connection::open("").map_err(|error| StoreError::of(&path, error))?;
        Self { connection, path }.ready(run, Before::Forget, devices)
    }

    fn ready(self, run: &Run, before: Before, devices: &[String]) -> Result<Self, StoreError> {
        let store = self;
        let path = &store.path;
        let wrong = |error| store.wrong(error);
        let tables = "CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS scores
                (path TEXT PRIMARY KEY, failed INTEGER NOT NULL, stamp TEXT, row TEXT NOT NULL) WITHOUT ROWID;";
        store.connection.execute_batch(tables).map_err(wrong)?;
        store.connection.pragma_update(None, "user_version", LAYOUT).map_err(wrong)?;
        let rows = store.rows()?;
        match before {
            Before::Forget => {
                store.connection.execute_batch("DELETE FROM scores; DELETE FROM run").map_err(wrong)?;
            }
            Before::Refuse if rows > 0 => return Err(StoreError::NotEmpty { path: path.clone(), rows }),
            Before::Refuse => {}
            Before::Resume => {
                if let Some(known) = store.get::<Run>("run")? {
                    let shard = (known.shard != run.shard)
                        .then(|| format!("shard {}/{}", known.shard.index, known.shard.of));
                    if let Some(difference) = known.difference(run).or(shard) {
                        return Err(StoreError::OtherRun { path: path.clone(), difference });
                    }
                }
            }
        }
        store.set("run", run)?;
        store.set("devices", &devices)?;
        Ok(store)
    }

    /// Opens the store of a run to read it.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn read(path: &Path) -> Result<(Self, Run), StoreError> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let wrong = |error| StoreError::of(path, error);
        let connection = Connection::open_with_flags(path, flags).map_err(wrong)?;
        connection.busy_timeout(PATIENCE).map_err(wrong)?;
        let version: i64 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrong)?;
        let store = Self { connection, path: path.to_owned() };
        if version != LAYOUT {
            return Err(StoreError::NoRun { path: path.to_owned() });
        }
        let run = store.get("run")?.ok_or_else(|| StoreError::NoRun { path: path.to_owned() })?;
        Ok((store, run))
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn wrong(&self, error: rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, error)
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self
            .connection
            .query_row("SELECT value FROM run WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|error| self.wrong(error))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn set(&self, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let text = serde_json::to_string(value).unwrap_or_default();
        let set = "INSERT OR REPLACE INTO run VALUES (?1, ?2)";
        self.connection.execute(set, [key, &text]).map_err(|error| self.wrong(error))?;
        Ok(())
    }

    /// The devices of the estimates, in order.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn devices(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.get("devices")?.unwrap_or_default())
    }

    /// What all shards have together; `None` until the run has ended.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn census(&self) -> Result<Option<Census>, StoreError> {
        self.get("census")
    }

    /// Says what all shards have together: the run has ended.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn end(&self, census: Census) -> Result<(), StoreError> {
        self.set("census", &census)
    }

    /// Rows in it.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn rows(&self) -> Result<u64, StoreError> {
        let count = self.connection.query_row("SELECT count(*) FROM scores", [], |row| row.get::<_, i64>(0));
        count.map(|rows| u64::try_from(rows).unwrap_or(0)).map_err(|error| self.wrong(error))
    }

    /// Whether a model has a row, and its file has not changed since.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn has(&self, path: &str, stamp: Option<Stamp>) -> Result<bool, StoreError> {
        let found = (|| {
            let mut find =
                self.connection.prepare_cached("SELECT stamp FROM scores WHERE path = ?1 AND NOT failed")?;
            find.query_row([path], |row| row.get::<_, Option<String>>(0)).optional()
        })();
        Ok(found.map_err(|error| self.wrong(error))?.is_some_and(|known| known == text_of(stamp)))
    }

    /// Writes rows, all or none.
    ///
    /// # Errors
    /// [`StoreError`] names the file: a full disk, mostly. What was written before is kept.
    pub fn write(&mut self, rows: &[(Score, Option<Stamp>)]) -> Result<(), StoreError> {
        let path = self.path.clone();
        let mut write = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO scores VALUES (?1, ?2, ?3, ?4)")?;
            for (score, stamp) in rows {
                let failed = matches!(score.outcome, Outcome::Error(_));
                let row = serde_json::to_string(score).unwrap_or_default();
                insert.execute(params![score.path, failed, text_of(*stamp), row])?;
            }
            drop(insert);
            transaction.commit()
        };
        write().map_err(|error| StoreError::of(&path, error))
    }

    /// Calls `visit` with each row, by path.
    ///
    /// # Errors
    /// [`StoreError`] names the file, or what `visit` says.
    pub fn each<E: From<StoreError>>(&self, mut visit: impl FnMut(Score) -> Result<(), E>) -> Result<(), E> {
        let wrong = |error| E::from(self.wrong(error));
        let mut find = self.connection.prepare("SELECT row FROM scores ORDER BY path").map_err(wrong)?;
        let mut rows = find.query([]).map_err(wrong)?;
        while let Some(row) = rows.next().map_err(wrong)? {
            let text: String = row.get(0).map_err(wrong)?;
            let damaged = |error: serde_json::Error| StoreError::Sqlite {
                path: self.path.clone(),
                message: format!("a row is damaged: {error}"),
                hint: "score again into another file",
            };
            visit(serde_json::from_str(&text).map_err(damaged)?)?;
        }
        Ok(())
    }
}

fn text_of(stamp: Option<Stamp>) -> Option<String> {
    stamp.map(|Stamp { size, changed }| format!("{size} {changed}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{Annotations, SCHEMA};

    fn row(number: usize) -> (Score, Option<Stamp>) {
        let score = Score {
            schema: SCHEMA.into(),
            path: format!("{number:05}.onnx"),
            annotations: Annotations { notes: Some("x".repeat(1000)), ..Annotations::default() },
            outcome: Outcome::Counts(Box::default()),
            estimates: vec![],
            standing: None,
        };
        (score, Some(Stamp { size: 7, changed: 1_700_000_000_000_000_000 }))
    }

    fn run() -> Run {
        Run { tool: "1".to_owned(), request: vec!["a".to_owned()], inputs: vec![], shard: Shard::WHOLE }
    }

    #[test]
    fn a_full_disk_is_told_and_what_was_written_stays() {
        let mut store = Store::temporary(&run(), &[]).unwrap();
        store.write(&[row(0), row(1)]).unwrap();
        let pages: i64 = store.connection.query_row("PRAGMA page_count", [], |found| found.get(0)).unwrap();
        store.connection.pragma_update(None, "max_page_count", pages + 1).unwrap();
        let error = store.write(&(2..100).map(row).collect::<Vec<_>>()).unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        assert!(error.hint().contains("make room on the disk"), "{}", error.hint());
        assert_eq!(store.rows().unwrap(), 2);
        let mut paths = vec![];
        store
            .each::<StoreError>(|score| {
                paths.push(score.path);
                Ok(())
            })
            .unwrap();
        assert_eq!(paths, ["00000.onnx", "00001.onnx"]);
    }

    #[test]
    fn a_row_is_known_by_its_path_and_the_file_it_was_made_of() {
        let mut store = Store::temporary(&run(), &[]).unwrap();
        let (score, stamp) = row(3);
        store.write(&[(score.clone(), stamp)]).unwrap();
        assert!(store.has(&score.path, stamp).unwrap());
        assert!(!store.has(&score.path, Some(Stamp { size: 8, ..stamp.unwrap() })).unwrap());
        assert!(!store.has(&score.path, None).unwrap());
        assert!(!store.has("other.onnx", stamp).unwrap());
    }

    #[test]
    fn each_model_is_in_one_shard() {
        let paths: Vec<String> = (0..1000).map(|number| format!("models/{number}.onnx")).collect();
        for of in [1, 2, 7] {
            let shards: Vec<Shard> = (1..=of).map(|index| Shard { index, of }).collect();
            for path in &paths {
                assert_eq!(shards.iter().filter(|shard| shard.has(path)).count(), 1, "{path} of {of}");
            }
            let least = shards.iter().map(|shard| paths.iter().filter(|path| shard.has(path)).count()).min();
            assert!(least.unwrap() > 1000 / of as usize / 2, "{least:?} of {of}");
        }
    }

    #[test]
    fn what_differs_between_runs_is_named() {
        assert_eq!(run().difference(&run()), None);
        let other = |change: fn(&mut Run)| {
            let mut other = run();
            change(&mut other);
            run().difference(&other).unwrap()
        };
        assert!(other(|run| run.tool = "2".to_owned()).contains("made by ergometer 1, and 2"));
        assert_eq!(other(|run| run.request = vec!["b".to_owned()]), "asked: a, and b");
        assert_eq!(other(|run| run.inputs.push("zoo".to_owned())), "named: only the second has zoo");
    }

    #[test]
    fn a_census_does_not_mind_the_order_and_minds_all_else() {
        let of = |paths: &[&str]| {
            let mut census = Census::default();
            paths.iter().for_each(|path| census.add(path));
            census
        };
        assert_eq!(of(&["a", "b", "c"]), of(&["c", "a", "b"]));
        for other in [&["a", "b"][..], &["a", "b", "d"], &["a", "b", "c", "c"], &["ab", "c", ""]] {
            assert_ne!(of(&["a", "b", "c"]), of(other), "{other:?}");
        }
        let text = serde_json::to_string(&of(&["a", "b"])).unwrap();
        assert_eq!(serde_json::from_str::<Census>(&text).unwrap(), of(&["a", "b"]));
    }
}
