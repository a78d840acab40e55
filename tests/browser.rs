//! The report in a real browser: every view opens, sorts, filters and copies, nothing complains, nothing is fetched,
//! and a name that is an attack stays a name. Skipped where there is no Chromium; `ERGOMETER_REQUIRE_BROWSER` fails.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/command.rs"]
mod command;
#[path = "support/scores.rs"]
mod scores;
mod support;

use std::path::{Path, PathBuf};

use browser::{Browser, browser};
use command::{Folder, named_nodes};

const HOSTILE: &str = "</script><img src=x onerror=\"document.title='owned'\">";

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

/// The report of a model, opened.
fn opened(browser: &mut Browser, folder: &Folder, words: &[&str]) {
    let mut all = words.to_vec();
    all.extend(["-q", "--html", "report.html"]);
    folder.run(&all);
    browser.open(&folder.path("report.html"));
}

fn quiet(browser: &Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let fetched: Vec<&str> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with("file:") && *url != "about:blank")
        .collect();
    assert!(fetched.is_empty(), "{fetched:?}");
}

#[test]
fn every_view_of_a_model_opens_and_answers() {
    let folder = Folder::new("browser_model");
    let Some(mut browser) = browser(&folder.path("profile")) else { return };
    let resnet = model("resnet50.onnx");
    opened(&mut browser, &folder, &["analyze", resnet.to_str().unwrap(), "--device", "a100,t4"]);

    // Every link of the navigation leads to a view with something in it.
    let views = browser.value(
        "[...document.querySelectorAll('nav a')].map((link) => { link.click();
            const view = document.querySelector(link.hash);
            return [link.textContent, Boolean(view) && view.getBoundingClientRect().height > 100]; })",
    );
    let names: Vec<&str> = views.as_array().unwrap().iter().filter_map(|view| view[0].as_str()).collect();
    assert_eq!(names, ["Summary", "Layers", "Roofline", "Modules", "Devices", "How computed"]);
    assert!(views.as_array().unwrap().iter().all(|view| view[1] == true), "{views}");

    // Each chart has marks that say what they are, and a table.
    let charts = browser.value(
        "[...document.querySelectorAll('figure')].map((figure) =>
            [figure.id, figure.querySelectorAll('svg title').length > 0, figure.querySelectorAll('tbody tr').length > 0])",
    );
    assert_eq!(charts.as_array().unwrap().len(), 6, "{charts}");
    assert!(charts.as_array().unwrap().iter().all(|chart| chart[1] == true && chart[2] == true), "{charts}");

    let first = "document.querySelector('.live tbody th').textContent";
    let tally = "document.querySelector('.live .count').textContent";
    assert_eq!(browser.value(tally), "122 rows");
    // The longest first: of the 3 × 3 kernels of layer4, with most weights to read, that with the largest input.
    assert_eq!(browser.value(first), "/layer4/layer4.0/conv2/Conv");

    // Sorted by MACs, from the most: 118 M of the first convolution, then 116 M of each 3 × 3.
    let sort = "[...document.querySelectorAll('.live thead button')].find((head) => head.textContent === 'MACs').click()";
    browser.value(sort);
    assert_eq!(browser.value(first), "/conv1/Conv");
    assert_eq!(browser.value("document.querySelector('.live [aria-sort=descending]').textContent"), "MACs");
    browser.value(sort);
    assert_eq!(browser.value("document.querySelector('.live [aria-sort=ascending]').textContent"), "MACs");

    // Filtered by operator, by module (three convolutions, three activations, a sum), by text.
    for (typed, rows) in [
        ("op:Gemm", "1 of 122 rows"),
        ("op:conv", "53 of 122 rows"),
        ("scope:layer4/layer4.2", "7 of 122 rows"),
        ("downsample", "4 of 122 rows"),
        ("nothing is called so", "0 of 122 rows"),
        ("", "122 rows"),
    ] {
        let type_in = format!(
            "(() => {{ const field = document.querySelector('.live input'); field.value = '{typed}';
                field.dispatchEvent(new Event('input')); return {tally}; }})()"
        );
        assert_eq!(browser.value(&type_in), rows, "{typed}");
    }

    // A row opens, says its sum, and closes by the keyboard, even where its rows are drawn anew in between: a few frames
    // after the table has moved. Out of sight, the table keeps the focus for it.
    let moved = |to: &str| {
        format!(
            "(async () => {{ const frame = document.querySelector('.live .scroll');
                const frames = async () => {{ for (let n = 0; n < 5; n++) await new Promise(requestAnimationFrame); }};
                document.querySelectorAll('.live tbody th button')[1].focus();
                frame.scrollTop = {to};
                await frames();
                const held = document.activeElement.className || 'row ' + document.activeElement.dataset.row;
                frame.scrollTop = 0;
                await frames();
                return held; }})()"
        )
    };
    assert_eq!(browser.value(&moved("frame.scrollHeight / 2")), "scroll");
    let near = browser.value(&moved("8 * frame.querySelector('tbody tr:not(.gap)').offsetHeight"));
    assert!(near.as_str().is_some_and(|held| held.starts_with("row ") && held != "row undefined"), "{near}");
    browser.press("Enter");
    assert_eq!(browser.value("document.getElementById('detail').open"), true);
    let said = browser.value("document.getElementById('detail').textContent");
    assert!(said.as_str().unwrap().contains("FLOPs = 2 · MACs + alu + div + trans"), "{said}");
    browser.press("Escape");
    assert_eq!(browser.value("document.getElementById('detail').open"), false);

    // A module of the treemap narrows the layers to it; a dot opens its layer.
    browser.value("document.querySelector('[data-scope=\"layer4\"]').dispatchEvent(new MouseEvent('click'))");
    assert_eq!(browser.value("document.querySelector('.live input').value"), "scope:layer4");
    assert_eq!(browser.value(tally), "22 of 122 rows");
    browser
        .value("document.querySelector('#m1-roofline [data-layer]').dispatchEvent(new MouseEvent('click'))");
    assert_eq!(
        browser.value("document.querySelector('#detail h2').textContent"),
        "/layer4/layer4.0/conv2/Conv"
    );
    browser.press("Escape");

    // All rows that are left are copied, under the names of the columns.
    let copied = browser.value(
        "new Promise((done) => { navigator.clipboard.writeText = async (text) => done(text);
            document.querySelector('.live .copy').click(); })",
    );
    let copied = copied.as_str().unwrap();
    assert_eq!(copied.lines().count(), 1 + 22);
    assert!(copied.starts_with("order,name,op,scope,"), "{copied}");
    quiet(&browser);
}

