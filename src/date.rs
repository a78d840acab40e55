//! When something came out: a day, a month or a year, as people know it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::civil;
use serde::Deserialize;

/// A day, a month or a year: `2019-05-28`, `2019-05`, `2019`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Date {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

/// A text that is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no date: 2019, 2019-05 or 2019-05-28 is")]
pub struct NoDate(String);

impl Date {
    /// The years that there are machines, models and plans of.
    pub const YEARS: RangeInclusive<i16> = 1950..=2100;

    /// The calendar year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.year
    }

    /// In years, with the middle of a month or year of which no more is known: `2017` is 2017.5.
    #[must_use]
    pub fn years(self) -> f64 {
        let year = f64::from(self.year);
        let Some(month) = self.month else { return year + 0.5 };
        let day = self.day.and_then(|day| civil::Date::new(self.year, month, day).ok());
        match day {
            Some(day) => year + f64::from(day.day_of_year() - 1) / f64::from(day.days_in_year()),
            None => year + (f64::from(month) - 0.5) / 12.0,
        }
    }
}

impl TryFrom<String> for Date {
    type Error = NoDate;

    fn try_from(text: String) -> Result<Self, NoDate> {
        text.parse()
    }
}

impl FromStr for Date {
    type Err = NoDate;

    fn from_str(text: &str) -> Result<Self, NoDate> {
        let wrong = || NoDate(text.to_owned());
        let mut parts = text.split('-');
        let mut number = |digits: usize| {
            let digits_of =
                |part: &str| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            parts.next().map(|part| part.parse::<i16>().ok().filter(|_| digits_of(part)).ok_or_else(wrong))
        };
        let year = number(4).unwrap_or_else(|| Err(wrong()))?;
        let month =
            number(2).transpose()?.map(|month| i8::try_from(month).map_err(|_| wrong())).transpose()?;
        let day = number(2).transpose()?.map(|day| i8::try_from(day).map_err(|_| wrong())).transpose()?;
        // The calendar knows which days there are.
        let exists = civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).is_ok();
        if year == 0 || !exists || parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = self.month.map(|month| format!("-{month:02}")).unwrap_or_default();
        let day = self.day.map(|day| format!("-{day:02}")).unwrap_or_default();
        f.pad(&format!("{:04}{month}{day}", self.year))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_a_year_a_month_or_a_day() {
        for (text, years) in [
            ("2019", 2019.5),
            ("2019-01", 2019.0 + 0.5 / 12.0),
            ("2019-01-01", 2019.0),
            ("2020-12-31", 2020.0 + 365.0 / 366.0),
        ] {
            let date: Date = text.parse().unwrap();
            assert!((date.years() - years).abs() < 1e-12, "{text}");
            assert_eq!(date.to_string(), text);
        }
        for bad in [
            "",
            "19",
            "0000",
            "2019-5",
            "2019-13",
            "2019-00",
            "2019-05-32",
            "2019-02-29",
            "2019-05-1",
            "May 2019",
            "2019-05-28T00:00:00",
            "-2019",
            "+019",
            "2019-05-28-01",
            "２０１９",
        ] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
