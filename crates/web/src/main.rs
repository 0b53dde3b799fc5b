//! The page. It never computes and never blocks; the engine's worker does the work.
//!
//! What touches the browser is compiled for wasm only; `present` is tested natively.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "natively only what the tests look at is compiled"))]

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod components;
#[cfg(target_arch = "wasm32")]
mod dropped;
#[cfg(target_arch = "wasm32")]
mod gl;
#[cfg(target_arch = "wasm32")]
mod keys;
#[cfg(any(target_arch = "wasm32", test))]
mod present;
#[cfg(target_arch = "wasm32")]
mod programs;
#[cfg(target_arch = "wasm32")]
mod save;
#[cfg(target_arch = "wasm32")]
mod state;
#[cfg(target_arch = "wasm32")]
mod views;

fn main() {
    #[cfg(target_arch = "wasm32")]
    {
        console_error_panic_hook::set_once();
        leptos::mount::mount_to_body(app::App);
    }
}
