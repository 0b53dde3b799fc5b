//! The page. It never computes and never blocks; the engine's worker does the work.

mod app;
mod client;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
