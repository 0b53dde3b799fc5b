//! Attenuation of X-rays in detector sensors.
//!
//! Mass attenuation coefficients μ/ρ are those of Hubbell and Seltzer (2004), NIST standard reference database 126, with their densities;
//! between their energies log(μ/ρ) is linear in log E.

/// hc in keV Å.
pub const KEV_ANGSTROM: f64 = 12.398419843320025;

/// Silicon: photon energy (keV), mass attenuation coefficient (cm²/g). An energy that stands twice is an absorption edge.
const SI: &[(f64, f64)] = &[
    (1.0, 1570.0),
    (1.5, 535.5),
    (1.8389, 309.2),
    (1.8389, 3192.0),
    (2.0, 2777.0),
    (3.0, 978.4),
    (4.0, 452.9),
    (5.0, 245.0),
    (6.0, 147.0),
    (8.0, 64.68),
    (10.0, 33.89),
    (15.0, 10.34),
    (20.0, 4.464),
    (30.0, 1.436),
    (40.0, 0.7012),
    (50.0, 0.4385),
    (60.0, 0.3207),
    (80.0, 0.2228),
    (100.0, 0.1835),
    (150.0, 0.1448),
    (200.0, 0.1275),
    (300.0, 0.1082),
    (400.0, 0.09614),
    (500.0, 0.08748),
    (600.0, 0.08077),
    (800.0, 0.07082),
    (1000.0, 0.06361),
];

/// CdTe: photon energy (keV), mass attenuation coefficient (cm²/g). An energy that stands twice is an absorption edge.
const CDTE: &[(f64, f64)] = &[
    (1.0, 7927.0),
    (1.003, 7875.0),
    (1.006, 7824.0),
    (1.006, 8014.0),
    (1.5, 3291.0),
    (2.0, 1664.0),
    (3.0, 614.6),
    (3.537, 406.4),
    (3.537, 778.7),
    (3.631, 730.0),
    (3.727, 684.0),
    (3.727, 860.1),
    (4.0, 723.0),
    (4.018, 715.1),
    (4.018, 793.4),
    (4.177, 722.1),
    (4.341, 656.2),
    (4.341, 932.8),
    (4.475, 873.9),
    (4.612, 813.5),
    (4.612, 943.8),
    (4.773, 870.2),
    (4.939, 799.9),
    (4.939, 865.3),
    (5.0, 839.2),
    (6.0, 528.6),
    (8.0, 249.2),
    (10.0, 138.1),
    (15.0, 46.57),
    (20.0, 21.44),
    (26.711, 9.834),
    (26.711, 29.43),
    (30.0, 21.82),
    (31.814, 18.73),
    (31.814, 34.92),
    (40.0, 19.3),
    (50.0, 10.67),
    (60.0, 6.542),
    (80.0, 3.019),
    (100.0, 1.671),
    (150.0, 0.6071),
    (200.0, 0.3246),
    (300.0, 0.1628),
    (400.0, 0.1147),
    (500.0, 0.09291),
    (600.0, 0.08042),
    (800.0, 0.066),
    (1000.0, 0.05742),
];

/// GaAs: photon energy (keV), mass attenuation coefficient (cm²/g). An energy that stands twice is an absorption edge.
const GAAS: &[(f64, f64)] = &[
    (1.0, 1917.0),
    (1.05613, 1685.0),
    (1.1154, 1481.0),
    (1.1154, 2772.0),
    (1.12877, 3180.0),
    (1.1423, 3532.0),
    (1.1423, 4372.0),
    (1.21752, 4130.0),
    (1.2977, 3657.0),
    (1.2977, 4066.0),
    (1.31034, 3971.0),
    (1.3231, 3879.0),
    (1.3231, 5652.0),
    (1.34073, 5525.0),
    (1.3586, 5415.0),
    (1.3586, 6266.0),
    (1.5, 5159.0),
    (1.5265, 4939.0),
    (1.5265, 5278.0),
    (2.0, 2731.0),
    (3.0, 970.2),
    (4.0, 453.9),
    (5.0, 249.5),
    (6.0, 152.4),
    (8.0, 69.6),
    (10.0, 37.8),
    (10.3671, 34.25),
    (10.3671, 126.0),
    (11.0916, 105.9),
    (11.8667, 88.99),
    (11.8667, 168.5),
    (15.0, 92.2),
    (20.0, 42.58),
    (30.0, 13.97),
    (40.0, 6.262),
    (50.0, 3.365),
    (60.0, 2.042),
    (80.0, 0.9587),
    (100.0, 0.5598),
    (150.0, 0.2509),
    (200.0, 0.1671),
    (300.0, 0.1137),
    (400.0, 0.09371),
    (500.0, 0.08248),
    (600.0, 0.07484),
    (800.0, 0.06452),
    (1000.0, 0.05751),
];

/// What a sensor is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// Silicon.
    Si,
    /// Cadmium telluride.
    CdTe,
    /// Gallium arsenide.
    GaAs,
}

impl Material {
    /// By name or formula, as detectors' files write it. `None` for others.
    pub fn from_name(name: &str) -> Option<Material> {
        match name.trim().to_ascii_lowercase().as_str() {
            "si" | "silicon" => Some(Material::Si),
            "cdte" | "cadmium telluride" => Some(Material::CdTe),
            "gaas" | "gallium arsenide" => Some(Material::GaAs),
            _ => None,
        }
    }

    /// Its formula, as DIALS' files write it.
    pub fn formula(self) -> &'static str {
        match self {
            Material::Si => "Si",
            Material::CdTe => "CdTe",
            Material::GaAs => "GaAs",
        }
    }

    /// Linear attenuation coefficient μ (mm⁻¹) at a wavelength (Å). `None` outside 1 keV to 1 MeV.
    pub fn mu_per_mm(self, wavelength: f64) -> Option<f64> {
        let (table, density) = match self {
            Material::Si => (SI, 2.33),
            Material::CdTe => (CDTE, 6.2),
            Material::GaAs => (GAAS, 5.32),
        };
        let energy = KEV_ANGSTROM / wavelength;
        // At an edge the upper branch holds.
        let above = table.iter().position(|&(e, _)| e > energy)?;
        let (low, high) = (table.get(above.checked_sub(1)?)?, table[above]);
        let slope = libm::log(high.1 / low.1) / libm::log(high.0 / low.0);
        let mass = low.1 * libm::exp(slope * libm::log(energy / low.0));
        // cm²/g · g/cm³ = cm⁻¹.
        Some(mass * density / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_dials_on_both_sides_of_edges() {
        let t = |material: Material, wavelength: f64, want: f64| {
            let mu = material.mu_per_mm(wavelength).unwrap();
            assert!((mu / want - 1.0).abs() < 1e-9, "{material:?} {wavelength}: {mu} {want}");
        };
        // The values that DIALS 3.12 writes to imported.expt or computes.
        t(Material::Si, 0.6889, 1.4153536370336604);
        t(Material::Si, 0.979499, 3.9603742974984906);
        t(Material::Si, 0.9802735610373182, 3.969550283028492);
        t(Material::Si, 0.97625, 3.9220365583933647);
        t(Material::CdTe, 0.5, 7.4492529402964305);
        t(Material::CdTe, 1.5418, 152.40257735957357);
        t(Material::GaAs, 1.5418, 36.506496225679356);
        assert_eq!(Material::Si.mu_per_mm(100.0), None);
        assert_eq!(Material::Si.mu_per_mm(f64::NAN), None);
    }
}
