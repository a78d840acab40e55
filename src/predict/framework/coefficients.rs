//! The coefficients of the terms, read from `coefficients.toml`: a set for each runtime and arithmetic unit.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Term;
use crate::device::{ArithmeticUnit, Device, DeviceKind};
use crate::predict::Runtime;

/// One for each term: how often the full-rate time a real kernel takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients([f64; Term::COUNT]);

impl Coefficients {
    /// From one for each term, in the order of [`Term::ALL`].
    #[must_use]
    pub fn new(values: [f64; Term::COUNT]) -> Self {
        Self(values)
    }

    /// That of a term.
    #[must_use]
    pub fn of(&self, term: Term) -> f64 {
        self.0.get(term as usize).copied().unwrap_or(0.0)
    }

    /// Seconds of a run, from those at full rates: of its kernels, or of starting them if that takes longer.
    #[must_use]
    pub fn seconds(&self, sums: &[f64; Term::COUNT]) -> f64 {
        let [kernels, starts] = self.parts(sums);
        kernels.max(starts)
    }

    /// Seconds of all kernels, and of starting them.
    #[must_use]
    pub fn parts(&self, sums: &[f64; Term::COUNT]) -> [f64; 2] {
        let [mut kernels, mut starts] = [0.0; 2];
        for ((term, coefficient), seconds) in Term::ALL.into_iter().zip(self.0).zip(sums) {
            *(if term == Term::Start { &mut starts } else { &mut kernels }) += coefficient * seconds;
        }
        [kernels, starts]
    }
}

/// What sort of processor runs kernels: hosts have caches and libraries of their own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Processor {
    /// A GPU, or another accelerator beside a host.
    #[default]
    Accelerator,
    /// The host itself.
    Cpu,
}

impl Processor {
    /// That of a device.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        if device.kind == DeviceKind::Cpu { Self::Cpu } else { Self::Accelerator }
    }

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accelerator => "accelerator",
            Self::Cpu => "cpu",
        }
    }
}

/// A set of coefficients, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// What runs the model.
    pub runtime: Runtime,
    /// What does the contractions.
    pub unit: ArithmeticUnit,
    /// What sort of processor they are a part of.
    pub processor: Processor,
    /// Whether measurements of this runtime and unit are behind it. If not, it is put together of other sets.
    pub fitted: bool,
    /// The measurements that it was fitted on, with their date.
    pub data: String,
    /// Measured over predicted time, 10th and 90th percentile of what was held back.
    pub spread: [f64; 2],
    /// The coefficients.
    pub coefficients: Coefficients,
}

/// A set as the file holds it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    runtime: Runtime,
    unit: ArithmeticUnit,
    #[serde(default)]
    processor: Processor,
    fitted: bool,
    data: String,
    spread: [f64; 2],
    terms: BTreeMap<String, f64>,
}

/// Sets of coefficients as a file holds them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    set: Vec<Row>,
}

/// Why a file of coefficients cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnknownTerm {
    /// It is not TOML of this form.
    #[error("it holds no sets of coefficients: {0}")]
    Toml(#[from] toml::de::Error),
    /// It names a term that there is not.
    #[error("there is no term \"{0}\"")]
    Name(String),
    /// A coefficient or an end of the spread is no number of 0 or more.
    #[error("\"{0}\" is no number of 0 or more")]
    Value(String),
}

/// Reads sets of coefficients.
///
/// # Errors
/// [`UnknownTerm`].
pub fn read(text: &str) -> Result<Vec<Fitted>, UnknownTerm> {
    let file: File = toml::from_str(text)?;
    file.set
        .into_iter()
        .map(|row| {
            let mut values = [0.0; Term::COUNT];
            for (name, value) in &row.terms {
                let term: Term = name.parse().map_err(|()| UnknownTerm::Name(name.clone()))?;
                if !(value.is_finite() && *value >= 0.0) {
                    return Err(UnknownTerm::Value(name.clone()));
                }
                if let Some(slot) = values.get_mut(term as usize) {
                    *slot = *value;
                }
            }
            if row.spread.iter().any(|end| !(end.is_finite() && *end > 0.0)) {
                return Err(UnknownTerm::Value("spread".to_owned()));
            }
            let Row { runtime, unit, processor, fitted, data, spread, .. } = row;
            Ok(Fitted { runtime, unit, processor, fitted, data, spread, coefficients: Coefficients(values) })
        })
        .collect()
}

