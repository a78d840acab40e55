//! Runs the command as a user does, in a folder of its own.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ergometer::onnx::schema::{ModelProto, TensorProto};
use ergometer::tensor::ElementType::Float32;
use prost::Message;

use crate::support::{N, S, With, float, graph, model, node, weight};

/// A folder for the files of one test, empty at first.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the folder is made");
        Self(path)
    }

    /// Writes a model and gives its name back.
    pub fn with<'n>(&self, name: &'n str, model: &ModelProto) -> &'n str {
        self.write(name, &model.encode_to_vec());
        name
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).expect("the file is written");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect("the file reads")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The command with these words, to be run here, without the caller's settings.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ergometer"));
        command.args(words).current_dir(&self.0).stdin(Stdio::null());
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(variable);
        }
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command runs")
    }

    /// What a command prints that must succeed.
    pub fn stdout(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the output is text")
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A classifier of 8 × 8 images, `batch` open:
/// Conv 3→4, 3 × 3, bias; Relu; Flatten; Gemm 144→10, bias.
///
/// Conv: 4·6·6 outputs of 27 products each, 3,888 MACs, 144 additions of the bias. Relu: 144. Gemm: 1,440
/// MACs, 10 additions. FLOPs: 2·5,328 + 298 = 10,954. Parameters: 108 + 4 + 1,440 + 10 = 1,562.
pub fn classifier() -> ModelProto {
    let weights = vec![
        weight("conv.w", Float32, &[4, 3, 3, 3]),
        weight("conv.b", Float32, &[4]),
        weight("fc.w", Float32, &[144, 10]),
        weight("fc.b", Float32, &[10]),
    ];
    let named = |name: &str, op: &str, inputs: &[&str], output: &str| {
        let mut node = node(op, inputs, &[output]);
        node.name = name.into();
        node
    };
    let nodes = vec![
        named("/features/conv/Conv", "Conv", &["x", "conv.w", "conv.b"], "conv"),
        named("/features/Relu", "Relu", &["conv"], "relu"),
        named("/Flatten", "Flatten", &["relu"], "flat"),
        named("/fc/Gemm", "Gemm", &["flat", "fc.w", "fc.b"], "y"),
    ];
    let x = float("x", &[S("batch"), N(3), N(8), N(8)]);
    let mut model = model(graph(vec![x], weights, nodes, vec![float("y", &[S("batch"), N(10)])]));
    model.producer_name = Some("tests".into());
    model
}

/// `x [n, 4]` through a Relu and an operator that nobody knows.
pub fn mystery() -> ModelProto {
    let nodes = vec![node("Relu", &["x"], &["h"]), node("Whirl", &["h"], &["y"]).domain("com.example")];
    model(graph(vec![float("x", &[S("n"), N(4)])], vec![], nodes, vec![float("y", &[S("n"), N(4)])]))
}

/// A model whose nodes have these names.
pub fn named_nodes(names: &[&str]) -> ModelProto {
    let nodes = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let input = if index == 0 { "x".to_owned() } else { format!("v{index}") };
            let mut node = node("Relu", &[&input], &[&format!("v{}", index + 1)]);
            node.name = (*name).to_owned();
            node
        })
        .collect();
    model(graph(vec![float("x", &[N(4)])], Vec::<TensorProto>::new(), nodes, vec![]))
}

/// Compares with a golden file; `BLESS=1` rewrites it.
pub fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("the file is in a folder")).expect("the folder is made");
        fs::write(&path, found).expect("the golden file is written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{name} differs (BLESS=1 rewrites it):\n--- expected\n{expected}\n--- found\n{found}"
    );
}
