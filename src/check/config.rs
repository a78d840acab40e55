//! The budgets of a file, `ergometer.toml`: those of every model, and those of some.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{AmountError, Limit, Metric, Rule, parse_amount, parse_share};

/// Why a file of budgets cannot be used.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no TOML, or has a key that means nothing.
    #[error("{0}")]
    Toml(toml::de::Error),
    /// A table lacks something or has something that does not belong there.
    #[error("{table}: {problem}")]
    Table {
        /// Which: `[check]`, `[[check.model]] 2`.
        table: String,
        /// What is wrong.
        problem: String,
    },
}

/// Budgets and the models that they are of.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    all: Budgets,
    models: Vec<Budgets>,
}

/// One model as it is to be counted, and what it must keep.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settings {
    /// Device of the estimates, as the user calls it.
    pub device: Option<String>,
    /// Number format of the contractions.
    pub precision: Option<String>,
    /// What its batch dimension is.
    pub batch: Option<u64>,
    /// What other dimensions are, by name.
    pub dims: BTreeMap<String, u64>,
    /// A file that `analyze --format json` wrote, relative to the file of the budgets.
    pub baseline: Option<String>,
    /// The budgets; their devices are not filled in.
    pub rules: Vec<Rule>,
}

/// The part of the file that is read: others may stand beside it.
#[derive(Deserialize)]
struct File {
    check: Option<toml::Table>,
}

/// A number, or a text with a prefix and a unit.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(i64),
    Number(f64),
    Text(String),
}

#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    path: Option<String>,
    device: Option<String>,
    precision: Option<String>,
    batch: Option<u64>,
    #[serde(default)]
    dims: BTreeMap<String, u64>,
    baseline: Option<String>,
    max_flops: Option<Amount>,
    max_macs: Option<Amount>,
    max_params: Option<Amount>,
    max_param_bytes: Option<Amount>,
    max_bytes: Option<Amount>,
    max_peak_memory: Option<Amount>,
    max_latency_s: Option<Amount>,
    max_energy_j: Option<Amount>,
    #[serde(default)]
    max_increase: BTreeMap<String, Amount>,
}

/// A table, its amounts read.
#[derive(Clone, PartialEq, Debug, Default)]
struct Budgets {
    path: String,
    settings: Settings,
}

impl Config {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(ConfigError::Toml)?;
        let whole =
            |problem: &str| ConfigError::Table { table: "[check]".to_owned(), problem: problem.to_owned() };
        let mut check = file.check.ok_or_else(|| whole("is not there: it holds the budgets"))?;
        let tables = check.remove("model").unwrap_or_else(|| toml::Value::Array(vec![]));
        let tables: Vec<Table> = tables.try_into().map_err(ConfigError::Toml)?;
        let general: Table = check.try_into().map_err(ConfigError::Toml)?;
        if general.path.is_some() {
            return Err(whole("a path belongs into [[check.model]]"));
        }
        let all = budgets(general, "[check]")?;
        let models = (1..).zip(tables).map(|(number, table)| {
            let name = format!("[[check.model]] {number}");
            if table.path.is_none() {
                let problem = "it lacks its path".to_owned();
                return Err(ConfigError::Table { table: name, problem });
            }
            budgets(table, &name)
        });
        let models = models.collect::<Result<Vec<_>, _>>()?;
        if all.settings.rules.is_empty() && models.iter().all(|model| model.settings.rules.is_empty()) {
            return Err(whole("no budget is set: max_flops, max_params, …"));
        }
        Ok(Self { all, models })
    }

    /// The paths of models that are named without a wildcard.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|model| model.path.as_str()).filter(|path| !path.contains(['*', '?']))
    }

    /// How a model is to be counted and what it must keep: once for every table that names it, with what it says in
    /// place of what is said for all; if none does, as is said for all. Tables without a budget are left out.
    pub fn of(&self, path: &str) -> Vec<Settings> {
        let mut found: Vec<Settings> = self
            .models
            .iter()
            .filter(|model| matches(&normal(&model.path), &normal(path)))
            .map(|model| model.settings.over(&self.all.settings))
            .collect();
        if found.is_empty() {
            found.push(self.all.settings.clone());
        }
        found.retain(|settings| !settings.rules.is_empty());
        found
    }
}

impl Settings {
    fn over(&self, all: &Self) -> Self {
        let mut dims = all.dims.clone();
        dims.extend(self.dims.clone());
        let kind = |rule: &Rule| (rule.metric, matches!(rule.limit, Limit::Increase(_)));
        let inherited = all.rules.iter().filter(|rule| self.rules.iter().all(|own| kind(own) != kind(rule)));
        Self {
            device: self.device.clone().or_else(|| all.device.clone()),
            precision: self.precision.clone().or_else(|| all.precision.clone()),
            batch: self.batch.or(all.batch),
            dims,
            baseline: self.baseline.clone().or_else(|| all.baseline.clone()),
            rules: self.rules.iter().chain(inherited).cloned().collect(),
        }
    }
}

