//! A web server and object store on this machine, which counts what it sends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Bytes, some of them only said to be there.
#[derive(Clone, Default)]
pub struct Body {
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Bytes(Vec<u8>),
    Zeros(u64),
}

impl Body {
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.pieces.push(Piece::Bytes(bytes.to_vec()));
        self
    }

    pub fn zeros(mut self, count: u64) -> Self {
        self.pieces.push(Piece::Zeros(count));
        self
    }

    pub fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    pub fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    fn range(&self, from: u64, to: u64) -> Vec<u8> {
        let mut out = vec![];
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.len();
            let (first, last) = (from.max(start), to.min(end));
            if first < last {
                let (first, last) = ((first - start) as usize, (last - start) as usize);
                match piece {
                    Piece::Bytes(bytes) => out.extend(&bytes[first..last]),
                    Piece::Zeros(_) => out.resize(out.len() + last - first, 0),
                }
            }
            start = end;
        }
        out
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(count) => *count,
        }
    }
}

/// What a server has and how it behaves.
#[derive(Clone, Default)]
pub struct Site {
    /// By path, with the `/` in front.
    pub objects: BTreeMap<String, Body>,
    /// Whether it answers with the whole, whatever is asked for.
    pub whole_only: bool,
    /// Objects a page of a list.
    pub page: usize,
    /// Paths that nobody may have.
    pub denied: Vec<String>,
}

/// A server that runs until the test ends.
pub struct Server {
    pub address: String,
    sent: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Server {
    pub fn start(site: Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sent, requests) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counters = (Arc::clone(&sent), Arc::clone(&requests));
        let site = Arc::new(site);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (site, (sent, requests)) = (Arc::clone(&site), counters.clone());
                thread::spawn(move || while answer(&stream, &site, &sent, &requests).is_some() {});
            }
        });
        Self { address, sent, requests }
    }

    /// Bytes that it sent, headers included.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers one request; `None` at the end of the connection.
fn answer(stream: &TcpStream, site: &Site, sent: &AtomicU64, requests: &AtomicU64) -> Option<()> {
    let mut lines = BufReader::with_capacity(1, stream).lines().map_while(Result::ok);
    let request = lines.next()?;
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        headers.iter().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    requests.fetch_add(1, Ordering::SeqCst);
    let mut words = request.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let range = header("range").and_then(|(_, value)| {
        let (from, to) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()? + 1))
    });
    let (status, extra, body) = if query.contains("list-type=2") {
        ("200 OK", "Content-Type: application/xml\r\n".to_owned(), list(site, path, query).into_bytes())
    } else if site.denied.iter().any(|denied| denied == path) {
        ("403 Forbidden", String::new(), vec![])
    } else {
        object(site, path, range)
    };
    let length = match extra.lines().find_map(|line| line.strip_prefix("X-Whole: ")) {
        Some(whole) if method == "HEAD" => whole.to_owned(),
        _ => body.len().to_string(),
    };
    let mut out = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nLast-Modified: Tue, 01 Sep 2026 00:00:00 GMT\r\n\
         ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n{extra}\r\n"
    )
    .into_bytes();
    if method != "HEAD" {
        out.extend(body);
    }
    sent.fetch_add(out.len() as u64, Ordering::SeqCst);
    (&mut &*stream).write_all(&out).ok()
}

fn object(site: &Site, path: &str, range: Option<(u64, u64)>) -> (&'static str, String, Vec<u8>) {
    let Some(body) = site.objects.get(path) else {
        return ("404 Not Found", String::new(), b"<html>\nno such page\n</html>".to_vec());
    };
    let size = body.len();
    let whole = format!("X-Whole: {size}\r\n");
    match range {
        Some((from, _)) if from >= size => ("416 Range Not Satisfiable", whole, vec![]),
        Some((from, to)) if !site.whole_only => {
            let to = to.min(size);
            let extra = format!("Content-Range: bytes {from}-{}/{size}\r\n", to - 1);
            ("206 Partial Content", extra, body.range(from, to))
        }
        // Nobody reads more of what was not asked for.
        _ => ("200 OK", whole, body.range(0, size.min(1 << 20))),
    }
}

/// A page of a list, as S3 has it: ListObjectsV2.
fn list(site: &Site, bucket: &str, query: &str) -> String {
    let value = |name: &str| {
        let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        pair.map(|(_, value)| value.replace("%2F", "/"))
    };
    let prefix = value("prefix").unwrap_or_default();
    let start: usize = value("continuation-token").and_then(|token| token.parse().ok()).unwrap_or(0);
    let bucket = format!("{}/", bucket.trim_end_matches('/'));
    let keys: Vec<(&str, u64)> = site
        .objects
        .iter()
        .filter_map(|(path, body)| Some((path.strip_prefix(&bucket)?, body.len())))
        .filter(|(key, _)| key.starts_with(&prefix))
        .collect();
    let page = if site.page == 0 { keys.len().max(1) } else { site.page };
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>".to_owned();
    for (key, size) in keys.iter().skip(start).take(page) {
        let _ = write!(
            out,
            "<Contents><Key>{key}</Key><LastModified>2026-09-01T00:00:00.000Z</LastModified>\
             <ETag>\"v1\"</ETag><Size>{size}</Size></Contents>"
        );
    }
    if start + page < keys.len() {
        let _ = write!(
            out,
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
            start + page
        );
    } else {
        out.push_str("<IsTruncated>false</IsTruncated>");
    }
    out.push_str("</ListBucketResult>");
    out
}
