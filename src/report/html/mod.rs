//! One page that needs nothing else: models as views of figures, charts and tables, or a scored zoo.
//!
//! It is complete without scripts; a few lines of our own add sorting, filtering, details and copying. All data for
//! them is in one block of JSON in which no tag can begin, every text goes through the escaping of the template, and
//! the policy of the page lets no script run but this one and nothing be fetched.

mod model;
mod table;
mod trends;
mod zoo;

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;
use serde_json::Value;

use super::chart::Chart;
use super::{Failure, Subject};
use crate::cost::CostError;
use crate::device::Device;
use crate::zoo::Score;

use table::Written;
pub use trends::trends;

const TEMPLATE: &str = include_str!("report.html");
const MACROS: &str = include_str!("parts.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page {
    models: Vec<model::View>,
    zoo: Option<zoo::View>,
    failures: Vec<FailureView>,
    /// Tables for the script, by the id of their place.
    tables: BTreeMap<String, Value>,
}

/// A chart with its table.
#[derive(Debug, Serialize)]
struct Figure {
    id: String,
    title: String,
    about: String,
    svg: String,
    table: Written,
    /// What a row of the table narrows the layers to, if anything: `op`, `scope`.
    drill: &'static str,
    /// What the table leaves out.
    note: String,
}

/// A model that there is no analysis of.
#[derive(Debug, Serialize)]
struct FailureView {
    path: String,
    code: String,
    message: String,
    hint: Option<String>,
}

/// Why a page cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The template is wrong.
    #[error("the report's template failed: {0}")]
    Template(#[from] minijinja::Error),
    /// The data cannot be written as JSON.
    #[error("the report's data cannot be written: {0}")]
    Data(#[from] serde_json::Error),
}

impl Page {
    /// A page of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model with its charts.
    ///
    /// # Errors
    /// [`CostError`] if a sum does not fit in 64 bits.
    pub fn add_model(
        &mut self,
        subject: &Subject,
        devices: &[&Device],
        charts: &[Chart],
    ) -> Result<(), CostError> {
        let id = format!("m{}", self.models.len() + 1);
        let view = model::view(subject, devices, charts, &id, &mut self.tables)?;
        self.models.push(view);
        Ok(())
    }

    /// Adds a model that could not be analysed.
    pub fn add_failure(&mut self, failure: &Failure) {
        self.failures.push(FailureView {
            path: failure.model.path.clone(),
            code: failure.error.code.to_string(),
            message: failure.error.message.clone(),
            hint: failure.error.hint.clone(),
        });
    }

    /// Adds a scored zoo.
    pub fn add_zoo(&mut self, scores: &[Score]) {
        let view = zoo::view(scores, &mut self.tables);
        self.zoo = Some(view);
    }

    /// The page.
    ///
    /// # Errors
    /// [`PageError`].
    pub fn render(&self) -> Result<String, PageError> {
        let data = no_tags(&serde_json::to_string(&self.tables)?);
        // A script that a name smuggles in cannot know it: it is a hash of all there is.
        let nonce = blake3::hash(data.as_bytes()).to_hex();
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("parts.html", MACROS)?;
        environment.add_template("report.html", TEMPLATE)?;
        let title = match (&self.zoo, self.models.as_slice()) {
            (None, [only]) => only.path.clone(),
            (None, models) => format!("{} models", models.len()),
            (Some(zoo), _) => zoo.title.clone(),
        };
        Ok(environment.get_template("report.html")?.render(context! {
            title => super::text::visible(&title),
            version => env!("CARGO_PKG_VERSION"),
            nonce => nonce.get(..32).unwrap_or(&nonce),
            style => STYLE,
            script => SCRIPT,
            data,
            models => Serde(&self.models),
            zoo => Serde(&self.zoo),
            failures => Serde(&self.failures),
        })?)
    }
}

/// JSON in which no tag and no comment can begin, whatever its strings say. Equal to what it was for a JSON parser.
fn no_tags(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_holds_no_tag_and_stays_the_same_data() {
        let hostile = serde_json::json!({ "</script><img src=x>": "<!-- <script> \u{2028}" });
        let written = no_tags(&hostile.to_string());
        assert!(!written.contains('<'));
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), hostile);
    }

    #[test]
    fn the_page_has_one_block_of_data_and_one_script() {
        let page = Page::new().render().unwrap();
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("type=\"application/json\"").count(), 1);
        assert!(!SCRIPT.contains("</"), "a tag in the script would end it");
        assert!(!STYLE.contains("</"));
    }
}
