//! The energy of a run by the method of Desislavov, Martínez-Plumed and Hernández-Orallo, "Compute and Energy Consumption
//! Trends in Deep Learning Inference" (arXiv 2109.05472): FLOPs over the FLOPS per watt of the hardware of the model's date.
//!
//! FLOPS per watt are not those of a device: they are read off a line through the GPUs of the years before, with the rates
//! that networks of the domain attain on them. No memory traffic, no idle time, no host.

use std::str::FromStr;

use serde::Deserialize;

use super::constants::Assumption;
use crate::cost::ModelCost;
use crate::date::Date;
use crate::units::Joules;

/// What the paper's method takes besides the count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paper {
    /// Which line.
    pub domain: Domain,
    /// When the model came out, in years: 2017.5 is the middle of 2017.
    pub year: f64,
    /// FLOPS per watt that are attained, as a multiple of the line's: 1 for the line itself.
    pub attainment: f64,
}

/// What a network is for. Those for images attain less of tensor cores than those for text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Computer vision.
    Cv,
    /// Natural language processing.
    Nlp,
}

const LINE: &str = "least squares of log10(GFLOPS/W) over GPUs of 2010 to 2021, with attained rates: reconstructed, the paper's own factors are not published";

/// Years that the paper's hardware is of. Beyond them the line is drawn on, not fitted.
const FITTED: std::ops::RangeInclusive<f64> = 2010.0..=2022.0;

impl Domain {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Cv, Self::Nlp];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cv => "cv",
            Self::Nlp => "nlp",
        }
    }

    /// GFLOPS per watt at the beginning of 2012, and how often as many they are a year later.
    pub(crate) fn line(self) -> [Assumption; 2] {
        let (start, growth) = match self {
            // Through 38 points; a test of the trends holds both lines.
            Self::Cv => (13.99, 1.272),
            // Through 37.
            Self::Nlp => (13.84, 1.281),
        };
        [
            Assumption { name: "paper: trend in 2012", value: start, unit: "GFLOPS/W", origin: LINE },
            Assumption { name: "paper: growth", value: growth, unit: "times a year", origin: LINE },
        ]
    }
}

impl Paper {
    /// FLOPs of two a multiply-accumulate over the FLOPS per watt of the date; `None` for a model without MACs.
    pub(super) fn energy(&self, cost: &ModelCost) -> Option<Joules> {
        let flops = 2.0 * cost.totals.counts.macs as f64;
        let [start, growth] = self.domain.line();
        let flops_per_joule = start.value * 1e9 * growth.value.powf(self.year - 2012.0) * self.attainment;
        (flops > 0.0).then(|| Joules(flops / flops_per_joule))
    }

    /// The constants that it rests on.
    pub(super) fn assumptions(&self) -> impl Iterator<Item = Assumption> {
        let attainment = Assumption {
            name: "paper: attainment",
            value: self.attainment,
            unit: "times the line's FLOPS per watt",
            origin: "given, or 1",
        };
        self.domain.line().into_iter().chain([attainment])
    }

    /// What must be told of the line at this date.
    pub(super) fn note(&self) -> Option<String> {
        (!FITTED.contains(&self.year)).then(|| {
            format!("paper energy: the line is fitted on 2010 to 2021 and drawn on to {:.1}", self.year)
        })
    }
}

/// `cv,2016-01` or `nlp,2018-10,1.5`: the domain, year and month, and the attainment.
impl FromStr for Paper {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(',').map(str::trim);
        let domain = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "cv" => Domain::Cv,
            "nlp" => Domain::Nlp,
            other => return Err(format!("\"{other}\" is no domain: cv and nlp are")),
        };
        let date = parts.next().ok_or("the model's date is needed, as cv,2016-01")?;
        let year =
            year_of(date).ok_or_else(|| format!("\"{date}\" is no month of 1950 to 2100, as 2016-01"))?;
        let attainment = match parts.next() {
            None => 1.0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|value| f64::is_finite(*value) && *value > 0.0)
                .ok_or_else(|| format!("\"{text}\" is no attainment: a number above 0 is"))?,
        };
        match parts.next() {
            Some(_) => Err("domain, date and attainment are all there is".to_owned()),
            None => Ok(Self { domain, year, attainment }),
        }
    }
}

/// A date of this age, in years.
fn year_of(date: &str) -> Option<f64> {
    let date: Date = date.parse().ok()?;
    Date::YEARS.contains(&date.year()).then(|| date.years())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_date_and_attainment_are_read() {
        let read = |text: &str| text.parse::<Paper>();
        let found = read("cv,2016-01").unwrap();
        assert_eq!((found.domain, found.attainment), (Domain::Cv, 1.0));
        assert!((found.year - 2016.0417).abs() < 1e-3);
        assert_eq!(
            read("NLP, 2018 ,2").unwrap(),
            Paper { domain: Domain::Nlp, year: 2018.5, attainment: 2.0 }
        );
        for bad in
            ["", "cv", "tv,2016-01", "cv,2016-13", "cv,16", "cv,2016-01,0", "cv,2016-01,nan", "cv,2016,1,1"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
