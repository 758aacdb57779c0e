//! Whatever servers send: nothing of it acts on the terminal, nothing panics, and the rows beside it are kept.
//!
//! Every system that is registered is walked through, so a new one is covered once the embedded world has a server of it.

use std::collections::BTreeMap;

use quarterdeck::app::place::Body;
use quarterdeck::model::id::PaneId;
use quarterdeck::model::record::Rows;
use quarterdeck::systems;

use crate::harness::{Harness, Stage};

/// Escape sequences, other controls of both kinds, overrides of the direction, what has no width, and a line break.
const HOSTILE: &str = "venom\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}P1$r\u{1b}\\\u{9b}31m\u{9d}52;c;eA==\u{9c}\u{85}\u{8}\u{0}\u{7f}\
    \u{202e}\u{2066}\u{200f}\u{61c}\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{e0041}\n\r\n\tend";

/// What must never be in a cell.
fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn check(session: &mut Harness, place: &str) {
    let screen = session.screen();
    let found: Vec<char> = screen.chars().filter(|char| *char != '\n' && is_hostile(*char)).collect();
    assert!(found.is_empty(), "{place}: {found:?} in\n{screen}");
    // what is on the screen is copied and exported, too, so it has to be harmless before it is drawn
    for text in texts(session) {
        assert!(!text.contains(is_hostile), "{place}: {text:?}");
    }
}

/// Every text in what is open: titles, cells of rows, lines.
fn texts(session: &Harness) -> Vec<String> {
    let now = session.state().now;
    let mut texts = Vec::new();
    for place in session.state().stack() {
        texts.push(place.title.clone());
        for section in &place.sections {
            match &section.body {
                Body::Lines(lines) => {
                    texts.extend(lines.of.clone());
                    texts.extend(lines.iter().map(|line| line.text.to_string()));
                }
                Body::Rows(table) => {
                    texts.extend(table.order().iter().map(|row| row.key.as_str().to_owned()));
                    texts.extend(table.order().iter().flat_map(|row| row.cells.iter().map(|cell| cell.show(now))));
                }
            }
            texts.extend(section.error.iter().map(ToString::to_string));
        }
    }
    texts
}

/// How many rows each standing pane of each system has.
fn counts(session: &Harness) -> BTreeMap<PaneId, usize> {
    let panes = session.state().panes.keys();
    panes.map(|pane| (*pane, session.state().rows.rows(*pane).map_or(0, |rows| rows.iter().count()))).collect()
}

async fn poisoned(part: &'static str, text: String) -> Harness {
    Harness::on(Stage { poison: Some((part, text)), ..Stage::default() }).await
}

/// Opens all that there is to see: each view, the first rows of each, and what opens from them.
async fn walk(session: &mut Harness) {
    let views: Vec<&str> = session
        .state()
        .catalogue
        .views()
        .iter()
        .filter(|view| {
            let standing = |pane| session.state().panes.contains_key(&pane);
            view.key.is_some() || view.sections.iter().all(|section| standing(section.pane))
        })
        .map(|view| view.title)
        .collect();
    for view in views {
        session.keys(&format!(":{view}<enter>")).settle().await;
        check(session, view);
        for row in 0..3 {
            for keys in ["<enter>", "l", "e", "y", "m", "o", "a", "t", "C", "x"] {
                session.keys("g").keys(&"j".repeat(row)).keys(keys).settle().await;
                check(session, &format!("{view}, row {row}, {keys}"));
                session.keys("<esc><esc>").keys(&format!(":{view}<enter>"));
            }
        }
        session.keys("/venom").settle().await;
        check(session, &format!("{view}, filtered"));
        session.keys("<esc>");
    }
    session.keys(":venom").settle().await;
    check(session, "the palette");
    session.keys("<esc>");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hostile_reaches_the_screen_and_the_rows_beside_it_are_kept() {
    let well = counts(&Harness::demo().await);
    let mut session = poisoned("", HOSTILE.into()).await;
    let now = session.state().now;
    for system in systems::all() {
        let mut reached = false;
        for pane in system.panes().iter().filter(|pane| pane.standing) {
            let rows = session.state().rows.rows(pane.id);
            let count = rows.map_or(0, |rows| rows.iter().count());
            let expected = well.get(&pane.id).copied().unwrap_or(0);
            assert!(count + 1 >= expected, "{}: {count} rows of {expected}", pane.id);
            reached |= rows.into_iter().flat_map(Rows::iter).any(|row| {
                row.key.as_str().contains("venom") || row.cells.iter().any(|cell| cell.show(now).contains("venom"))
            });
        }
        assert!(reached, "nothing hostile came from {}: it needs a server in the embedded world", system.title());
    }
    walk(&mut session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_a_megabyte_is_one_line() {
    let mut session = poisoned("/pods", format!("{}{HOSTILE}", "x".repeat(1 << 20))).await;
    session.keys(":Pods<enter>").settle().await;
    check(&mut session, "pods");
    session.keys("/fraud-detection-predictor-00002<enter>l").settle().await;
    session.shows(&["Log", "following"]);
    session.keys("gw").settle().await;
    check(&mut session, "the log, wrapped");
    session.keys("<esc>y").settle().await;
    check(&mut session, "the object");
}
