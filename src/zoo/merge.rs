//! Joins the shards of a zoo, after it is sure that they are all of it, once, by one version of the tool.

use std::path::{Path, PathBuf};

use super::store::{Before, Census, Run, Shard, Store, StoreError};

/// Rows that are copied at a time.
const CHUNK: usize = 1 << 12;

/// Why shards are not joined.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A store is of no use.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A shard was not scored to its end.
    #[error("{}: shard {}/{} was not scored to its end", path.display(), shard.index, shard.of)]
    Unfinished {
        /// Its store.
        path: PathBuf,
        /// Which.
        shard: Shard,
    },
    /// Shards of different runs.
    #[error("{} and {} are of different runs: {difference}", first.display(), second.display())]
    Different {
        /// A store.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A shard is there twice.
    #[error("{} and {} are both shard {index}", first.display(), second.display())]
    Twice {
        /// A store.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// Of which shard.
        index: u32,
    },
    /// Shards are not there.
    #[error("of {of} shards, {} is not there", list(missing))]
    Missing {
        /// Which.
        missing: Vec<u32>,
        /// Of how many.
        of: u32,
    },
    /// The shards do not hold what was listed.
    #[error("{found} models have a row, and {listed} were listed: the zoo changed while it was scored")]
    Changed {
        /// Rows.
        found: u64,
        /// Models listed.
        listed: u64,
    },
}

fn list(indices: &[u32]) -> String {
    indices.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

impl MergeError {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store(error) => error.hint(),
            Self::Unfinished { .. } => "go on with it: the same `ergometer score`, with --resume",
            Self::Different { .. } => "score all shards with one version of ergometer and the same options",
            Self::Twice { .. } => "name one store for each shard",
            Self::Missing { .. } => "score them, and name their stores too",
            Self::Changed { .. } => "score all shards again, of a list that does not change (--files-from)",
        }
    }
}

/// What was joined.
#[derive(Debug)]
pub struct Joined {
    /// All rows.
    pub store: Store,
    /// The devices of their estimates.
    pub devices: Vec<String>,
}

/// Joins stores into one, which is kept in a file if that is named.
///
/// # Errors
/// [`MergeError`] says which shards do not go together, or what is missing.
pub fn join(paths: &[PathBuf], into: Option<&Path>) -> Result<Joined, MergeError> {
    let mut parts: Vec<(PathBuf, Store, Run, Census)> = vec![];
    for path in paths {
        let (store, run) = Store::read(path)?;
        let census = store.census()?;
        let census = census.ok_or(MergeError::Unfinished { path: path.clone(), shard: run.shard })?;
        if let Some((first, _, known, counted)) = parts.first() {
            let shards = (known.shard.of != run.shard.of)
                .then(|| format!("{} shards, and {}", known.shard.of, run.shard.of));
            let listed = (*counted != census)
                .then(|| format!("{} models were listed, and {}", counted.models, census.models));
            if let Some(difference) = known.difference(&run).or(shards).or(listed) {
                return Err(MergeError::Different { first: first.clone(), second: path.clone(), difference });
            }
        }
        if let Some((first, ..)) = parts.iter().find(|(_, _, known, _)| known.shard == run.shard) {
            let index = run.shard.index;
            return Err(MergeError::Twice { first: first.clone(), second: path.clone(), index });
        }
        parts.push((path.clone(), store, run, census));
    }
    let Some((_, first, run, listed)) = parts.first() else {
        return Err(MergeError::Missing { missing: vec![1], of: 1 });
    };
    let there = |index: &u32| parts.iter().any(|(_, _, run, _)| run.shard.index == *index);
    let missing: Vec<u32> = (1..=run.shard.of).filter(|index| !there(index)).take(20).collect();
    if !missing.is_empty() {
        return Err(MergeError::Missing { missing, of: run.shard.of });
    }
    let devices = first.devices()?;
    let whole = Run { shard: Shard::WHOLE, ..run.clone() };
    let mut joined = match into {
        Some(path) => Store::begin(path, &whole, Before::Refuse, &devices)?,
        None => Store::temporary(&whole, &devices)?,
    };
    let mut census = Census::default();
    for (_, part, ..) in &parts {
        let mut chunk = vec![];
        part.each::<MergeError>(|score| {
            census.add(&score.path);
            chunk.push((score, None));
            if chunk.len() >= CHUNK {
                joined.write(&chunk)?;
                chunk.clear();
            }
            Ok(())
        })?;
        joined.write(&chunk)?;
    }
    if census != *listed {
        return Err(MergeError::Changed { found: census.models, listed: listed.models });
    }
    joined.end(census)?;
    Ok(Joined { store: joined, devices })
}
