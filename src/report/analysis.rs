//! The JSON of an analysis: a contract, of which `ergometer schema analysis` prints the schema.
//!
//! Keys are only ever added under the number in [`SCHEMA`]. Counts are integers; measured quantities are
//! in SI base units, with the unit at the end of the key. What is not known is null, never 0.

mod fill;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;

use super::Failure;
use crate::device::kernel::KernelClass;
use crate::factors::Footprint;
use crate::predict::Bound;

pub use fill::{confidence, of, opsets, warnings};

/// Name and version of the contract.
pub const SCHEMA: &str = "ergometer.analysis/1";

/// What `--format json` prints: one model, or several in the order of the command line, one that could not
/// be analysed as a failure in its place. `--format jsonl` prints one model a line.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, clippy::large_enum_variant, reason = "only its schema is used")]
enum Output<'a> {
    One(OneOutput<'a>),
    Several(Vec<OneOutput<'a>>),
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, clippy::large_enum_variant, reason = "only its schema is used")]
enum OneOutput<'a> {
    Analysis(Analysis<'a>),
    Failure(Failure),
}

/// The JSON Schema of `--format json`.
pub fn schema() -> Schema {
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Output>();
    schema.insert("title".to_owned(), SCHEMA.into());
    schema
}

/// What one model costs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Analysis<'a> {
    /// Name and version of this contract: `ergometer.analysis/1`.
    pub schema: &'static str,
    /// What made this.
    pub tool: Tool,
    /// The file.
    pub model: Model<'a>,
    /// Every dimension of the inputs, and what it was taken to be.
    pub bindings: Vec<Binding<'a>>,
    /// Sums over all layers.
    pub totals: Totals,
    /// Every node, those of bodies and functions included, in order of execution.
    pub layers: Vec<Layer<'a>>,
    /// Initializers that no node uses: not parameters, not read, but stored.
    pub dead_initializers: Vec<DeadInitializer<'a>>,
    /// Nodes whose cost is not known: if there are any, totals are lower bounds.
    pub uncosted: Vec<Uncosted<'a>>,
    /// What is worth telling.
    pub warnings: Vec<Warning<'a>>,
    /// What one run of the whole batch takes, one entry a device.
    pub estimates: Vec<Estimate<'a>>,
}

/// What made an analysis.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `ergometer`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// A model file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model<'a> {
    /// As the user named it; `-` is standard input.
    pub path: &'a str,
    /// Size of the file, external data not included.
    pub bytes: u64,
    /// Version of the file format; null if the file does not say.
    pub ir_version: Option<i64>,
    /// Version of each operator set that the model imports; `""` is ai.onnx.
    pub opsets: BTreeMap<&'a str, i64>,
    /// What exported it, with its version; null if the file does not say.
    pub producer: Option<String>,
    /// Name of its graph; null if it has none.
    pub graph: Option<&'a str>,
    /// Files beside it that hold its weights. None was opened.
    pub external_files: Vec<ExternalFile<'a>>,
}

/// A file that holds weights of a model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExternalFile<'a> {
    /// Relative to the model's folder, as the model writes it.
    pub path: &'a str,
    /// Tensors in it.
    pub tensors: u64,
    /// Bytes that they claim.
    pub bytes: u64,
    /// Whether it is there; null where it was not looked for: outside the model's folder, or a model from
    /// standard input.
    pub present: Option<bool>,
}

/// One dimension of the inputs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Binding<'a> {
    /// Its name in the model, or `input[axis]`.
    pub name: &'a str,
    /// What it was taken to be.
    pub value: u64,
    /// Who says so.
    pub origin: BindingOrigin,
}

/// Who fixed a dimension.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindingOrigin {
    /// The command line.
    User,
    /// The model.
    Model,
    /// Nobody: a stated default.
    Default,
}

