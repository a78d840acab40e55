//! What surrounds a device: the carbon intensity of grids, the price of electricity, the PUE of facilities and the price of
//! cloud instances, each figure with its source; and what an energy comes to with them ([`Site`]).

mod footprint;
mod table;

use std::sync::LazyLock;

pub use footprint::{Carbon, Embodied, Figure, Footprint, Money, Scope, Site};

use crate::device::{Source, Text};
use crate::names::{self, did_you_mean, squash};

/// What people call regions whose id is another.
const ALIASES: [(&str, &str); 2] = [("uk", "gb"), ("usa", "us")];

/// A figure of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Which table it is of.
    pub kind: Kind,
    /// Unique in its table, lower case: `de`, `us-ca`, `aws-us-east-1`.
    pub id: Text,
    /// The region, facility or instance.
    pub name: Text,
    /// The figure, in the unit of its kind.
    pub value: f64,
    /// Its unit.
    pub unit: Text,
    /// What is counted in it, where figures of one table differ in that.
    pub basis: Option<Text>,
    /// The year or day that it is of.
    pub date: Text,
    /// The region around it, for a state, a province or the region of a cloud.
    pub within: Option<Text>,
    /// The device of an instance, by its id in the catalogue, and how many it has.
    pub device: Option<(Text, u32)>,
    /// Who says so.
    pub source: Source,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Grams of CO2 equivalent that a kilowatt hour from the grid emits.
    Grid,
    /// What a large consumer pays for a kilowatt hour.
    Price,
    /// Energy of a whole facility over that of its computers (ISO/IEC 30134-2).
    Pue,
    /// What a whole cloud instance costs an hour, on demand.
    Cloud,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Grid, Self::Price, Self::Pue, Self::Cloud];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Price => "price",
            Self::Pue => "pue",
            Self::Cloud => "cloud",
        }
    }
}

/// A name that stands for no region or facility.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {what} is called \"{name}\"{}", did_you_mean(.suggestions))]
pub struct UnknownFactor {
    /// What was looked for.
    pub what: &'static str,
    /// What was asked for.
    pub name: String,
    /// Ids and names of what is called alike, the nearest first.
    pub suggestions: Vec<String>,
}

/// Every figure that ships inside the program: by table, then in its order.
#[must_use]
pub fn all() -> &'static [Factor] {
    static ALL: LazyLock<Vec<Factor>> =
        LazyLock::new(|| table::embedded().expect("a test reads the embedded tables"));
    &ALL
}

/// The figure of a table that a person means: by its id or its name, case and punctuation aside.
///
/// # Errors
/// [`UnknownFactor`] with near misses.
pub fn find(kind: Kind, name: &str) -> Result<&'static Factor, UnknownFactor> {
    let wanted = squash(name);
    let wanted =
        ALIASES.iter().find(|(alias, _)| *alias == wanted).map_or(wanted, |(_, id)| (*id).to_owned());
    let of_kind = || all().iter().filter(|factor| factor.kind == kind);
    if let Some(found) = of_kind().find(|factor| squash(&factor.id) == wanted) {
        return Ok(found);
    }
    if let Some(found) = of_kind().find(|factor| squash(&factor.name) == wanted) {
        return Ok(found);
    }
    let alike = |factor: &&Factor| {
        names::likeness(&squash(&factor.id), &wanted).max(names::likeness(&squash(&factor.name), &wanted))
    };
    Err(UnknownFactor {
        what: match kind {
            Kind::Grid => "region",
            Kind::Price => "price",
            Kind::Pue => "facility",
            Kind::Cloud => "instance",
        },
        name: name.to_owned(),
        suggestions: names::nearest(of_kind(), alike)
            .into_iter()
            .map(|factor| format!("{} ({})", factor.id, factor.name))
            .collect(),
    })
}

/// The price of electricity in a region of the grid: its own, else that of the region around it.
#[must_use]
pub fn price_in(region: &Factor) -> Option<&'static Factor> {
    let mut id = Some(region.id.clone());
    // A region lies in at most a country: longer chains would be a mistake of the table.
    for _ in 0..Kind::ALL.len() {
        let here = id?;
        if let Some(price) = all().iter().find(|factor| factor.kind == Kind::Price && factor.id == here) {
            return Some(price);
        }
        id = all()
            .iter()
            .find(|factor| factor.kind == Kind::Grid && factor.id == here)
            .and_then(|factor| factor.within.clone());
    }
    None
}
