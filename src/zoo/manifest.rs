//! Manifests: what there is to score, with what the models themselves do not say.
//!
//! A CSV file has a header with `path` and any of `name`, `date`, `task`, `accuracy`, `dims`, `notes`; others are left
//! alone. A TOML file has a `[[model]]` table with the same keys for each. Paths are relative to the manifest's folder,
//! and stand in results as they stand there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::source::{Entries, Entry, named};
use super::{Annotations, Problem};

/// A TOML manifest is read whole: more is no list by hand.
const LARGEST_TOML: u64 = 64 << 20;

/// How a manifest is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Csv,
    Toml,
}

/// How the manifest of a name is written; `None` if the name is none of a manifest.
pub(super) fn kind(name: &str) -> Option<Kind> {
    let extension = Path::new(name).extension()?.to_str()?;
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Some(Kind::Csv),
        "toml" => Some(Kind::Toml),
        _ => None,
    }
}

/// One row, as it is written.
#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Row {
    path: String,
    name: Option<String>,
    date: Option<Date>,
    task: Option<String>,
    accuracy: Option<f64>,
    dims: Option<Dims>,
    notes: Option<String>,
}

/// TOML has dates of its own, and people write years as numbers.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Date {
    Text(String),
    Year(i64),
    Own(toml::value::Datetime),
}

/// `batch=8 seq=128`, or a table.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Dims {
    Text(String),
    Table(std::collections::BTreeMap<String, u64>),
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    model: Vec<Row>,
}

/// The models of a manifest; what is wrong with it or a row of it is an entry.
pub(super) fn entries(manifest: &str, kind: Kind) -> Entries {
    let opened = File::open(manifest).map_err(|error| error.to_string());
    let rows: Result<Entries, String> = match kind {
        Kind::Csv => opened.and_then(|file| csv_rows(manifest, file)),
        Kind::Toml => opened.and_then(|file| toml_rows(manifest, file)),
    };
    rows.unwrap_or_else(|message| {
        let entry = Entry::problem(manifest.to_owned(), unusable(format!("{manifest}: {message}")));
        Box::new(std::iter::once(entry))
    })
}

fn unusable(message: String) -> Problem {
    let hint = "each model needs a path; name, date, task, accuracy, dims and notes may stand with it";
    Problem { code: "bad-manifest".to_owned(), message, hint: Some(hint.to_owned()) }
}

fn csv_rows(manifest: &str, file: File) -> Result<Entries, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| error.to_string())?;
    if !header.iter().any(|column| column == "path") {
        return Err("its header has no column \"path\"".to_owned());
    }
    let manifest = manifest.to_owned();
    let rows = reader.into_deserialize::<Row>().enumerate().flat_map(move |(at, row)| {
        // The header is line 1.
        let place = format!("{manifest}:{}", at + 2);
        match row {
            Ok(row) => entry(&manifest, place, row),
            Err(error) => broken(place, &error.to_string()),
        }
    });
    Ok(Box::new(rows))
}

fn toml_rows(manifest: &str, file: File) -> Result<Entries, String> {
    let mut text = String::new();
    let read = file.take(LARGEST_TOML).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 == LARGEST_TOML {
        return Err("it is larger than 64 MiB: write it as CSV".to_owned());
    }
    let document: Document = toml::from_str(&text).map_err(|error| error.to_string())?;
    let manifest = manifest.to_owned();
    let rows = document
        .model
        .into_iter()
        .enumerate()
        .flat_map(move |(at, row)| entry(&manifest, format!("{manifest}: model {}", at + 1), row));
    Ok(Box::new(rows))
}

fn broken(place: String, message: &str) -> Entries {
    Box::new(std::iter::once(Entry::problem(place.clone(), unusable(format!("{place}: {message}")))))
}

/// The models of one row: its path may be a folder or a pattern, too.
fn entry(manifest: &str, place: String, row: Row) -> Entries {
    if row.path.is_empty() {
        return broken(place, "there is no path");
    }
    if row.accuracy.is_some_and(|accuracy| !accuracy.is_finite()) {
        return broken(place, "the accuracy is no number");
    }
    let date = match row.date.map(date).transpose() {
        Ok(date) => date,
        Err(message) => return broken(place, &message),
    };
    let dims = match row.dims.map(table_or_text).transpose() {
        Ok(dims) => dims.unwrap_or_default(),
        Err(message) => return broken(place, &message),
    };
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let annotations = Annotations {
        name: some(row.name),
        date,
        task: some(row.task),
        accuracy: row.accuracy,
        notes: some(row.notes),
    };
    let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
    let from_here = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let written = row.path;
    let from = if written.contains("://") { written.clone() } else { from_here(&written) };
    let models = named(from.clone()).map(move |found| {
        // As the manifest writes it, not as it is found from here.
        let path = if found.path == from { written.clone() } else { found.path };
        Entry { path, annotations: annotations.clone(), dims: dims.clone(), place: found.place }
    });
    Box::new(models)
}

/// `2019`, `2019-05` or `2019-05-28`.
fn date(date: Date) -> Result<String, String> {
    let text = match date {
        Date::Text(text) => text,
        Date::Year(year) => year.to_string(),
        Date::Own(date) => date.to_string(),
    };
    text.parse::<crate::date::Date>().map(|date| date.to_string()).map_err(|error| error.to_string())
}

fn table_or_text(dims_of: Dims) -> Result<Vec<(String, u64)>, String> {
    match dims_of {
        Dims::Table(table) => Ok(table.into_iter().collect()),
        Dims::Text(text) => dims(&text),
    }
}

/// Sizes of dimensions as people write them: `batch=8 seq=128`.
///
/// # Errors
/// A message about the part that is none.
pub fn dims(text: &str) -> Result<Vec<(String, u64)>, String> {
    text.split([' ', ';', ','])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let wrong = || format!("\"{part}\" sets no dimension: batch=8 does");
            let (name, size) = part.rsplit_once('=').ok_or_else(wrong)?;
            Ok((name.to_owned(), size.parse().map_err(|_| wrong())?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_a_year_a_month_or_a_day() {
        for good in ["2019", "2019-05", "2019-05-28"] {
            assert_eq!(date(Date::Text(good.to_owned())).unwrap(), good);
        }
        assert_eq!(date(Date::Year(2021)).unwrap(), "2021");
        for bad in ["19", "2019-5", "2019-13", "2019-05-32", "May 2019", "2019-05-28T00:00:00", "", "-2019"] {
            assert!(date(Date::Text(bad.to_owned())).is_err(), "{bad}");
        }
    }

    #[test]
    fn dimensions_are_read_as_people_write_them() {
        let both = vec![("batch".to_owned(), 8), ("seq".to_owned(), 128)];
        for text in ["batch=8 seq=128", "batch=8,seq=128", "batch=8; seq=128"] {
            assert_eq!(dims(text).unwrap(), both, "{text}");
        }
        for bad in ["batch", "batch=", "batch=-1", "batch=x"] {
            assert!(dims(bad).is_err(), "{bad}");
        }
    }
}
