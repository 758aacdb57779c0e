use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use chrono::TimeDelta;

use super::*;
use crate::actions::{Guard, Policy};
use crate::config::Predictions;
use crate::model::prediction::Wanted;
use crate::model::serving::{Revision, Role, Serving};

fn permit() -> PredictPermit {
    let policy = Policy {
        profile: "test".into(),
        production: false,
        read_only: true,
        armed_for: TimeDelta::minutes(15),
        predictions: Predictions::Allow,
    };
    Guard::new(policy).predict(false).unwrap()
}

fn means() -> Means {
    Means { limit: Duration::from_secs(5), ..Means::new(Access::default(), Clock::System) }
}

/// A server that gives these answers, a connection each, and tells what it was sent.
async fn serve(answers: Vec<Vec<u8>>) -> (String, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = tokio::sync::mpsc::channel(8);
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            let mut piece = [0; 4096];
            while !is_whole(&seen) {
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => seen.extend_from_slice(&piece[..count]),
                }
            }
            tell.send(String::from_utf8_lossy(&seen).into_owned()).await.unwrap();
            if answer.is_empty() {
                // a reset and no orderly end
                stream.set_zero_linger().unwrap();
            } else {
                stream.write_all(&answer).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    (address, told)
}

fn is_whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn ok(body: &str) -> Vec<u8> {
    http("200 OK", "content-type: application/json\r\n", body.as_bytes())
}

fn ask(url: &str) -> Ask {
    let serving = Serving {
        namespace: "prod".into(),
        name: "fraud-detection".into(),
        model: None,
        protocol: Some(Protocol::V1),
        url: Some(url.to_owned()),
        revisions: vec![Revision {
            name: "r1".into(),
            role: Role::Stable,
            percent: Some(100.0),
            selector: "rev=r1".into(),
            port: 8080,
            service: None,
            ready: true,
        }],
        obstacle: None,
    };
    Ask {
        serving,
        wanted: Wanted::Stable,
        via: Some(Way::Url),
        protocol: None,
        body: r#"{"instances": [1000, 45, 0.67]}"#.into(),
    }
}

async fn sent(answers: Vec<Vec<u8>>) -> (Result<Answer, Error>, tokio::sync::mpsc::Receiver<String>) {
    let (address, told) = serve(answers).await;
    (send(&permit(), &ask(&format!("http://{address}")), &means()).await, told)
}

