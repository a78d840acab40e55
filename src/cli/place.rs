//! Where a device runs: what turns energy into carbon and money.

use clap::Args;

use super::error::Refusal;
use crate::factors::{self, Embodied, Figure, Kind, Site, UnknownFactor};

/// What the user says of the place.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Carbon and money")]
pub struct Place {
    /// Grid: a country, state, province or cloud region, as `ergometer factors` lists them; brings its price of electricity
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Grams of CO2 equivalent a kilowatt hour, in place of the region's
    #[arg(long, value_name = "GRAMS", value_parser = positive)]
    intensity: Option<f64>,
    /// Energy of the facility over that of its computers: a number, or an operator as `google`
    #[arg(long, value_name = "PUE")]
    pue: Option<String>,
    /// Price of a kilowatt hour, in place of the region's: `0.12` (USD) or `0.12EUR`
    #[arg(long, value_name = "PRICE", value_parser = price)]
    price: Option<(f64, String)>,
    /// What making the device emitted in kilograms of CO2 equivalent, and for how many years it computes: `150,4`
    #[arg(long, value_name = "KG,YEARS", value_parser = embodied)]
    embodied: Option<Embodied>,
}

impl Place {
    /// The place; `None` if nothing is said of one.
    ///
    /// # Errors
    /// A [`Refusal`] for a name that is none.
    pub fn site(&self) -> Result<Option<Site>, Refusal> {
        let unknown = |error: UnknownFactor| {
            Refusal::usage(error.to_string())
                .hint("`ergometer factors --table grid` lists regions, `--table pue` operators")
        };
        let region = self
            .region
            .as_deref()
            .map(|name| factors::find(Kind::Grid, name))
            .transpose()
            .map_err(unknown)?;
        let of_region = region.and_then(factors::price_in).map(|price| {
            let currency = price.unit.strip_suffix("/kWh").unwrap_or(&price.unit);
            (Figure::of(price), currency.to_owned())
        });
        let pue = match self.pue.as_deref() {
            None => None,
            Some(text) => Some(match text.trim().parse::<f64>() {
                Ok(value) if (1.0..=10.0).contains(&value) => Figure::given(value),
                Ok(value) => return Err(Refusal::usage(format!("a PUE is 1 or more, and {value} is none"))),
                Err(_) => Figure::of(factors::find(Kind::Pue, text).map_err(unknown)?),
            }),
        };
        let given = self.price.as_ref().map(|(value, currency)| (Figure::given(*value), currency.clone()));
        let site = Site {
            intensity: self.intensity.map(Figure::given).or(region.map(Figure::of)),
            pue,
            price: given.or(of_region),
            embodied: self.embodied,
        };
        if site.embodied.is_some() && site.intensity.is_none() {
            return Err(
                Refusal::usage("--embodied adds to the carbon of the electricity").hint("name the --region")
            );
        }
        Ok((!site.is_empty()).then_some(site))
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err(format!("\"{text}\" is no number of 0 or more")),
    }
}

/// `0.12`, `0.12EUR` or `0.12 EUR`.
fn price(text: &str) -> Result<(f64, String), String> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let currency = text.get(number.len()..).unwrap_or_default().to_uppercase();
    if !matches!(currency.len(), 0 | 3) {
        return Err(format!("\"{currency}\" is no currency: three letters are"));
    }
    let currency = if currency.is_empty() { "USD".to_owned() } else { currency };
    Ok((positive(number)?, currency))
}

/// `150,4`.
fn embodied(text: &str) -> Result<Embodied, String> {
    let (kilograms, years) = text.split_once(',').ok_or("kilograms and years are needed, as 150,4")?;
    let years = positive(years)?;
    if years == 0.0 {
        return Err("a device computes for more than 0 years".to_owned());
    }
    Ok(Embodied { kilograms: positive(kilograms)?, years })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_a_currency() {
        assert_eq!(price("0.12").unwrap(), (0.12, "USD".to_owned()));
        for text in ["0.3eur", "0.3 EUR"] {
            assert_eq!(price(text).unwrap(), (0.3, "EUR".to_owned()));
        }
        for bad in ["", "EUR", "-1", "nan", "0.1 E", "1e400"] {
            assert!(price(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn embodied_carbon_has_a_lifetime() {
        assert_eq!(embodied("150,4").unwrap(), Embodied { kilograms: 150.0, years: 4.0 });
        for bad in ["150", "150,0", "150,-1", "x,4", "150,4,1"] {
            assert!(embodied(bad).is_err(), "{bad}");
        }
    }
}
