//! The cell as a function of the reciprocal metric.

use crate::math::Mat3;

/// a, b, c (Å), α, β, γ (degrees) and the volume (Å³) of the reciprocal metric G*, and their derivatives along `m`, a change of G*.
///
/// With G = G*⁻¹: dG = −G m G, da = dG₁₁/2a, d(cos α) = dG₂₃/bc − cos α (db/b + dc/c), dV = −V tr(m G)/2. A singular G* gives no finite numbers.
pub(crate) fn cell_and_derivative(g_star: &Mat3, m: &Mat3) -> ([f64; 7], [f64; 7]) {
    let g = g_star.try_inverse().unwrap_or_else(|| Mat3::from_element(f64::NAN));
    let dg = -(g * m * g);
    let mut cell = [0.0; 7];
    let mut slope = [0.0; 7];
    for i in 0..3 {
        cell[i] = g[(i, i)].sqrt();
        slope[i] = 0.5 * dg[(i, i)] / cell[i];
    }
    for (k, (i, j)) in [(1, 2), (0, 2), (0, 1)].into_iter().enumerate() {
        let cos = g[(i, j)] / (cell[i] * cell[j]);
        let dcos = dg[(i, j)] / (cell[i] * cell[j]) - cos * (slope[i] / cell[i] + slope[j] / cell[j]);
        cell[3 + k] = libm::acos(cos).to_degrees();
        slope[3 + k] = (-dcos / (1.0 - cos * cos).sqrt()).to_degrees();
    }
    cell[6] = g.determinant().sqrt();
    slope[6] = -0.5 * cell[6] * (m * g).trace();
    (cell, slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::UnitCell;

    #[test]
    fn derivatives_agree_with_differences() {
        let cell = UnitCell::new([10.0, 12.0, 17.0, 85.0, 92.0, 100.0]).unwrap();
        let b = cell.b_matrix();
        let g = b.transpose() * b;
        for k in 0..6 {
            let mut m = Mat3::zeros();
            let (i, j) = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)][k];
            m[(i, j)] = 1e-2;
            m[(j, i)] = 1e-2;
            let (value, slope) = cell_and_derivative(&g, &m);
            for (x, y) in value.iter().zip(cell.parameters().into_iter().chain([cell.volume()])) {
                assert!((x - y).abs() < 1e-9 * y, "{x} {y}");
            }
            let h = 1e-5;
            let (up, down) = (cell_and_derivative(&(g + m * h), &m).0, cell_and_derivative(&(g - m * h), &m).0);
            for e in 0..7 {
                let numeric = (up[e] - down[e]) / (2.0 * h);
                assert!((numeric - slope[e]).abs() < 1e-6 * slope[e].abs().max(1.0), "{k} {e}: {numeric} {}", slope[e]);
            }
        }
    }
}
