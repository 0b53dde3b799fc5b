use crate::math::Vec3;

/// Number of real spherical harmonics with 1 ≤ l ≤ `lmax`.
pub(super) fn count(lmax: usize) -> usize {
    lmax * (lmax + 2)
}

/// Real orthonormal spherical harmonics of the direction `v` (need not have unit length), for l = 1..=`lmax`, m = −l..=l in that order.
///
/// Y_l,m = √2 N P_l^|m|(cos θ)·sin(|m|φ) for m < 0, N P_l(cos θ) for m = 0, √2 N P_l^m(cos θ)·cos(mφ) for m > 0, without the
/// Condon–Shortley sign; θ from +z, φ from +x towards +y.
pub(super) fn real_harmonics(v: &Vec3, lmax: usize, out: &mut [f64]) {
    let norm = v.norm();
    let (x, y, z) = if norm > 0.0 { (v.x / norm, v.y / norm, v.z / norm) } else { (0.0, 0.0, 1.0) };
    // With A_m = sinᵐθ cos mφ and B_m = sinᵐθ sin mφ the factor sinᵐθ of P_l^m is already spent, so that poles are no special case.
    let (mut a, mut b) = (1.0, 0.0);
    for m in 0..=lmax {
        // p[l] = P_l^m(z)/sinᵐθ for l = m, m + 1, …
        let mut below = 0.0;
        let mut p: f64 = (0..m).map(|i| (2 * i + 1) as f64).product();
        for l in m..=lmax {
            if l > m {
                let next = ((2 * l - 1) as f64 * z * p - (l + m - 1) as f64 * below) / (l - m) as f64;
                below = p;
                p = next;
            }
            if l == 0 {
                continue;
            }
            let base = l * l - 1 + l;
            let n = normalisation(l, m);
            if m == 0 {
                out[base] = n * p;
            } else {
                out[base + m] = core::f64::consts::SQRT_2 * n * p * a;
                out[base - m] = core::f64::consts::SQRT_2 * n * p * b;
            }
        }
        (a, b) = (a * x - b * y, a * y + b * x);
    }
}

/// √((2l + 1)/4π · (l − m)!/(l + m)!).
fn normalisation(l: usize, m: usize) -> f64 {
    let ratio: f64 = (l - m + 1..=l + m).map(|i| i as f64).product();
    ((2 * l + 1) as f64 / (4.0 * core::f64::consts::PI) / ratio).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_orders_have_their_closed_forms() {
        let v = Vec3::new(0.3, -0.5, 0.8).normalize();
        let mut y = [0.0; 8];
        real_harmonics(&(v * 3.0), 2, &mut y);
        let (a, b) = ((3.0 / (4.0 * core::f64::consts::PI)).sqrt(), (15.0 / (4.0 * core::f64::consts::PI)).sqrt());
        let c = (5.0 / (16.0 * core::f64::consts::PI)).sqrt();
        let expected = [
            a * v.y,
            a * v.z,
            a * v.x,
            b * v.x * v.y,
            b * v.y * v.z,
            c * (3.0 * v.z * v.z - 1.0),
            b * v.x * v.z,
            0.5 * b * (v.x * v.x - v.y * v.y),
        ];
        for (found, e) in y.iter().zip(expected) {
            assert!((found - e).abs() < 1e-12, "{y:?}");
        }
    }

    #[test]
    fn harmonics_are_orthonormal() {
        // A product grid: Gauss–Legendre would be exact; 200 × 400 midpoints are good to 10⁻³.
        let n = count(4);
        let mut gram = vec![0.0; n * n];
        let mut y = vec![0.0; n];
        for i in 0..200 {
            let z = -1.0 + (i as f64 + 0.5) / 100.0;
            for j in 0..40 {
                let phi = (j as f64 + 0.5) / 40.0 * 2.0 * core::f64::consts::PI;
                let s = (1.0 - z * z).sqrt();
                real_harmonics(&Vec3::new(s * phi.cos(), s * phi.sin(), z), 4, &mut y);
                for a in 0..n {
                    for b in 0..n {
                        gram[a * n + b] += y[a] * y[b] * 4.0 * core::f64::consts::PI / 8000.0;
                    }
                }
            }
        }
        for a in 0..n {
            for b in 0..n {
                assert!((gram[a * n + b] - f64::from(u8::from(a == b))).abs() < 2e-3);
            }
        }
    }
}
