//! Every rule of every operator on operands and attributes that a hostile or half-known model may give:
//! no rule panics or overflows, and values have as many elements as their types say.

use ergometer::ops::{
    Attribute, Attributes, Costed, Form, Node, OPERATORS, OpError, Operand, Operator, Traffic, Values,
    Weights, counts,
};
use ergometer::tensor::{Dim, ElementType, Elements, MAX_ELEMENTS, Scalar, TensorType, Type};

/// Nodes made of each operator.
const ROUNDS: u64 = 200;

/// Pseudo-random numbers, the same in every run. Source: Steele and others, SplitMix64 (2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices.get(self.below(choices.len())).expect("there is a choice").clone()
    }
}

const DIMS: [Dim; 8] = [
    Dim::Exact(0),
    Dim::Exact(1),
    Dim::Exact(6),
    Dim::Exact(u64::MAX),
    Dim::Exact(1 << 40),
    Dim::AtMost(7),
    Dim::AtMost(u64::MAX),
    Dim::Unknown,
];

const NUMBERS: [i64; 16] =
    [0, 1, 2, 3, 4, 5, 8, 11, -1, -2, -5, 64, 1 << 40, i32::MAX as i64, i64::MAX, i64::MIN];

const FLOATS: [f32; 9] = [0.0, 1.0, 2.0, 0.5, -1.0, f32::NAN, f32::INFINITY, f32::MIN, 1e-40];

/// Names of attributes that rules read, by the type that the operators give them.
const INTS: [&str; 92] = [
    "allowzero",
    "antialias",
    "axis",
    "batch_dims",
    "bits",
    "block_size",
    "blocksize",
    "ceil_mode",
    "channels_last",
    "compress_ratio",
    "detect_negative",
    "dilation",
    "do_rotary",
    "dtype",
    "end",
    "exclusive",
    "expert_weight_bits",
    "fc1_expert_weight_bits",
    "flatten_batch",
    "fmod",
    "gather_axis",
    "group",
    "groups",
    "head_rows",
    "heads",
    "hidden_size",
    "index_topk",
    "input_forget",
    "input_width",
    "inverse",
    "K",
    "k",
    "keepdims",
    "kv_num_heads",
    "largest",
    "layout",
    "local_window_size",
    "lora_bits",
    "max_gram_length",
    "max_map",
    "max_ngram_size",
    "max_output_entries",
    "max_skip_count",
    "maxsplit",
    "min_gram_length",
    "N",
    "n_groups",
    "n_head_per_ngram",
    "n_targets",
    "new_axis",
    "Nkv",
    "noop_with_empty_axes",
    "Nq",
    "num_branches",
    "num_groups",
    "num_heads",
    "num_outputs",
    "offset_group",
    "onesided",
    "output_bf16",
    "output_datatype",
    "output_dtype",
    "output_height",
    "output_width",
    "p",
    "past_present_share_buffer",
    "q_num_heads",
    "qk_l2_norm",
    "reverse",
    "rotary_embedding_dim",
    "router_size",
    "sample_size",
    "sampling_ratio",
    "select_last_index",
    "size",
    "sliding_window_cache",
    "sorted",
    "sparse_block_size",
    "spatial",
    "start",
    "stash_type",
    "state_update_capacity",
    "state_window",
    "step",
    "swiglu_fusion",
    "targets",
    "to",
    "token_budget",
    "top_k",
    "training_mode",
    "transA",
    "upper",
];
const LISTS: [&str; 24] = [
    "axes",
    "broadcast",
    "cats_int64s",
    "classlabels_ints",
    "classlabels_int64s",
    "dilations",
    "dim",
    "ends",
    "kernel_shape",
    "ngram_indexes",
    "nodes_falsenodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "output_padding",
    "output_shape",
    "pads",
    "paddings",
    "perm",
    "pooled_shape",
    "qkv_hidden_sizes",
    "shape",
    "split",
    "starts",
    "strides",
];
const FLOAT_NAMES: [&str; 9] =
    ["alpha", "beta", "height_scale", "limit", "max", "min", "p", "softcap", "width_scale"];
const FLOAT_LISTS: [&str; 6] =
    ["coefficients", "leaf_weights", "nodes_values", "scales", "support_vectors", "value_floats"];