/// What is counted, of a layer or of a model. A layer's figures are of all its runs together; the layers'
/// figures add up to the totals.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Figures {
    /// Multiply-accumulates of contractions: convolution, matrix product, attention, recurrent gates.
    pub macs: u64,
    /// The same by the element types of the factors: `float32`, `float16×uint4`.
    pub macs_by_type: BTreeMap<String, u64>,
    /// Of `macs`, those of pairs that a causal mask or a window hides.
    pub hidden_macs: u64,
    /// `2·macs + alu + div + trans`.
    pub flops: u64,
    /// Floating-point additions, subtractions, multiplications, comparisons and selections.
    pub alu: u64,
    /// Floating-point divisions, reciprocals and square roots.
    pub div: u64,
    /// Transcendental functions, one each.
    pub trans: u64,
    /// Integer, boolean and index operations; not in `flops`.
    pub int: u64,
    /// Random numbers drawn; not in `flops`.
    pub rng: u64,
    /// Strings processed; not in `flops`.
    pub str: u64,
    /// Elements of constants in weight positions, normalisation statistics included. A tensor that several
    /// layers use counts once, where it is first used; whether that layer runs makes no difference.
    pub params: u64,
    /// Of `params`, means and variances of normalisation: kept for inference, not trained.
    pub norm_stats: u64,
    /// Of `params`, those that one token meets: all but the weights of the experts that it is not sent to.
    pub active_params: u64,
    /// Scales and zero points of quantised values; not in `params`.
    pub quant_params: u64,
    /// Elements in weight positions that `params` holds elsewhere: tied weights.
    pub shared_params: u64,
    /// Bytes in which `params` and `quant_params` are stored, packed.
    pub param_bytes: u64,
    /// Bytes of activations read.
    pub bytes_read: u64,
    /// Bytes of constants read.
    pub bytes_weights: u64,
    /// Bytes written.
    pub bytes_written: u64,
}

/// Sums over all layers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Totals {
    /// The sums.
    #[serde(flatten)]
    pub figures: Figures,
    /// Of `flops`, those of layers whose count is an upper bound, because sizes or turns depend on data.
    pub bounded_flops: u64,
    /// FLOPs of constant-folded nodes, in no other figure: a runtime does them once, before the first
    /// inference.
    pub folded_flops: u64,
    /// The most bytes that activations take at once, nodes run in the file's order; null where a size has
    /// no bound.
    pub peak_activation_bytes: Option<u64>,
    /// Whether every node that runs is counted, as often as it runs. If not, all sums are lower bounds. Of the
    /// branches of a choice that depends on the data, the one with the most FLOPs runs.
    pub complete: bool,
    /// Nodes, those of bodies and functions included.
    pub nodes: u64,
    /// Nodes whose cost is known: also those that are folded, that only run a body, or that do not run.
    pub costed_nodes: u64,
}

/// One node.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Layer<'a> {
    /// Its name, or that of its first output if it has none. Not unique.
    pub name: &'a str,
    /// Name of its operator.
    pub op: &'a str,
    /// Domain of its operator; empty for ai.onnx.
    pub domain: &'a str,
    /// Module path, below the body or function it stands in; empty at the top.
    pub scope: &'a str,
    /// Inputs by position; one that is left out has an empty name.
    pub inputs: Vec<Tensor<'a>>,
    /// Outputs by position; one that is left out has an empty name.
    pub outputs: Vec<Tensor<'a>>,
    /// Whether it is computable from constants alone: it costs nothing at inference.
    pub folded: bool,
    /// How often it runs; 0 in a branch that is not taken, or that is not the one that counts.
    pub repeat: u64,
    /// What it costs.
    #[serde(flatten)]
    pub figures: Figures,
    /// How sure the counts are.
    pub confidence: LayerConfidence,
    /// Its share of the latency on the first device of `estimates`, in seconds; null without an estimate.
    pub time_s: Option<f64>,
    /// What its arithmetic at the peak rate, or its traffic at the full bandwidth, takes there at least, in seconds; null
    /// without an estimate.
    pub roofline_s: Option<f64>,
    /// Its share of the energy there, in joules; null where no energy is known.
    pub energy_j: Option<f64>,
    /// What it waits for there: `matrix`, `vector`, `memory`, `launch`, or `free` for what starts no kernel; null without an
    /// estimate.
    pub bound: Option<Bound>,
    /// The class of its longest kernel there; null without kernels, and where they are not told apart.
    pub kernel: Option<KernelClass>,
}

/// How sure the counts of a layer are.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerConfidence {
    /// The operator's definition gives the numbers.
    Exact,
    /// A stated formula gives them: the definition leaves the algorithm open.
    Formula,
    /// They are upper bounds: the work depends on the data.
    Bound,
    /// A size depends on the data, and they are those of the largest size; or how often the layer runs does,
    /// without a bound, and they are those of one run.
    DataDependent,
    /// The cost is not known: see `uncosted`.
    Unknown,
}

/// An operand of a node.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tensor<'a> {
    /// Its name in its graph.
    pub name: &'a str,
    /// Its type; null if it is not known.
    pub dtype: Option<Dtype>,
    /// Its dimensions, null for one that depends on data; null as a whole where even the rank is not known,
    /// and for what has none.
    pub shape: Option<Vec<Option<u64>>>,
}

/// ONNX's name of an element type in lower case (`float32`, `bfloat16`, `int4`, `string`), within
/// `sequence(…)`, `optional(…)`, `sparse(…)` or `map(key,…)` where the value is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Dtype(pub Cow<'static, str>);

