//! Scoring folders of small models, cold and from the cache: time must grow in proportion to their number.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ergometer::device::Catalogue;
use ergometer::onnx;
use ergometer::zoo::source::Inputs;
use ergometer::zoo::store::{Run, Shard, Store};
use ergometer::zoo::{How, Request, run};
use prost::Message;

/// Models in a folder: tenfold, so that the growth shows.
const MODELS: [u64; 2] = [200, 2000];

/// A folder of so many copies of a bundled model, each of a graph of its own.
fn folder(models: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-zoo-{models}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder is made");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lstm_tagger.onnx");
    let mut proto = onnx::read(&model).expect("the model reads").proto;
    for number in 0..models {
        if let Some(graph) = &mut proto.graph {
            graph.name = Some(format!("graph_{number}"));
        }
        fs::write(folder.join(format!("{number:06}.onnx")), proto.encode_to_vec()).expect("it is written");
    }
    folder
}

/// Scores a folder into a new store.
fn score(folder: &Path, cache: Option<&Path>) {
    let asked = Run { tool: String::new(), request: vec![], inputs: vec![], shard: Shard::WHOLE };
    let mut store = Store::temporary(&asked, &[]).expect("there is room");
    let inputs = Inputs { paths: vec![folder.to_string_lossy().into_owned()], lists: vec![] };
    let device = Catalogue::builtin().find("t4").expect("it is in the catalogue");
    let request = Request { devices: vec![device.clone()], ..Request::default() };
    let how = How { cache, jobs: None, shard: Shard::WHOLE, resume: false };
    let ended = run(&inputs, &request, how, &mut store, &mut |_| {}, &AtomicBool::new(false));
    assert_eq!(ended.expect("it runs").progress.failed, 0);
}

fn scoring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for models in MODELS {
        let folder = folder(models);
        group.throughput(Throughput::Elements(models));
        group.bench_function(BenchmarkId::new("cold", models), |bencher| {
            bencher.iter(|| score(&folder, None));
        });
        let cache = folder.join("counts.sqlite");
        score(&folder, Some(&cache));
        group.bench_function(BenchmarkId::new("cached", models), |bencher| {
            bencher.iter(|| score(&folder, Some(&cache)));
        });
        let _ = fs::remove_dir_all(&folder);
    }
    group.finish();
}

criterion_group!(benches, scoring);
criterion_main!(benches);
