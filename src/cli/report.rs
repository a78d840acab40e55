//! `ergometer report`: a page of a scored zoo, from what `ergometer score` writes as JSON or JSON lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{self, Refusal};
use super::output::{self, Output};
use super::{Global, Status};
use crate::report::html;
use crate::zoo::{SCHEMA, Score};

/// Bytes of the longest line: a row of a model with a thousand devices is shorter.
const LINE: u64 = 1 << 22;

/// What can be read.
const HINT: &str = "`ergometer score -o scores.jsonl` writes rows that can be read here";

/// Options of `report`.
#[derive(Args, Debug)]
pub struct Options {
    /// Files of scores, as `score -o` writes them to .jsonl and .json; `-` reads standard input
    #[arg(required = true, value_name = "SCORES")]
    scores: Vec<PathBuf>,
    /// Write the page to a file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let target = options.html.as_deref().or(global.output.as_deref());
    output::keep_apart(target, &options.scores)?;
    let mut scores = vec![];
    for path in &options.scores {
        read(path, &mut scores)?;
    }
    if scores.is_empty() && !global.quiet {
        error::warn("no scores were read: the page is empty");
    }
    scores.sort_by(|a, b| a.path.cmp(&b.path));
    let mut page = html::Page::new();
    page.add_zoo(&scores);
    let text = page.render()?;
    match &options.html {
        Some(path) => super::pictures::write(path, text.as_bytes())?,
        None => {
            let mut out = Output::open(global)?;
            out.write_all(text.as_bytes())?;
            out.finish()?;
        }
    }
    Ok(Status::Done)
}

/// Reads rows from a file or standard input.
///
/// # Errors
/// A [`Refusal`] that names the file and the line.
pub fn read(path: &Path, scores: &mut Vec<Score>) -> Result<(), Refusal> {
    let name = path.display();
    let unreadable = |error: io::Error| {
        Refusal::environment(format!("cannot read {name}: {error}"))
            .hint("name a file that `ergometer score --format jsonl` wrote")
    };
    let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(unreadable)?))
    };
    let known = |score: &Score| match score.schema == SCHEMA {
        true => Ok(()),
        false => Err(format!("the row keeps to {}, and this reads {SCHEMA}", score.schema)),
    };
    if reader.fill_buf().map_err(unreadable)?.trim_ascii_start().starts_with(b"[") {
        let wrong = |why: String| Refusal::usage(format!("{name}: {why}")).hint(HINT);
        let list: Vec<Score> = serde_json::from_reader(reader).map_err(|error| wrong(error.to_string()))?;
        list.iter().try_for_each(known).map_err(wrong)?;
        scores.extend(list);
        return Ok(());
    }
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        let bytes = reader.by_ref().take(LINE).read_until(b'\n', &mut line).map_err(unreadable)?;
        if bytes == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong = |why: String| Refusal::usage(format!("{name}, line {number}: {why}")).hint(HINT);
        if line.len() as u64 == LINE && line.last() != Some(&b'\n') {
            return Err(wrong(format!("the line is longer than {LINE} bytes")));
        }
        let score: Score = serde_json::from_slice(&line).map_err(|error| wrong(error.to_string()))?;
        known(&score).map_err(wrong)?;
        scores.push(score);
    }
    Ok(())
}
