//! A thin layer over WebGL 2: programs from source, and what is drawn with them.

mod lines;
mod points;

pub use points::{Frame, Points};

use web_sys::{WebGl2RenderingContext as Gl, WebGlProgram, WebGlShader};

/// Compiles and links a program; the error is the driver's own.
fn program(gl: &Gl, vertex: &str, fragment: &str) -> Result<WebGlProgram, String> {
    let program = gl.create_program().ok_or("no program can be made")?;
    for (kind, source) in [(Gl::VERTEX_SHADER, vertex), (Gl::FRAGMENT_SHADER, fragment)] {
        gl.attach_shader(&program, &shader(gl, kind, source)?);
    }
    gl.link_program(&program);
    if gl.get_program_parameter(&program, Gl::LINK_STATUS).is_truthy() {
        Ok(program)
    } else {
        Err(gl.get_program_info_log(&program).unwrap_or_else(|| "the program does not link".to_owned()))
    }
}

fn shader(gl: &Gl, kind: u32, source: &str) -> Result<WebGlShader, String> {
    let shader = gl.create_shader(kind).ok_or("no shader can be made")?;
    gl.shader_source(&shader, source);
    gl.compile_shader(&shader);
    if gl.get_shader_parameter(&shader, Gl::COMPILE_STATUS).is_truthy() {
        Ok(shader)
    } else {
        Err(gl.get_shader_info_log(&shader).unwrap_or_else(|| "a shader does not compile".to_owned()))
    }
}
