//! Agreement of the intensities that a symmetry operator makes equivalent.

use crate::reflections::Reflections;
use crate::spacegroup::SymOp;

/// I/σ(I) of the strong spots by index; Friedel mates are taken as equivalent and repeated observations averaged.
pub struct Intensities {
    /// Ascending.
    hkl: Vec<[i32; 3]>,
    value: Vec<f64>,
}

/// Of h and −h, the one whose first non-zero index is positive.
fn friedel(h: [i32; 3]) -> [i32; 3] {
    match h.iter().find(|x| **x != 0) {
        Some(x) if *x < 0 => h.map(|v| -v),
        _ => h,
    }
}

impl Intensities {
    /// Of the reflections with index, intensity and positive variance among `rows`.
    pub fn new(table: &Reflections, rows: &[usize]) -> Self {
        let one = |&i: &usize| {
            let (value, variance, h) = (*table.i_sum.get(i)?, *table.var_sum.get(i)?, table.hkl[i]);
            (h != [0, 0, 0] && variance > 0.0 && value.is_finite()).then(|| (friedel(h), i, value / variance.sqrt()))
        };
        let mut all: Vec<([i32; 3], usize, f64)> = rows.iter().filter_map(one).collect();
        all.sort_unstable_by_key(|(h, row, _)| (*h, *row));
        let mut out = Intensities { hkl: Vec::with_capacity(all.len()), value: Vec::with_capacity(all.len()) };
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            out.hkl.push(same[0].0);
            out.value.push(same.iter().map(|x| x.2).sum::<f64>() / same.len() as f64);
        }
        out
    }

    /// Correlation coefficient between reflections and their images under `op`, and the number of pairs. Reflections that are their own image are
    /// left out, except for the identity, whose coefficient is 1. Not a number for fewer than three pairs.
    pub fn correlation(&self, op: &SymOp) -> (f64, usize) {
        if op.rotation == crate::spacegroup::IDENTITY {
            return (1.0, self.hkl.len());
        }
        let image = |h: &[i32; 3]| {
            let image = friedel(op.apply_to_hkl(*h));
            if image == *h { None } else { self.hkl.binary_search(&image).ok() }
        };
        let pairs: Vec<(f64, f64)> =
            self.hkl.iter().zip(&self.value).filter_map(|(h, value)| Some((*value, self.value[image(h)?]))).collect();
        let n = pairs.len() as f64;
        if pairs.len() < 3 {
            return (f64::NAN, pairs.len());
        }
        let (mx, my) = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in &pairs {
            xy += (x - mx) * (y - my);
            xx += (x - mx) * (x - mx);
            yy += (y - my) * (y - my);
        }
        (if xx * yy > 0.0 { xy / (xx * yy).sqrt() } else { f64::NAN }, pairs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_intensities_correlate_and_others_do_not() {
        let mut t = Reflections::default();
        let mut n = 0u32;
        for h in -6..7i32 {
            for k in -6..7i32 {
                for l in 1..4i32 {
                    // Two-fold along z, and no other symmetry.
                    let (a, b) = if h > 0 || (h == 0 && k > 0) { (h, k) } else { (-h, -k) };
                    let i = 100.0 + ((a * 7919 + b * 104729 + l * 1299709).rem_euclid(1000)) as f64;
                    t.hkl.push([h, k, l]);
                    t.i_sum.push(i);
                    t.var_sum.push(100.0);
                    n += 1;
                }
            }
        }
        t.set_rows(n as usize);
        let rows: Vec<usize> = (0..n as usize).collect();
        let data = Intensities::new(&t, &rows);
        let cc = |op: &str| data.correlation(&SymOp::parse(op).unwrap());
        assert_eq!(cc("x,y,z").0, 1.0);
        assert!(cc("-x,-y,z").0 > 0.999);
        assert!(cc("x,-y,-z").0.abs() < 0.2);
        // 0 0 l is its own image, and h k l and -h -k l both stand for the pair.
        assert_eq!(cc("-x,-y,z").1, (n - 3) as usize);
    }
}
