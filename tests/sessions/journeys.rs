//! The three journeys: an endpoint that fails, a smoke test, an alias that has to go back.

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_canary_is_found_and_rolled_back_and_the_world_heals() {
    let mut session = Harness::demo().await;
    session.advance(600).await.keys("<f5>").settle().await;
    session.shows(&["7 Endpoints", "fraud-detection", "churn"]);
    let screen = session.screen();
    let row = screen.lines().find(|line| line.contains("fraud-detection") && line.contains("ml-prod")).unwrap();
    assert!(row.contains('▲'), "its canary fails: {row}");
    session.keys("/fraud namespace:prod<enter><enter>").settle().await;
    session.shows(&["Endpoints › fraud-detection", "fraud-detection-predictor-00003", "canary", "Conditions", "Pods"]);
    session.keys("b").settle().await;
    session.shows(&["Roll back the canary of fraud-detection", "10 → 0", "kubectl -n ml-prod patch", "you may patch"]);
    session.keys("<tab><enter>").until("take it back", 90).await;
    session.shows(&["done and verified"]);
    session.keys("<esc>:audit<enter>").settle().await;
    session.shows(&["Roll back the canary of fraud-detection", "done"]);
    session.keys("<enter>").settle().await;
    session.shows(&["kubectl -n ml-prod patch", "10 → 0", "done and verified"]);
    session.advance(600).await.keys("<esc>7<esc><f5>").settle().await;
    let screen = session.screen();
    let row = screen.lines().find(|line| line.contains("fraud-detection") && line.contains("ml-prod")).unwrap();
    assert!(row.contains('●'), "it is well again: {row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rolled_back_is_taken_back_from_the_audit() {
    let mut session = Harness::demo().await;
    session.keys("/fraud namespace:prod<enter>b").settle().await.keys("<tab><enter>").until("take it back", 90).await;
    session.keys("<esc>:audit<enter>").settle().await.keys("u").settle().await;
    session.shows(&["Take back: roll back the canary of fraud-detection", "0 → 10"]);
    session.keys("<tab><enter>").until("done and verified", 90).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smoke_test_sends_the_same_payload_to_both_revisions() {
    let mut session = Harness::demo().await;
    session.keys("/fraud namespace:prod<enter>t").settle().await;
    session.shows(&["Try › fraud-detection", "\"instances\"", "1000, 45, 0.67", "revision stable"]);
    session.keys("<f5>").settle().await;
    session.shows(&["200", "0.92", "fraud-detection-predictor-00002", "POST /v1/models/fraud-detection:predict"]);
    session.keys("<ctrl-t><f5>").settle().await;
    session.shows(&["fraud-detection-predictor-00003", "revision canary", "stable"]);
    assert_eq!(session.state().modes.len(), 1);
    session.keys("<esc>t").settle().await;
    session.shows(&["canary", "stable"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_is_moved_and_moved_back_from_the_journal() {
    let mut session = Harness::demo().await;
    session.keys("4").settle().await;
    session.keys("/fraud version:v13<enter>p").settle().await;
    session.shows(&["Point which alias", "champion"]);
    session.keys("<enter>").settle().await;
    session.shows(&["12 → 13", "set_registered_model_alias"]);
    session.keys("<tab><enter>").until("take it back", 40).await;
    session.keys("<esc>b").settle().await;
    session.shows(&["Roll champion of fraud-detection back to v12", "13 → 12"]);
    session.keys("<tab><enter>").until("take it back", 40).await;
    let folder = session.folder();
    drop(session);
    // the journal outlives the session
    let mut next = Harness::again(crate::harness::Stage::default(), folder).await;
    next.keys(":audit<enter>").settle().await;
    next.shows(&["Point champion of fraud-detection to v13", "Roll champion of fraud-detection back to v12"]);
}
