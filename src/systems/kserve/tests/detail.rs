//! What is shown of an opened endpoint.

use super::super::detail::{conditions, facts, pods, revisions};
use super::{board, fixture, key, knative, later};
use crate::model::health::Health;
use crate::model::record::Row;

fn cells(rows: &[std::sync::Arc<Row>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.cells.iter().map(|cell| cell.show(later())).collect()).collect()
}

#[test]
fn the_facts_name_who_manages_it() {
    let service = knative();
    let facts = cells(&facts(&board(&service, None, None), &key(&service), later()));
    let of = |name: &str| facts.iter().find(|fact| fact[0] == name).map(|fact| fact[1].as_str());
    assert_eq!(of("managed by"), Some("Argo CD, application fraud-serving"));
    assert_eq!(of("mode"), Some("Knative"));
    assert_eq!(of("replicas"), Some("2 of 1–4"));
    assert_eq!(of("why"), None, "nothing is wrong");
}

#[test]
fn the_revisions_stand_with_their_shares_and_pods() {
    let service = fixture("state-ready");
    let rows =
        cells(&revisions(&board(&service, Some("state-ready-httproutes"), Some("state-ready-pods")), &key(&service)));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][..7], ["ready", "roll-predictor", "stable", "roll v1", "100", "100", "2/2"]);
}

#[test]
fn a_revision_whose_pods_fail_says_why() {
    let service = fixture("state-failed-to-load");
    let board = board(&service, None, Some("state-failed-to-load-pods"));
    let rows = cells(&revisions(&board, &key(&service)));
    assert_eq!(rows[0][0], "failing");
    assert!(rows[0][7].contains("storage-initializer is in CrashLoopBackOff"), "{:?}", rows[0]);
    let pods = cells(&pods(&board, &key(&service)));
    assert_eq!(pods[0][0], "CrashLoopBackOff");
}

#[test]
fn the_condition_stopped_is_well_when_it_is_false() {
    let service = fixture("state-ready");
    let rows = conditions(&board(&service, None, None), &key(&service));
    assert!(rows.iter().all(|row| row.cells[0].health() == Some(Health::Good)));
    let stopped = fixture("state-stopped");
    let rows = conditions(&board(&stopped, None, None), &key(&stopped));
    assert!(rows.iter().all(|row| row.cells[0].health() != Some(Health::Bad)));
}

#[test]
fn a_revision_that_was_never_made_is_not_called_ready() {
    let service = fixture("state-no-runtime");
    let board = board(&service, None, None);
    assert_eq!(cells(&revisions(&board, &key(&service)))[0][0], "not made");
}
