//! Which layer of one model is which of another: by name, then by structure.

use std::collections::HashMap;
use std::hash::Hash;

use super::common::common;
use super::snapshot::Layer;

/// Layers of two models, each in one pair at most.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Alignment {
    /// Those that are in both, in the order of the second model.
    pub pairs: Vec<Aligned>,
    /// Those of the first model that the second has not.
    pub removed: Vec<usize>,
    /// Those of the second model that the first has not.
    pub added: Vec<usize>,
}

/// A layer that is in both models.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aligned {
    /// Its place in the first model.
    pub before: usize,
    /// Its place in the second.
    pub after: usize,
    /// What says that it is the same.
    pub by: By,
}

/// What says that two layers are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// They have the same name in the same scope, and no other layer has.
    Name,
    /// They do the same in the same place: operator, outputs, parameters, neighbours.
    Structure,
}

/// Aligns the layers of two models, each list in order of execution.
///
/// A name decides where exactly one layer of each model has it and where it is more than a number
/// (`Conv_17` says that sixteen came before it, and moves with them). The rest is aligned by structure, from the most
/// certain to the least: same operator, outputs and parameters between the same named layers; the same anywhere, in
/// order, then out of order; same operator between the same named layers; same outputs and MACs there, for an operator
/// that was replaced. Takes time that grows with the number of layers, not with its square.
pub fn align(before: &[Layer], after: &[Layer]) -> Alignment {
    let mut matching =
        Matching { before, after, of_before: vec![None; before.len()], of_after: vec![None; after.len()] };
    matching.by_name();
    // The sections between named layers stay those of the names, whatever is found in them.
    let sections = matching.sections();
    let (before_in, after_in) = (&sections.0, &sections.1);
    let whole = |layer: &Layer| (layer.op.clone(), layer.outputs.clone(), layer.figures.params);
    matching.in_order(
        |place| at(before, place).map(|layer| (whole(layer), at_section(before_in, place))),
        |place| at(after, place).map(|layer| (whole(layer), at_section(after_in, place))),
    );
    matching.in_order(|place| at(before, place).map(whole), |place| at(after, place).map(whole));
    matching.out_of_order(whole);
    matching.in_order(
        |place| at(before, place).map(|layer| (layer.op.as_str(), at_section(before_in, place))),
        |place| at(after, place).map(|layer| (layer.op.as_str(), at_section(after_in, place))),
    );
    let shaped = |layer: &&Layer| {
        !layer.outputs.is_empty()
            && layer.outputs.iter().all(|output| output.contains('[') && !output.contains('?'))
    };
    let work = |layer: &Layer| (layer.outputs.clone(), layer.figures.macs);
    matching.in_order(
        |place| at(before, place).filter(shaped).map(|layer| (work(layer), at_section(before_in, place))),
        |place| at(after, place).filter(shaped).map(|layer| (work(layer), at_section(after_in, place))),
    );
    matching.finish()
}

fn at(layers: &[Layer], place: usize) -> Option<&Layer> {
    layers.get(place)
}

fn at_section(sections: &[usize], place: usize) -> usize {
    sections.get(place).copied().unwrap_or_default()
}

struct Matching<'l> {
    before: &'l [Layer],
    after: &'l [Layer],
    /// For each layer of the first model, its place in the second.
    of_before: Vec<Option<(usize, By)>>,
    /// For each layer of the second model, its place in the first.
    of_after: Vec<Option<(usize, By)>>,
}