#[test]
fn a_name_that_is_an_attack_stays_a_name() {
    let folder = Folder::new("browser_hostile");
    let Some(mut browser) = browser(&folder.path("profile")) else { return };
    let names =
        [HOSTILE, "$\\sigma$ $x^2$", "=cmd|' /C calc'!A0", "a/\"onmouseover=alert(1)/b", "<!--<script>"];
    folder.with("hostile.onnx", &named_nodes(&names));
    opened(&mut browser, &folder, &["analyze", "hostile.onnx", "--device", "a100"]);
    let found = browser.value(
        "[document.title, document.images.length, document.scripts.length,
            document.querySelector('.live tbody').textContent.includes('onerror'),
            [...document.querySelectorAll('*')].filter((element) =>
                [...element.attributes].some((attribute) => attribute.name.startsWith('on'))).length]",
    );
    assert_eq!(found, serde_json::json!(["hostile.onnx · ergometer", 0, 2, true, 0]));
    browser.value("document.querySelector('.live tbody th button').click()");
    let copied = browser.value(
        "new Promise((done) => { navigator.clipboard.writeText = async (text) => done(text);
            document.querySelector('.live .copy').click(); })",
    );
    assert!(copied.as_str().unwrap().contains("'=cmd|"), "{copied}");
    quiet(&browser);
}

