//! `#[test]` for wasm: lets a crate's ordinary unit tests run in Node or a browser.
//!
//! The standard test harness cannot report anything on `wasm32-unknown-unknown`; wasm-bindgen's can, but wants an
//! attribute of its own. A crate that says
//!
//! ```text
//! #[cfg(all(test, target_arch = "wasm32"))]
//! #[macro_use(test)]
//! extern crate ewald_wasm_test;
//! ```
//!
//! gets that attribute wherever it writes `#[test]`, so that one set of tests serves both.

use proc_macro::TokenStream;

/// Stands in for the standard `#[test]`.
#[proc_macro_attribute]
pub fn test(_: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = "#[::wasm_bindgen_test::wasm_bindgen_test]";
    let attribute: TokenStream = attribute.parse().unwrap_or_default();
    attribute.into_iter().chain(item).collect()
}
