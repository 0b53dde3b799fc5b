//! Spots as points of reciprocal space. They lie in the card's memory as they were seen on the detector; the vertex shader takes them to
//! reciprocal space in every frame, so that a geometry that is changed by hand costs nothing.

use ewald_core::math::{Mat3, Vec3};
use js_sys::{Float32Array, Uint32Array};
use std::cell::RefCell;
use web_sys::{HtmlCanvasElement, WebGl2RenderingContext as Gl, WebGlBuffer, WebGlProgram, WebGlSync, WebGlUniformLocation};

use super::lines::Lines;
use super::program;
use crate::present::lattice::camera::Camera;
use crate::present::lattice::colour::{self, ColourBy, Rgb, VIRIDIS};
use crate::present::lattice::{Filter, Group};

/// Bytes of a place: x, y, z and φ.
const PLACE: i32 = 16;
/// Bytes of a mark.
const MARK: i32 = 4;
/// Every how many-th point may be drawn: WebGL allows strides of up to 255 bytes.
pub const LARGEST_STRIDE: usize = 15;

/// As `core::geometry::ReciprocalMap::point`, `present::lattice::Group::image` and `Filter::shows`.
const VERTEX: &str = "#version 300 es
precision highp float;
precision highp int;
layout(location = 0) in vec4 place;
layout(location = 1) in uint mark;
uniform mat3 scan_from_lab, screen_from_scan;
uniform vec3 axis, s0, shift;
uniform float k, size, per_depth, fog;
uniform vec4 view;
uniform vec2 scan, q_shown, z_shown, ramp;
uniform bvec2 shown;
uniform int by;
uniform vec3 colours[3];
uniform vec3 ground;
uniform vec3 stops[STOPS];
flat out vec3 colour;

vec3 viridis(float t) {
  float s = clamp(t, 0.0, 1.0) * float(STOPS - 1);
  int i = min(int(s), STOPS - 2);
  return mix(stops[i], stops[i + 1], s - float(i));
}

void main() {
  bool indexed = (mark & 1u) != 0u;
  vec3 d = normalize(place.xyz + shift) * k - s0;
  float q = length(d);
  float z = (place.w - scan.x) * scan.y;
  if (!(indexed ? shown.y : shown.x) || q < q_shown.x || q > q_shown.y || z < z_shown.x || z > z_shown.y) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 0.0;
    colour = ground;
    return;
  }
  vec3 v = scan_from_lab * d;
  float c = cos(place.w), s = sin(place.w);
  vec3 r = screen_from_scan * (v * c - cross(axis, v) * s + axis * (dot(axis, v) * (1.0 - c)));
  gl_Position = vec4(r.xy * view.xy + view.zw, -r.z * per_depth, 1.0);
  gl_PointSize = size;
  vec3 own = by == 0 ? colours[indexed ? ((mark & 2u) != 0u ? 2 : 1) : 0] : viridis((by == 1 ? q * q : z) * ramp.y + ramp.x);
  colour = mix(own, ground, fog * clamp(0.5 - r.z * per_depth, 0.0, 1.0));
}
";

const FRAGMENT: &str = "#version 300 es
precision mediump float;
flat in vec3 colour;
out vec4 drawn;
void main() {
  vec2 p = gl_PointCoord - 0.5;
  if (dot(p, p) > 0.26) discard;
  drawn = vec4(colour, 1.0);
}
";

const NAMES: [&str; 19] = [
    "scan_from_lab",
    "screen_from_scan",
    "axis",
    "s0",
    "shift",
    "k",
    "size",
    "per_depth",
    "fog",
    "view",
    "scan",
    "q_shown",
    "z_shown",
    "ramp",
    "shown",
    "by",
    "colours",
    "ground",
    "stops",
];

/// The points on a canvas.
pub struct Points {
    gl: Gl,
    program: WebGlProgram,
    lines: Lines,
    uniforms: Vec<Option<WebGlUniformLocation>>,
    places: WebGlBuffer,
    marks: WebGlBuffer,
    n: usize,
    /// Behind the last frame.
    fence: RefCell<Option<WebGlSync>>,
}

