//! Models for tests.

use super::table::{Architecture, Estimates, FlopsOf, Model};
use crate::predict::paper::Domain;

/// A vision model of a date, a score and FLOPs.
pub(super) fn model(name: &str, date: &str, score: f64, flops: f64) -> Model {
    Model {
        name: name.to_owned(),
        domain: Domain::Cv,
        date: date.parse().expect("a date"),
        dated_by: "a test".to_owned(),
        architecture: Architecture::Cnn,
        params: Some(flops / 100.0),
        flops,
        flops_of: FlopsOf::Published,
        size: Some(224),
        score: Some(score),
        score_of_dev: false,
        retrained: false,
        extra_data: false,
        in_paper: true,
        source: "a test".to_owned(),
        counted: None,
        estimates: Estimates::default(),
    }
}
