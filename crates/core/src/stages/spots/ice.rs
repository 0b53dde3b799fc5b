//! Powder rings of hexagonal ice.

/// Cell edges of ice I_h, Å.
const A: f64 = 4.498;
const C: f64 = 7.338;

/// Values of 1/d² (Å⁻²) at which hexagonal ice (P6₃/mmc) diffracts, in ascending order, to a resolution of `d_min` Å.
///
/// Absent are hhl with odd l (the c glide), and with them 00l with odd l (the screw).
pub(super) fn rings(d_min: f64) -> Vec<f64> {
    let q_max = 1.0 / (d_min * d_min);
    let most = |edge: f64| (edge / d_min).ceil() as i32 + 1;
    let mut found = Vec::new();
    for h in 0..=most(A) {
        for k in 0..=h {
            for l in 0..=most(C) {
                let absent = h == k && l % 2 != 0;
                let q = 4.0 / 3.0 * f64::from(h * h + h * k + k * k) / (A * A) + f64::from(l * l) / (C * C);
                if !absent && q > 0.0 && q <= q_max {
                    found.push(q);
                }
            }
        }
    }
    found.sort_by(f64::total_cmp);
    found.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rings that every crystallographer knows.
    #[test]
    fn the_strong_rings_are_where_they_are_seen() {
        let d: Vec<f64> = rings(2.0).iter().map(|q| 1.0 / q.sqrt()).collect();
        let expected = [3.90, 3.67, 3.44, 2.67, 2.25, 2.07];
        assert_eq!(d.len(), expected.len(), "{d:?}");
        assert!(d.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{d:?}");
    }
}
