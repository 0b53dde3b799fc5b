//! Handing bytes to the user.

use std::time::Duration;

use js_sys::{Array, ArrayBuffer};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// Lets the user save a file.
pub fn save(name: &str, bytes: &ArrayBuffer) -> Result<(), JsValue> {
    save_blob(name, &Blob::new_with_buffer_source_sequence(&Array::of1(bytes))?)
}

/// Lets the user save a text of the given MIME type. A browser that refuses says so itself.
pub fn save_text(name: &str, kind: &str, text: &str) {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options);
    blob.and_then(|blob| save_blob(name, &blob)).unwrap_or_default();
}

fn save_blob(name: &str, blob: &Blob) -> Result<(), JsValue> {
    let address = Url::create_object_url_with_blob(blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // The browser has begun to save by then.
    set_timeout(move || Url::revoke_object_url(&address).unwrap_or(()), Duration::from_secs(60));
    Ok(())
}
