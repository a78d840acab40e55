//! Models in object stores and on web servers: listed, and read in ranges that leave the weights out.
//!
//! Credentials, endpoints and regions come from the environment, under the names that the stores' own tools use
//! (`AWS_…`, `GOOGLE_…`, `AZURE_…`).

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use super::Problem;
use super::count::unread;
use super::source::{Entries, Entry, Place, before_pattern, has_pattern, is_model, matcher, one};
use crate::onnx::{self, Model, Ranges};

/// Bytes of the first request, which also tells the size: most models of structure alone are no larger.
const FIRST: u64 = 64 << 10;

/// A request is made so often, and for so long, before it has failed.
const RETRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);

/// Letters of what a server says that are shown.
const SHOWN: usize = 240;

/// Connections, which live as long as the process: a handshake for each model would take longer than the model.
static NETWORK: LazyLock<io::Result<Network>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(Network { runtime, stores: Mutex::default() })
});

struct Network {
    runtime: Runtime,
    /// By what a URL begins with.
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

/// Where a URL leads.
struct Location {
    network: &'static Network,
    store: Arc<dyn ObjectStore>,
    /// Scheme and bucket, container or host, with a `/` at the end.
    base: String,
    /// What comes behind.
    key: String,
}

/// The models of a URL: one object, all `.onnx` objects under a name that ends in `/`, or those of a pattern.
pub(super) fn entries(url: String) -> Entries {
    let web = is_web(&url);
    let listed = url.ends_with('/') || (!web && has_pattern(&url)) || url.matches('/').count() < 3;
    if !listed {
        return one(Entry::plain(url.clone(), Place::Remote(url)));
    }
    let found = if web {
        Err(bad(
            &url,
            "a web server does not list its files",
            "give the URL of each model, or of a list of them",
        ))
    } else {
        under(&url)
    };
    match found {
        Ok(entries) => entries,
        Err(problem) => one(Entry::problem(url, problem)),
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Lists what is under a URL, as it is asked for: a bucket of a million models takes no memory.
fn under(url: &str) -> Result<Entries, Problem> {
    let place = Location::of(url)?;
    let matcher = has_pattern(&place.key).then(|| matcher(&place.key)).transpose()?;
    let prefix = if matcher.is_some() { before_pattern(&place.key) } else { place.key.clone() };
    let prefix = key_of(url, prefix.trim_end_matches('/'))?;
    let mut objects = place.store.list((!prefix.as_ref().is_empty()).then_some(&prefix));
    let url = url.to_owned();
    let (mut found, mut ended) = (false, false);
    Ok(Box::new(std::iter::from_fn(move || {
        while !ended {
            match place.network.runtime.block_on(objects.next()) {
                Some(Ok(ObjectMeta { location, .. })) => {
                    let path = Path::new(location.as_ref());
                    let wanted =
                        matcher.as_ref().map_or_else(|| is_model(path), |matcher| matcher.is_match(path));
                    if wanted {
                        found = true;
                        let url = format!("{}{location}", place.base);
                        return Some(Entry::plain(url.clone(), Place::Remote(url)));
                    }
                }
                // What was listed before it stays.
                Some(Err(error)) => {
                    ended = true;
                    return Some(Entry::problem(url.clone(), problem(&url, &error)));
                }
                None => {
                    ended = true;
                    if !found {
                        let problem = Problem {
                            code: "not-found".to_owned(),
                            message: format!("{url}: no model is there"),
                            hint: Some("`*` stays between two `/`, `**` does not; without a pattern it is `.onnx` objects".to_owned()),
                        };
                        return Some(Entry::problem(url.clone(), problem));
                    }
                }
            }
        }
        None
    })))
}

/// Reads a model without its weights.
///
/// # Errors
/// Why it is not there, is not given, or is no model.
pub(super) fn read(url: &str) -> Result<Model, Problem> {
    let mut object = Object::open(url)?;
    onnx::read_ranges(&mut object, Path::new(url)).map_err(|error| unread(&error))
}

impl Location {
    fn of(url: &str) -> Result<Self, Problem> {
        let network = NETWORK.as_ref().map_err(|error| Problem {
            code: "io".to_owned(),
            message: format!("{url}: the network cannot be used: {error}"),
            hint: None,
        })?;
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() {
            return Err(bad(url, "it names no bucket or host", "s3://BUCKET/KEY, https://HOST/PATH"));
        }
        if is_web(url) && key.contains(['?', '#']) {
            return Err(bad(
                url,
                "it has a query or a fragment, and pieces of such a URL are not asked for",
                "take away what follows `?`, or download it: curl -LO URL",
            ));
        }
        let base = format!("{scheme}://{host}/");
        let mut stores = network.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match stores.get(&base) {
            Some(store) => Arc::clone(store),
            None => {
                let store = connect(scheme, &base).map_err(|error| problem(url, &error))?;
                stores.insert(base.clone(), Arc::clone(&store));
                store
            }
        };
        Ok(Self { network, store, base, key: key.to_owned() })
    }
}

/// A client of what a URL begins with. Nothing is sent.
fn connect(scheme: &str, base: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: PATIENCE, ..RetryConfig::default() };
    Ok(match scheme {
        "s3" => Arc::new(AmazonS3Builder::from_env().with_url(base).with_retry(retry).build()?),
        "gs" => Arc::new(GoogleCloudStorageBuilder::from_env().with_url(base).with_retry(retry).build()?),
        "az" => Arc::new(MicrosoftAzureBuilder::from_env().with_url(base).with_retry(retry).build()?),
        _ => {
            // Who writes http:// means it.
            let options = ClientOptions::new().with_allow_http(scheme == "http");
            let store = HttpBuilder::new().with_url(base).with_retry(retry).with_client_options(options);
            Arc::new(store.build()?)
        }
    })
}

/// The name of an object as a store has it.
fn key_of(url: &str, key: &str) -> Result<Key, Problem> {
    let parsed = if is_web(url) { Key::from_url_path(key) } else { Key::parse(key) };
    parsed.map_err(|error| {
        bad(url, &error.to_string(), "check the spelling: no part of it may be empty, `.` or `..`")
    })
}

/// An object that is read in ranges.
struct Object {
    network: &'static Network,
    store: Arc<dyn ObjectStore>,
    key: Key,
    size: u64,
    /// What it was when its size was told: a strong validator, by RFC 9110, 8.8.3.
    version: Option<String>,
    /// What came with the first request.
    head: Bytes,
}

impl Object {
    fn open(url: &str) -> Result<Self, Problem> {
        let Location { network, store, key, .. } = Location::of(url)?;
        let key = key_of(url, &key)?;
        let range = Some(GetRange::Bounded(0..FIRST));
        let first = network.runtime.block_on(async {
            let found = store.get_opts(&key, GetOptions { range, ..GetOptions::default() }).await?;
            let meta = found.meta.clone();
            Ok((meta, found.bytes().await?))
        });
        let (meta, head) = match first {
            Ok(first) => first,
            // Of nothing no range can be had.
            Err(error) => match network.runtime.block_on(store.head(&key)) {
                Ok(meta) if meta.size == 0 => (meta, Bytes::new()),
                _ => return Err(problem(url, &error)),
            },
        };
        let version = meta.e_tag.filter(|tag| !tag.starts_with("W/"));
        Ok(Self { network, store, key, size: meta.size, version, head })
    }
}

impl Ranges for Object {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, from: u64, length: u64) -> io::Result<Bytes> {
        let to = from + length;
        if let (Ok(start), Ok(end)) = (usize::try_from(from), usize::try_from(to))
            && end <= self.head.len()
        {
            return Ok(self.head.slice(start..end));
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(from..to)),
            if_match: self.version.clone(),
            ..GetOptions::default()
        };
        let read = async { self.store.get_opts(&self.key, options).await?.bytes().await };
        self.network.runtime.block_on(read).map_err(|error: Error| match error {
            Error::Precondition { .. } => io::Error::other("it was changed while it was read"),
            error => io::Error::other(said(&error)),
        })
    }
}