const TEXTS: [(&str, &[&str]); 21] = [
    ("activation", &["silu", "relu", "sideways"]),
    ("activation_type", &["swiglu", "geglu", "relu"]),
    ("approximate", &["none", "tanh"]),
    ("attention_mode", &["selected_only", "local_plus_selected", "none"]),
    ("auto_pad", &["NOTSET", "SAME_UPPER", "VALID"]),
    ("beta_activation", &["none", "sigmoid"]),
    ("coordinate_transformation_mode", &["half_pixel", "tf_crop_and_resize"]),
    ("direction", &["forward", "bidirectional", "LEFT", "RIGHT"]),
    ("equation", &["ij,jk->ik", "...i,...i", "ii->i", "i->", "…", "ab,bc,cd,de->ae", "->"]),
    ("gate_activation", &["none", "softplus", "kda"]),
    ("keep_aspect_ratio_policy", &["stretch", "not_larger", "not_smaller"]),
    ("kernel_type", &["LINEAR", "RBF"]),
    ("mode", &["constant", "linear", "cubic", "nearest"]),
    ("norm", &["MAX", "L2"]),
    ("pixel_format", &["RGB", "Grayscale"]),
    ("policy_mode", &["qsa", "csa", "none"]),
    ("post_transform", &["NONE", "SOFTMAX"]),
    ("quant_type", &["int", "fp4"]),
    ("reduction", &["none", "add", "mean"]),
    ("to", &["FLOAT", "INT64"]),
    ("update_rule", &["linear", "gated_delta"]),
];

/// What attributes borrow.
struct Lists {
    ints: Vec<i64>,
    floats: Vec<f32>,
}

fn attributes<'a>(random: &mut Random, lists: &'a [Lists]) -> Vec<(&'static str, Attribute<'a>)> {
    // Some nodes have most attributes, some few; a name may come with another operator's type.
    let rare = random.of(&[2, 4, 16]);
    let mut found = vec![];
    for name in INTS {
        if random.one_in(rare) {
            // Most numbers are small, so that more than the first check of a rule is met.
            let choices = if random.one_in(3) { &NUMBERS[..] } else { &NUMBERS[..7] };
            found.push((name, Attribute::Int(random.of(choices))));
        }
    }
    for (name, position) in LISTS.into_iter().zip(0..) {
        if random.one_in(rare)
            && let Some(list) = lists.get((position + random.below(lists.len())) % lists.len())
        {
            found.push((name, Attribute::Ints(&list.ints)));
        }
    }
    for name in FLOAT_LISTS {
        if random.one_in(rare)
            && let Some(list) = lists.get(random.below(lists.len()))
        {
            found.push((name, Attribute::Floats(&list.floats)));
        }
    }
    for name in FLOAT_NAMES {
        if random.one_in(rare) {
            found.push((name, Attribute::Float(random.of(&FLOATS))));
        }
    }
    for (name, texts) in TEXTS {
        if random.one_in(rare) || name == "equation" {
            found.push((name, Attribute::Str(random.of(texts).into())));
        }
    }
    for name in ["value", "sparse_value", "values_tensor", "score_mod"] {
        if random.one_in(rare) {
            let (ty, elements) = tensor(random, &[Dim::Exact(1)], 1);
            found.push((
                name,
                ty.tensor().cloned().map_or(Attribute::Other, |ty| Attribute::Tensor(ty, elements)),
            ));
        }
    }
    for name in ["classlabels_strings", "cats_strings", "stopwords", "activations", "string_vocabulary"] {
        if random.one_in(rare) {
            found.push((name, Attribute::Strings(vec!["relu".into(), "b".into()])));
        }
    }
    if random.one_in(8) {
        found.push((random.of(&INTS), Attribute::Other));
    }
    found
}

fn scalar(random: &mut Random, element: ElementType) -> Scalar {
    match random.below(8) {
        0 => Scalar::Unknown,
        1 => Scalar::AtMost(random.of(&[0, 1, 5, u64::MAX])),
        _ if element == ElementType::Bool => Scalar::Bool(random.one_in(2)),
        _ if element.is_float() => Scalar::Float(f64::from(random.of(&FLOATS))),
        2 => Scalar::Int(random.of(&NUMBERS)),
        _ => Scalar::Int(random.of(&NUMBERS[..10])),
    }
}

