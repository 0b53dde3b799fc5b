//! One frame at most whenever something changes; fewer points while something moves on a machine that draws slowly.

use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::*;

use super::{Cost, LatticeViewer};
use crate::gl::{Frame, Points};
use crate::present::lattice::colour;
use crate::state::Picture;

/// Frames farther apart than this (ms) belong to different movements.
const PAUSE: f64 = 220.0;
/// Frames that take longer (ms) make it draw fewer points, those that take less more: 30 and 55 frames a second.
const SLOW: f64 = 33.0;
const FAST: f64 = 18.0;
const MOST_SKIPPED: usize = 12;

/// Draws once a frame at most, whatever changes.
pub fn whenever_needed(v: LatticeViewer) {
    let shown = move || v.page.picture.get() == Picture::Lattice;
    // A renderer is made when the lattice is first looked at, and anew after the browser has taken it away.
    Effect::new(move |_| {
        v.renewed.track();
        let Some(canvas) = v.canvas.get().filter(|_| shown()) else { return };
        if v.gl.with_value(Option::is_some) || v.no_gl.get_untracked().is_some() {
            return;
        }
        match Points::new(&canvas) {
            Ok(points) => {
                v.gl.set_value(Some(points));
                upload(v);
            }
            Err(why) => v.no_gl.set(Some(why)),
        }
    });
    Effect::new(move |_| {
        v.page.lattice.track();
        upload(v);
    });
    let (due, last) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0.0)));
    Effect::new(move |_| {
        v.renewed.track();
        v.camera.track();
        v.filter.track();
        v.groups.track();
        v.by.track();
        v.page.lattice.track();
        if !shown() || due.replace(true) {
            return;
        }
        let (due, last) = (Rc::clone(&due), Rc::clone(&last));
        request_animation_frame(move || {
            due.set(false);
            untrack(|| moving(v, &last));
        });
    });
}

fn upload(v: LatticeViewer) {
    v.page.lattice.with_untracked(|l| {
        if let Some(l) = l {
            v.gl.update_value(|gl| {
                if let Some(gl) = gl {
                    gl.set(&l.places, &l.marks);
                }
            });
        }
    });
}

/// Draws a frame of a movement, with as many points as this machine draws smoothly, and all of them when it is over.
fn moving(v: LatticeViewer, last: &Rc<Cell<f64>>) {
    let now = now();
    let since = now - last.replace(now);
    let mut cost = v.cost.get_value();
    cost.stride = cost.stride.max(1);
    if since < PAUSE {
        cost.frame = if cost.frame > 0.0 { 0.75 * cost.frame + 0.25 * since } else { since };
        if cost.frame > SLOW && cost.stride < MOST_SKIPPED {
            cost.stride += cost.stride.div_ceil(2).min(MOST_SKIPPED - cost.stride);
            cost.frame = 0.5 * (SLOW + FAST);
        } else if cost.frame < FAST && cost.stride > 1 {
            cost.stride -= 1;
            cost.frame = 0.5 * (SLOW + FAST);
        }
    }
    v.cost.set_value(cost);
    draw(v, cost.stride);
    if cost.stride > 1 {
        let last = Rc::clone(last);
        let rest = move || {
            // Unless another frame has been drawn meanwhile.
            if last.get() == now && v.gl.try_with_value(|_| ()).is_some() {
                untrack(|| draw(v, 1));
            }
        };
        set_timeout(rest, Duration::from_millis(PAUSE as u64));
    }
}

fn draw(v: LatticeViewer, stride: usize) {
    let (Some(canvas), Some(camera)) = (v.canvas.get(), v.camera.get()) else { return };
    let start = now();
    let [w, h] = camera.canvas;
    if (f64::from(canvas.width()), f64::from(canvas.height())) != (w, h) {
        canvas.set_width(w as u32);
        canvas.set_height(h as u32);
    }
    if let Some(ground) = ground(&canvas)
        && v.ground.get() != ground
    {
        v.ground.set(ground);
    }
    let drawn = v.gl.with_value(|gl| {
        let gl = gl.as_ref()?;
        v.groups.with(|groups| {
            v.filter.with(|filter| {
                let frame = Frame {
                    camera,
                    groups,
                    filter,
                    by: v.colour_by(),
                    ground: v.ground.get(),
                    radius: v.radius.get(),
                    images: groups.iter().map(|g| g.images as f64).fold(1.0, f64::max),
                    size: v.point_size(),
                    stride,
                };
                Some(gl.draw(&frame))
            })
        })
    });
    let took = now() - start;
    v.cost.update_value(|c| *c = Cost { drawn: drawn.unwrap_or(0), longest: c.longest.max(took), ..*c });
}

impl LatticeViewer {
    /// Diameter of a point, px: fewer points are drawn larger.
    pub(super) fn point_size(self) -> f64 {
        let n = self.page.lattice.with_untracked(|l| l.as_ref().map_or(1, |l| l.header.n)).max(1);
        let size = (9.0 - 1.35 * (n as f64).log10()).clamp(2.0, 6.0);
        (size * window().device_pixel_ratio().max(1.0)).round()
    }
}

/// The canvas' background, as the theme has it.
fn ground(canvas: &web_sys::HtmlCanvasElement) -> Option<colour::Rgb> {
    let style = window().get_computed_style(canvas).ok()??;
    colour::of_css(&style.get_property_value("background-color").ok()?)
}

fn now() -> f64 {
    window().performance().map_or(0.0, |p| p.now())
}