#[tokio::test]
async fn the_acceptance_example_goes_out_word_for_word_and_its_answer_comes_back() {
    let (answer, mut told) = sent(vec![ok(r#"{"predictions":[0.92]}"#)]).await;
    let answer = answer.unwrap();
    let request = told.recv().await.unwrap();
    assert!(request.starts_with("POST /v1/models/fraud-detection:predict HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"instances\": [1000, 45, 0.67]}"), "{request}");
    assert!(!request.to_lowercase().contains("accept-encoding"), "some servers pack without saying so");
    assert_eq!((answer.status, answer.good, answer.revision.as_deref()), (200, true, Some("r1")));
    assert!(answer.body.contains("0.92"));
    assert!(answer.connect.unwrap() <= answer.first_byte.unwrap() && answer.first_byte.unwrap() <= answer.total);
}

#[tokio::test]
async fn an_error_inside_a_200_is_not_good() {
    let (answer, _) = sent(vec![ok(r#"{"error":"Missing instances"}"#)]).await;
    let answer = answer.unwrap();
    assert_eq!((answer.good, answer.why.as_deref()), (false, Some("an error inside a 200: Missing instances")));
}

#[tokio::test]
async fn a_packed_body_without_its_header_is_read() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, br#"{"predictions":[0.92]}"#).unwrap();
    let (answer, _) =
        sent(vec![http("200 OK", "content-type: application/json\r\n", &encoder.finish().unwrap())]).await;
    let answer = answer.unwrap();
    assert!(answer.good && answer.body.contains("0.92"));
    assert_eq!(answer.notes, ["the body was packed by gzip, which the server did not say"]);
}

#[tokio::test]
async fn a_reset_is_an_error_and_the_request_is_not_sent_again() {
    let (answer, mut told) = sent(vec![Vec::new(), ok("{}")]).await;
    assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
    assert!(told.recv().await.is_some());
    assert!(told.try_recv().is_err(), "sent once");
}

#[tokio::test]
async fn a_307_keeps_method_and_body_and_stays_on_the_server() {
    let listener = vec![
        http("307 Temporary Redirect", "location: /v1/models/fraud-detection:predict?x=1\r\n", b""),
        ok(r#"{"predictions":[1]}"#),
    ];
    let (answer, mut told) = sent(listener).await;
    assert!(answer.unwrap().good);
    told.recv().await.unwrap();
    let second = told.recv().await.unwrap();
    assert!(
        second.starts_with("POST /v1/models/fraud-detection:predict?x=1") && second.ends_with("0.67]}"),
        "{second}"
    );
    let (elsewhere, mut told) =
        sent(vec![http("307 Temporary Redirect", "location: http://other.example/x\r\n", b"")]).await;
    let elsewhere = elsewhere.unwrap();
    assert!(!elsewhere.good && elsewhere.why.unwrap().contains("not followed"));
    told.recv().await.unwrap();
}

#[tokio::test]
async fn a_301_on_a_post_is_not_followed_and_https_is_offered() {
    let (answer, _) = sent(vec![http("301 Moved Permanently", "location: https://m.example.com/v1/x\r\n", b"")]).await;
    let why = answer.unwrap().why.unwrap();
    assert!(why.starts_with("301: it wants https") && why.contains("https://127.0.0.1"), "{why}");
}

#[tokio::test]
async fn the_listed_name_is_used_when_there_is_exactly_one() {
    let unknown = http("404 Not Found", "", br#"{"error":"Model with name fraud-detection does not exist."}"#);
    let (answer, mut told) =
        sent(vec![unknown.clone(), ok(r#"{"models":["mnist"]}"#), ok(r#"{"predictions":[7]}"#)]).await;
    let answer = answer.unwrap();
    assert!(answer.good);
    assert_eq!(answer.request, "POST /v1/models/mnist:predict");
    assert!(answer.notes[0].contains("one model only, mnist"), "{:?}", answer.notes);
    for start in ["POST /v1/models/fraud-detection:predict", "GET /v1/models ", "POST /v1/models/mnist:predict"] {
        assert!(told.recv().await.unwrap().starts_with(start));
    }
    let no_list = http("400 Bad Request", "", br#"{"error":"Missing model name in request."}"#);
    let (answer, _) = sent(vec![unknown, no_list]).await;
    let answer = answer.unwrap();
    assert!(answer.why.unwrap().contains("the model's name on the server is another one"));
    assert_eq!(answer.notes, ["the server lists no models"]);
}

#[tokio::test]
async fn a_server_that_is_starting_is_asked_once_more() {
    let starting = || http("400 Bad Request", "", br#"{"error":"Model m is not ready yet."}"#);
    let (answer, _) = sent(vec![starting(), ok(r#"{"predictions":[1]}"#)]).await;
    let answer = answer.unwrap();
    assert!(answer.good && answer.notes[0].contains("sent once more"), "{:?}", answer.notes);
    let (answer, _) = sent(vec![starting(), starting()]).await;
    assert!(!answer.unwrap().good, "but not a third time");
}

#[tokio::test]
async fn an_endpoint_that_scaled_to_zero_is_woken_by_the_front_door_and_that_is_said_first() {
    let (address, _told) =
        serve(vec![http("504 Gateway Timeout", "", b"upstream request timeout"), ok(r#"{"predictions":[1]}"#)]).await;
    let mut cold = ask(&format!("http://{address}"));
    cold.via = None;
    cold.serving.obstacle = Some("scaled to zero".into());
    let answer = send(&permit(), &cold, &means()).await.unwrap();
    assert_eq!(answer.notes[0], "scaled to zero: the first answer can take minutes");
    assert!(answer.good && answer.notes.iter().any(|note| note.contains("ended with 504")), "{:?}", answer.notes);
    cold.serving.obstacle = Some("stopped on purpose (annotation serving.kserve.io/stop)".into());
    let refused = send(&permit(), &cold, &means()).await.unwrap_err();
    assert_eq!(refused, Error::Refused { why: "stopped on purpose (annotation serving.kserve.io/stop)".into() });
}

#[tokio::test]
async fn the_next_way_is_tried_when_nothing_could_be_sent_and_it_says_why() {
    let (address, mut told) = serve(vec![ok(r#"{"predictions":[1]}"#)]).await;
    let mut any = ask("http://fraud.invalid/serving/prod/");
    any.via = None;
    any.wanted = Wanted::Any;
    let means = Means { ingress: Some(format!("http://{address}")), ..means() };
    let answer = send(&permit(), &any, &means).await.unwrap();
    assert_eq!(answer.way, format!("through the ingress at {address} as fraud.invalid"));
    assert!(
        answer.notes[0].starts_with("not by url: ") && answer.notes[0].contains("doesn't resolve"),
        "{:?}",
        answer.notes
    );
    let request = told.recv().await.unwrap();
    assert!(
        request.starts_with("POST /serving/prod/v1/models/fraud-detection:predict "),
        "one slash, prefix kept: {request}"
    );
    assert!(request.contains("host: fraud.invalid\r\n"), "{request}");
}

#[tokio::test]
async fn a_way_that_does_not_reach_the_revision_is_refused_with_the_reason() {
    let mut split = ask("http://fraud.acme.invalid");
    split.serving.revisions[0].percent = Some(90.0);
    let error = send(&permit(), &split, &means()).await.unwrap_err().to_string();
    assert!(error.contains("the traffic's split decides"), "{error}");
}

#[tokio::test]
async fn our_own_limit_is_named_as_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = ask(&format!("http://{}", listener.local_addr().unwrap()));
    let means = Means { limit: Duration::from_millis(50), ..means() };
    let error = send(&permit(), &silent, &means).await.unwrap_err();
    assert!(matches!(&error, Error::Timeout { what, .. } if what.contains("our own limit")), "{error}");
}

#[tokio::test]
async fn the_server_is_asked_for_its_protocol_where_nobody_tells() {
    let (address, mut told) = serve(vec![
        http("404 Not Found", "", b"{\"detail\":\"Not Found\"}"),
        ok(r#"{"models":["fraud-detection"]}"#),
        ok(r#"{"outputs":[]}"#),
    ])
    .await;
    let mut unknown = ask(&format!("http://{address}"));
    unknown.serving.protocol = None;
    unknown.body = "{}".into();
    let answer = send(&permit(), &unknown, &means()).await.unwrap();
    assert_eq!(answer.request, "POST /v2/models/fraud-detection/infer");
    assert!(answer.notes.iter().any(|note| note == "the server answers /v2/models"), "{:?}", answer.notes);
    assert!(told.recv().await.unwrap().starts_with("GET /v1/models "));
}

#[tokio::test]
async fn what_the_server_says_of_its_model_becomes_a_payload_to_begin_with() {
    let metadata = r#"{"name":"fraud-detection","inputs":[{"name":"input-0","datatype":"FP64","shape":[-1,3]}]}"#;
    let (address, mut told) = serve(vec![ok(metadata)]).await;
    let payload = super::example(&ask(&format!("http://{address}")).serving, &means()).await.unwrap();
    assert_eq!(payload, serde_json::json!({"instances": [[0.0, 0.0, 0.0]]}));
    assert!(told.recv().await.unwrap().starts_with("GET /v2/models/fraud-detection HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_endpoint_that_sleeps_is_not_woken_for_a_payload() {
    let mut serving = ask("http://127.0.0.1:9").serving;
    serving.obstacle = Some("scaled to zero".into());
    assert!(matches!(super::example(&serving, &means()).await, Err(Error::Refused { .. })));
}

#[test]
fn rights_that_are_missing_for_every_way_are_one_error_with_each_of_them() {
    let missing = vec![
        ("create".to_owned(), "services/proxy in a".to_owned()),
        ("get".to_owned(), "pods/portforward in a".to_owned()),
    ];
    let error = all_forbidden(missing);
    assert_eq!(error.to_string(), "not permitted: create services/proxy in a or get pods/portforward in a");
}

#[test]
fn a_port_where_nothing_listens_leaves_the_other_ways_open() {
    let refused = |why: &str| Failed::After(Error::Unreachable { what: "pod a/b".into(), why: why.into() });
    let after = not_listening(refused("dial tcp 127.0.0.1:8080: connect: connection refused"), "port 8080 of pod a/b");
    assert!(matches!(after, Failed::Before(Error::Unreachable { what, .. }) if what == "port 8080 of pod a/b"));
    assert!(matches!(not_listening(refused("connection reset"), "x"), Failed::After(_)));
}

#[tokio::test]
async fn a_proxy_of_the_environment_that_is_not_used_is_named() {
    let variable = |name: &str| (name == "HTTP_PROXY").then(|| "http://me:secret@proxy:3128".to_owned());
    let means = Means { env: Arc::new(variable), ..means() };
    let asked = ask("http://no-such-host.invalid");
    let error = send(&permit(), &asked, &means).await.unwrap_err().to_string();
    assert!(error.contains("http://proxy:3128 (HTTP_PROXY) is not used") && !error.contains("secret"), "{error}");
}