fn bad(url: &str, message: &str, hint: &str) -> Problem {
    Problem { code: "bad-url".to_owned(), message: format!("{url}: {message}"), hint: Some(hint.to_owned()) }
}

/// What a store's refusal means. The codes of files are kept where they mean the same.
fn problem(url: &str, error: &Error) -> Problem {
    let (code, message, hint) = match error {
        Error::NotFound { .. } => (
            "not-found",
            "no such object".to_owned(),
            "check the spelling; a URL that ends in `/` is what is under it",
        ),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => (
            "permission",
            "permission denied".to_owned(),
            "give credentials as for the store's own tools (AWS_…, GOOGLE_…, AZURE_…); a public bucket is read with \
             AWS_SKIP_SIGNATURE=true, GOOGLE_SKIP_SIGNATURE=true or AZURE_SKIP_SIGNATURE=true",
        ),
        Error::NotSupported { .. } => (
            "no-ranges",
            "the server sends whole files only, and this one may be mostly weights".to_owned(),
            "download it: curl -LO URL",
        ),
        error => (
            "network",
            format!("cannot be read: {}", said(error)),
            "check the address and the connection; run again with --resume",
        ),
    };
    Problem { code: code.to_owned(), message: format!("{url}: {message}"), hint: Some(hint.to_owned()) }
}

/// The first line of an error, without a page that a server sent.
fn said(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}
