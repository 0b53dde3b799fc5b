//! Agreement of the intensities that a symmetry operator makes equivalent.

use crate::reflections::Reflections;
use crate::spacegroup::SymOp;
use std::collections::BTreeMap;

/// I/σ(I) of the strong spots by index; Friedel mates are taken as equivalent and repeated observations averaged.
pub struct Intensities(BTreeMap<[i32; 3], (f64, u32)>);

/// Of h and −h, the one whose first non-zero index is positive.
fn friedel(h: [i32; 3]) -> [i32; 3] {
    match h.iter().find(|x| **x != 0) {
        Some(x) if *x < 0 => h.map(|v| -v),
        _ => h,
    }
}

impl Intensities {
    /// Of the reflections with index, intensity and positive variance among `rows`; `hkl` gives the index of each row.
    pub fn new(table: &Reflections, rows: &[usize], hkl: impl Fn(usize) -> Option<[i32; 3]>) -> Self {
        let mut map: BTreeMap<[i32; 3], (f64, u32)> = BTreeMap::new();
        for &i in rows {
            let (Some(value), Some(variance)) = (table.i_sum.get(i), table.var_sum.get(i)) else { continue };
            if let Some(h) = hkl(i).filter(|h| *h != [0, 0, 0] && *variance > 0.0 && value.is_finite()) {
                let entry = map.entry(friedel(h)).or_default();
                entry.0 += value / variance.sqrt();
                entry.1 += 1;
            }
        }
        Intensities(map)
    }

    /// Correlation coefficient between reflections and their images under `op`, and the number of pairs. Reflections that are their own image are
    /// left out, except for the identity, whose coefficient is 1. Not a number for fewer than three pairs.
    pub fn correlation(&self, op: &SymOp) -> (f64, usize) {
        if *op == SymOp::from_rotation(crate::spacegroup::IDENTITY) {
            return (1.0, self.0.len());
        }
        let mean = |v: &(f64, u32)| v.0 / f64::from(v.1);
        let pairs: Vec<(f64, f64)> = self
            .0
            .iter()
            .filter_map(|(h, value)| {
                let image = friedel(op.apply_to_hkl(*h));
                if image == *h { None } else { Some((mean(value), mean(self.0.get(&image)?))) }
            })
            .collect();
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
        let data = Intensities::new(&t, &rows, |i| Some(t.hkl[i]));
        let cc = |op: &str| data.correlation(&SymOp::parse(op).unwrap());
        assert_eq!(cc("x,y,z").0, 1.0);
        assert!(cc("-x,-y,z").0 > 0.999);
        assert!(cc("x,-y,-z").0.abs() < 0.2);
        // 0 0 l is its own image, and h k l and -h -k l both stand for the pair.
        assert_eq!(cc("-x,-y,z").1, (n - 3) as usize);
    }
}
