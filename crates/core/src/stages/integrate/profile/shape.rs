//! The Gaussian that underlies a reference profile.

use core::f64::consts::TAU;

/// Sums over the counts of strong spots above their background, in Kabsch's frame about the predicted centre, from which the Gaussian's
/// centre and covariance follow. The pixels' own extents are taken out (Sheppard 1898), so that it is the shape before it falls on pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    /// Counts.
    pub(super) net: f64,
    /// Counts · rad: e1, e2, e3.
    pub(super) first: [f64; 3],
    /// Counts · rad²: e1², e1·e2, e2², e3².
    pub(super) second: [f64; 4],
}

/// A Gaussian in Kabsch's frame: correlated along e1 and e2, independent along e3. Normalised to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    /// From the predicted centre, rad.
    pub(super) centre: [f64; 3],
    /// Inverse of the covariance along e1, e2 (11, 12, 22), rad⁻².
    inverse: [f64; 3],
    /// Density at the centre, rad⁻².
    peak: f64,
    /// Smaller and larger standard deviation in the plane of e1 and e2, rad.
    pub(super) narrowest: f64,
    pub(super) widest: f64,
    /// Standard deviation along e3, rad.
    pub(super) sigma_3: f64,
}

/// Standard deviations below this part of σ_b and σ_m cannot be told from the moments of spots on pixels.
const NARROWEST: f64 = 0.2;

impl Shape {
    /// From moments of spots, not narrower than a part of σ_b and σ_m and not off the centre by more than them. `None` without counts.
    pub(super) fn from_moments(m: &Moments, sigma_b: f64, sigma_m: f64) -> Option<Shape> {
        if !(m.net > 0.0) {
            return None;
        }
        let limit = [sigma_b, sigma_b, sigma_m];
        let centre = [0, 1, 2].map(|a| (m.first[a] / m.net).clamp(-limit[a], limit[a]));
        let (least_b, least_m) = ((NARROWEST * sigma_b).powi(2), (NARROWEST * sigma_m).powi(2));
        let xx = (m.second[0] / m.net - centre[0] * centre[0]).clamp(least_b, 4.0 * sigma_b * sigma_b);
        let yy = (m.second[2] / m.net - centre[1] * centre[1]).clamp(least_b, 4.0 * sigma_b * sigma_b);
        let most = 0.9 * (xx * yy).sqrt();
        let xy = (m.second[1] / m.net - centre[0] * centre[1]).clamp(-most, most);
        let zz = (m.second[3] / m.net - centre[2] * centre[2]).clamp(least_m, 4.0 * sigma_m * sigma_m);
        let determinant = xx * yy - xy * xy;
        let (half, root) = (0.5 * (xx + yy), (0.25 * (xx - yy) * (xx - yy) + xy * xy).sqrt());
        Some(Shape {
            centre,
            inverse: [yy / determinant, -xy / determinant, xx / determinant],
            peak: 1.0 / (TAU * determinant.sqrt()),
            narrowest: (half - root).sqrt(),
            widest: (half + root).sqrt(),
            sigma_3: zz.sqrt(),
        })
    }

    /// Density along e1 and e2, rad⁻².
    #[inline]
    pub(super) fn density(&self, bell: &Bell, e: [f64; 2]) -> f64 {
        let (x, y) = (e[0] - self.centre[0], e[1] - self.centre[1]);
        let [a, b, c] = self.inverse;
        self.peak * bell.at(a * x * x + 2.0 * b * x * y + c * y * y)
    }

    /// The fraction that lies below `u` along e3, less one half and twice: erf((u − centre)/(√2 σ)).
    pub(super) fn rocking(&self, u: f64) -> f64 {
        libm::erf((u - self.centre[2]) / (core::f64::consts::SQRT_2 * self.sigma_3))
    }
}

/// e^(−q/2) from a table, within 10⁻⁵ of its value; 0 beyond q = 64.
#[derive(Debug, Clone)]
pub(super) struct Bell {
    table: Vec<f64>,
}

const PER_UNIT: f64 = 64.0;
const BELL_END: f64 = 64.0;

impl Bell {
    pub(super) fn new() -> Self {
        let n = (PER_UNIT * BELL_END) as usize;
        Bell { table: (0..=n + 1).map(|i| libm::exp(-0.5 * i as f64 / PER_UNIT)).collect() }
    }

    #[inline]
    fn at(&self, q: f64) -> f64 {
        if !(q < BELL_END) {
            return 0.0;
        }
        let x = q.max(0.0) * PER_UNIT;
        // By way of i32, into which processors convert in one step.
        let i = x as i32;
        let t = x - f64::from(i);
        let i = i as usize;
        self.table[i] + t * (self.table[i + 1] - self.table[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_exponential() {
        let bell = Bell::new();
        for i in 0..6390 {
            let q = 0.01 * f64::from(i) + 0.003;
            let exact = libm::exp(-0.5 * q);
            assert!((bell.at(q) / exact - 1.0).abs() < 1e-5, "{q}");
        }
        assert_eq!((bell.at(64.0), bell.at(f64::NAN), bell.at(0.0)), (0.0, 0.0, 1.0));
    }

    #[test]
    fn a_gaussian_is_normalised_and_comes_back_from_its_moments() {
        let (sb, sm) = (1e-3, 2e-3);
        let m = Moments { net: 50.0, first: [5e-3, -1e-2, 5e-3], second: [3e-5, 1e-5, 5e-5, 1e-4] };
        let s = Shape::from_moments(&m, sb, sm).unwrap();
        assert!((s.sigma_3.powi(2) - (2e-6 - 1e-8)).abs() < 1e-18);
        let (bell, h) = (Bell::new(), 5e-5);
        let (mut sum, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for i in -160..160 {
            for j in -160..160 {
                let e = [h * f64::from(i), h * f64::from(j)];
                let w = h * h * s.density(&bell, e);
                sum += w;
                xy += w * (e[0] - s.centre[0]) * (e[1] - s.centre[1]);
                yy += w * (e[1] - s.centre[1]).powi(2);
            }
        }
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        assert!((xy / (2e-7 + 2e-8) - 1.0).abs() < 1e-3 && (yy / (1e-6 - 4e-8) - 1.0).abs() < 1e-3, "{xy} {yy}");
        assert_eq!(Shape::from_moments(&Moments::default(), sb, sm), None);
        // Spots far smaller than a pixel have moments that may come out negative.
        let narrow = Moments { second: [-1e-6, 0.0, 0.0, -1e-6], ..m };
        assert!(Shape::from_moments(&narrow, sb, sm).is_some_and(|s| s.narrowest > 0.0 && s.sigma_3 > 0.0));
    }
}
