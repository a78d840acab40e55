//! The kernels of the suite: one row for each file in `shaders/`, and what each computes.
//!
//! Every shader binds a uniform block of [`Layout::params`] at 0, then its inputs, then its output, and
//! starts at `main`. It is a valid WGSL file as it stands; a [`Configuration`] replaces the values of `const`
//! and `alias` lines that its row lists.

mod arithmetic;
mod conv;
mod data;
mod elementwise;
mod grid;
mod grouped_conv;
mod intensity;
mod launch;
mod matmul;
mod matrix;
mod memory;
mod movement;
mod packed_matmul;
mod pool;
mod rowwise;
mod special;
mod window;

use std::borrow::Cow;
use std::fmt;

pub use data::{Data, read};

use super::{RunError, Size};
use crate::device::Precision;
use crate::device::kernel::{KernelClass, Tile};

/// The table.
pub static KERNELS: &[&[Kernel]] = &[
    arithmetic::KERNELS,
    special::KERNELS,
    matrix::KERNELS,
    memory::KERNELS,
    intensity::KERNELS,
    launch::KERNELS,
    matmul::KERNELS,
    packed_matmul::KERNELS,
    conv::KERNELS,
    grouped_conv::KERNELS,
    elementwise::KERNELS,
    rowwise::KERNELS,
    pool::KERNELS,
    movement::KERNELS,
];

/// Turns that every driver takes, doubled and with one round each: Mesa's software rasteriser, in versions that are
/// still about, ends all loops of an invocation after 65,535 rounds together (`LP_MAX_TGSI_LOOP_ITERATIONS`), and
/// says nothing. More work than that goes into more dispatches.
pub const MOST_TURNS: u32 = 32_767;

/// Every kernel.
pub fn all() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().copied().flatten()
}

/// The kernel of a name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Kernel> {
    all().find(|kernel| kernel.id == id)
}

/// One shader and what is known of it.
#[derive(Debug)]
pub struct Kernel {
    /// `class.variant`: `alu.f32`, `matmul.tile32`.
    pub id: &'static str,
    /// The file's name in `shaders/`.
    pub file: &'static str,
    /// The file.
    pub source: &'static str,
    /// What its time says.
    pub measures: Measures,
    /// What the adapter must have.
    pub needs: &'static [Need],
    /// Lines that vary, each with its values; the first of each is the likeliest to be fastest.
    pub settings: &'static [Setting],
    /// Buffers, parameters and workgroups for a size. `None` if it does not run such a size.
    pub layout: fn(&Configuration, Size) -> Option<Layout>,
    /// Element `index` of the output, from the inputs.
    pub expected: fn(&Reference, index: usize) -> Expected,
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What the time of a kernel says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measures {
    /// The highest rate of arithmetic in a format.
    Peak(Option<Precision>),
    /// The rate of a costly function.
    Special,
    /// Traffic by working set.
    Bandwidth,
    /// Traffic and arithmetic in a set ratio.
    Intensity,
    /// What starting work costs.
    Launch,
    /// A class of kernels that models are made of.
    Class {
        /// Which.
        class: KernelClass,
        /// What one workgroup makes.
        tile: Tile,
        /// Whether it is shaped as the kernels of today's WebGPU runtimes are.
        runtime_like: bool,
    },
}

/// What an adapter must have to run a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `enable f16`.
    F16,
    /// `f64`.
    F64,
    /// Packed products of four 8-bit integers.
    Dot4,
    /// Subgroup operations.
    Subgroups,
    /// Cooperative matrices of 8×8 f32.
    MatrixF32,
    /// Cooperative matrices of 16×16 f16.
    MatrixF16,
}

impl Need {
    /// The entry among an adapter's features without which it cannot be met; `None` where there is none.
    /// Which sizes of cooperative matrices there are shows only when one is prepared.
    #[must_use]
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Self::F16 => Some("shader-f16"),
            Self::F64 => Some("shader-f64"),
            Self::Subgroups => Some("subgroup"),
            Self::MatrixF32 | Self::MatrixF16 => Some("cooperative-matrix"),
            Self::Dot4 => None,
        }
    }

    /// What is missing where it is missing.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "16-bit floats in shaders",
            Self::F64 => "64-bit floats in shaders",
            Self::Dot4 => "packed 4×8-bit dot product",
            Self::Subgroups => "subgroup operations",
            Self::MatrixF32 => "8×8 f32 cooperative matrix",
            Self::MatrixF16 => "16×16 f16 cooperative matrix",
        }
    }
}

/// A line of a shader that varies: `const NAME: u32 = VALUEu;` or `alias NAME = VALUE;`.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The constant's or alias's name.
    pub name: &'static str,
    /// Its values, the likeliest to be fastest first; a single one fixes what the file leaves open.
    pub values: &'static [&'static str],
}

/// A choice of one value for each setting of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Configuration(pub Vec<(&'static str, &'static str)>);

