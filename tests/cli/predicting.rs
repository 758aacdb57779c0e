//! `predict`: the answer, what is expected of it, and how it ends.

use crate::harness::{Place, Program, demo, folder};

const FLAT: &str = "{\"instances\": [1000, 45, 0.67]}";
const NESTED: &str = "{\"instances\": [[1000, 45, 0.67]]}";

#[test]
fn the_two_forms_of_a_payload_have_the_same_answer() {
    for data in [FLAT, NESTED] {
        let ended = demo(&["predict", "fraud-detection", "--data", data]).with(0).says("200 in");
        assert_eq!(ended.json(), serde_json::json!({"predictions": [0.92]}));
    }
}

#[test]
fn the_second_protocol_and_every_way_in_have_an_answer() {
    let data = "{\"inputs\": [{\"name\": \"input-0\", \"shape\": [1, 3], \"datatype\": \"FP64\", \"data\": [1000, 45, 0.67]}]}";
    demo(&["predict", "fraud-detection", "--protocol", "v2", "--data", data]).with(0).shows("0.92");
    for (via, revision) in [("ingress", "any"), ("proxy", "stable"), ("pod", "canary")] {
        let arguments = ["predict", "fraud-detection", "--data", FLAT, "--via", via, "--revision", revision, "--json"];
        let answer = demo(&arguments).with(0).json();
        assert_eq!(answer["ok"], true, "{answer}");
        assert!(answer["total_seconds"].is_f64(), "{answer}");
    }
}

#[test]
fn a_payload_comes_from_a_file_or_from_standard_input() {
    let home = folder();
    std::fs::write(home.path().join("payload.json"), FLAT).unwrap();
    let file = Program::at(home.path(), &["--demo", "predict", "fraud-detection", "--data", "@payload.json"]);
    file.run().with(0).shows("0.92");
    let input = Program::at(home.path(), &["--demo", "predict", "fraud-detection", "--data", "@-"]).input(FLAT);
    input.run().with(0).shows("0.92");
}

#[test]
fn an_expectation_that_holds_ends_with_0_and_one_that_does_not_with_1() {
    let predict = |expect: &str| demo(&["predict", "fraud-detection", "--data", FLAT, "--expect", expect]);
    predict("predictions[0] == 0.92").with(0);
    predict("status == 200").with(0);
    predict("predictions[0] == 0.5").with(1).shows("0.92").says("not as expected: predictions[0] == 0.5, found [0.92]");
    predict("nothing[0] == 0.5").with(1).says("not as expected");
}

#[test]
fn an_answer_that_takes_too_long_ends_with_1() {
    let late = demo(&["predict", "fraud-detection", "--data", FLAT, "--max-latency", "0.0001ms"]).with(1);
    late.shows("0.92").says("too slow");
    demo(&["predict", "fraud-detection", "--data", FLAT, "--max-latency", "1m"]).with(0);
}

#[test]
fn json_tells_of_each_check_and_the_limit() {
    let arguments = ["predict", "fraud-detection", "--data", FLAT, "--json", "--max-latency", "1m"];
    let failed = demo(&[&arguments[..], &["--expect", "predictions[0] < 0.5"]].concat()).with(1).json();
    assert_eq!(failed["ok"], false);
    assert_eq!(failed["body"]["predictions"][0], 0.92);
    let check = serde_json::json!({"expect": "predictions[0] < 0.5", "held": false, "found": [0.92]});
    assert_eq!(failed["checks"][0], check);
    assert_eq!(failed["max_latency_seconds"], 60.0);
}

#[test]
fn a_payload_that_the_model_refuses_ends_with_1() {
    let refused = demo(&["predict", "fraud-detection", "--data", "{\"instances\": [\"x\"]}"]).with(1);
    refused.says("failed");
}

#[test]
fn what_is_written_wrong_ends_with_2_and_nothing_is_sent() {
    let predict =
        |arguments: &[&str]| demo(&[&["predict", "fraud-detection"], arguments].concat()).with(2).shows_nothing();
    predict(&["--data", FLAT, "--expect", "predictions[0] = 0.92"]).says("--expect").says("write it like");
    predict(&["--data", FLAT, "--max-latency", "soon"]).says("--max-latency");
    predict(&["--data", "{instances: 1}"]).says("--data is not JSON");
    predict(&["--data", "@/does/not/exist"]).says("/does/not/exist");
    predict(&["--data", FLAT, "--via", "telepathy"]).says("telepathy");
    predict(&[]).says("there is no payload");
}

#[test]
fn an_endpoint_that_does_not_exist_ends_with_2_and_the_nearest_names() {
    let ended = demo(&["predict", "fraud-detction", "--data", FLAT]).with(2).shows_nothing();
    ended
        .says("no endpoint `fraud-detction`")
        .says("did you mean: ml-prod/fraud-detection, ml-staging/fraud-detection");
}

#[test]
fn a_revision_that_does_not_exist_is_named_with_those_that_do() {
    let ended = demo(&["predict", "fraud-detection", "--data", FLAT, "--revision", "00099"]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    ended.says("00099").says("00002");
}

#[test]
fn a_profile_that_denies_predictions_sends_none() {
    let place = Place::new();
    place.write("config.toml", &place.config("predictions = \"deny\""));
    let ended = place.run(&["predict", "fraud-detection", "--data", FLAT]).with(3).shows_nothing();
    ended.says("profile demo allows no test predictions");
}