#[test]
fn twenty_thousand_layers_are_drawn_as_they_come_into_view() {
    let folder = Folder::new("browser_large");
    let Some(mut browser) = browser(&folder.path("profile")) else { return };
    let names: Vec<String> = (0..20_000)
        .map(|n| format!("/stage{}/block{}/layer{}/Relu_{n}", n / 5000, n / 500, n / 10))
        .collect();
    folder.with("large.onnx", &named_nodes(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    opened(&mut browser, &folder, &["analyze", "large.onnx", "--device", "a100"]);
    let rows = "document.querySelectorAll('.live tbody tr').length";
    assert!(browser.value(rows).as_u64().unwrap() < 100);
    assert_eq!(browser.value("document.querySelector('.live .count').textContent"), "20000 rows");
    let last = browser.value(
        "new Promise((done) => { const frame = document.querySelector('.live .scroll'); frame.scrollTop = 1e9;
            setTimeout(() => done([...frame.querySelectorAll('tbody th')].at(-1).textContent), 200); })",
    );
    assert_eq!(last, "/stage3/block39/layer1999/Relu_19999");
    let ready = browser.value("performance.getEntriesByType('navigation')[0].domComplete");
    println!("20,000 layers: complete after {ready} ms");
    quiet(&browser);
}

#[test]
fn every_view_of_a_zoo_opens_and_answers() {
    let folder = Folder::new("browser_zoo");
    let Some(mut browser) = browser(&folder.path("profile")) else { return };
    folder.write("scores.jsonl", scores::lines(HOSTILE).as_bytes());
    folder.stdout(&["report", "scores.jsonl", "--html", "report.html"]);
    browser.open(&folder.path("report.html"));
    let views = browser.value(
        "[...document.querySelectorAll('nav a')].map((link) => { link.click(); return link.textContent; })",
    );
    assert_eq!(views, serde_json::json!(["Summary", "Front", "Models", "Failures"]));
    assert_eq!(browser.value("document.images.length"), 0);
    assert_eq!(browser.value("document.querySelectorAll('#zoo-front figure').length"), 2);
    browser.value("[...document.querySelectorAll('.live thead button')].find((head) => head.textContent.startsWith('energy')).click()");
    let first = browser.value("document.querySelector('.live tbody th').textContent");
    assert_eq!(first, "model 29", "the model of most energy comes first");
    browser.value("document.querySelector('#zoo-front .mark').dispatchEvent(new MouseEvent('click'))");
    assert_eq!(browser.value("document.getElementById('detail').open"), true);
    quiet(&browser);
}

#[test]
fn every_view_of_the_trends_opens_by_day_and_by_night() {
    let folder = Folder::new("browser_trends");
    let Some(mut browser) = browser(&folder.path("profile")) else { return };
    opened(&mut browser, &folder, &["trends"]);
    let views = browser.value(
        "[...document.querySelectorAll('nav a')].map((link) => {
            const view = document.querySelector(link.hash);
            return [link.hash, Boolean(view) && view.getBoundingClientRect().height > 100]; })",
    );
    assert!(views.as_array().unwrap().len() > 12, "{views}");
    assert!(views.as_array().unwrap().iter().all(|view| view[1] == true), "{views}");
    let charts = browser.value(
        "[...document.querySelectorAll('figure')].map((figure) => {
            const legend = [...figure.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect());
            const overlap = legend.some((a, at) => legend.slice(at + 1).some((b) =>
                a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 4 && b.top < a.bottom - 4));
            return [figure.id, figure.querySelectorAll('svg title').length > 0,
                figure.querySelectorAll('tbody tr').length > 0, overlap]; })",
    );
    assert_eq!(charts.as_array().unwrap().len(), 28, "{charts}");
    for chart in charts.as_array().unwrap() {
        // Marks say what they are, rows stand beside them, and no text lies on another.
        assert!(chart[1] == true && chart[2] == true && chart[3] == false, "{chart}");
    }
    // The page itself never scrolls sideways, however narrow: tables and charts do.
    browser.size(390, 800);
    assert_eq!(browser.value("document.documentElement.scrollWidth <= innerWidth"), true);
    let ink = "getComputedStyle(document.querySelector('figure svg text')).fill";
    let day = browser.value(ink);
    browser.dark(true);
    assert_ne!(browser.value(ink), day);
    quiet(&browser);
}
