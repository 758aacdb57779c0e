//! What is wrong with a command line, a file, a server or a right: each has its exit status, and words that help.

use quarterdeck::demo::{Fault, System};

use crate::harness::{Place, Program, demo, folder};

#[test]
fn a_wrong_word_on_the_command_line_ends_with_2_and_says_what_there_is() {
    demo(&["get", "podz"]).with(2).shows_nothing().says("no pane `podz`").says("pods, models, endpoints");
    demo(&["get", "pods", "--columns", "name,colour"])
        .with(2)
        .shows_nothing()
        .says("no column `colour`")
        .says("restarts");
    demo(&["get", "pods", "--sort", "-colour"]).with(2).shows_nothing().says("no column `colour`").says("restarts");
    demo(&["get", "pods", "--filter", "restarts>"]).with(2).shows_nothing().says("--filter: `>` needs a number");
    demo(&["get", "pods", "--filter", "colour:red"])
        .with(2)
        .shows_nothing()
        .says("no column `colour`")
        .says("restarts");
    demo(&["get", "pods", "-o", "xml"]).with(2).shows_nothing().says("xml").says("json");
    demo(&["gett"]).with(2).shows_nothing().says("gett");
    demo(&["--scenario", "sunny", "status"]).with(2).says("no scenario `sunny`");
    demo(&["canary", "fraud-detection", "101", "--dry-run"]).with(2).shows_nothing().says("101");
}

#[test]
fn a_name_that_no_row_has_ends_with_2_and_the_nearest_names() {
    demo(&["get", "endpoints", "fraud-detecton"]).with(2).shows_nothing().says("did you mean: ml-prod/fraud-detection");
    demo(&["get", "endpoints", "zzzz"])
        .with(2)
        .says("no endpoint `zzzz`")
        .says("`quarterdeck get endpoints` lists them");
    let versions = demo(&["promote", "models", "fraud-detection", "--dry-run"]).with(2);
    versions.says("did you mean: fraud-detection@1, fraud-detection@2, fraud-detection@3");
}

#[test]
fn a_config_that_is_missing_or_malformed_ends_with_2_and_its_place() {
    let home = folder();
    let run = |arguments: &[&str]| Program::at(home.path(), arguments).run().with(2).shows_nothing();
    run(&["--config", "missing.toml", "status"]).says("missing.toml: can't be read");
    std::fs::write(home.path().join("broken.toml"), "[profiles.a]\nenvironment = [\n").unwrap();
    run(&["--config", "broken.toml", "get", "pods"]).says("broken.toml:2:");
    run(&["--config", "broken.toml", "config", "check"]).says("broken.toml:2:");
    std::fs::write(home.path().join("typo.toml"), "[profiles.a]\nenviroment = \"test\"\n").unwrap();
    run(&["--config", "typo.toml", "get", "pods"]).says("typo.toml:2:1: unknown field `enviroment`");
    std::fs::write(home.path().join("section.toml"), "[profiles.a]\n[profiles.a.mlflow]\nurll = \"x\"\n").unwrap();
    run(&["--config", "section.toml", "get", "models"]).says("unknown field `urll`");
    run(&["--config", "section.toml", "config", "check"]).says("section.toml:3:1: mlflow: unknown field `urll`");
}

#[test]
fn a_profile_or_a_context_that_does_not_exist_ends_with_2_and_those_that_do() {
    let place = Place::new();
    place.run(&["-p", "nowhere", "get", "pods"]).with(2).shows_nothing().says("no profile `nowhere`").says("`demo`");
    place.program(&["get", "pods"]).env("QUARTERDECK_PROFILE", "nowhere").run().with(2).says("no profile `nowhere`");
    place.run(&["--context", "nowhere", "get", "pods"]).with(2).shows_nothing().says("no context nowhere").says("demo");
}

#[test]
fn a_kubeconfig_that_is_missing_or_malformed_ends_with_2() {
    let home = folder();
    Program::at(home.path(), &["get", "pods"]).run().with(2).shows_nothing().says("no kubeconfig").says(".kube/config");
    let named = Program::at(home.path(), &["--kubeconfig", "missing", "get", "endpoints"]).run();
    named.with(2).says("can't read the kubeconfig missing");
    std::fs::write(home.path().join("broken"), "{").unwrap();
    Program::at(home.path(), &["--kubeconfig", "broken", "get", "pods"]).run().with(2).says("broken:1:1");
}

#[test]
fn a_system_that_is_not_set_up_ends_with_3_and_how_to_set_it_up() {
    let home = folder();
    let ended = Program::at(home.path(), &["get", "models"]).run().with(3).shows_nothing();
    ended.says("MLFLOW_TRACKING_URI").says("[profiles.NAME.mlflow]");
}

#[test]
fn a_server_that_can_not_be_reached_ends_with_3() {
    let place = Place::new();
    place.lead_to("http://127.0.0.1:1");
    for arguments in [
        &["get", "pods"][..],
        &["predict", "fraud-detection", "--data", "{}"],
        &["canary", "fraud-detection", "20", "--dry-run"],
    ] {
        let ended = place.run(arguments).with(3).shows_nothing().says("can't reach http://127.0.0.1:1");
        assert!(!ended.words.contains("tried again"), "nobody tries it again: {ended:?}");
    }
    place.world().fail(System::Mlflow, Fault::Status(502, None));
    place.run(&["get", "models"]).with(3).shows_nothing().says("502");
    place.world().fail(System::Mlflow, Fault::Html);
    place.run(&["get", "models"]).with(3).shows_nothing().says("login page");
}

#[test]
fn who_may_do_nothing_ends_with_3_and_the_right_that_is_missing() {
    let place = Place::new();
    for resource in ["pods", "inferenceservices", "inferencegraphs", "llminferenceservices"] {
        place.world().forbid("list", resource);
    }
    place.run(&["get", "pods"]).with(3).shows_nothing().says("not permitted: list pods");
    for arguments in [
        &["get", "endpoints"][..],
        &["predict", "fraud-detection", "--data", "{}"],
        &["promote", "endpoints", "fraud-detection", "--dry-run"],
    ] {
        place.run(arguments).with(3).shows_nothing().says("not permitted: list inferenceservices");
    }
}

#[test]
fn credentials_that_are_not_accepted_end_with_3_and_no_key_is_advised() {
    let place = Place::new();
    let kubeconfig = std::fs::read_to_string(place.path("kubeconfig")).unwrap();
    place.write("kubeconfig", &kubeconfig.replace("\"token\": \"", "\"token\": \"another-"));
    let ended = place.run(&["get", "pods"]).with(3).shows_nothing().says("not logged in").says("log in again");
    assert!(!ended.words.contains("F5"), "{ended:?}");
}

#[test]
fn a_file_that_a_section_names_is_looked_for_beside_the_config_file() {
    let home = folder();
    let inner = home.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("own.toml"), include_str!("../../src/systems/prometheus/panels.toml")).unwrap();
    let check = |panels: &str| {
        let section = format!("[profiles.a.prometheus]\nurl = \"http://127.0.0.1:1\"\npanels = \"{panels}\"\n");
        std::fs::write(inner.join("c.toml"), section).unwrap();
        Program::at(home.path(), &["--config", "inner/c.toml", "config", "check"]).run()
    };
    check("own.toml").with(0);
    let ended = check("other.toml").with(2).says("inner/other.toml");
    assert_eq!(ended.words.matches("c.toml").count(), 1, "{ended:?}");
}
