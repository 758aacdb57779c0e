//! `get --watch`: what changes is printed as it comes, and nothing else.

use quarterdeck::demo::{Fault, System};
use rustix::process::Signal;

use crate::harness::{Place, until};

#[test]
fn a_row_that_changes_is_printed_again_and_other_rows_are_not() {
    let place = Place::hurried();
    let columns = ["--columns", "name,traffic", "--filter", "namespace=ml-prod"];
    let mut running = place.program(&[&["get", "endpoints", "--watch"], &columns[..]].concat()).start();
    let mut lines = running.lines();
    until(&mut lines, |line| line.starts_with("fraud-detection "));
    // it need not be verified to be seen
    let _acting = place.program(&["canary", "fraud-detection", "30", "--yes"]).start();
    let news = until(&mut lines, |line| line.contains("00003 30"));
    let rest: Vec<&str> = news.lines().filter(|line| line.starts_with("churn")).collect();
    assert!(rest.len() <= 1, "once in the first list at most: {news}");
    running.signal(Signal::TERM);
}

#[test]
fn a_watch_of_one_name_is_of_that_name_alone() {
    let place = Place::hurried();
    let columns = ["--columns", "namespace,name,traffic"];
    let arguments = [&["get", "endpoints", "ml-prod/fraud-detection", "-w", "-o", "csv"], &columns[..]].concat();
    let mut running = place.program(&arguments).start();
    let mut lines = running.lines();
    until(&mut lines, |line| line == "ml-prod,fraud-detection,00002 90%; 00003 10%\n");
    place.run(&["rollback", "endpoints", "ml-prod/churn", "--yes"]).with(0);
    place.run(&["rollback", "endpoints", "ml-prod/fraud-detection", "--yes"]).with(0);
    let news = until(&mut lines, |line| line.contains("00002 100%"));
    assert!(news.lines().all(|line| line.starts_with("ml-prod,fraud-detection,")), "{news}");
    running.signal(Signal::TERM);
}

#[test]
fn a_poll_of_several_pages_is_read_to_its_end() {
    let place = Place::hurried();
    let arguments = ["get", "models", "-w", "-o", "csv", "--columns", "model,version,aliases"];
    let mut running = place.program(&arguments).start();
    let mut lines = running.lines();
    until(&mut lines, |line| line.starts_with("fraud-detection,v12,"));
    place.run(&["promote", "models", "fraud-detection@13", "--yes"]).with(0);
    until(&mut lines, |line| line.starts_with("fraud-detection,v13,") && line.contains("champion"));
    running.signal(Signal::TERM);
}

#[test]
fn an_outage_does_not_end_the_watch_and_is_said() {
    let place = Place::hurried();
    let arguments = ["get", "models", "-w", "-o", "csv", "--columns", "model,version,aliases"];
    let mut running = place.program(&arguments).start();
    let (mut lines, mut words) = (running.lines(), running.words());
    until(&mut lines, |line| line.starts_with("fraud-detection,v12,"));
    place.world().fail(System::Mlflow, Fault::Status(503, None));
    until(&mut words, |line| line.starts_with("models: can't reach MLflow"));
    place.world().heal(System::Mlflow);
    until(&mut words, |line| line == "models: answers again\n");
    place.run(&["promote", "models", "fraud-detection@13", "--yes"]).with(0);
    until(&mut lines, |line| line.starts_with("fraud-detection,v13,") && line.contains("champion"));
    running.signal(Signal::TERM);
}
