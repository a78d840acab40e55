//! Measured quantities, each with its unit in the type, and how figures read on a terminal.
//!
//! Only sums and products that mean something exist: watts times seconds are joules, seconds times joules do
//! not compile. Counts (FLOPs, bytes, parameters) stay `u64`; what they take at a rate is
//! [`FlopsPerSecond::time_for`] and [`BytesPerSecond::time_for`].

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A quantity over `f64`: same-unit sums, scaling by a plain number, the ratio of two, and its SI symbol for
/// display.
macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0.0);

            /// The larger of two; a NaN loses.
            #[must_use]
            pub fn max(self, other: Self) -> Self {
                Self(self.0.max(other.0))
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::ZERO, Add::add)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        /// How many times the other it is.
        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        /// Three significant digits with an SI prefix, as [`quantity`] writes them; to the right of a column.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                pad(f, &quantity(self.0, $symbol))
            }
        }
    };
}

unit!(
    /// A duration.
    Seconds, "s"
);
unit!(
    /// An energy.
    Joules, "J"
);
unit!(
    /// A power.
    Watts, "W"
);
unit!(
    /// A rate of arithmetic; integer operations count as FLOPs here. The count itself, FLOPs, is a `u64`.
    FlopsPerSecond, "FLOP/s"
);
unit!(
    /// A rate of memory traffic.
    BytesPerSecond, "B/s"
);
unit!(
    /// Money, in dollars of the United States.
    UsDollars, "USD"
);

impl Mul<Seconds> for Watts {
    type Output = Joules;
    fn mul(self, time: Seconds) -> Joules {
        Joules(self.0 * time.0)
    }
}

impl Mul<Watts> for Seconds {
    type Output = Joules;
    fn mul(self, power: Watts) -> Joules {
        power * self
    }
}

impl Div<Seconds> for Joules {
    type Output = Watts;
    fn div(self, time: Seconds) -> Watts {
        Watts(self.0 / time.0)
    }
}

impl Div<Watts> for Joules {
    type Output = Seconds;
    fn div(self, power: Watts) -> Seconds {
        Seconds(self.0 / power.0)
    }
}

/// The arithmetic intensity, in FLOP/byte, at which a roofline turns from memory-bound to compute-bound.
impl Div<BytesPerSecond> for FlopsPerSecond {
    type Output = f64;
    fn div(self, bandwidth: BytesPerSecond) -> f64 {
        self.0 / bandwidth.0
    }
}

impl FlopsPerSecond {
    /// How long `flops` operations take at this rate. No work takes no time, at any rate; work at rate zero
    /// takes for ever.
    #[must_use]
    pub fn time_for(self, flops: u64) -> Seconds {
        Seconds(time_for(flops, self.0))
    }
}

impl BytesPerSecond {
    /// How long moving `bytes` takes at this rate. No traffic takes no time, at any rate; traffic at rate
    /// zero takes for ever.
    #[must_use]
    pub fn time_for(self, bytes: u64) -> Seconds {
        Seconds(time_for(bytes, self.0))
    }
}

fn time_for(count: u64, rate: f64) -> f64 {
    if count == 0 { 0.0 } else { count as f64 / rate }
}

/// A count: exact below a thousand, else three significant digits and an SI prefix, as `4.09 G` or `25.6 M`.
#[must_use]
pub fn count(n: u64) -> String {
    counted(n, "")
}

/// A number of bytes in powers of ten: `512 B`, `9.60 MB`, `102 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    counted(n, "B")
}

/// A quantity with an SI prefix and three significant digits: `2.90 ms`, `810 mJ`, `86.0 µg`.
///
/// Beyond the prefixes, pico to exa, the number is written with an exponent. Infinities and NaN are written
/// as such.
#[must_use]
pub fn quantity(value: f64, symbol: &str) -> String {
    let text = if value == 0.0 {
        "0 ".to_owned()
    } else if value.is_finite() {
        three_digits(value)
    } else {
        format!("{value} ")
    };
    with_symbol(text, symbol)
}

/// Fills the width asked for. A precision is not heeded: cutting the text would change the number.
fn pad(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let width = f.width().unwrap_or(0);
    match f.align() {
        Some(fmt::Alignment::Left) => write!(f, "{text:<width$}"),
        Some(fmt::Alignment::Center) => write!(f, "{text:^width$}"),
        Some(fmt::Alignment::Right) | None => write!(f, "{text:>width$}"),
    }
}

/// A number of things with a symbol: `512 MAC`, `4.09 GMAC`.
#[must_use]
pub fn counted(n: u64, symbol: &str) -> String {
    let text = if n < 1000 { format!("{n} ") } else { three_digits(n as f64) };
    with_symbol(text, symbol)
}

/// `text` ends in a space, which parts the number from its prefix and unit, or from nothing.
fn with_symbol(mut text: String, symbol: &str) -> String {
    text.push_str(symbol);
    text.truncate(text.trim_end().len());
    text
}

