//! Recorded watches, event by event, and mutated recordings.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::board::{Board, Reach, Seen, What};
use super::super::rows::Kind;
use super::{fixture, later, read, shares, soon, watch};
use crate::model::id::Key;

/// The words that a recorded watch goes through, repetitions left out.
fn words(name: &str) -> Vec<String> {
    let mut board = Board::reaching(Reach::Absent, Reach::Unknown);
    let mut words: Vec<String> = Vec::new();
    for event in watch(name) {
        if event["type"] == "BOOKMARK" {
            continue;
        }
        let touched = board.put(Seen::Service(read(&event["object"])));
        let (row, _) = board.row(touched.first().unwrap(), soon()).unwrap();
        let word = row.cells[2].show(soon());
        if words.last() != Some(&word) {
            words.push(word);
        }
    }
    words
}

#[test]
fn a_creation_goes_from_no_status_to_yes_and_a_scale_up_is_no_alarm() {
    assert_eq!(words("rollout-create"), ["no status yet", "starting", "yes", "scaling", "yes"]);
}

#[test]
fn a_new_model_in_standard_mode_is_seen_as_rolling_out() {
    assert_eq!(words("rollout-storage-uri"), ["yes", "rolling out", "yes"]);
}

#[test]
fn stop_and_resume_are_told_from_trouble() {
    assert_eq!(words("stop-and-resume"), ["yes", "stopped", "starting", "yes"]);
}

#[test]
fn a_bad_model_over_a_good_one_fails_and_is_forgotten_after_the_roll_back() {
    let words = words("rollout-bad-over-good");
    assert!(words.contains(&"yes, new model failing".into()), "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some("yes"));
}

#[test]
fn a_canary_that_nothing_routes_is_told_from_the_first_ready_event_to_the_roll_back() {
    let words = words("canary-rollout");
    assert_eq!(words, ["yes", "yes, canary starting", "yes, canary not ready", "yes, canary unrouted", "yes"]);
}

#[test]
fn a_route_that_changes_touches_the_row_of_its_endpoint() {
    let mut board = Board::reaching(Reach::Known, Reach::Unknown);
    board.put(Seen::Service(read(&fixture("master-canary-1-isvc"))));
    let routes = fixture("master-canary-1-httproutes");
    let touched = board.put(Seen::Route(read(&routes["items"][0])));
    let key = Kind::Service.key("mst", "can");
    assert!(touched.contains(&key));
    assert_eq!(shares(&board.record(&key, later()).unwrap().traffic), "stable 80, v2 20");
    assert!(board.remove(What::Route, &Key::namespaced("mst", "can")).contains(&key));
}

#[test]
fn what_a_new_list_does_not_have_any_more_is_gone() {
    let mut board = Board::default();
    for name in ["a", "b"] {
        board.put(Seen::Service(read(&json!({"metadata": {"name": name, "namespace": "n"}}))));
    }
    board.begin(What::Service);
    board.put(Seen::Service(read(&json!({"metadata": {"name": "b", "namespace": "n"}}))));
    assert_eq!(board.complete(What::Service), [Key::namespaced("n", "a")].into());
    assert_eq!(board.keys(), [Key::namespaced("n", "b")].into());
}

/// Replaces what stands at the `at`-th place of an object by something of another type.
fn mutate(object: &mut Json, at: &mut usize, with: &Json) {
    if *at == 0 {
        *object = with.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    match object {
        Json::Object(entries) => entries.values_mut().for_each(|value| {
            if *at != usize::MAX {
                mutate(value, at, with);
            }
        }),
        Json::Array(elements) => elements.iter_mut().for_each(|value| {
            if *at != usize::MAX {
                mutate(value, at, with);
            }
        }),
        _ => {}
    }
}

const RECORDED: [&str; 8] = [
    "state-ready",
    "canary-1-isvc",
    "state-bad-over-good",
    "state-with-transformer",
    "state-no-runtime",
    "state-stopped",
    "state-odd-longgggg",
    "state-graph",
];

proptest! {
    #[test]
    fn mutated_recordings_never_panic_and_never_lose_another_row(
        which in 0..RECORDED.len(), at in 1_usize..120, with in 0_usize..5,
    ) {
        let with = [json!(null), json!([[]]), json!({"x": 1}), json!("\u{1b}]0;x"), json!(-1e300)][with].clone();
        let mut object = fixture(RECORDED[which]);
        mutate(&mut object, &mut { at }, &with);
        let mut board = Board::reaching(Reach::Known, Reach::Known);
        board.put(Seen::Service(read(&fixture("state-crash-loop"))));
        for route in fixture("state-ready-httproutes")["items"].as_array().unwrap() {
            let mut route = route.clone();
            mutate(&mut route, &mut { at }, &with);
            if let Ok(route) = serde_json::from_value(route) {
                board.put(Seen::Route(Box::new(route)));
            }
        }
        if let Ok(service) = serde_json::from_value(object.clone()) {
            board.put(Seen::Service(Box::new(service)));
        }
        if let Ok(graph) = serde_json::from_value(object) {
            board.put(Seen::Graph(Box::new(graph)));
        }
        for key in board.keys() {
            prop_assert!(board.row(&key, later()).is_some());
            super::super::detail::facts(&board, &key, later());
            super::super::detail::revisions(&board, &key);
            super::super::detail::conditions(&board, &key);
        }
        prop_assert!(board.keys().iter().any(|key| key.as_str() == "rec/crashing"));
    }
}
