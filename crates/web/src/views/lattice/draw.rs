//! One frame at most whenever something changes; fewer points while something moves on a machine that draws slowly.

use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::*;

use super::{Cost, LatticeViewer};
use crate::gl::{Frame, Points};
use crate::present::lattice::{axes, colour};
use crate::state::Picture;

/// A movement is over when nothing has been asked for for so long, ms.
const PAUSE: f64 = 200.0;
/// When the card takes longer for a frame (ms), fewer points are drawn while something moves; when less, more.
const SLOW: f64 = 34.0;
const FAST: f64 = 14.0;
const AIM: f64 = 26.0;
const MOST_SKIPPED: usize = 12;
/// So many points are drawn in any case: fewer would save nothing that counts.
const ALWAYS: usize = 30_000;
/// How often the card is asked whether it is ready, and after how long it is no longer waited for, ms.
const ASK: u64 = 4;
const GIVE_UP: f64 = 3000.0;

/// What is under way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// When the frame that the card is at was given to it.
    busy: Option<f64>,
    /// Another was asked for meanwhile.
    again: bool,
    /// When the last frame of a movement was drawn.
    last: f64,
}

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
    let due = Rc::new(Cell::new(false));
    Effect::new(move |_| {
        v.renewed.track();
        v.camera.track();
        v.filter.track();
        v.groups.track();
        v.lines.track();
        v.by.track();
        v.page.lattice.track();
        if !shown() || due.replace(true) {
            return;
        }
        let due = Rc::clone(&due);
        request_animation_frame(move || {
            due.set(false);
            untrack(|| next(v));
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

/// Draws a frame of a movement, unless the card is still at the one before: then as soon as that is done, so that nothing queues up.
fn next(v: LatticeViewer) {
    let now = now();
    v.pace.update_value(|p| p.last = now);
    if v.pace.with_value(|p| p.busy.is_some()) {
        v.pace.update_value(|p| p.again = true);
        return;
    }
    let stride = v.cost.with_value(|c| c.stride.max(1));
    draw(v, stride);
    wait(v, now, Some(stride));
}

/// Waits until the card has drawn what was given to it at `since`, and learns from the time it took if that was a frame of a movement.
fn wait(v: LatticeViewer, since: f64, stride: Option<usize>) {
    v.pace.update_value(|p| p.busy = Some(since));
    let ask = move || {
        let Some(done) = v.gl.try_with_value(|gl| gl.as_ref().is_none_or(Points::is_done)) else { return };
        let took = now() - since;
        if !done && took < GIVE_UP {
            return wait(v, since, stride);
        }
        if let Some(stride) = stride {
            learn(v, took, stride);
        }
        let again = v.pace.with_value(|p| p.again);
        v.pace.update_value(|p| (p.busy, p.again) = (None, false));
        if again {
            request_animation_frame(move || untrack(|| next(v)));
        } else if stride.is_some_and(|s| s > 1) {
            set_timeout(move || untrack(|| rest(v)), Duration::from_millis(PAUSE as u64));
        }
    };
    set_timeout(ask, Duration::from_millis(ASK));
}

/// More or fewer points in the next frame of a movement.
fn learn(v: LatticeViewer, took: f64, stride: usize) {
    let n = v.page.lattice.with_untracked(|l| l.as_ref().map_or(0, |l| l.header.n));
    let most = (n / ALWAYS).clamp(1, MOST_SKIPPED);
    v.cost.update_value(|c| {
        c.frame = if c.frames == 0 { took } else { 0.6 * c.frame + 0.4 * took };
        c.frames += 1;
        if c.frames < 2 {
            return;
        }
        if stride == 1 {
            c.whole = c.frame;
        }
        let next = if stride > 1 && c.frame > 0.85 * c.whole {
            c.held = true;
            1
        } else if c.frame > SLOW && !c.held {
            ((stride as f64 * c.frame / AIM).ceil() as usize).min(most)
        } else if c.frame < FAST && stride > 1 {
            stride - 1
        } else {
            stride
        };
        if next != stride {
            (c.stride, c.frames) = (next, 0);
        }
    });
}

/// The movement is over: all points.
fn rest(v: LatticeViewer) {
    let Some(pace) = v.pace.try_get_value() else { return };
    if pace.busy.is_none() && now() - pace.last >= PAUSE - 5.0 {
        draw(v, 1);
        wait(v, now(), None);
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
    let ratio = window().device_pixel_ratio().max(1.0);
    let lines = v.lines.with(|lines| axes::triangles(lines, &camera, v.dark(), ratio));
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
                    lines: &lines,
                };
                Some(gl.draw(&frame))
            })
        })
    });
    let took = now() - start;
    v.cost.update_value(|c| *c = Cost { drawn: drawn.unwrap_or(0), longest: c.longest.max(took), all: c.all + 1, ..*c });
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
