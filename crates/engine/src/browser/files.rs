//! The user's files, read where they lie: `FileReaderSync` on slices of the browser's `File`s.
//!
//! A `File` belongs to the thread that received it: only that thread reads. What goes into the session is a number.

use std::cell::RefCell;

use ewald_core::format::source::{ByteSource, SourceError, check_range};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{File, FileReaderSync};

thread_local! {
    static FILES: RefCell<Vec<File>> = const { RefCell::new(Vec::new()) };
    static READER: RefCell<Option<FileReaderSync>> = const { RefCell::new(None) };
}

/// One of the user's files.
pub struct FileSource {
    number: usize,
    len: u64,
}

impl FileSource {
    /// Takes `file`, on the thread that will read it.
    pub fn new(file: File) -> Self {
        // Exact: files are far shorter than 2^53 bytes.
        let len = file.size() as u64;
        let number = FILES.with_borrow_mut(|files| {
            files.push(file);
            files.len() - 1
        });
        FileSource { number, len }
    }
}

/// Forgets all files; sources made from them fail from then on.
pub fn forget_all() {
    // The numbers stay taken, so that an old source never reads another's file.
    FILES.with_borrow_mut(|files| files.iter_mut().for_each(|file| *file = JsValue::UNDEFINED.unchecked_into()));
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        check_range(offset, buf.len(), self.len)?;
        let failed = |reason: String| SourceError::Io { offset, len: buf.len() as u64, reason };
        let file = FILES.with_borrow(|files| files.get(self.number).cloned());
        let file = file.filter(|file| !file.is_undefined()).ok_or_else(|| failed("the file is no longer open".to_owned()))?;
        let bytes = read(&file, offset, offset + buf.len() as u64).map_err(|e| failed(explained(&e)))?;
        if bytes.length() as usize != buf.len() {
            return Err(failed("the file has become shorter since it was chosen; choose it again".to_owned()));
        }
        bytes.copy_to(buf);
        Ok(())
    }
}

fn read(file: &File, start: u64, end: u64) -> Result<Uint8Array, JsValue> {
    let slice = file.slice_with_f64_and_f64(start as f64, end as f64)?;
    let reader = READER.with_borrow_mut(|kept| -> Result<FileReaderSync, JsValue> {
        if kept.is_none() {
            *kept = Some(FileReaderSync::new()?);
        }
        kept.clone().ok_or(JsValue::NULL)
    })?;
    let bytes = reader.read_as_array_buffer(&slice)?;
    Ok(Uint8Array::new(&bytes))
}

/// The browser's reason, with what to do about the usual one.
fn explained(error: &JsValue) -> String {
    let text = super::text_of(error);
    if text.contains("NotReadableError") || text.contains("NotFoundError") {
        format!("{text}. The file was probably changed or moved after it was chosen; choose it again")
    } else {
        text
    }
}