fn budgets(table: Table, name: &str) -> Result<Budgets, ConfigError> {
    let wrong = |problem: String| ConfigError::Table { table: name.to_owned(), problem };
    let limits = [
        (Metric::Flops, table.max_flops),
        (Metric::Macs, table.max_macs),
        (Metric::Params, table.max_params),
        (Metric::ParamBytes, table.max_param_bytes),
        (Metric::Bytes, table.max_bytes),
        (Metric::PeakMemory, table.max_peak_memory),
        (Metric::Latency, table.max_latency_s),
        (Metric::Energy, table.max_energy_j),
    ];
    let mut rules = vec![];
    for (metric, amount) in limits {
        let Some(amount) = amount else { continue };
        let limit = amount
            .number(|text| parse_amount(text, metric))
            .map_err(|problem| wrong(format!("max_{}: {problem}", metric.key())))?;
        rules.push(Rule { metric, device: None, limit: Limit::AtMost(limit) });
    }
    for (key, amount) in table.max_increase {
        let Some(metric) = Metric::of_key(&key) else {
            let keys = Metric::ALL.map(Metric::key).join(", ");
            return Err(wrong(format!("max_increase knows no \"{key}\"; it knows {keys}")));
        };
        let share = match amount {
            Amount::Text(text) => parse_share(&text),
            Amount::Whole(n) => parse_share(&n.to_string()),
            Amount::Number(n) => parse_share(&n.to_string()),
        };
        let share = share.map_err(|problem| wrong(format!("max_increase.{key}: {problem}")))?;
        rules.push(Rule { metric, device: None, limit: Limit::Increase(share) });
    }
    let settings = Settings {
        device: table.device,
        precision: table.precision,
        batch: table.batch,
        dims: table.dims,
        baseline: table.baseline,
        rules,
    };
    Ok(Budgets { path: table.path.unwrap_or_default(), settings })
}

impl Amount {
    fn number(&self, text: impl Fn(&str) -> Result<f64, AmountError>) -> Result<f64, AmountError> {
        match self {
            Self::Whole(n) => text(&n.to_string()),
            Self::Number(n) => text(&n.to_string()),
            Self::Text(written) => text(written),
        }
    }
}

/// A path with `/` between its parts and without a leading `./`.
fn normal(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.trim_start_matches("./").to_owned()
}

/// Whether a path is as a pattern says: `*` stands for any text, `?` for one character.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    let (mut at, mut place) = (0, 0);
    // Where the last `*` stands, and where the text that it stands for ends.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = path.get(place) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(p) if p == c || *p == '?' => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, end)) = star else { return false };
                star = Some((star_at, end + 1));
                at = star_at + 1;
                place = end + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_a_model_adds_to_what_is_said_for_all() {
        let config = Config::parse(
            "[other]\nx = 1\n[check]\ndevice = \"t4\"\nmax_flops = \"9 G\"\nmax_params = 1000\n\
             [[check.model]]\npath = \"models/*.onnx\"\nmax_flops = 5e9\nbaseline = \"b.json\"\n\
             max_increase = { latency = \"10 %\", params = 0 }\n",
        )
        .unwrap();
        let own = &config.of("./models/a.onnx");
        assert_eq!((own.len(), own[0].device.as_deref()), (1, Some("t4")));
        let rules: Vec<(Metric, Limit)> = own[0].rules.iter().map(|rule| (rule.metric, rule.limit)).collect();
        assert_eq!(
            rules,
            [
                (Metric::Flops, Limit::AtMost(5e9)),
                (Metric::Latency, Limit::Increase(0.1)),
                (Metric::Params, Limit::Increase(0.0)),
                (Metric::Params, Limit::AtMost(1000.0)),
            ]
        );
        let other = &config.of("b.onnx")[0];
        assert_eq!((other.rules.len(), other.baseline.as_deref()), (2, None));
        assert_eq!(config.paths().count(), 0);
    }

    #[test]
    fn a_wrong_file_says_where_and_what() {
        for (text, told) in [
            ("", "[check]: is not there"),
            ("[check]\n", "no budget is set"),
            ("[check]\nmax_flop = 1\n", "max_flop"),
            ("[check]\nmax_flops = \"many\"\n", "max_flops: \"many\" is no count"),
            ("[check]\nmax_flops = -1\n", "max_flops: \"-1\" is no count"),
            ("[check]\npath = \"a\"\nmax_flops = 1\n", "a path belongs into"),
            ("[[check.model]]\nmax_flops = 1\n", "[[check.model]] 1: it lacks its path"),
            ("[check]\nmax_increase = { flop = \"5 %\" }\n", "knows no \"flop\""),
            ("[check]\nmax_increase = { flops = 5 }\n", "\"5\" is no share"),
            ("[check", ""),
        ] {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn wildcards_stand_for_any_text() {
        for (pattern, path, expected) in [
            ("a.onnx", "a.onnx", true),
            ("a.onnx", "b/a.onnx", false),
            ("*.onnx", "b/a.onnx", true),
            ("m*/?.onnx", "models/a.onnx", true),
            ("m*/?.onnx", "models/ab.onnx", false),
            ("*a*a*", "banana", true),
            ("*a*b", "aaaa", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
