use std::fs;

use serde_json::json;

use super::*;

/// What real servers answered: request line, status, body.
fn recorded() -> Vec<(String, String, u16, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/predict");
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let json: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let text = |key: &str| json[key].as_str().unwrap().to_owned();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, text("request"), u16::try_from(json["status"].as_u64().unwrap()).unwrap(), text("body"))
        })
        .collect();
    all.sort();
    all
}

fn judged(name: &str) -> Option<String> {
    let (_, _, status, body) = recorded().into_iter().find(|(other, ..)| other == name).unwrap();
    let json: Option<Json> = serde_json::from_str(&body).ok();
    fault(StatusCode::from_u16(status).unwrap(), json.as_ref(), &body)
}

#[test]
fn every_recorded_answer_is_a_prediction_or_says_why_it_is_none() {
    let mut good = 0;
    for (name, request, status, _) in recorded() {
        let fault = judged(&name);
        assert_eq!(fault.is_none(), status == 200, "{name}: {fault:?}");
        good += usize::from(fault.is_none() && request.starts_with("POST"));
    }
    assert!(good >= 5);
}

#[test]
fn the_servers_words_come_with_the_likely_cause() {
    assert_eq!(
        judged("v1-predict-malformed").unwrap(),
        "400: Unrecognized request format: unexpected character, expected a string key: line 1 column 2 (char 1)"
    );
    assert_eq!(judged("fault-v1-predict-500").unwrap(), "500: model fraud-detection: feature store timed out");
    assert_eq!(judged("v2-infer-malformed").unwrap(), "422: JSON decode error at body.1");
    assert_eq!(
        judged("v1-predict-missing-model").unwrap(),
        "404: Model with name nothing does not exist. (likely the model's name on the server is another one)"
    );
    let gateway = fault(StatusCode::NOT_FOUND, None, "default backend - 404\n").unwrap();
    assert_eq!(gateway, "404: default backend - 404 (likely the gateway: it knows no such host)");
}

#[test]
fn an_error_inside_a_200_is_no_prediction() {
    let inside = |body: Json| fault(StatusCode::OK, Some(&body), &body.to_string()).unwrap();
    assert_eq!(inside(json!({"error": "Missing instances"})), "an error inside a 200: Missing instances");
    assert_eq!(
        inside(json!({"object": "error", "message": "no such model", "code": 404})),
        "an error 404 inside a 200: no such model"
    );
    assert_eq!(
        inside(json!({"error": {"message": "queue full", "code": "503"}})),
        "an error 503 inside a 200: queue full"
    );
    assert_eq!(fault(StatusCode::OK, Some(&json!({"predictions": [0.92], "error": null})), ""), None);
    assert!(fault(StatusCode::OK, None, "<!doctype html><title>Log in</title>").unwrap().contains("login page"));
}

#[test]
fn the_acceptance_example_is_sent_letter_for_letter() {
    for typed in [r#"{"instances": [1000, 45, 0.67]}"#, r#"{"instances": [[1000, 45, 0.67]]}"#] {
        let payload = payload(Protocol::V1, typed).unwrap();
        assert_eq!((payload.body.as_str(), payload.notes.len()), (typed, 0));
    }
    assert_eq!(path(Protocol::V1, "fraud-detection").unwrap(), "/v1/models/fraud-detection:predict");
}

#[test]
fn a_bare_list_is_wrapped_and_a_v2_request_gets_an_id_without_touching_its_numbers() {
    let list = payload(Protocol::V1, "[[1000, 45, 0.670]]").unwrap();
    assert_eq!(list.body, r#"{"instances": [[1000, 45, 0.670]]}"#);
    assert_eq!(list.notes, ["the list was sent as `instances`"]);
    let v2 = payload(Protocol::V2, r#"{ "inputs": [{"data": [18446744073709551617]}]}"#).unwrap();
    assert_eq!(v2.body, r#"{"id": "quarterdeck", "inputs": [{"data": [18446744073709551617]}]}"#);
    assert_eq!(payload(Protocol::V2, r#"{"id":"x","inputs":[]}"#).unwrap().body, r#"{"id":"x","inputs":[]}"#);
    assert_eq!(payload(Protocol::V2, "{}").unwrap().body, r#"{"id": "quarterdeck"}"#);
}

#[test]
fn a_payload_that_is_none_says_where() {
    let error = payload(Protocol::V1, "{\"instances\": [1,\n 2,,]}").unwrap_err().to_string();
    assert!(error.contains("line 2, column 4"), "{error}");
    assert!(payload(Protocol::V2, "[1]").unwrap_err().to_string().contains("a list"));
}

#[test]
fn a_payload_tells_its_protocol_where_it_can() {
    assert_eq!(protocol_of(r#"{"instances": []}"#), Some(Protocol::V1));
    assert_eq!(protocol_of(r#"{"inputs": []}"#), Some(Protocol::V2));
    assert_eq!(protocol_of(r#"{"rows": []}"#), None);
}

#[test]
fn a_models_name_stays_one_segment_of_the_path() {
    assert_eq!(path(Protocol::V2, "team/fraud v2").unwrap(), "/v2/models/team%2Ffraud%20v2/infer");
    assert_eq!(metadata_path("team/fraud v2").unwrap(), "/v2/models/team%2Ffraud%20v2");
    assert!(path(Protocol::V1, "..").is_err() && path(Protocol::V2, ".").is_err() && metadata_path("..").is_err());
}

#[test]
fn lists_of_models_are_read_in_both_shapes() {
    assert_eq!(listed(&json!({"models": ["mnist"]})), ["mnist"]);
    assert_eq!(listed(&json!({"models": [{"name": "a"}, {"name": "b"}]})), ["a", "b"]);
    assert_eq!(listed(&json!({"error": "Missing model name in request."})), Vec::<String>::new());
}

#[test]
fn what_a_server_says_while_it_starts_is_known() {
    assert!(is_cold_start(StatusCode::BAD_REQUEST, r#"{"error":"Model m is not ready yet."}"#));
    assert!(is_cold_start(StatusCode::GATEWAY_TIMEOUT, "upstream request timeout"));
    assert!(!is_cold_start(StatusCode::BAD_REQUEST, r#"{"error":"bad input"}"#));
}
