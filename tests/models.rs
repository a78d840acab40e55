//! The bundled models against PyTorch's counts, and the light models of the `onnx` package against the
//! counts that other tools agree on.

#![allow(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};

use ergometer::cost::{self, ModelCost};
use ergometer::graph::{self, Request};
use ergometer::onnx;
use serde::Deserialize;

fn count(path: &Path, request: &Request) -> ModelCost {
    let model = onnx::read(path).unwrap_or_else(|error| panic!("{error}"));
    let typed =
        graph::infer(&model.proto, request).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cost = cost::count(&typed).expect("the totals fit");
    assert!(cost.totals.complete, "{}: {:?}", path.display(), cost.uncosted);
    cost
}

/// One row of `models/reference.csv`: made by `models/make.py` from the PyTorch model.
#[derive(Debug, Deserialize)]
struct Reference {
    file: String,
    inputs: String,
    params_in_file: Option<u64>,
    macs: u64,
}

/// `name=1x3x224x224`, separated by spaces.
fn request(inputs: &str) -> Request {
    let shape = |text: &str| match text {
        "scalar" => vec![],
        dims => dims.split('x').map(|dim| dim.parse().expect("the dimension is a number")).collect(),
    };
    let inputs = inputs
        .split(' ')
        .filter_map(|input| input.split_once('='))
        .map(|(name, dims)| (name.into(), shape(dims)));
    Request { inputs: inputs.collect(), ..Request::default() }
}

/// Constants that are no PyTorch parameters and stand where parameters do, by file.
const CONSTANTS: &[(&str, u64)] = &[
    // Mean and deviation of the image, sizes of the anchor boxes, weights of the box decoder.
    ("ssdlite320_mobilenet_v3_large.onnx", 82),
];

#[test]
fn bundled_models_count_what_pytorch_counts() {
    let folder = Path::new("models");
    let mut rows = csv::Reader::from_path(folder.join("reference.csv")).expect("the references open");
    let mut wrong = vec![];
    for row in rows.deserialize() {
        let row: Reference = row.expect("the row has the columns");
        let totals = count(&folder.join(&row.file), &request(&row.inputs)).totals;
        let macs = totals.counts.macs + totals.folded.macs;
        let constants = CONSTANTS.iter().find(|(file, _)| *file == row.file).map_or(0, |(_, n)| *n);
        let params = totals.params.elements - totals.params.norm_stats - constants;
        if macs != row.macs || row.params_in_file.is_some_and(|expected| expected != params) {
            wrong.push(format!(
                "{}: macs {macs}, reference {}; params {params}, reference {:?}",
                row.file, row.macs, row.params_in_file
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// MACs and parameters (statistics of normalisation included) of the `light_*` models in the `onnx`
/// package, version 1.22.0. MACs are those on which onnxsim and a count by hand agree.
const LIGHT: &[(&str, u64, u64)] = &[
    ("bvlc_alexnet", 654_560_384, 60_965_224),
    ("densenet121", 2_834_161_664, 8_146_152),
    ("inception_v1", 1_431_556_352, 6_998_552),
    ("inception_v2", 2_018_851_840, 11_234_792),
    ("resnet50", 4_089_184_256, 25_610_152),
    ("shufflenet", 124_664_528, 1_420_152),
    ("squeezenet", 349_151_936, 1_235_496),
    ("vgg19", 19_632_062_464, 143_667_240),
    ("zfnet512", 1_481_727_008, 87_250_536),
];

#[test]
fn light_models_hold_their_weights_in_constant_of_shape_nodes() {
    let folders = [
        std::env::var_os("ERGOMETER_LIGHT").map(PathBuf::from),
        Some(std::env::var_os("ERGOMETER_ZOO").map_or_else(|| PathBuf::from("../shared/zoo"), PathBuf::from)),
    ];
    let find = |name: &str| {
        folders
            .iter()
            .flatten()
            .flat_map(|folder| {
                [folder.join(format!("light_{name}.onnx")), folder.join(format!("onnx_light_{name}.onnx"))]
            })
            .find(|path| path.exists())
    };
    for (name, macs, params) in LIGHT {
        let Some(path) = find(name) else {
            eprintln!(
                "skipped: light_{name}.onnx is not here (ERGOMETER_LIGHT names the folder of the onnx package that has it)"
            );
            continue;
        };
        let totals = count(&path, &Request::default()).totals;
        assert_eq!((totals.counts.macs, totals.params.elements), (*macs, *params), "{name}");
    }
}