impl Matching<'_> {
    fn pair(&mut self, before: usize, after: usize, by: By) {
        if let (Some(one), Some(other)) = (self.of_before.get_mut(before), self.of_after.get_mut(after)) {
            *one = Some((after, by));
            *other = Some((before, by));
        }
    }

    fn by_name(&mut self) {
        let after = names(self.after);
        let pairs: Vec<(usize, usize)> = names(self.before)
            .into_iter()
            .filter_map(|(name, place)| Some((place?, after.get(&name).copied().flatten()?)))
            .collect();
        for (before, after) in pairs {
            self.pair(before, after, By::Name);
        }
    }

    /// For each layer of either model, which named pair came last before it; 0 before the first.
    fn sections(&self) -> (Vec<usize>, Vec<usize>) {
        let mut last = 0;
        let after: Vec<usize> = (1..)
            .zip(&self.of_after)
            .map(|(number, pair)| {
                last = if pair.is_some() { number } else { last };
                last
            })
            .collect();
        let mut last = 0;
        let before = self
            .of_before
            .iter()
            .map(|pair| {
                last = pair.map_or(last, |(place, _)| at_section(&after, place));
                last
            })
            .collect();
        (before, after)
    }

    /// Pairs layers that are left and have the same key, in the order of both models.
    fn in_order<K: Hash + Eq>(
        &mut self,
        key_before: impl Fn(usize) -> Option<K>,
        key_after: impl Fn(usize) -> Option<K>,
    ) {
        let (left_before, left_after) = (left(&self.of_before), left(&self.of_after));
        let mut numbers: HashMap<K, u32> = HashMap::new();
        // What has no key is like nothing else, whichever model it is in.
        let mut number = |key: Option<K>, without: u32| {
            let next = u32::try_from(numbers.len()).unwrap_or(without);
            key.map_or(without, |key| *numbers.entry(key).or_insert(next))
        };
        let before: Vec<u32> = left_before.iter().map(|place| number(key_before(*place), u32::MAX)).collect();
        let after: Vec<u32> =
            left_after.iter().map(|place| number(key_after(*place), u32::MAX - 1)).collect();
        for (one, other) in common(&before, &after) {
            if let (Some(one), Some(other)) = (left_before.get(one), left_after.get(other)) {
                self.pair(*one, *other, By::Structure);
            }
        }
    }

    /// Pairs layers that are left and have the same key: the first of one model with the first of the other.
    fn out_of_order<K: Hash + Eq>(&mut self, key: impl Fn(&Layer) -> K) {
        let mut waiting: HashMap<K, std::collections::VecDeque<usize>> = HashMap::new();
        for place in left(&self.of_before) {
            if let Some(layer) = at(self.before, place) {
                waiting.entry(key(layer)).or_default().push_back(place);
            }
        }
        for place in left(&self.of_after) {
            let Some(layer) = at(self.after, place) else { continue };
            if let Some(before) = waiting.get_mut(&key(layer)).and_then(std::collections::VecDeque::pop_front)
            {
                self.pair(before, place, By::Structure);
            }
        }
    }

    fn finish(self) -> Alignment {
        let pairs = self.of_after.iter().enumerate();
        Alignment {
            pairs: pairs
                .filter_map(|(after, pair)| pair.map(|(before, by)| Aligned { before, after, by }))
                .collect(),
            removed: left(&self.of_before),
            added: left(&self.of_after),
        }
    }
}

/// Places without a partner.
fn left(pairs: &[Option<(usize, By)>]) -> Vec<usize> {
    pairs.iter().enumerate().filter(|(_, pair)| pair.is_none()).map(|(place, _)| place).collect()
}

/// The place of each name that decides; `None` where several layers have it.
fn names(layers: &[Layer]) -> HashMap<(&str, &str), Option<usize>> {
    let mut places = HashMap::new();
    for (place, layer) in layers.iter().enumerate().filter(|(_, layer)| !is_numbered(layer)) {
        places
            .entry((layer.scope.as_str(), layer.name.as_str()))
            .and_modify(|place| *place = None)
            .or_insert(Some(place));
    }
    places
}

