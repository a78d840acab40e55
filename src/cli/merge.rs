//! `ergometer merge`: the shards of a scored zoo as one, if they are one.

use std::path::PathBuf;

use clap::Args;

use super::score::refused;
use super::scores::{self, Publication};
use super::{Global, Status};
use crate::zoo::merge;

/// Options of `merge`.
#[derive(Args, Debug)]
pub struct Options {
    /// Stores that `ergometer score --shard I/N --store FILE` wrote, one for each of the N
    #[arg(required = true, value_name = "STORE")]
    stores: Vec<PathBuf>,
    /// Keep the joined rows in this SQLite file
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    #[command(flatten)]
    publication: Publication,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    options.publication.possible()?;
    let joined = merge::join(&options.stores, options.store.as_deref()).map_err(|error| match error {
        merge::MergeError::Store(error) => refused(error),
        other => {
            let hint = other.hint();
            super::error::Refusal::model(other.to_string(), Some(hint.to_owned()))
        }
    })?;
    scores::publish(&joined.store, &joined.devices, &options.publication, global)
}
