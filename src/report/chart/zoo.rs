//! The charts of a scored zoo.

use super::{Chart, Pareto, Point, pareto};
use crate::report::scores::shared_folder;
use crate::zoo::{Outcome, Score, Standing};

/// Dots of a chart: those of the front, then the first ones.
pub const MODELS: usize = 2000;

/// Energy on the first device against accuracy and against parameters, each if there is something to draw.
#[must_use]
pub fn of_zoo(scores: &[Score]) -> Vec<Chart<'static>> {
    let device = scores.iter().find_map(|score| score.estimates.first()).map(|first| first.device.clone());
    let Some(device) = device else { return vec![] };
    let charts = [
        Pareto {
            name: "accuracy",
            title: format!("Accuracy and energy on {device}"),
            worth: "accuracy",
            magnitudes: false,
            points: points(scores, |score| score.annotations.accuracy, |standing| standing.pareto_accuracy),
        },
        Pareto {
            name: "params",
            title: format!("Parameters and energy on {device}"),
            worth: "parameters",
            magnitudes: true,
            points: points(scores, params, |standing| standing.pareto_params),
        },
    ];
    charts.into_iter().filter_map(pareto).collect()
}

fn points(
    scores: &[Score],
    worth: impl Fn(&Score) -> Option<f64>,
    front: impl Fn(&Standing) -> Option<bool>,
) -> Vec<Point> {
    let on_front = |score: &Score| score.standing.as_ref().and_then(&front) == Some(true);
    let shared = shared_folder(scores);
    let mut points: Vec<Point> = scores
        .iter()
        .enumerate()
        .filter_map(|(row, score)| {
            Some(Point {
                name: short(score, shared).to_owned(),
                energy: score.estimates.first()?.energy_j?.value,
                worth: worth(score)?,
                front: on_front(score),
                row,
            })
        })
        .collect();
    points.sort_by_key(|point| !point.front);
    points.truncate(MODELS);
    points
}

/// The name of a model where all are of one folder, of so many bytes.
fn short(score: &Score, shared: usize) -> &str {
    let path = || score.path.get(shared..).map_or(score.path.as_str(), |path| path.trim_end_matches(".onnx"));
    score.annotations.name.as_deref().unwrap_or_else(path)
}

fn params(score: &Score) -> Option<f64> {
    match &score.outcome {
        Outcome::Counts(facts) => Some(facts.params as f64),
        Outcome::Error(_) => None,
    }
}

/// What people call a model, else its path.
#[must_use]
pub fn name(score: &Score) -> &str {
    score.annotations.name.as_deref().unwrap_or(&score.path)
}
