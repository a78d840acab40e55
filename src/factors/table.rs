//! Reads the tables beside this file: CSV in, figures with their sources out.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Factor, Kind};
use crate::device::{Source, SourceStatus, Text};

const SOURCES: &str = include_str!("sources.toml");
const TABLES: [(Kind, &str); 4] = [
    (Kind::Grid, include_str!("grid.csv")),
    (Kind::Price, include_str!("price.csv")),
    (Kind::Pue, include_str!("pue.csv")),
    (Kind::Cloud, include_str!("cloud.csv")),
];

#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error(transparent)]
    Csv(#[from] csv::Error),
    #[error("{id} cites the source \"{key}\", which sources.toml lacks")]
    UnknownSource { id: String, key: String },
    #[error("{0} has no figure")]
    NoFigure(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow<'a> {
    text: &'a str,
    date: &'a str,
    status: SourceStatus,
    /// Of the source; `NOTICE` attributes them.
    #[serde(rename = "licence")]
    _licence: &'a str,
}

/// A row of any table: each has some of these columns.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    #[serde(default)]
    name: String,
    within: Option<String>,
    g_per_kwh: Option<f64>,
    price_per_kwh: Option<f64>,
    currency: Option<String>,
    pue: Option<f64>,
    usd_per_hour: Option<f64>,
    basis: Option<String>,
    sector: Option<String>,
    year: Option<String>,
    date: Option<String>,
    provider: Option<String>,
    instance: Option<String>,
    region: Option<String>,
    device: Option<String>,
    count: Option<u32>,
    source: String,
}

/// The figures of the tables that ship inside the program.
pub(super) fn embedded() -> Result<Vec<Factor>, TableError> {
    let sources: HashMap<&'static str, SourceRow<'static>> = toml::from_str(SOURCES)?;
    let mut factors = vec![];
    for (kind, text) in TABLES {
        for row in csv::Reader::from_reader(text.as_bytes()).into_deserialize::<Row>() {
            factors.push(factor(kind, row?, &sources)?);
        }
    }
    Ok(factors)
}

fn factor(
    kind: Kind,
    row: Row,
    sources: &HashMap<&'static str, SourceRow<'static>>,
) -> Result<Factor, TableError> {
    let source = sources
        .get(row.source.as_str())
        .ok_or_else(|| TableError::UnknownSource { id: row.id.clone(), key: row.source.clone() })?;
    let (value, unit): (_, Text) = match kind {
        Kind::Grid => (row.g_per_kwh, "g/kWh".into()),
        Kind::Price => (row.price_per_kwh, format!("{}/kWh", row.currency.unwrap_or_default()).into()),
        Kind::Pue => (row.pue, "".into()),
        Kind::Cloud => (row.usd_per_hour, "USD/h".into()),
    };
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let parts = [row.provider, row.instance, row.region];
    let instance: Vec<String> = parts.into_iter().filter_map(some).collect();
    Ok(Factor {
        kind,
        name: if kind == Kind::Cloud { instance.join(" ").into() } else { row.name.into() },
        value: value.ok_or_else(|| TableError::NoFigure(row.id.clone()))?,
        unit,
        basis: some(row.basis).or(some(row.sector)).map(Text::from),
        date: some(row.year).or(some(row.date)).unwrap_or_default().into(),
        within: some(row.within).map(Text::from),
        device: some(row.device).map(|device| (device.into(), row.count.unwrap_or(1))),
        source: Source {
            text: source.text.into(),
            date: source.date.into(),
            status: source.status,
            how: None,
        },
        id: row.id.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::device::Catalogue;

    #[test]
    fn every_figure_is_possible_and_its_name_its_own() {
        let factors = embedded().unwrap();
        let mut ids = HashSet::new();
        for factor in &factors {
            let range = match factor.kind {
                // Nothing but hydropower, and nothing but old lignite.
                Kind::Grid => 0.0..1_500.0,
                Kind::Price => 0.005..1.0,
                Kind::Pue => 1.0..3.0,
                Kind::Cloud => 0.05..500.0,
            };
            assert!(range.contains(&factor.value), "{}: {}", factor.id, factor.value);
            assert!(ids.insert((factor.kind, factor.id.clone())), "{} twice", factor.id);
            assert!(
                factor.date.get(..4).is_some_and(|year| ("2018".."2027").contains(&year)),
                "{}",
                factor.id
            );
            if let Some(within) = &factor.within {
                assert!(
                    factors.iter().any(|other| other.kind == Kind::Grid && other.id == *within),
                    "{within}"
                );
            }
            if let Some((device, count)) = &factor.device {
                assert_eq!(Catalogue::builtin().find(device).unwrap().id, *device);
                // A slice of a TPU pod.
                assert!((1..=256).contains(count), "{}: {count}", factor.id);
            }
        }
        assert!(factors.len() > 600, "{}", factors.len());
    }

    #[test]
    fn every_source_is_cited() {
        let sources: HashMap<&str, SourceRow> = toml::from_str(SOURCES).unwrap();
        let cited: HashSet<String> =
            embedded().unwrap().iter().map(|factor| factor.source.text.to_string()).collect();
        for (key, source) in sources {
            assert!(cited.contains(source.text), "nothing cites {key}");
        }
    }
}
