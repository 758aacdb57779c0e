//! What the console does with wrong keys, refusals, and systems that fail.

use quarterdeck::app::event::Size;
use quarterdeck::demo::Scenario;

use crate::harness::{Harness, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_profile_shows_the_plan_and_says_how_to_be_rid_of_it() {
    let mut session = Harness::on(Stage { read_only: true, ..Stage::default() }).await;
    session.shows(&["read-only"]);
    session.keys("/fraud namespace:prod<enter>b").settle().await;
    session.shows(&["Roll back the canary", "profile demo is read-only", "read_only = false"]);
    session.keys("<tab><enter><tab><enter>").settle().await;
    assert!(session.state().running.is_none(), "nothing runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_is_armed_by_its_name_and_asks_for_the_objects_name_and_a_reason() {
    let mut session = Harness::on(Stage { production: true, ..Stage::default() }).await;
    session.shows(&["PROD", "read-only"]);
    session.keys("/fraud namespace:prod<enter>b").settle().await;
    session.shows(&["not armed", "A arms it"]);
    session.keys("A").shows(&["Arm demo for 15 minutes"]).keys("dema<enter>").shows(&["type the name demo"]);
    session.keys("<backspace>o<enter>");
    session.shows(&["reason", "type", "armed"]);
    session.keys("INC-2231<enter>fraud<enter><enter>").settle().await;
    assert!(session.state().running.is_none(), "half a name runs nothing");
    session.keys("b").settle().await.keys("INC-2231<enter>fraud-detection<enter><enter>");
    session.until("done and verified", 90).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_come_in_one_burst_never_answer_the_dialog_they_open() {
    let mut session = Harness::demo().await;
    session.keys("/fraud namespace:prod<enter>").burst("b<tab><enter>").settle().await;
    session.shows(&["Roll back the canary"]);
    assert!(session.state().running.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paste_does_nothing_in_a_table_and_is_one_line_in_a_filter() {
    let mut session = Harness::demo().await;
    session.paste("d\ny\nb\n").shows(&["nothing here takes a paste"]);
    session.keys("/").paste("fraud\nprod").shows(&["/fraud prod"]);
    session.keys("<esc>");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_down_costs_its_own_view_alone() {
    let mut session = Harness::on(Stage { scenario: Scenario::RegistryOutage, ..Stage::default() }).await;
    session.shows(&["✖ ML", "● K8S", "fraud-detection"]);
    session.keys("4").shows(&["503", "tried again"]);
    session.keys("7").shows(&["fraud-detection"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_says_so_and_a_bad_filter_says_what_there_is() {
    let mut session = Harness::demo().await;
    session.keys("V").shows(&["V does nothing here"]);
    session.keys("3").shows(&["there is no view 3"]);
    session.keys("/stauts:x").shows(&["no column `stauts`", "name, namespace, ready"]);
    session.keys("<esc>").shows(&["Endpoints  11"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_palette_leads_to_an_object_and_the_history_back() {
    let mut session = Harness::demo().await;
    session.keys(":").shows(&["Endpoints", "Models", "Audit"]);
    session.keys("ml-prod/pricing<enter>").settle().await;
    session.shows(&["Endpoints › pricing"]);
    session.keys("4").settle().await.shows(&["4 Models"]);
    session.keys("[").settle().await.shows(&["Endpoints › pricing"]);
    session.keys("<esc>").shows(&["Endpoints  11"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_events_and_yaml_open_from_a_pod_and_close_again() {
    let mut session = Harness::demo().await;
    session.keys(":pods<enter>").settle().await;
    session.shows(&["Pods"]);
    session.keys("/fraud-detection-predictor-00002<enter>l").settle().await;
    session.shows(&["Log", "following"]);
    session.keys("<esc>y").settle().await.shows(&["apiVersion: v1", "kind: Pod"]).hides("managedFields");
    session.keys("<esc>e").settle().await.shows(&["Events"]);
    session.keys("q").shows(&["Pods"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_shows_the_keys_of_the_live_keymap_and_finds_them() {
    let mut session = Harness::demo().await;
    session.keys("?").shows(&["Keys of this place", "Actions on the endpoint", "ctrl-p"]);
    session.keys("freeze").shows(&["Freeze what is shown"]).hides("Suspend to the shell");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_is_survived_and_too_small_a_one_says_so() {
    let mut session = Harness::on(Stage { size: Size { columns: 20, rows: 5 }, ..Stage::default() }).await;
    session.shows(&["needs 40x8"]);
    for (columns, rows) in [(250, 70), (1, 1), (0, 0), (80, 24), (46, 9), (140, 40)] {
        for keys in ["", "?", "<esc>:", "<esc><enter>", "<esc>"] {
            session.resize(columns, rows).keys(keys).settle().await;
            session.screen();
        }
    }
    session.shows(&["Endpoints"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_copied_is_the_text_and_commands_of_a_plan_can_be_had() {
    let mut session = Harness::demo().await;
    session.keys("/fraud namespace:prod<enter>xn").settle().await;
    session.keys("b").settle().await.keys("<ctrl-y>").settle().await;
    let copied = session.copied();
    assert_eq!(copied.first().map(String::as_str), Some("ml-prod/fraud-detection"));
    assert!(
        copied.get(1).is_some_and(|text| text.starts_with("kubectl -n ml-prod patch isvc fraud-detection")),
        "{copied:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_was_cut_off_is_told_at_the_next_start_and_can_be_taken_back() {
    use quarterdeck::actions::journal::{Entry, Journal, Who};
    use quarterdeck::model::clock::Clock;
    use quarterdeck::model::plan::Consent;

    let mut session = Harness::demo().await;
    session.keys("/fraud namespace:prod<enter>b").settle().await;
    let shown = session.state().modes.iter().find_map(|mode| match mode {
        quarterdeck::app::state::Mode::Confirm(confirm) => confirm.plan().cloned(),
        _ => None,
    });
    let plan = (*shown.unwrap()).clone();
    let folder = session.folder();
    drop(session);
    let journal = Journal::open(&folder.path().join("state"), Who::default(), Clock::System).unwrap();
    let id = plan.id.clone();
    journal.append(Entry::Begun { plan: Box::new(plan), consent: Consent::default(), profile: "demo".into() }).unwrap();
    journal.append(Entry::Intent { plan: id, step: 0 }).unwrap();
    let mut next = Harness::again(Stage::default(), folder).await;
    next.shows(&["left unfinished: Roll back the canary of fraud-detection"]);
    next.keys(":audit<enter>").settle().await.keys("u").settle().await;
    next.shows(&["Take back: roll back the canary of fraud-detection", "0 → 10"]);
}
