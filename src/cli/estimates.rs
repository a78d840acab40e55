//! What estimates are for and rest on: options of every command that estimates.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Global;
use super::error::Refusal;
use super::measured;
use super::targets::{self, Targets};
use crate::device::{DeviceError, Precision};
use crate::predict::{Paper, Request, Runtime};
use crate::units::Watts;

/// What the user says of estimates.
#[derive(Args, Debug)]
#[command(next_help_heading = "Estimate")]
pub struct Estimates {
    /// Estimate for these devices, or for `all`; `ergometer devices` lists them, `ergometer bench` measures `local`
    #[arg(long = "device", value_name = "A,B", value_delimiter = ',')]
    devices: Vec<String>,
    /// Run contractions in fp64, fp32, tf32, amp, fp16, bf16, fp8, int8 or int4, not as the model stores them
    #[arg(long, value_name = "P", value_parser = precision)]
    precision: Option<Precision>,
    /// What runs the model: webgpu needs a profile and is the default with one, eager is it without
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<RuntimeName>,
    /// Estimate eager and compiled by coefficients of your own, which `ergometer fit` writes
    #[arg(long, value_name = "FILE.toml")]
    coefficients: Option<PathBuf>,
    /// Estimate the energy by the method of arXiv 2109.05472 too: cv or nlp, the model's date, and what is attained over the
    /// trend (1)
    #[arg(long, value_name = "cv|nlp,DATE[,FACTOR]")]
    paper: Option<Paper>,
    /// Draw of the local device, where no meter measured it and the catalogue does not know it
    #[arg(long, value_name = "WATTS", value_parser = watts)]
    board_power: Option<Watts>,
}

/// What runs a model.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum RuntimeName {
    /// ONNX Runtime with its WebGPU provider
    Webgpu,
    /// PyTorch, operator by operator
    Eager,
    /// PyTorch, compiled and fused
    Compiled,
    /// A graph engine
    Engine,
}

impl Estimates {
    /// The devices, and what must be told of them.
    ///
    /// # Errors
    /// A [`Refusal`] for a name that is no device.
    pub fn targets(&self, global: &Global) -> Result<Targets, Refusal> {
        targets::of(&self.devices, self.board_power, global.catalogue()?)
    }

    /// What each device is asked for.
    ///
    /// # Errors
    /// A [`Refusal`] for a file that holds no coefficients.
    pub fn request(&self) -> Result<Request, Refusal> {
        let coefficients = self.coefficients.as_deref().map(measured::coefficients).transpose()?;
        Ok(Request {
            precision: self.precision,
            runtime: self.runtime.map(Runtime::from),
            coefficients,
            paper: self.paper,
            share_among: None,
        })
    }
}

impl From<RuntimeName> for Runtime {
    fn from(name: RuntimeName) -> Self {
        match name {
            RuntimeName::Webgpu => Self::Webgpu,
            RuntimeName::Eager => Self::Eager,
            RuntimeName::Compiled => Self::Compiled,
            RuntimeName::Engine => Self::Engine,
        }
    }
}

/// A number format, or `amp` for automatic mixed precision: contractions in FP16, and nearly all tensors. Its casts are in
/// the coefficients, which are fitted on such runs.
///
/// # Errors
/// What the formats are.
pub fn precision(text: &str) -> Result<Precision, String> {
    if text.trim().eq_ignore_ascii_case("amp") {
        return Ok(Precision::Fp16);
    }
    text.parse().map_err(|why: DeviceError| why.to_string())
}

/// `35`, `35W` or `35 W`.
fn watts(text: &str) -> Result<Watts, String> {
    let number = text.trim().trim_end_matches(['W', 'w']).trim();
    match number.parse() {
        Ok(watts) if f64::is_finite(watts) && watts > 0.0 => Ok(Watts(watts)),
        _ => Err(format!("\"{text}\" is no power: a number of watts above 0 is needed")),
    }
}
