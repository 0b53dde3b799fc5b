//! Parameters that the user keeps as they are, by name.

use super::beam::BeamMotion;
use super::detector::DetectorMotion;
use super::goniometer::GoniometerMotion;
use super::layout::Layout;

/// A kind of parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Beam(Option<BeamMotion>),
    Detector(Option<DetectorMotion>),
    Goniometer(Option<GoniometerMotion>),
    Rotation(Option<usize>),
    Metric(Option<usize>),
    Crystal,
}

/// One parameter, or a family of them, of one model or of all: `detector.distance`, `detector1.tilt2`, `beam`, `crystal.cell`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    kind: Kind,
    /// The model's number; all without it.
    number: Option<usize>,
}

/// Names with what they mean; those in the second column are DIALS'.
const NAMES: &[(&str, &str, Kind)] = &[
    ("beam.tilt_out_of_plane", "beam.mu1", Kind::Beam(Some(BeamMotion::OutOfPlane))),
    ("beam.tilt_in_plane", "beam.mu2", Kind::Beam(Some(BeamMotion::InPlane))),
    ("beam.wavelength", "beam.nu", Kind::Beam(Some(BeamMotion::Wavenumber))),
    ("beam", "beam.all", Kind::Beam(None)),
    ("detector.distance", "detector.dist", Kind::Detector(Some(DetectorMotion::Shift(2)))),
    ("detector.shift_fast", "detector.shift1", Kind::Detector(Some(DetectorMotion::Shift(0)))),
    ("detector.shift_slow", "detector.shift2", Kind::Detector(Some(DetectorMotion::Shift(1)))),
    ("detector.tilt_normal", "detector.tau1", Kind::Detector(Some(DetectorMotion::Tilt(2)))),
    ("detector.tilt_fast", "detector.tau2", Kind::Detector(Some(DetectorMotion::Tilt(0)))),
    ("detector.tilt_slow", "detector.tau3", Kind::Detector(Some(DetectorMotion::Tilt(1)))),
    ("detector", "detector.all", Kind::Detector(None)),
    ("goniometer.tilt_in_plane", "goniometer.gamma1", Kind::Goniometer(Some(GoniometerMotion::InPlane))),
    ("goniometer.tilt_out_of_plane", "goniometer.gamma2", Kind::Goniometer(Some(GoniometerMotion::OutOfPlane))),
    ("goniometer", "goniometer.all", Kind::Goniometer(None)),
    ("crystal.rotation_x", "crystal.phi1", Kind::Rotation(Some(0))),
    ("crystal.rotation_y", "crystal.phi2", Kind::Rotation(Some(1))),
    ("crystal.rotation_z", "crystal.phi3", Kind::Rotation(Some(2))),
    ("crystal.orientation", "crystal.orientation", Kind::Rotation(None)),
    ("crystal.metric1", "crystal.g_param_0", Kind::Metric(Some(0))),
    ("crystal.metric2", "crystal.g_param_1", Kind::Metric(Some(1))),
    ("crystal.metric3", "crystal.g_param_2", Kind::Metric(Some(2))),
    ("crystal.metric4", "crystal.g_param_3", Kind::Metric(Some(3))),
    ("crystal.metric5", "crystal.g_param_4", Kind::Metric(Some(4))),
    ("crystal.metric6", "crystal.g_param_5", Kind::Metric(Some(5))),
    ("crystal.cell", "crystal.unit_cell", Kind::Metric(None)),
    ("crystal", "crystal.all", Kind::Crystal),
];

impl Fixed {
    /// All names that are understood, without numbers.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _, _)| *name)
    }

    /// What a name means; `None` for one that means nothing. Capitals do not matter.
    pub fn parse(text: &str) -> Option<Fixed> {
        let text = text.trim().to_ascii_lowercase();
        let (model, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let digits = model.find(|c: char| c.is_ascii_digit()).unwrap_or(model.len());
        let (model, number) = model.split_at(digits);
        let number = if number.is_empty() { None } else { Some(number.parse().ok()?) };
        let name = format!("{model}{rest}");
        let kind = NAMES.iter().find(|(ours, dials, _)| *ours == name || *dials == name)?.2;
        Some(Fixed { kind, number })
    }

    /// Whether it keeps the direction of beam `i`.
    pub(crate) fn keeps_direction_of(&self, i: usize) -> bool {
        self.number.is_none_or(|n| n == i) && matches!(self.kind, Kind::Beam(None | Some(BeamMotion::InPlane)))
    }
}

/// Takes the parameters out of `layout` whose numbers are then to be assigned anew.
pub(crate) fn fix(layout: &mut Layout, fixed: &[Fixed]) {
    for f in fixed {
        let is_meant = |i: usize| f.number.is_none_or(|n| n == i);
        match f.kind {
            Kind::Beam(motion) => {
                for (_, block) in layout.beams.iter_mut().enumerate().filter(|(i, _)| is_meant(*i)) {
                    block.iter_mut().for_each(|b| b.motions.retain(|m| motion.is_some_and(|f| f != *m)));
                }
            }
            Kind::Detector(motion) => {
                for (_, block) in layout.detectors.iter_mut().enumerate().filter(|(i, _)| is_meant(*i)) {
                    let bodies = block.iter_mut().flat_map(|b| &mut b.bodies);
                    bodies.for_each(|b| b.motions.retain(|m| motion.is_some_and(|f| f != *m)));
                }
            }
            Kind::Goniometer(motion) => {
                for (_, block) in layout.goniometers.iter_mut().enumerate().filter(|(i, _)| is_meant(*i)) {
                    block.iter_mut().for_each(|b| b.motions.retain(|m| motion.is_some_and(|f| f != *m)));
                }
            }
            Kind::Rotation(_) | Kind::Metric(_) | Kind::Crystal => {
                // What a crystal was split into is meant with it.
                let owners = &layout.cell_of;
                for (_, block) in layout.crystals.iter_mut().enumerate().filter(|(i, _)| is_meant(owners[*i])) {
                    let Some(block) = block else { continue };
                    match f.kind {
                        Kind::Rotation(axis) => block.turns.retain(|a| axis.is_some_and(|f| f != *a)),
                        Kind::Metric(metric) => block.keep_metrics(|m| metric.is_some_and(|f| f != m)),
                        _ => {
                            block.turns.clear();
                            block.fix_cell();
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_understood_with_and_without_numbers() {
        let distance = Kind::Detector(Some(DetectorMotion::Shift(2)));
        assert_eq!(Fixed::parse("detector.distance"), Some(Fixed { kind: distance, number: None }));
        assert_eq!(Fixed::parse(" Detector1.Dist "), Some(Fixed { kind: distance, number: Some(1) }));
        assert_eq!(Fixed::parse("crystal2"), Some(Fixed { kind: Kind::Crystal, number: Some(2) }));
        assert_eq!(Fixed::parse("crystal2.g_param_0"), Some(Fixed { kind: Kind::Metric(Some(0)), number: Some(2) }));
        for wrong in ["", "detector.length", "1.distance", "detector.1.distance", "beamx"] {
            assert_eq!(Fixed::parse(wrong), None, "{wrong}");
        }
        assert!(Fixed::names().all(|n| Fixed::parse(n).is_some()));
    }
}