/// Puts sets together anew of which no measurement of their own is all that is known, once others are fitted.
///
/// What runs compiled on vector units does contractions as eager on vector units, for both call the maker's libraries, and the
/// rest as compiled on matrix units. An engine runs kernels as compiled, but for products and attention, which have measurements
/// of their own on matrix units, and for starts. On hosts, only what is compiled is measured, and all run alike.
pub fn compose(sets: &mut [Fitted]) {
    const CONTRACTIONS: [Term; 4] = [Term::Conv, Term::Product, Term::ProductBytes, Term::LowPower];
    const SERVED: [Term; 4] = [Term::Product, Term::ProductBytes, Term::Attention, Term::Start];
    let find = |runtime: Runtime, unit: ArithmeticUnit, processor: Processor| {
        let wanted = (runtime, unit, processor);
        let found = sets.iter().find(|set| (set.runtime, set.unit, set.processor) == wanted);
        found.map(|set| set.coefficients)
    };
    let eager = find(Runtime::Eager, ArithmeticUnit::Vector, Processor::Accelerator);
    let compiled = find(Runtime::Compiled, ArithmeticUnit::Matrix, Processor::Accelerator);
    let host = find(Runtime::Compiled, ArithmeticUnit::Vector, Processor::Cpu);
    let (Some(eager), Some(compiled), Some(host)) = (eager, compiled, host) else { return };
    for set in sets {
        let own = set.coefficients;
        let values = match (set.runtime, set.unit) {
            _ if set.processor == Processor::Cpu => match set.runtime {
                Runtime::Compiled => continue,
                _ => Term::ALL.map(|term| if term == Term::Start { own.of(term) } else { host.of(term) }),
            },
            (Runtime::Compiled | Runtime::Engine, ArithmeticUnit::Vector) if !set.fitted => {
                Term::ALL.map(|term| match term {
                    Term::Start => own.of(term),
                    // Nothing was found to be filled up there.
                    Term::Padding => 0.0,
                    term if CONTRACTIONS.contains(&term) => eager.of(term),
                    term => compiled.of(term),
                })
            }
            (Runtime::Engine, ArithmeticUnit::Matrix) => Term::ALL.map(|term| match term {
                // They are in what was measured of products and attention.
                Term::Padding | Term::Mask => 0.0,
                term if SERVED.contains(&term) => own.of(term),
                term => compiled.of(term),
            }),
            _ => continue,
        };
        set.coefficients = Coefficients(values);
    }
}

const HEADER: &str = "\
# Written by `ergometer fit`. How often the time at the full rate of a device its kernels take, by term; spread is measured
# over predicted time, 10th and 90th percentile of what was held back.

";

/// Sets as a file holds them, to three digits, zeros left out.
#[must_use]
pub fn written(sets: &[Fitted]) -> String {
    let digits = |value: f64| format!("{value:.2e}").parse::<f64>().unwrap_or(value);
    let mut text = HEADER.to_owned();
    for set in sets {
        let Fitted { runtime, unit, processor, fitted, data, spread: [low, high], coefficients } = set;
        let (low, high) = (digits(*low), digits(*high));
        // Quotes and backslashes are the two that a basic string of TOML cannot hold as they are.
        let processor = match processor {
            Processor::Accelerator => String::new(),
            Processor::Cpu => format!("processor = \"{}\"\n", processor.name()),
        };
        let data = data.replace('\\', "\\\\").replace('"', "\\\"");
        text += &format!(
            "[[set]]\nruntime = \"{runtime}\"\nunit = \"{unit}\"\n{processor}fitted = {fitted}\ndata = \"{data}\"\nspread = [{low:?}, {high:?}]\n\n[set.terms]\n"
        );
        for term in Term::ALL {
            let value = digits(coefficients.of(term));
            if value > 0.0 {
                text += &format!("{term} = {value:?}\n");
            }
        }
        text.push('\n');
    }
    text
}

