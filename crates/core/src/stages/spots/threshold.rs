//! Which pixels are strong: the test of the chosen algorithm, made ready for the panels of one image set.

use super::Error;
use super::estimate;
use super::mask::Searched;
use super::params::{Checked, Test};
use crate::geometry::{Beam, Detector};
use crate::image::{Decisions, Dispersion, Frame, ImageSource, PanelView, Pixel, RadialBins, RadialProfile, RadialScratch, Scratch};
use crate::math::Vec2;
use std::borrow::Cow;

/// The test for strong pixels on the panels of one image set.
pub(super) enum Threshold {
    Dispersion(Dispersion),
    RadialProfile(RadialProfile, Vec<RadialBins>),
}

/// What was estimated on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Estimated {
    pub(super) gain: Option<f64>,
    pub(super) global_threshold: Option<f64>,
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    dispersion: Scratch,
    radial: RadialScratch,
}

impl Threshold {
    /// - `first`: the first image that is searched, from which gain and global threshold are estimated if that is wanted
    pub(super) fn new(
        imageset: usize,
        params: &Checked,
        (detector, beam): (&Detector, &Beam),
        panels: &[Searched],
        source: &dyn ImageSource,
        first: usize,
    ) -> Result<(Self, Estimated), Error> {
        match &params.test {
            Test::Dispersion { test, estimate_gain, estimate_global_threshold } => {
                let mut test = test.clone();
                let mut estimated = Estimated::default();
                if *estimate_gain || *estimate_global_threshold {
                    let frame = source.frame(first)?;
                    if *estimate_gain {
                        let g = estimate::gain(&frame, panels).ok_or(Error::NoGain { imageset })?;
                        (test.gain, estimated.gain) = (g, Some(g));
                    }
                    if *estimate_global_threshold {
                        let t = estimate::global_threshold(&frame, panels);
                        (test.global_threshold, estimated.global_threshold) = (t, Some(t));
                    }
                }
                Ok((Threshold::Dispersion(test), estimated))
            }
            Test::RadialProfile { test, n_bins } => {
                let s0 = beam.s0();
                let bins = detector.panels.iter().map(|panel| {
                    let [width, height] = panel.image_size;
                    // Of the pixel's first corner, not its centre: so are the bins of DIALS, and a ring is a ring.
                    let two_theta = |x: usize, y: usize| {
                        let p = panel.lab_from_px(Vec2::new(x as f64, y as f64));
                        libm::acos((p.dot(&s0) / (p.norm() * s0.norm())).clamp(-1.0, 1.0))
                    };
                    RadialBins::new([width, height], *n_bins, params.region_of_interest.unwrap_or([0, width, 0, height]), two_theta)
                });
                Ok((Threshold::RadialProfile(*test, bins.collect()), Estimated::default()))
            }
        }
    }

    /// Strong pixels of panel `k`, its pedestal subtracted. `None` when the panel is not within the frame.
    pub(super) fn strong_pixels(&self, k: usize, frame: &Frame, panel: &Searched, buffers: &mut Buffers) -> Option<Vec<Pixel>> {
        let level = Self::level(frame, panel);
        let view = PanelView::new(&level, panel.origin, panel.size)?;
        Some(match self {
            Threshold::Dispersion(test) => on_panel(test, panel).strong_pixels(&view, &panel.usable, &mut buffers.dispersion),
            Threshold::RadialProfile(test, bins) => test.strong_pixels(&view, &panel.usable, bins.get(k)?, &mut buffers.radial),
        })
    }

    /// The same, with what the index of dispersion's test decides on the way; nothing of the radial profile's.
    pub(super) fn decisions(&self, k: usize, frame: &Frame, panel: &Searched, buffers: &mut Buffers) -> Option<(Vec<Pixel>, Decisions)> {
        let Some(test) = self.dispersion_on(panel) else {
            return Some((self.strong_pixels(k, frame, panel, buffers)?, Decisions::default()));
        };
        let level = Self::level(frame, panel);
        let view = PanelView::new(&level, panel.origin, panel.size)?;
        Some(test.decisions(&view, &panel.usable, &mut buffers.dispersion))
    }

    /// The frame less the panel's pedestal.
    fn level<'a>(frame: &'a Frame, panel: &Searched) -> Cow<'a, Frame> {
        match panel.pedestal {
            0 => Cow::Borrowed(frame),
            pedestal => Cow::Owned(Frame { pixels: frame.pixels.iter().map(|p| p.saturating_sub(pedestal)).collect(), ..*frame }),
        }
    }

    /// The index of dispersion's test as a panel needs it, if it is that.
    pub(super) fn dispersion_on(&self, panel: &Searched) -> Option<Dispersion> {
        match self {
            Threshold::Dispersion(test) => Some(on_panel(test, panel)),
            Threshold::RadialProfile(..) => None,
        }
    }
}

/// With counts of several per photon, the photons' statistics are those of counts with that gain.
fn on_panel(test: &Dispersion, panel: &Searched) -> Dispersion {
    Dispersion { gain: test.gain * panel.gain, global_threshold: test.global_threshold * panel.gain, ..test.clone() }
}