/// A tensor of those dimensions, or not quite, with its elements where it can have some.
fn tensor(random: &mut Random, dims: &[Dim], rank: usize) -> (Type, Option<Elements>) {
    use ElementType::{Bool, Float16, Float32, Int4, Int64, String, Uint8, Uint64};
    let kinds = [Float32, Float32, Int64, Int64, Int64, Bool, Uint8, Float16, Int4, Uint64, String];
    let element = random.of(&kinds);
    if random.one_in(24) {
        return (TensorType::unranked(element).into(), None);
    }
    let shape: Vec<Dim> = (0..rank).map(|_| random.of(dims)).collect();
    let tensor = TensorType::new(element, shape);
    let few = tensor.elements().exact().filter(|count| *count <= MAX_ELEMENTS && element != String);
    let elements = few
        .filter(|_| !random.one_in(3))
        .map(|count| (0..count).map(|_| scalar(random, element)).collect::<Vec<_>>());
    (tensor.into(), elements)
}

/// Types that are no tensors of known rank.
fn odd_type(random: &mut Random, inner: Type) -> Type {
    match random.below(6) {
        0 => Type::Unknown,
        1 => Type::Sequence(Box::new(inner), random.of(&[None, Some(0), Some(2), Some(u64::MAX)])),
        2 => Type::Optional(Box::new(inner)),
        3 => Type::Map(ElementType::Int64, Box::new(inner)),
        4 => match inner {
            Type::Tensor(tensor) => Type::Sparse(tensor),
            other => other,
        },
        _ => TensorType::unranked(ElementType::Float32).into(),
    }
}

/// The sizes of the tensors of one node.
fn dims(random: &mut Random) -> Vec<Dim> {
    match random.below(4) {
        0 => DIMS.to_vec(),
        1 => vec![random.of(&DIMS)],
        2 => vec![Dim::Exact(2), Dim::Exact(1), random.of(&DIMS)],
        _ => vec![Dim::Exact(random.of(&[1, 2, 3, 4]))],
    }
}

/// An operand: its type, and its elements where they are known.
type Owned = Option<(Type, Option<Elements>)>;

/// Operands of a node: most of one rank and of few sizes, so that many nodes are nearly valid.
fn operands(random: &mut Random, dims: &[Dim]) -> Vec<Owned> {
    let rank = random.below(6);
    let same = random.one_in(4).then(|| tensor(random, dims, rank));
    let count = random.of(&[0, 1, 2, 3, 3, 4, 5, 6, 9, 12, 21]);
    (0..count)
        .map(|_| {
            let rank = if random.one_in(3) { random.of(&[0, 1, 1, 2, 3]) } else { rank };
            let (ty, elements) = same.clone().unwrap_or_else(|| tensor(random, dims, rank));
            match random.below(24) {
                0 => None,
                1 => Some((odd_type(random, ty), None)),
                _ => Some((ty, elements)),
            }
        })
        .collect()
}

/// Gives a node what its shape rule asked for, so that the next try comes further.
fn repair<'a>(
    random: &mut Random,
    error: &OpError,
    dims: &[Dim],
    operands: &mut Vec<Owned>,
    attributes: &mut Vec<(&'static str, Attribute<'a>)>,
    lists: &'a [Lists],
) {
    let rank = random.below(5);
    let (input, new) = match error {
        OpError::MissingAttribute(name) => {
            let list = lists.get(random.below(lists.len())).map_or(&[][..], |lists| &lists.ints);
            let value =
                if random.one_in(2) { Attribute::Int(random.of(&NUMBERS)) } else { Attribute::Ints(list) };
            return attributes.push((name, value));
        }
        OpError::Attribute { name, .. } => return attributes.retain(|(found, _)| found != name),
        OpError::Rank { input, expected, .. } => {
            let rank = expected.chars().find_map(|c| c.to_digit(10)).map_or(rank, |digit| digit as usize);
            (*input, tensor(random, dims, rank))
        }
        OpError::MissingInput(input) | OpError::UnknownRank(input) => (*input, tensor(random, dims, rank)),
        OpError::UnknownType(input) => {
            let (ty, elements) = tensor(random, dims, rank);
            let odd = random.one_in(2);
            (*input, if odd { (odd_type(random, ty), None) } else { (ty, elements) })
        }
        _ => return,
    };
    operands.resize_with(operands.len().max(input + 1), || None);
    if let Some(place) = operands.get_mut(input) {
        *place = Some(new);
    }
}

