//! Cholesky factorisation of symmetric positive definite matrices with a skyline: leading zeros of each row stay zero in the factor,
//! so that a banded matrix bordered by a few full rows at its end costs little more than its band.

/// A symmetric matrix, its lower triangle stored row by row: element (i, j ≤ i) is at i(i + 1)/2 + j.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetric {
    n: usize,
    lower: Vec<f64>,
}

impl Symmetric {
    /// The zero matrix of order `n`.
    pub fn zeros(n: usize) -> Self {
        Symmetric { n, lower: vec![0.0; n * (n + 1) / 2] }
    }

    /// Order.
    pub fn order(&self) -> usize {
        self.n
    }

    fn index(i: usize, j: usize) -> usize {
        if i >= j { i * (i + 1) / 2 + j } else { j * (j + 1) / 2 + i }
    }

    /// Element (i, j).
    pub fn get(&self, i: usize, j: usize) -> f64 {
        self.lower[Self::index(i, j)]
    }

    /// Adds to element (i, j) = (j, i).
    pub fn add(&mut self, i: usize, j: usize, value: f64) {
        self.lower[Self::index(i, j)] += value;
    }

    /// The diagonal.
    pub fn diagonal(&self) -> Vec<f64> {
        (0..self.n).map(|i| self.get(i, i)).collect()
    }

    /// L with L Lᵀ = this matrix. `None` when it is not positive definite: a pivot falls below `tolerance` times its
    /// diagonal element.
    pub fn cholesky(&self, tolerance: f64) -> Option<Cholesky> {
        self.cholesky_or_pivot(tolerance).ok()
    }

    /// As [`Symmetric::cholesky`]; in failing, the row whose pivot vanished.
    pub fn cholesky_or_pivot(&self, tolerance: f64) -> Result<Cholesky, usize> {
        let mut l = self.lower.clone();
        let mut first = vec![0; self.n];
        for i in 0..self.n {
            let row = i * (i + 1) / 2;
            first[i] = (0..i).find(|&j| self.lower[row + j] != 0.0).unwrap_or(i);
            for j in first[i]..=i {
                let other = j * (j + 1) / 2;
                let from = first[i].max(first[j]);
                let (head, tail) = l.split_at_mut(row);
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
                if j < i {
                    let sum = dot(&tail[from..j], &head[other + from..other + j]);
                    tail[j] = (tail[j] - sum) / head[other + j];
                } else {
                    let pivot = tail[i] - dot(&tail[first[i]..i], &tail[first[i]..i]);
                    if pivot.is_nan() || pivot <= tolerance * self.lower[row + i].abs() {
                        return Err(i);
                    }
                    tail[i] = pivot.sqrt();
                }
            }
        }
        Ok(Cholesky { n: self.n, l, first })
    }
}

/// A Cholesky factor; see [`Symmetric::cholesky`].
#[derive(Debug, Clone)]
pub struct Cholesky {
    n: usize,
    l: Vec<f64>,
    first: Vec<usize>,
}

impl Cholesky {
    /// Solves the system for one right-hand side of the matrix's order.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for i in 0..self.n {
            let row = &self.l[i * (i + 1) / 2..];
            let known: f64 = (self.first[i]..i).map(|j| row[j] * x[j]).sum();
            x[i] = (x[i] - known) / row[i];
        }
        for i in (0..self.n).rev() {
            let row = &self.l[i * (i + 1) / 2..];
            x[i] /= row[i];
            let xi = x[i];
            for j in self.first[i]..i {
                x[j] -= row[j] * xi;
            }
        }
        x
    }

    /// Column `j` of the inverse.
    pub fn inverse_column(&self, j: usize) -> Vec<f64> {
        let mut unit = vec![0.0; self.n];
        unit[j] = 1.0;
        self.solve(&unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A banded matrix with a full last row.
    fn arrow(n: usize) -> Symmetric {
        let mut m = Symmetric::zeros(n);
        for i in 0..n {
            m.add(i, i, 4.0 + i as f64);
            if i > 0 {
                m.add(i, i - 1, -1.0);
            }
            if i + 2 < n {
                m.add(n - 1, i, 0.1 * i as f64);
            }
        }
        m
    }

    #[test]
    fn solution_satisfies_the_system() {
        let m = arrow(12);
        let b: Vec<f64> = (0..12).map(|i| libm::sin(i as f64)).collect();
        let x = m.cholesky(1e-12).unwrap().solve(&b);
        for i in 0..12 {
            let row: f64 = (0..12).map(|j| m.get(i, j) * x[j]).sum();
            assert!((row - b[i]).abs() < 1e-12, "{i}: {row} {}", b[i]);
        }
    }

    #[test]
    fn inverse_columns_multiply_to_the_identity() {
        let m = arrow(7);
        let f = m.cholesky(1e-12).unwrap();
        for j in 0..7 {
            let column = f.inverse_column(j);
            for i in 0..7 {
                let product: f64 = (0..7).map(|k| m.get(i, k) * column[k]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn dependent_rows_are_named() {
        let mut m = Symmetric::zeros(3);
        for (i, j, v) in [(0, 0, 1.0), (1, 1, 2.0), (2, 2, 3.0), (2, 0, 1.0), (2, 1, 2.0)] {
            m.add(i, j, v);
        }
        // Row 2 = row 0 + row 1.
        assert_eq!(m.cholesky_or_pivot(1e-12).err(), Some(2));
    }
}
