//! A server of static files for this machine alone, with the headers that shared memory needs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::Failure;

/// Port taken when none is asked for; the ones after it are tried when it is in use.
const DEFAULT_PORT: u16 = 8080;

/// Longest request that is read; browsers' are far shorter.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// A folder and the socket it is served on.
pub struct Server {
    listener: TcpListener,
    folder: PathBuf,
    isolated: bool,
}

impl Server {
    /// Listens on `port` of the loopback interface; without one, on the first free from 8080.
    pub fn bind(folder: PathBuf, port: Option<u16>, isolated: bool) -> Result<Self, Failure> {
        let candidates = port.map_or(DEFAULT_PORT..=DEFAULT_PORT + 20, |p| p..=p);
        let listener = candidates.clone().find_map(|p| TcpListener::bind((Ipv4Addr::LOCALHOST, p)).ok());
        let listener = listener
            .ok_or_else(|| format!("no port of {} to {} is free; choose another with --port", candidates.start(), candidates.end()))?;
        Ok(Server { listener, folder, isolated })
    }

    /// Where a browser finds the page.
    pub fn address(&self) -> String {
        let port = self.listener.local_addr().map_or(0, |a| a.port());
        format!("http://localhost:{port}/")
    }

    /// Serves on a thread of its own for as long as the process lives.
    pub fn serve_in_background(self) {
        thread::spawn(move || self.serve_forever());
    }

    /// Serves on this thread. One thread a connection: a page opens few, and large files take a while.
    pub fn serve_forever(self) {
        let folder: Arc<Path> = self.folder.into();
        for stream in self.listener.incoming().flatten() {
            let folder = Arc::clone(&folder);
            // A client that goes away in the middle is its own business.
            thread::spawn(move || answer(stream, &folder, self.isolated).ok());
        }
    }
}

/// Answers the requests of one connection, which stays open between them.
fn answer(stream: TcpStream, folder: &Path, isolated: bool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.by_ref().take(LONGEST_REQUEST).read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            let mut header = String::new();
            if reader.by_ref().take(LONGEST_REQUEST).read_line(&mut header)? <= 2 {
                break;
            }
        }
        let mut words = request.split_whitespace();
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
        let with_body = method == "GET";
        if !with_body && method != "HEAD" {
            respond(&mut writer, "405 Method Not Allowed", "text/plain", isolated, Body::Text("GET or HEAD only\n"))?;
            return Ok(());
        }
        match file_for(folder, target).and_then(|path| File::open(&path).ok().map(|file| (path, file))) {
            Some((path, file)) => {
                let size = file.metadata()?.len();
                respond(&mut writer, "200 OK", media_type(&path), isolated, Body::File { file, size, with_body })?;
            }
            None => respond(&mut writer, "404 Not Found", "text/plain", isolated, Body::Text("not found\n"))?,
        }
    }
}

enum Body {
    Text(&'static str),
    File { file: File, size: u64, with_body: bool },
}

fn respond(writer: &mut TcpStream, status: &str, kind: &str, isolated: bool, body: Body) -> std::io::Result<()> {
    let isolation = if isolated { "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n" } else { "" };
    let length = match &body {
        Body::Text(text) => text.len() as u64,
        Body::File { size, .. } => *size,
    };
    // No cache: after a rebuild a reload must show the new build.
    write!(
        writer,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-cache, no-store\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n{isolation}\r\n"
    )?;
    match body {
        Body::Text(text) => writer.write_all(text.as_bytes()),
        Body::File { with_body: false, .. } => Ok(()),
        Body::File { mut file, .. } => std::io::copy(&mut file, writer).map(|_| ()),
    }
}

/// The file that the path of a request means, if it lies inside `folder`.
fn file_for(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next().unwrap_or("");
    let mut file = folder.to_path_buf();
    for part in percent_decoded(path)?.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." || part.contains(['\\', '\0']) {
            return None;
        }
        file.push(part);
    }
    Some(if file.is_dir() { file.join("index.html") } else { file })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{file_for, percent_decoded};
    use std::path::Path;

    #[test]
    fn requests_stay_inside_the_folder() {
        let folder = Path::new("/srv/page");
        assert_eq!(file_for(folder, "/a/b.js?x=1"), Some(folder.join("a/b.js")));
        assert_eq!(file_for(folder, "/./a%20b"), Some(folder.join("a b")));
        for outside in ["/../secret", "/a/../../secret", "/%2e%2e/secret", "/a\\..\\secret", "/%zz"] {
            assert_eq!(file_for(folder, outside), None, "{outside}");
        }
    }

    #[test]
    fn percent_signs_are_decoded_once() {
        assert_eq!(percent_decoded("%2525"), Some("%25".to_owned()));
        assert_eq!(percent_decoded("%e2%82%ac"), Some("€".to_owned()));
        assert_eq!(percent_decoded("%2"), None);
    }
}