/// How the points are drawn.
pub struct Frame<'a> {
    /// From where.
    pub camera: Camera,
    /// The points' groups.
    pub groups: &'a [Group],
    /// Which of them.
    pub filter: &'a Filter,
    /// What colours tell.
    pub by: ColourBy,
    /// Colour of the ground.
    pub ground: Rgb,
    /// Distance of the farthest point, Å⁻¹.
    pub radius: f64,
    /// Number of images of the longest sweep.
    pub images: f64,
    /// Diameter of a point, px.
    pub size: f64,
    /// Lines over the points, as triangles: see `present::lattice::axes::triangles`.
    pub lines: &'a [f32],
    /// Only every so many-th point is drawn, at most [`LARGEST_STRIDE`].
    pub stride: usize,
}

impl Points {
    /// Takes a canvas; fails in the browser's or the driver's words when it gives no WebGL 2.
    pub fn new(canvas: &HtmlCanvasElement) -> Result<Points, String> {
        use wasm_bindgen::JsCast;
        let options = js_sys::Object::new();
        for (name, value) in [("alpha", false), ("antialias", false), ("depth", true), ("stencil", false)] {
            js_sys::Reflect::set(&options, &name.into(), &value.into()).map_err(|e| format!("{e:?}"))?;
        }
        let context = canvas.get_context_with_context_options("webgl2", &options).map_err(|e| format!("{e:?}"))?;
        let gl: Gl = context.ok_or("the browser has no WebGL 2")?.dyn_into().map_err(|_| "the browser has no WebGL 2")?;
        let vertex = VERTEX.replace("STOPS", &VIRIDIS.len().to_string());
        let program = program(&gl, &vertex, FRAGMENT)?;
        gl.use_program(Some(&program));
        let uniforms = NAMES.iter().map(|name| gl.get_uniform_location(&program, name)).collect();
        let buffer = || gl.create_buffer().ok_or("no buffer can be made");
        let lines = Lines::new(&gl)?;
        let points = Points { program, lines, uniforms, places: buffer()?, marks: buffer()?, n: 0, fence: RefCell::default(), gl };
        points.gl.enable(Gl::DEPTH_TEST);
        points.gl.enable_vertex_attrib_array(0);
        points.gl.enable_vertex_attrib_array(1);
        points.gl.uniform3fv_with_f32_array(points.at("stops"), VIRIDIS.as_flattened());
        Ok(points)
    }

    fn at(&self, name: &str) -> Option<&WebGlUniformLocation> {
        NAMES.iter().position(|n| *n == name).and_then(|k| self.uniforms[k].as_ref())
    }

    /// Takes other points.
    pub fn set(&mut self, places: &Float32Array, marks: &Uint32Array) {
        for (buffer, data) in [(&self.places, AsRef::<js_sys::Object>::as_ref(places)), (&self.marks, marks.as_ref())] {
            self.gl.bind_buffer(Gl::ARRAY_BUFFER, Some(buffer));
            self.gl.buffer_data_with_array_buffer_view(Gl::ARRAY_BUFFER, data, Gl::STATIC_DRAW);
        }
        self.n = marks.length() as usize;
    }

