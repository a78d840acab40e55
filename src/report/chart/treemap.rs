//! A model as nested areas: modules within modules, each as large as its share.

use kuva::plot::treemap::{TreemapColorMode, TreemapLayout, TreemapNode, TreemapPlot};
use kuva::prelude::{Layout, Plot};

use super::ink::Ink;
use super::{Canvas, Chart, Drawing, Mark, Medium};
use crate::report::text::{percent, visible};

/// The name of the chart, and of its file.
pub const NAME: &str = "treemap";
/// Between the names of modules in a scope.
const SEPARATOR: char = '/';
/// Modules within modules that are drawn.
const DEPTH: usize = 4;
/// Tiles of less than this share of the whole are drawn as one with their neighbours.
const SMALLEST: f64 = 0.0015;

/// Share of the whole from which a module is a frame.
const MOST: f64 = 0.6;
/// What shares are multiplied by: the library writes four decimals, and takes less than 1e-16 for nothing.
const SCALE: f64 = 1e9;

/// A module and what is directly in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Tile {
    /// Its modules, the outermost first, separated by `/`; empty at the top.
    pub scope: String,
    /// How large it is.
    pub amount: f64,
}

/// A chart of modules.
#[derive(Clone, Debug)]
pub struct Treemap {
    /// What it shows.
    pub title: String,
    /// What areas stand for.
    pub of: &'static str,
    /// Writes an amount for people.
    pub write: fn(f64) -> String,
    /// Modules.
    pub tiles: Vec<Tile>,
}

/// A module with those in it.
#[derive(Default, Debug)]
struct Branch {
    name: String,
    scope: String,
    amount: f64,
    children: Vec<Branch>,
}

/// The chart; `None` where nothing has a size.
#[must_use]
pub fn treemap<'a>(of: Treemap) -> Option<Chart<'a>> {
    let Treemap { title, of, write, tiles } = of;
    let mut root = tree(&tiles);
    let total = root.amount;
    if total <= 0.0 {
        return None;
    }
    root.simplify(total);
    // One module around everything says nothing.
    while root.children.len() == 1 && root.children.first().is_some_and(|only| !only.children.is_empty()) {
        root = root.children.pop()?;
    }
    if root.children.is_empty() {
        root = Branch { children: vec![Branch { name: "all".to_owned(), ..root }], ..Branch::default() };
    }
    root.children.sort_by(|a, b| b.amount.total_cmp(&a.amount));
    let largest = root.children.first()?;
    let about = format!(
        "{title}: {} modules, the largest is {} with {} of {of}",
        root.children.len(),
        largest.name,
        percent(largest.amount / total)
    );
    Some(Chart {
        name: NAME,
        title,
        about,
        size: (860.0, 430.0),
        rows: 20,
        draw: Box::new(move |canvas| draw(canvas, &root, total, of, write)),
    })
}

/// Modules within modules; those of no size are left out.
fn tree(tiles: &[Tile]) -> Branch {
    fn names(tile: &Tile) -> impl Iterator<Item = &str> {
        tile.scope.split(SEPARATOR).filter(|name| !name.is_empty())
    }
    let sized = tiles.iter().filter(|tile| tile.amount.is_finite() && tile.amount > 0.0);
    let mut sorted: Vec<&Tile> = sized.collect();
    sorted.sort_by(|a, b| names(a).cmp(names(b)));
    let mut root = Branch::default();
    for tile in sorted {
        root.add(names(tile), tile.amount);
    }
    root
}

impl Branch {
    /// Adds a module that is not before the last one added.
    fn add<'s>(&mut self, names: impl Iterator<Item = &'s str>, amount: f64) {
        self.amount += amount;
        let mut at = self;
        for name in names.take(DEPTH) {
            // Scopes come sorted: a module that is known is the last one.
            if at.children.last().is_none_or(|last| last.name != name) {
                let space = if at.scope.is_empty() { "" } else { "/" };
                let scope = format!("{}{space}{name}", at.scope);
                at.children.push(Self { name: name.to_owned(), scope, ..Self::default() });
            }
            let Some(child) = at.children.last_mut() else { return };
            child.amount += amount;
            at = child;
        }
    }

    /// Makes one of modules that hold a single one, and of those that are too small to see.
    fn simplify(&mut self, total: f64) {
        while self.children.len() == 1 && !self.name.is_empty() {
            let Some(only) = self.children.pop() else { break };
            // What stands beside the only module keeps them apart.
            if only.amount < self.amount * 0.999 {
                self.children.push(only);
                break;
            }
            self.name = format!("{}{SEPARATOR}{}", self.name, only.name);
            self.scope = only.scope;
            self.children = only.children;
        }
        let (mut large, small): (Vec<Self>, Vec<Self>) = std::mem::take(&mut self.children)
            .into_iter()
            .partition(|child| child.amount >= total * SMALLEST);
        match small.len() {
            0 | 1 => large.extend(small),
            count => large.push(Self {
                name: format!("… {count} more"),
                scope: self.scope.clone(),
                amount: small.iter().map(|child| child.amount).sum(),
                children: vec![],
            }),
        }
        self.children = large;
        for child in &mut self.children {
            child.simplify(total);
        }
        let inside: f64 = self.children.iter().map(|child| child.amount).sum();
        let own = self.amount - inside;
        if !self.children.is_empty() && own >= total * SMALLEST {
            let scope = self.scope.clone();
            self.children.push(Self { name: "(own)".to_owned(), scope, amount: own, children: vec![] });
        }
    }

    /// A module in the terms of the library, sizes as shares. Its colour is that of the module around it, or the next
    /// one; a module that holds most of the model leaves colours to those in it.
    fn node(&self, ink: &Ink, total: f64, around: Option<&'static str>, next: &mut usize) -> TreemapNode {
        let share = self.amount / total;
        let frame = around.is_none() && share > MOST && !self.children.is_empty();
        let color = match around {
            Some(color) => color,
            None if frame => ink.other,
            None => {
                *next += 1;
                ink.of(Some((*next - 1) % ink.series.len()))
            }
        };
        let inside = (!frame).then_some(color);
        TreemapNode {
            label: visible(&self.name).into_owned(),
            value: share * SCALE,
            children: self.children.iter().map(|child| child.node(ink, total, inside, next)).collect(),
            color: Some(color.to_owned()),
        }
    }

    /// Scopes by the path that the library makes of the names.
    fn scopes(&self, prefix: &str, found: &mut Vec<(String, String)>) {
        for child in &self.children {
            let name = visible(&child.name);
            let path = if prefix.is_empty() { name.into_owned() } else { format!("{prefix} > {name}") };
            child.scopes(&path, found);
            found.push((path, child.scope.clone()));
        }
    }
}