/// Why the rules of an operator are not content with a node, or do not agree with each other.
enum Finding {
    Refused(OpError),
    Wrong(String),
}

/// Runs every rule of an operator.
fn check(rules: &Costed, node: &Node) -> Result<(), Finding> {
    match rules.weights {
        Weights::Attributes(rule) => _ = rule(node),
        Weights::Packed { logical, .. } => (0..node.inputs.len()).for_each(|input| _ = logical(node, input)),
        _ => {}
    }
    let types = (rules.shape)(node).map_err(Finding::Refused)?;
    let counted = counts(rules, node, &types);
    if let Traffic::Formula(rule) = rules.traffic {
        drop(rule(node, &types));
    }
    let expected: Option<Vec<u64>> =
        types.iter().map(|ty| ty.tensor()?.elements().exact().filter(|n| *n <= MAX_ELEMENTS)).collect();
    if let (Values::Computed(rule), Some(expected)) = (&rules.value, expected) {
        for (elements, expected) in rule(node, &types).into_iter().flatten().zip(expected) {
            if let Some(elements) = elements.filter(|elements| elements.len() as u64 != expected) {
                return Err(Finding::Wrong(format!("{} elements of {expected}", elements.len())));
            }
        }
    }
    let counted = counted.map_err(Finding::Refused)?;
    let form = Form::of(rules, node, &types, &counted);
    if form.macs() != Some(counted.macs) {
        return Err(Finding::Wrong(format!("{form:?} for {} multiply-accumulates", counted.macs)));
    }
    Ok(())
}

fn run(operator: &Operator, rules: &Costed, random: &mut Random) -> Result<(), String> {
    let lists: Vec<Lists> = (0..6)
        .map(|_| {
            let length = random.of(&[0, 1, 2, 3, 4, 6]);
            let choices = if random.one_in(3) { &NUMBERS[..] } else { &NUMBERS[..6] };
            Lists {
                ints: (0..length).map(|_| random.of(choices)).collect(),
                floats: (0..length).map(|_| random.of(&FLOATS)).collect(),
            }
        })
        .collect();
    let dims = dims(random);
    let mut attributes = attributes(random, &lists);
    let mut operands = operands(random, &dims);
    let outputs = vec![true; random.below(6)];
    let version = random.of(&[operator.since, 1, 6, 9, 11, 13, 18, 24, 28, i64::MAX]);
    for _ in 0..5 {
        let inputs: Vec<_> = operands.iter().map(|owned| owned.as_ref().map(operand)).collect();
        let named: Attributes = attributes.iter().cloned().collect();
        let node =
            Node { operator: operator.name, version, inputs: &inputs, outputs: &outputs, attributes: &named };
        match check(rules, &node) {
            Ok(()) => break,
            Err(Finding::Wrong(problem)) => return Err(format!("{problem}: {node:#?}")),
            Err(Finding::Refused(error)) => {
                repair(random, &error, &dims, &mut operands, &mut attributes, &lists);
            }
        }
    }
    Ok(())
}

fn operand((ty, elements): &(Type, Option<Elements>)) -> Operand<'_> {
    Operand { ty, elements: elements.as_deref(), constant: elements.is_some() }
}

#[test]
fn no_rule_breaks_on_what_it_does_not_expect() {
    for operator in OPERATORS {
        let Some(rules) = operator.costed() else { continue };
        // A seed of its own, so that a new row does not change what the others meet.
        let seed = operator.name.bytes().fold(1, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte));
        let mut random = Random(seed);
        for round in 0..ROUNDS {
            let run =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(operator, rules, &mut random)));
            let problem = match run {
                Ok(Ok(())) => continue,
                Ok(Err(problem)) => problem,
                Err(_) => "it panics".into(),
            };
            assert!(problem.is_empty(), "{} {}, round {round}: {problem}", operator.domain, operator.name);
        }
    }
}
