//! Lines of any width over the points, as triangles that are already where they belong on the canvas.

use web_sys::{WebGl2RenderingContext as Gl, WebGlBuffer, WebGlProgram};

use super::program;

const VERTEX: &str = "#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in vec3 own;
flat out vec3 colour;
void main() {
  gl_Position = vec4(place, -1.0, 1.0);
  colour = own;
}
";

const FRAGMENT: &str = "#version 300 es
precision mediump float;
flat in vec3 colour;
out vec4 drawn;
void main() {
  drawn = vec4(colour, 1.0);
}
";

/// Numbers of a corner: x, y, red, green, blue.
const CORNER: i32 = 5;

/// Draws triangles in plain colours.
pub struct Lines {
    program: WebGlProgram,
    buffer: WebGlBuffer,
}

impl Lines {
    pub(super) fn new(gl: &Gl) -> Result<Self, String> {
        Ok(Lines { program: program(gl, VERTEX, FRAGMENT)?, buffer: gl.create_buffer().ok_or("no buffer can be made")? })
    }

    /// Draws `corners` over what is there. Attributes 0 and 1 have been enabled; whoever draws next says anew where theirs are.
    pub(super) fn draw(&self, gl: &Gl, corners: &[f32]) {
        if corners.is_empty() {
            return;
        }
        gl.use_program(Some(&self.program));
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.buffer));
        // A copy: a view of the memory could move while it is read.
        let data = js_sys::Float32Array::from(corners);
        gl.buffer_data_with_array_buffer_view(Gl::ARRAY_BUFFER, &data, Gl::STREAM_DRAW);
        for (at, n, offset) in [(0, 2, 0), (1, 3, 8)] {
            gl.vertex_attrib_pointer_with_i32(at, n, Gl::FLOAT, false, 4 * CORNER, offset);
        }
        gl.disable(Gl::DEPTH_TEST);
        gl.draw_arrays(Gl::TRIANGLES, 0, corners.len() as i32 / CORNER);
        gl.enable(Gl::DEPTH_TEST);
    }
}
