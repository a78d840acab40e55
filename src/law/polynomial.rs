//! Polynomials of several dimensions with exact rational coefficients, through integer points of a grid.

/// Equally spaced sizes of one dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nodes {
    first: u64,
    step: u64,
    degree: usize,
}

impl Nodes {
    /// `degree + 1` sizes: `first·step`, `(first + 1)·step`, …
    #[must_use]
    pub fn new(first: u64, step: u64, degree: usize) -> Self {
        Self { first, step, degree }
    }

    fn sizes(self) -> Vec<u64> {
        let places = (self.first..).take(self.degree.saturating_add(1));
        places.map(|place| place.saturating_mul(self.step)).collect()
    }

    /// `degree!·step^degree`: what coefficients are multiplied by to be integers.
    fn denominator(self) -> Option<i128> {
        let degree = i128::try_from(self.degree).ok()?;
        let step = i128::from(self.step);
        (1..=degree).try_fold(1i128, |product, n| product.checked_mul(n)?.checked_mul(step))
    }

    /// Row e, column j: how much the value at node j adds to the coefficient of `x^e`, times the denominator.
    ///
    /// Lagrange's basis at equally spaced nodes: with degree D, `L_j·D!·step^D` is
    /// `(-1)^(D-j)·binomial(D, j)·∏(x - x_m)` over the other nodes m.
    fn matrix(self) -> Option<Vec<Vec<i128>>> {
        let sizes = self.sizes();
        let mut columns = vec![];
        let mut binomial = 1i128;
        for j in 0..=self.degree {
            let even = self.degree.checked_sub(j)? % 2 == 0;
            let mut column = vec![if even { binomial } else { -binomial }];
            for (_, size) in sizes.iter().enumerate().filter(|(m, _)| *m != j) {
                // Times (x - size).
                let mut next = vec![0i128; column.len().checked_add(1)?];
                for (power, coefficient) in column.iter().enumerate() {
                    let lower = coefficient.checked_mul(i128::from(*size))?;
                    let place = next.get_mut(power)?;
                    *place = place.checked_sub(lower)?;
                    let place = next.get_mut(power.checked_add(1)?)?;
                    *place = place.checked_add(*coefficient)?;
                }
                column = next;
            }
            columns.push(column);
            let (j, degree) = (i128::try_from(j).ok()?, i128::try_from(self.degree).ok()?);
            binomial = binomial.checked_mul(degree.checked_sub(j)?)?.checked_div(j.checked_add(1)?)?;
        }
        let row = |power: usize| columns.iter().map(|column| column.get(power).copied()).collect();
        (0..=self.degree).map(row).collect()
    }
}

/// Every combination of one entry of each list, the last changing fastest.
pub fn combinations<T: Copy>(lists: impl IntoIterator<Item = Vec<T>>) -> Vec<Vec<T>> {
    lists.into_iter().fold(vec![vec![]], |starts: Vec<Vec<T>>, list| {
        let longer = |start: &Vec<T>| -> Vec<Vec<T>> {
            list.iter().map(|entry| [start.as_slice(), &[*entry]].concat()).collect()
        };
        starts.iter().flat_map(longer).collect()
    })
}

/// Every combination of sizes, the last dimension changing fastest.
#[must_use]
pub fn grid(nodes: &[Nodes]) -> Vec<Vec<u64>> {
    combinations(nodes.iter().map(|nodes| nodes.sizes()))
}

/// A polynomial: numerators of its terms over one denominator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polynomial {
    /// Power of each dimension, and the numerator of the coefficient; the highest powers first.
    terms: Vec<(Vec<usize>, i128)>,
    denominator: i128,
}

/// The polynomial, of the degree of the nodes in each dimension, through the values at [`grid`], in its order; more
/// values are left alone. `None` where a number does not fit in 128 bits, or values are missing.
#[must_use]
pub fn interpolate(nodes: &[Nodes], values: &[u64]) -> Option<Polynomial> {
    let length: usize = nodes.iter().map(|nodes| nodes.degree.saturating_add(1)).product();
    let mut cells: Vec<i128> = values.get(..length)?.iter().copied().map(i128::from).collect();
    let mut denominator = 1i128;
    // One dimension after the other, each along its axis of the grid.
    let mut inner = length;
    for nodes in nodes {
        let matrix = nodes.matrix()?;
        denominator = denominator.checked_mul(nodes.denominator()?)?;
        let count = nodes.degree.checked_add(1)?;
        inner = inner.checked_div(count)?;
        let block = inner.checked_mul(count)?;
        let mut next = vec![0i128; length];
        for (at, cell) in next.iter_mut().enumerate() {
            let (power, place) = (at / inner.max(1) % count, at % inner.max(1));
            let start = (at / block.max(1)).checked_mul(block)?.checked_add(place)?;
            for (j, weight) in matrix.get(power)?.iter().enumerate() {
                let value = cells.get(start.checked_add(j.checked_mul(inner)?)?)?;
                *cell = cell.checked_add(weight.checked_mul(*value)?)?;
            }
        }
        cells = next;
    }
    let powers = combinations(nodes.iter().map(|nodes| (0..=nodes.degree).collect()));
    let mut terms: Vec<(Vec<usize>, i128)> =
        powers.into_iter().zip(cells).filter(|(_, numerator)| *numerator != 0).collect();
    terms.sort_by_key(|(powers, _)| std::cmp::Reverse((powers.iter().sum::<usize>(), powers.clone())));
    Some(Polynomial { terms, denominator })
}

impl Polynomial {
    /// Its value at these sizes; `None` where it is no integer or does not fit.
    #[must_use]
    pub fn at(&self, sizes: &[u64]) -> Option<i128> {
        let mut sum = 0i128;
        for (powers, numerator) in &self.terms {
            let mut term = *numerator;
            for (size, power) in sizes.iter().zip(powers) {
                term = term.checked_mul(i128::from(*size).checked_pow(u32::try_from(*power).ok()?)?)?;
            }
            sum = sum.checked_add(term)?;
        }
        if sum.checked_rem(self.denominator)? == 0 { sum.checked_div(self.denominator) } else { None }
    }

    /// As people write it: `1536·batch·sequence² + 7·batch`.
    #[must_use]
    pub fn shown(&self, names: &[&str]) -> String {
        let mut text = String::new();
        for (powers, numerator) in &self.terms {
            let sign = match (text.is_empty(), *numerator < 0) {
                (true, false) => "",
                (true, true) => "-",
                (false, false) => " + ",
                (false, true) => " - ",
            };
            let shared = divisor(numerator.unsigned_abs(), self.denominator.unsigned_abs()).max(1);
            let (above, below) =
                (numerator.unsigned_abs() / shared, self.denominator.unsigned_abs() / shared);
            let mut factors: Vec<String> = vec![];
            let bare = powers.iter().all(|power| *power == 0);
            match (above, below) {
                (1, 1) if !bare => {}
                (above, 1) => factors.push(above.to_string()),
                (above, below) => factors.push(format!("{above}/{below}")),
            }
            for (name, power) in names.iter().zip(powers) {
                match power {
                    0 => {}
                    1 => factors.push((*name).to_owned()),
                    2 => factors.push(format!("{name}²")),
                    3 => factors.push(format!("{name}³")),
                    power => factors.push(format!("{name}^{power}")),
                }
            }
            text += sign;
            text += &factors.join("·");
        }
        if text.is_empty() { "0".to_owned() } else { text }
    }
}

/// The greatest common divisor.
fn divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or(0));
    }
    a
}