/// The sets that ship inside the program.
pub fn builtin() -> &'static [Fitted] {
    static BUILTIN: LazyLock<Vec<Fitted>> = LazyLock::new(|| {
        read(include_str!("coefficients.toml")).expect("a test reads the embedded coefficients")
    });
    &BUILTIN
}

/// The set of a runtime, unit and processor: of those given, else of those that ship.
///
/// # Panics
/// For [`Runtime::Webgpu`], whose kernels have curves and no coefficients.
#[must_use]
pub fn of(sets: &[Fitted], runtime: Runtime, unit: ArithmeticUnit, processor: Processor) -> &Fitted {
    // Some hosts have matrix units of their own; nothing of them is measured but in their vector units.
    let unit = if processor == Processor::Cpu { ArithmeticUnit::Vector } else { unit };
    let of = |set: &&Fitted| (set.runtime, set.unit, set.processor) == (runtime, unit, processor);
    let shipped = || builtin().iter().find(of);
    sets.iter()
        .find(of)
        .or_else(shipped)
        .expect("a test finds a set for each runtime but WebGPU, each unit and processor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runtime_and_unit_has_a_set_with_every_term() {
        for runtime in [Runtime::Eager, Runtime::Compiled, Runtime::Engine] {
            for unit in [ArithmeticUnit::Matrix, ArithmeticUnit::Vector] {
                let set = of(builtin(), runtime, unit, Processor::Accelerator);
                assert_eq!((set.runtime, set.unit), (runtime, unit));
                let host = of(builtin(), runtime, unit, Processor::Cpu);
                assert_eq!((host.runtime, host.processor), (runtime, Processor::Cpu));
                assert!(set.spread[0] < 1.0 && set.spread[1] > 1.0, "{set:?}");
                assert!(
                    set.coefficients.of(Term::Product) > 0.5 && set.coefficients.of(Term::ProductBytes) > 0.5
                );
            }
        }
        assert_eq!(read(&written(builtin())).unwrap(), builtin());
    }

    #[test]
    fn what_ships_is_put_together_as_stated() {
        let mut sets = builtin().to_vec();
        compose(&mut sets);
        assert_eq!(sets, builtin());
        let of = |runtime, unit| of(&sets, runtime, unit, Processor::Accelerator).coefficients;
        let eager = of(Runtime::Eager, ArithmeticUnit::Vector);
        let compiled = of(Runtime::Compiled, ArithmeticUnit::Matrix);
        let put_together = of(Runtime::Compiled, ArithmeticUnit::Vector);
        assert_eq!(put_together.of(Term::Product), eager.of(Term::Product));
        assert_eq!(put_together.of(Term::Norm), compiled.of(Term::Norm));
    }

    #[test]
    fn a_file_that_means_nothing_is_refused() {
        let file = |terms: &str, spread: &str| {
            read(&format!(
                "[[set]]\nruntime = 'eager'\nunit = 'vector'\nfitted = true\ndata = 'd'\nspread = {spread}\nterms = {{ {terms} }}"
            ))
        };
        assert!(file("conv = 1.5", "[0.8, 1.2]").is_ok());
        assert_eq!(file("konv = 1.5", "[0.8, 1.2]").unwrap_err().to_string(), "there is no term \"konv\"");
        assert_eq!(
            file("conv = -1.0", "[0.8, 1.2]").unwrap_err().to_string(),
            "\"conv\" is no number of 0 or more"
        );
        assert_eq!(
            file("conv = 1.0", "[0.0, 1.2]").unwrap_err().to_string(),
            "\"spread\" is no number of 0 or more"
        );
        assert!(read("nothing").is_err());
    }
}