fn draw(canvas: &Canvas, root: &Branch, total: f64, of: &'static str, write: fn(f64) -> String) -> Drawing {
    let mut plot = TreemapPlot::new()
        .with_color_mode(TreemapColorMode::Explicit)
        // Not squarified: the library lays those rows along the wrong side, as stripes.
        .with_layout(TreemapLayout::Binary)
        .with_padding(3.0)
        .with_border_width(1.0)
        .with_root_border_width(2.0)
        .with_min_label_area(900.0);
    if canvas.medium == Medium::Terminal {
        plot = plot.with_max_depth(0).with_tooltips(false);
    }
    let mut next = 0;
    for child in &root.children {
        plot = plot.with_node(child.node(canvas.ink, total, None, &mut next));
    }
    let plots = vec![Plot::Treemap(plot)];
    let layout = Layout::auto_from_plots(&plots).with_force_margins(1.0, 1.0);
    let layout = if canvas.medium != Medium::File { layout.with_force_margins_y(1.0, 1.0) } else { layout };
    let mut scopes = vec![];
    root.scopes("", &mut scopes);
    scopes.sort();
    Drawing {
        plots,
        layout,
        describe: Box::new(move |_, said| {
            let (path, share) = said.rsplit_once('\n').unwrap_or((said, ""));
            let share: f64 = share.parse().unwrap_or(0.0) / SCALE;
            let scope = scopes.binary_search_by(|(known, _)| known.as_str().cmp(path)).ok();
            let scope = scope.and_then(|place| scopes.get(place)).map(|(_, scope)| scope.clone());
            Mark {
                title: format!(
                    "{}\n{}, {} of {of}",
                    path.replace(" > ", "/"),
                    write(share * total),
                    percent(share)
                ),
                link: scope.map(|scope| ("data-scope", scope)),
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(of: &[(&str, f64)]) -> Vec<Tile> {
        of.iter().map(|(scope, amount)| Tile { scope: (*scope).to_owned(), amount: *amount }).collect()
    }

    fn branches(of: &[(&str, f64)]) -> Branch {
        let mut root = tree(&tiles(of));
        let total = root.amount;
        root.simplify(total);
        root
    }

    fn names(branch: &Branch) -> Vec<(&str, f64)> {
        branch.children.iter().map(|child| (child.name.as_str(), child.amount)).collect()
    }

    #[test]
    fn modules_hold_what_is_in_them() {
        let root = branches(&[("a/b", 2.0), ("a/c", 3.0), ("d", 5.0), ("a", 1.0)]);
        assert_eq!(names(&root), [("a", 6.0), ("d", 5.0)]);
        assert_eq!(names(root.children.first().unwrap()), [("b", 2.0), ("c", 3.0), ("(own)", 1.0)]);
    }

    #[test]
    fn a_module_is_one_whatever_sorts_between_its_parts() {
        let root = branches(&[("a/b", 2.0), ("a-x", 3.0), ("a", 1.0), ("a/c", 2.0)]);
        assert_eq!(names(&root), [("a", 5.0), ("a-x", 3.0)]);
    }

    #[test]
    fn modules_of_one_module_are_one() {
        let root = branches(&[("a/b/c", 2.0), ("d", 5.0)]);
        assert_eq!(names(&root), [("a/b/c", 2.0), ("d", 5.0)]);
        assert_eq!(root.children.first().unwrap().scope, "a/b/c");
    }

    #[test]
    fn what_is_too_small_to_see_is_drawn_together() {
        let root = branches(&[("a", 1000.0), ("b", 0.2), ("c", 0.3), ("d", 0.5)]);
        assert_eq!(names(&root), [("a", 1000.0), ("… 3 more", 1.0)]);
    }

    #[test]
    fn a_model_without_a_size_has_no_chart() {
        let of = |tiles| Treemap { title: "t".into(), of: "the time", write: |x| x.to_string(), tiles };
        assert!(treemap(of(vec![])).is_none());
        assert!(treemap(of(tiles(&[("a", 0.0), ("b", f64::NAN)]))).is_none());
        assert!(treemap(of(tiles(&[("", 1.0)]))).is_some());
    }
}