    /// Draws; returns how many points the card was given.
    pub fn draw(&self, f: &Frame<'_>) -> usize {
        let gl = &self.gl;
        let [w, h] = f.camera.canvas;
        gl.viewport(0, 0, w as i32, h as i32);
        let [r, g, b] = f.ground;
        gl.clear_color(r, g, b, 1.0);
        gl.clear(Gl::COLOR_BUFFER_BIT | Gl::DEPTH_BUFFER_BIT);
        gl.use_program(Some(&self.program));
        self.common(f);
        let stride = f.stride.clamp(1, LARGEST_STRIDE);
        let mut drawn = 0;
        for group in f.groups {
            let [first, n] = group.rows;
            let shown = f.filter.of_group(group.sweep, group.crystal);
            if first + n > self.n || shown == [false; 2] {
                continue;
            }
            self.of_group(f, group, shown);
            gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.places));
            gl.vertex_attrib_pointer_with_i32(0, 4, Gl::FLOAT, false, PLACE * stride as i32, first as i32 * PLACE);
            gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.marks));
            gl.vertex_attrib_i_pointer_with_i32(1, 1, Gl::UNSIGNED_INT, MARK * stride as i32, first as i32 * MARK);
            let count = n.div_ceil(stride);
            gl.draw_arrays(Gl::POINTS, 0, count as i32);
            drawn += count;
        }
        self.lines.draw(gl, f.lines);
        let fence = gl.fence_sync(Gl::SYNC_GPU_COMMANDS_COMPLETE, 0);
        gl.flush();
        gl.delete_sync(self.fence.replace(fence).as_ref());
        drawn
    }

    /// Whether the card has drawn the last frame.
    pub fn is_done(&self) -> bool {
        self.fence
            .borrow()
            .as_ref()
            .is_none_or(|f| self.gl.get_sync_parameter(f, Gl::SYNC_STATUS).as_f64() == Some(f64::from(Gl::SIGNALED)))
    }

    fn common(&self, f: &Frame<'_>) {
        let gl = &self.gl;
        let dark = colour::is_dark(f.ground);
        let c = &f.camera;
        let per = [2.0 / c.canvas[0], 2.0 / c.canvas[1]];
        let view = [c.scale * per[0], c.scale * per[1], c.pan[0] * per[0], c.pan[1] * per[1]].map(|v| v as f32);
        gl.uniform4fv_with_f32_array(self.at("view"), &view);
        // Twice the radius: points that a trial moves outwards are not cut off.
        gl.uniform1f(self.at("per_depth"), (0.5 / f.radius) as f32);
        gl.uniform1f(self.at("fog"), 0.75);
        gl.uniform1f(self.at("size"), f.size as f32);
        gl.uniform3fv_with_f32_array(self.at("ground"), &f.ground);
        let ends = |r: &core::ops::RangeInclusive<f64>| [*r.start(), *r.end()].map(|v| v.clamp(-1e30, 1e30) as f32);
        gl.uniform2fv_with_f32_array(self.at("q_shown"), &ends(&f.filter.q));
        gl.uniform2fv_with_f32_array(self.at("z_shown"), &ends(&f.filter.images));
        let by = match f.by {
            ColourBy::Resolution => 1,
            ColourBy::Image => 2,
            _ => 0,
        };
        gl.uniform1i(self.at("by"), by);
        let [low, high] = colour::ramp(dark);
        let whole = if by == 1 { f.radius * f.radius } else { f.images.max(1.0) };
        gl.uniform2fv_with_f32_array(self.at("ramp"), &[low, (high - low) / whole as f32]);
    }

    fn of_group(&self, f: &Frame<'_>, g: &Group, shown: [bool; 2]) {
        let gl = &self.gl;
        let vector = |name: &str, v: &Vec3| gl.uniform3fv_with_f32_array(self.at(name), &[v.x as f32, v.y as f32, v.z as f32]);
        let matrix = |name: &str, m: &Mat3| {
            let columns: Vec<f32> = m.iter().map(|v| *v as f32).collect();
            gl.uniform_matrix3fv_with_f32_array(self.at(name), false, &columns);
        };
        matrix("scan_from_lab", &g.map.setting.transpose());
        matrix("screen_from_scan", &(f.camera.turn * g.frame_from_datum * g.map.fixed.transpose()));
        vector("axis", &g.map.axis);
        vector("s0", &g.map.s0);
        vector("shift", &g.map.detector_shift);
        gl.uniform1f(self.at("k"), (1.0 / g.map.wavelength) as f32);
        let per_image = if g.width == 0.0 { 0.0 } else { 1.0 / g.width };
        gl.uniform2fv_with_f32_array(self.at("scan"), &[g.phi0 as f32, per_image as f32]);
        gl.uniform2iv_with_i32_array(self.at("shown"), &shown.map(i32::from));
        let colours = colour::of_group(f.by, g.sweep, g.crystal, colour::is_dark(f.ground));
        gl.uniform3fv_with_f32_array(self.at("colours"), colours.as_flattened());
    }
}