impl Configuration {
    /// The value of a `u32` constant, without its suffix.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.text(name)?.trim_end_matches('u').parse().ok()
    }

    /// The type that `alias Scalar` stands for; `f32` where there is no such line.
    #[must_use]
    pub fn element(&self) -> Element {
        match self.text("Scalar") {
            Some("f16") => Element::F16,
            Some("f64") => Element::F64,
            Some("i32") => Element::I32,
            Some("u32") => Element::U32,
            _ => Element::F32,
        }
    }

    /// The value of a line.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'static str> {
        self.0.iter().find(|(setting, _)| *setting == name).map(|(_, value)| *value)
    }
}

impl fmt::Display for Configuration {
    /// `CHAINS=2u WORKGROUP=64u`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{}={}", name.to_lowercase(), value.trim_end_matches('u'))?;
        }
        Ok(())
    }
}

/// The buffers and the grid of one dispatch, and how much it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The uniform block: `u32` words.
    pub params: Vec<u32>,
    /// The inputs, in the order of their bindings.
    pub inputs: Vec<Input>,
    /// Elements of the output.
    pub output: u64,
    /// Their type.
    pub element: Element,
    /// The grid.
    pub workgroups: [u32; 3],
    /// Operations of one dispatch: FLOPs (a multiply-add is two), or results of a costly function.
    pub operations: f64,
    /// Bytes read and written by one dispatch.
    pub bytes: f64,
}

/// An input buffer and what is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    /// Elements.
    pub elements: u64,
    /// Their type.
    pub element: Element,
    /// Their values.
    pub fill: Fill,
}

/// The type of buffer elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `f32`.
    F32,
    /// `f16`.
    F16,
    /// `f64`.
    F64,
    /// `u32`.
    U32,
    /// `i32`.
    I32,
}

impl Element {
    /// Twice the largest relative error of rounding; 0 for integers.
    #[must_use]
    pub fn epsilon(self) -> f64 {
        match self {
            Self::F16 => 9.765_625e-4,
            Self::F32 => f64::from(f32::EPSILON),
            Self::F64 => f64::EPSILON,
            Self::U32 | Self::I32 => 0.0,
        }
    }

    /// Bytes of one.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::F16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Values of a buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// Uniform between two bounds: random data, so that a memory system that compresses gains nothing.
    Random {
        /// Least.
        low: f32,
        /// Most.
        high: f32,
    },
    /// Integers from 0 to below a bound, at random.
    Indices(u32),
}

/// What a reference computes from.
#[derive(Debug)]
pub struct Reference<'r> {
    /// What was dispatched.
    pub layout: &'r Layout,
    /// The configuration.
    pub configuration: &'r Configuration,
    /// The size.
    pub size: Size,
    /// The inputs, rounded to their types.
    pub inputs: &'r [Data],
}

impl Reference<'_> {
    /// Element `at` of input `input`; NaN outside, which equals no result.
    #[must_use]
    pub fn input(&self, input: usize, at: usize) -> f64 {
        self.inputs.get(input).map_or(f64::NAN, |data| data.at(at))
    }

    /// Word `at` of the parameters; 0 outside.
    #[must_use]
    pub fn param(&self, at: usize) -> u32 {
        self.layout.params.get(at).copied().unwrap_or(0)
    }
}

/// A reference value and how far a correct result may lie from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// What the CPU computes, in f64.
    pub value: f64,
    /// The allowed distance: rounding of the type over the terms summed.
    pub tolerance: f64,
}

impl Kernel {
    /// The first value of every setting.
    #[must_use]
    pub fn as_written(&self) -> Configuration {
        let first = |setting: &Setting| setting.values.first().map(|value| (setting.name, *value));
        Configuration(self.settings.iter().filter_map(first).collect())
    }

    /// Every combination of the settings, the first of each first; the last setting changes first.
    #[must_use]
    pub fn configurations(&self) -> Vec<Configuration> {
        let mut all = vec![Configuration::default()];
        for setting in self.settings {
            all = all
                .iter()
                .flat_map(|chosen| {
                    setting.values.iter().map(|value| {
                        let mut longer = chosen.clone();
                        longer.0.push((setting.name, value));
                        longer
                    })
                })
                .collect();
        }
        all
    }

    /// The shader with the lines of a configuration.
    ///
    /// # Errors
    /// [`RunError::Refused`] if the file has no such line.
    pub fn specialise(&self, configuration: &Configuration) -> Result<Cow<'static, str>, RunError> {
        let mut source = Cow::Borrowed(self.source);
        if configuration.element() == Element::F16 {
            source = Cow::Owned(format!("enable f16;\n{source}"));
        }
        for (name, value) in &configuration.0 {
            let start = source
                .lines()
                .find(|line| {
                    line.strip_prefix("const ").is_some_and(|rest| rest.starts_with(&format!("{name}:")))
                        || line
                            .strip_prefix("alias ")
                            .is_some_and(|rest| rest.starts_with(&format!("{name} ")))
                })
                .ok_or_else(|| RunError::Refused(format!("{} has no line for {name}", self.file)))?
                .to_owned();
            let (left, _) = start.split_once('=').unwrap_or((&start, ""));
            source = Cow::Owned(source.replacen(&start, &format!("{left}= {value};"), 1));
        }
        Ok(source)
    }
}