/// The number, a space, and its prefix. `value` is finite and not zero.
fn three_digits(value: f64) -> String {
    const PREFIXES: [&str; 11] = ["p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];
    // Rounding comes first: 999.95 is 1.00e3 here, and so gets the prefix of a thousand.
    let rounded = format!("{value:.2e}");
    let (mantissa, exponent) = rounded.split_once('e').expect("the format {:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("the format {:e} writes a whole exponent");
    let prefix = usize::try_from(exponent.div_euclid(3) + 4).ok().and_then(|i| PREFIXES.get(i));
    let Some(prefix) = prefix else { return format!("{rounded} ") };

    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    let (whole, fraction) = match exponent.rem_euclid(3) {
        0 => digits.split_at(1),
        1 => digits.split_at(2),
        _ => digits.split_at(3),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction} {prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_below_a_thousand_and_three_digits_above() {
        for (n, expected) in [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1000, "1.00 k"),
            (9_994, "9.99 k"),
            (9_996, "10.0 k"),
            (99_960, "100 k"),
            (999_499, "999 k"),
            (999_500, "1.00 M"),
            (25_557_032, "25.6 M"),
            (4_089_184_256, "4.09 G"),
            (u64::MAX, "18.4 E"),
        ] {
            assert_eq!(count(n), expected, "{n}");
        }
    }

    #[test]
    fn bytes_use_powers_of_ten() {
        for (n, expected) in [
            (0, "0 B"),
            (512, "512 B"),
            (1024, "1.02 kB"),
            (9_600_000, "9.60 MB"),
            (102_228_128, "102 MB"),
            (80 << 30, "85.9 GB"),
        ] {
            assert_eq!(bytes(n), expected, "{n}");
        }
    }

    #[test]
    fn quantities_take_the_prefix_of_the_rounded_value() {
        for (value, expected) in [
            (0.0, "0 s"),
            (-0.0, "0 s"),
            (0.0029, "2.90 ms"),
            (0.81, "810 ms"),
            (86e-6, "86.0 µs"),
            (1.0, "1.00 s"),
            (999.4, "999 s"),
            (999.95, "1.00 ks"),
            (0.000_999_6, "1.00 ms"),
            (-0.0015, "-1.50 ms"),
            (-999.95, "-1.00 ks"),
            (1e-12, "1.00 ps"),
            (1.23e-15, "1.23e-15 s"),
            (9.99e20, "999 Es"),
            (1e21, "1.00e21 s"),
            (f64::MAX, "1.80e308 s"),
            (f64::MIN_POSITIVE, "2.23e-308 s"),
            (f64::INFINITY, "inf s"),
            (f64::NEG_INFINITY, "-inf s"),
            (f64::NAN, "NaN s"),
        ] {
            assert_eq!(quantity(value, "s"), expected, "{value}");
        }
        assert_eq!(quantity(86e-6, ""), "86.0 µ");
        assert_eq!(quantity(2.0, ""), "2.00");
    }

    #[test]
    fn quantities_show_their_unit_and_fill_a_column() {
        assert_eq!(FlopsPerSecond(165.2e12).to_string(), "165 TFLOP/s");
        assert_eq!(BytesPerSecond(1008e9).to_string(), "1.01 TB/s");
        assert_eq!(format!("[{:>9}]", Watts(450.0)), "[    450 W]");
        assert_eq!(format!("[{:9}]", Watts(450.0)), "[    450 W]");
        assert_eq!(format!("[{:<9}]", Seconds(12e-6)), "[12.0 µs  ]");
        assert_eq!(format!("{:.1}", Seconds(0.0029)), "2.90 ms");
    }

    #[test]
    fn power_over_time_is_energy() {
        assert_eq!(Watts(450.0) * Seconds(0.002), Joules(0.9));
        assert_eq!(Seconds(0.002) * Watts(450.0), Joules(0.9));
        assert_eq!(Joules(0.9) / Seconds(0.002), Watts(450.0));
        assert_eq!(Joules(0.9) / Watts(450.0), Seconds(0.002));
    }

    #[test]
    fn work_at_a_rate_takes_time_and_no_work_takes_none() {
        assert_eq!(FlopsPerSecond(2e12).time_for(4_000_000_000), Seconds(0.002));
        assert_eq!(BytesPerSecond(1e12).time_for(5_000_000_000), Seconds(0.005));
        assert_eq!(FlopsPerSecond(0.0).time_for(1), Seconds(f64::INFINITY));
        assert_eq!(FlopsPerSecond(0.0).time_for(0), Seconds::ZERO);
    }

    #[test]
    fn the_ridge_of_a_roofline_is_in_flops_a_byte() {
        // RTX 4090: 165.2 TFLOP/s over 1008 GB/s.
        assert!((FlopsPerSecond(165.2e12) / BytesPerSecond(1008e9) - 163.9).abs() < 0.05);
    }

    #[test]
    fn sums_and_scales_keep_their_unit() {
        let mut total: Joules = [Joules(1.0), Joules(2.5)].into_iter().sum();
        total += Joules(0.5);
        assert_eq!(total, Joules(4.0));
        assert_eq!(Watts(400.0) * 0.75 - Watts(50.0), Watts(250.0));
        assert_eq!(Watts(300.0) / 4.0, Watts(75.0));
        assert_eq!(Watts(300.0) / Watts(400.0), 0.75);
        assert_eq!(Seconds(1.0).max(Seconds(2.0)), Seconds(2.0));
    }

    #[test]
    fn quantities_are_bare_numbers_in_files() {
        assert_eq!(serde_json::to_string(&Seconds(0.25)).unwrap(), "0.25");
        assert_eq!(serde_json::from_str::<Watts>("70").unwrap(), Watts(70.0));
    }
}