/// An initializer that no node uses.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeadInitializer<'a> {
    /// The tensor.
    #[serde(flatten)]
    pub tensor: Tensor<'a>,
    /// Bytes in which it is stored; null for strings.
    pub bytes: Option<u64>,
}

/// A node whose cost is not known.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Uncosted<'a> {
    /// Its name, or that of its first output.
    pub name: &'a str,
    /// Name of its operator.
    pub op: &'a str,
    /// Domain of its operator; empty for ai.onnx.
    pub domain: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Something worth telling about a model that still was counted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Warning<'a> {
    /// A word for programs: `declared-shape`, `default-contradicted`, `trip-count`, `duplicate-name`,
    /// `missing-output`, `no-estimate`.
    pub code: &'a str,
    /// The value, node or device that it is about.
    pub value: &'a str,
    /// One sentence.
    pub message: &'a str,
}

/// What one run of the whole batch takes on a device.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Estimate<'a> {
    /// Id of the device.
    pub device: &'a str,
    /// Number format of the contractions.
    pub precision: &'static str,
    /// Number format that the device computes them in: wider where it has no rate for `precision`.
    pub runs_as: &'static str,
    /// How the latency came about.
    pub basis: EstimateBasis,
    /// What runs the model: `webgpu`, `eager` or `compiled`.
    pub runtime: &'static str,
    /// Which measured kernels the latency rests on; null without a profile.
    pub curves: Option<EstimateCurves>,
    /// How the energy came about; null without one.
    pub energy_basis: Option<EstimateBasis>,
    /// From the first kernel to the last, in seconds.
    pub latency_s: Interval,
    /// The sum over the layers of what their arithmetic at the peak rate, or their traffic at the full
    /// bandwidth, takes at least, in seconds.
    pub roofline_s: Option<f64>,
    /// The latency if each kernel were the fastest of those measured, in seconds; null without a profile.
    pub best_s: Option<f64>,
    /// What the device draws in that time, in joules; null with a reason.
    pub energy_j: Option<Interval>,
    /// Why `energy_j` is null.
    pub energy_reason: Option<&'a str>,
    /// What the whole machine draws in that time, in joules, at the wall: the device and its share of the host; null with a
    /// reason.
    pub system_energy_j: Option<Interval>,
    /// Why `system_energy_j` is null.
    pub system_energy_reason: Option<&'a str>,
    /// `2·macs / (peak rate / board power)`, in joules: what the spec sheet alone promises, and no device
    /// reaches. Null where the device states no rate.
    pub spec_energy_j: Option<f64>,
    /// Energy by the method of Desislavov et al. (arXiv 2109.05472), in joules; null with a reason.
    pub paper_energy_j: Option<f64>,
    /// Why `paper_energy_j` is null.
    pub paper_energy_reason: Option<&'a str>,
    /// Grams of CO2-equivalent, embodied ones included where they are known; null without a carbon intensity.
    pub co2e_g: Option<f64>,
    /// Money, in the currency of `footprint.money`; null without a price.
    pub cost: Option<f64>,
    /// How carbon and money come about; null where no place is named, or no energy is known.
    pub footprint: Option<&'a Footprint>,
    /// Whether parameters and activations fit in the memory of the device; null where either is not known.
    pub fits_memory: Option<bool>,
    /// What the time goes into.
    pub limits: Limits,
    /// The latency by class of kernel, the longest first; empty where kernels are not told apart.
    pub kernels: Vec<KernelTime>,
    /// What a reader must know about this very estimate.
    pub notes: Vec<&'a str>,
}

/// How a figure came about.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EstimateBasis {
    /// This model ran on this device.
    Measured,
    /// The rates of this device were measured.
    Calibrated,
    /// The maker's rates, times fractions fitted on measurements of similar devices.
    Spec,
    /// The maker's rates, times fractions that no measurement of a similar device supports.
    Assumed,
}

/// Which of the measured kernels a latency rests on.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EstimateCurves {
    /// Those shaped as the kernels of today's WebGPU runtimes.
    RuntimeLike,
}

/// The time of all kernels of a class.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KernelTime {
    /// Which.
    pub class: KernelClass,
    /// How many are started.
    pub started: u64,
    /// All together, what starting them takes included, in seconds.
    pub time_s: f64,
}

/// A figure and the range from its 10th to its 90th percentile.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Interval {
    /// The estimate: the median.
    pub value: f64,
    /// The 10th percentile.
    pub low: f64,
    /// The 90th percentile.
    pub high: f64,
}

/// Shares of the latency. They add up to 1, or are all 0 for a model without work.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Limits {
    /// Kernels that wait for arithmetic.
    pub compute: f64,
    /// Kernels that wait for memory.
    pub memory: f64,
    /// The starting of kernels.
    pub launch: f64,
}
