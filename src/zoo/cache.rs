//! Counts of models that were counted before, in one SQLite file: a model whose file has not changed is not read again,
//! and one whose structure is known is not counted again. Estimates are never kept.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::count::{Counted, Header, Stamp};
use super::store::{StoreError, open};
use crate::graph::Request;

/// What decides how a model is counted: the version, and the source where it is not a release's.
pub const COUNTER: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("ERGOMETER_SOURCES"));

/// What a structure at some shapes is found by.
pub type Key = [u8; 32];

/// What a cache did not know.
#[derive(Debug, Default)]
pub struct Learnt {
    /// Of a file.
    pub header: Option<(PathBuf, Stamp, Header)>,
    /// Of a structure.
    pub counted: Option<(Key, Counted)>,
}

/// A cache, as one thread sees it.
#[derive(Debug)]
pub struct Cache {
    connection: Connection,
}

impl Cache {
    /// Opens a cache, and makes it if there is none. One that another version made is emptied.
    ///
    /// # Errors
    /// [`StoreError`] names the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open(path)?;
        let wrong = |error| StoreError::of(path, error);
        let version = |connection: &Connection| {
            connection
                .query_row("SELECT counter FROM version", [], |row| row.get::<_, String>(0))
                .optional()
                .unwrap_or_default()
        };
        if version(&connection).as_deref() != Some(COUNTER) {
            let renew = "BEGIN IMMEDIATE;
                DROP TABLE IF EXISTS version; DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS counts;
                CREATE TABLE version (counter TEXT NOT NULL);
                CREATE TABLE files (path TEXT PRIMARY KEY, stamp BLOB NOT NULL, header BLOB NOT NULL) WITHOUT ROWID;
                CREATE TABLE counts (key BLOB PRIMARY KEY, counted BLOB NOT NULL);
                COMMIT";
            connection.execute_batch(renew).map_err(wrong)?;
            connection.execute("INSERT INTO version VALUES (?1)", [COUNTER]).map_err(wrong)?;
        }
        Ok(Self { connection })
    }

    /// What a structure at these shapes is found by.
    #[must_use]
    pub fn key(structure: &[u8; 32], shapes: &Request, own: &[(String, u64)]) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(structure);
        // Lengths before texts, so that no two lists read alike.
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for dims in [&shapes.dims[..], own] {
            text("dims");
            for (name, size) in dims {
                text(name);
                text(&size.to_string());
            }
        }
        for (name, dims) in &shapes.inputs {
            text("input");
            text(name);
            text(&format!("{dims:?}"));
        }
        text(&format!("{:?}", shapes.batch));
        text(&format!("{:?}", shapes.trips));
        text(&format!("{:?}", shapes.branches));
        text(&format!("{:?}", shapes.values));
        *hasher.finalize().as_bytes()
    }

    /// What is known of a file that has not changed since.
    #[must_use]
    pub fn header(&self, path: &Path, stamp: Stamp) -> Option<Header> {
        let mut found =
            self.connection.prepare_cached("SELECT stamp, header FROM files WHERE path = ?1").ok()?;
        let row = found.query_row([absolute(path)?], |row| Ok((row.get(0)?, row.get(1)?)));
        let (known, header): (Vec<u8>, Vec<u8>) = row.optional().ok()??;
        let known: Stamp = postcard::from_bytes(&known).ok()?;
        if known == stamp { postcard::from_bytes(&header).ok() } else { None }
    }

    /// What is known of a structure. A damaged entry is none.
    #[must_use]
    pub fn counted(&self, key: Key) -> Option<Counted> {
        let mut found = self.connection.prepare_cached("SELECT counted FROM counts WHERE key = ?1").ok()?;
        let bytes: Vec<u8> = found.query_row([key], |row| row.get(0)).optional().ok()??;
        postcard::from_bytes(&bytes).ok()
    }

    /// Keeps what was learnt, all or nothing.
    ///
    /// # Errors
    /// What SQLite says: a full disk, a lock that is not given up.
    pub fn keep(&mut self, learnt: &[Learnt]) -> rusqlite::Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for Learnt { header, counted } in learnt {
            if let Some((path, stamp, header)) = header
                && let Some(path) = absolute(path)
                && let (Ok(stamp), Ok(header)) = (postcard::to_stdvec(stamp), postcard::to_stdvec(header))
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3)")?;
                insert.execute(params![path, stamp, header])?;
            }
            if let Some((key, counted)) = counted
                && let Ok(bytes) = postcard::to_stdvec(counted)
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO counts VALUES (?1, ?2)")?;
                insert.execute(params![key, bytes])?;
            }
        }
        transaction.commit()
    }
}

/// A path that means the same from every folder; `None` if it is no text.
fn absolute(path: &Path) -> Option<String> {
    std::path::absolute(path).ok()?.into_os_string().into_string().ok()
}
