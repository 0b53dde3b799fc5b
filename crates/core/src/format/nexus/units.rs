//! NeXus' units, as they occur in detectors' files.

/// Factor to mm. `None` for what is no length.
pub fn to_mm(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        "m" | "metre" | "meter" | "metres" | "meters" => 1e3,
        "cm" => 10.0,
        "mm" | "millimetre" | "millimeter" | "millimetres" | "millimeters" => 1.0,
        "um" | "µm" | "μm" | "micron" | "microns" | "micrometre" | "micrometer" => 1e-3,
        "nm" | "nanometre" | "nanometer" => 1e-6,
        "angstrom" | "Angstrom" | "A" | "Å" => 1e-7,
        _ => return None,
    })
}

/// Factor to degrees. `None` for what is no angle.
pub fn to_degrees(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        "deg" | "degree" | "degrees" | "°" => 1.0,
        "rad" | "radian" | "radians" => 180.0 / core::f64::consts::PI,
        "mrad" => 0.18 / core::f64::consts::PI,
        _ => return None,
    })
}

/// Factor to seconds; without a unit NeXus means seconds.
pub fn to_seconds(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "us" | "µs" | "μs" | "microsecond" | "microseconds" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// Factor to keV. `None` for what is no energy.
pub fn to_kev(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        "eV" | "ev" => 1e-3,
        "keV" | "kev" => 1.0,
        "J" => 1.0 / 1.602_176_634e-16,
        _ => return None,
    })
}
