//! Keys that work wherever the focus is.

use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

/// Whether a key belongs to what has the focus (text is being typed, a slider moved) or to the browser, rather than to the page.
pub fn belongs_elsewhere(event: &KeyboardEvent) -> bool {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return true;
    }
    let Some(element) = event.target().and_then(|t| t.dyn_into::<Element>().ok()) else { return false };
    // On the stage that is selected Enter runs it: clicking there has left the focus on its button.
    if event.key() == "Enter" && element.matches(".path [aria-current=true]").unwrap_or(false) {
        return false;
    }
    match (element.tag_name().as_str(), element.get_attribute("type").as_deref()) {
        ("INPUT", Some("range")) => event.key().starts_with("Arrow"),
        ("INPUT", Some("checkbox")) | ("BUTTON" | "SUMMARY", _) => matches!(event.key().as_str(), " " | "Enter"),
        ("INPUT" | "SELECT" | "TEXTAREA", _) => true,
        _ => false,
    }
}