/// Whether a name says no more than a place in a count: digits, or an operator or `node` and digits.
fn is_numbered(layer: &Layer) -> bool {
    let stem = layer.name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == layer.name.len() {
        return layer.name.is_empty();
    }
    let operator = layer.op.rsplit('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(['_', '-', '.', ':']);
    stem.is_empty()
        || stem.eq_ignore_ascii_case(operator)
        || matches!(stem, "node" | "n" | "v" | "val" | "Op")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Figures;

    fn layer(name: &str, op: &str, output: &str) -> Layer {
        Layer {
            name: name.to_owned(),
            op: op.to_owned(),
            outputs: vec![output.to_owned()],
            repeat: 1,
            known: true,
            figures: Figures::default(),
            ..Layer::default()
        }
    }

    /// Names of the layers, with an operator and an output for each: `conv:Conv:[64]`.
    fn model(text: &str) -> Vec<Layer> {
        text.split_whitespace()
            .map(|word| {
                let mut parts = word.split(':');
                let mut next = || parts.next().unwrap_or_default();
                layer(next(), next(), next())
            })
            .collect()
    }

    fn pairs(alignment: &Alignment) -> Vec<(usize, usize)> {
        alignment.pairs.iter().map(|pair| (pair.before, pair.after)).collect()
    }

    #[test]
    fn layers_are_found_again_by_name_then_by_structure() {
        for (what, before, after, expected, removed, added) in [
            (
                "a name, whatever changed",
                "stem/a:Conv:[8]",
                "stem/a:QLinearConv:[9]",
                vec![(0, 0)],
                vec![],
                vec![],
            ),
            (
                "all names changed",
                "a/c:Conv:[8] a/r:Relu:[8] a/d:Conv:[9]",
                "b/c:Conv:[8] b/r:Relu:[8] b/d:Conv:[9]",
                vec![(0, 0), (1, 1), (2, 2)],
                vec![],
                vec![],
            ),
            (
                "numbers shift behind an insertion",
                "Conv_0:Conv:[8] Relu_1:Relu:[8] Conv_2:Conv:[9]",
                "Conv_0:Conv:[8] Conv_1:Conv:[7] Relu_2:Relu:[8] Conv_3:Conv:[9]",
                vec![(0, 0), (1, 2), (2, 3)],
                vec![],
                vec![1],
            ),
            (
                "numbers and other sizes",
                "Conv_0:Conv:[1,8] Relu_1:Relu:[1,8]",
                "Conv_0:Conv:[4,8] Relu_1:Relu:[4,8]",
                vec![(0, 0), (1, 1)],
                vec![],
                vec![],
            ),
            (
                "an operator replaced between named neighbours",
                "in/a:Conv:[8] old/m:MatMul:[4] out/b:Relu:[8]",
                "in/a:Conv:[8] new/q:MatMulNBits:[4] out/b:Relu:[8]",
                vec![(0, 0), (1, 1), (2, 2)],
                vec![],
                vec![],
            ),
            (
                "a layer without a counterpart",
                "a/a:Conv:[8] a/b:Relu:[8]",
                "a/a:Conv:[8] a/n:Tanh:[3] a/b:Relu:[8]",
                vec![(0, 0), (1, 2)],
                vec![],
                vec![1],
            ),
            ("another order", "x1:A:[1] x2:B:[2]", "y2:B:[2] y1:A:[1]", vec![(1, 0), (0, 1)], vec![], vec![]),
            ("nothing at all", "", "a/b:Conv:[1]", vec![], vec![], vec![0]),
        ] {
            let alignment = align(&model(before), &model(after));
            assert_eq!(pairs(&alignment), expected, "{what}");
            assert_eq!((alignment.removed, alignment.added), (removed, added), "{what}");
        }
    }

    #[test]
    fn a_name_that_several_layers_have_does_not_decide() {
        let before = model("a/x:Conv:[8] a/x:Conv:[9]");
        let after = model("a/x:Conv:[9]");
        let alignment = align(&before, &after);
        assert_eq!(alignment.pairs, [Aligned { before: 1, after: 0, by: By::Structure }]);
        assert_eq!(alignment.removed, [0]);
    }

    #[test]
    fn names_that_only_count_are_told_from_names_that_mean_something() {
        for (name, op, numbered) in [
            ("Conv_12", "Conv", true),
            ("123", "Relu", true),
            ("node_7", "Relu", true),
            ("Attention_3", "com.microsoft.Attention", true),
            ("", "Relu", true),
            ("/layer1/Add_1", "Add", false),
            ("stage2", "Conv", false),
            ("conv", "Conv", false),
        ] {
            assert_eq!(is_numbered(&layer(name, op, "")), numbered, "{name}");
        }
    }
}
