use std::net::SocketAddr;
use std::sync::Mutex as Guarded;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::feed::{Metrics, Panels};
use super::super::settings;
use super::*;
use crate::model::clock::VirtualClock;
use crate::model::record::Change;
use crate::systems::{Feed, Settings};

/// A server that answers as `answer` says, and remembers what it was asked.
async fn serve(answer: fn(&Method, &str, &str) -> Response) -> (SocketAddr, Arc<Guarded<Vec<String>>>) {
    let asked: Arc<Guarded<Vec<String>>> = Arc::default();
    let remembered = Arc::clone(&asked);
    let app = Router::new().fallback(move |request: Request| {
        let remembered = Arc::clone(&remembered);
        async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let query = format!("{}{}", head.uri.query().unwrap_or_default(), String::from_utf8_lossy(&body));
            remembered.lock().unwrap().push(format!("{} {}", head.method, head.uri.path()));
            answer(&head.method, head.uri.path(), &query)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, asked)
}

fn client(address: SocketAddr, more: &str) -> Client {
    let settings = Settings { table: format!("url = 'http://{address}/prom'\n{more}").parse().unwrap(), file: None };
    let clock = Clock::Virtual(VirtualClock::new(DateTime::from_timestamp(1_000_000, 0).unwrap()));
    let cx =
        Cx { clock, kube: crate::systems::kube::Access::default(), env: Arc::new(|_| None), namespaces: Vec::new() };
    let resolved = settings::resolve(&settings, &cx.env).unwrap();
    Client::new(&resolved, &cx).unwrap().unwrap()
}

const SPAN: Span = Span { start: 999_000, end: 999_600, step: 60 };

fn json(text: &str) -> Response {
    ([("content-type", "application/json")], text.to_owned()).into_response()
}

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;

#[tokio::test]
async fn a_server_that_refuses_posts_is_asked_by_get_from_then_on() {
    let (address, asked) = serve(|method, _, query| {
        assert!(query.contains("query=up") && query.contains("step=60"), "{query}");
        if *method == Method::POST { StatusCode::METHOD_NOT_ALLOWED.into_response() } else { json(EMPTY) }
    })
    .await;
    let client = client(address, "");
    client.range("up", SPAN).await.unwrap();
    client.range("up", SPAN).await.unwrap();
    let path = "/prom/api/v1/query_range";
    assert_eq!(*asked.lock().unwrap(), [format!("POST {path}"), format!("GET {path}"), format!("GET {path}")]);
}

#[tokio::test]
async fn the_servers_own_words_are_the_error() {
    let (address, _) = serve(|_, _, _| {
        let body = r#"{"status":"error","errorType":"bad_data","error":"1:7: parse error: unclosed left parenthesis"}"#;
        (StatusCode::BAD_REQUEST, json(body)).into_response()
    })
    .await;
    let error = client(address, "").range("sum(up", SPAN).await.unwrap_err();
    assert_eq!(error, Error::Refused { why: "1:7: parse error: unclosed left parenthesis".into() });
}

#[tokio::test]
async fn a_login_page_and_a_missing_login_are_told_apart() {
    let (address, _) = serve(|_, _, _| ([("content-type", "text/html")], "<html>log in</html>").into_response()).await;
    let error = client(address, "").range("up", SPAN).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { what } if what.contains("HTML")), "{error}");
    let (address, _) = serve(|_, _, _| StatusCode::UNAUTHORIZED.into_response()).await;
    let error = client(address, "").range("up", SPAN).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    let (address, _) = serve(|_, _, _| StatusCode::NOT_FOUND.into_response()).await;
    let error = client(address, "").range("up", SPAN).await.unwrap_err();
    assert!(error.to_string().starts_with("no Prometheus API there"), "{error}");
}

/// A Prometheus with two metrics, whose answers are partial.
fn small_world(_: &Method, path: &str, query: &str) -> Response {
    if path.ends_with("/values") {
        return json(r#"{"status":"success","data":["revision_request_count","up","unasked"]}"#);
    }
    if path.ends_with("/config") {
        return StatusCode::FORBIDDEN.into_response();
    }
    if query.contains("revision_request_count") && query.contains("response_code_class%29") {
        let end = 999_960;
        return json(&format!(
            r#"{{"status":"success","warnings":["store eu-2 unavailable"],"data":{{"resultType":"matrix","result":[
            {{"metric":{{"namespace_name":"prod","configuration_name":"fraud-predictor","revision_name":"r1","response_code_class":"2xx"}},
             "values":[[{end},"9"]]}},
            {{"metric":{{"namespace_name":"prod","configuration_name":"fraud-predictor","revision_name":"r1","response_code_class":"5xx"}},
             "values":[[{end},"1"]]}}]}}}}"#
        ));
    }
    json(EMPTY)
}

#[tokio::test]
async fn rows_come_with_a_note_when_the_answer_is_partial() {
    let (address, _) = serve(small_world).await;
    let mut feed = Metrics { client: Arc::new(client(address, "")) };
    let fetched = feed.next().await.unwrap();
    let rows = fetched.changes.iter().filter_map(|(pane, change)| match change {
        Change::Upsert(row) => Some((pane.0, row.key.to_string(), row.cell(1).number(), row.cell(5).number())),
        _ => None,
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(
        rows,
        [
            ("endpoint_metrics", "prod/fraud".to_owned(), Some(10.0), Some(0.1)),
            ("revision_metrics", "prod/r1".to_owned(), Some(10.0), Some(0.1))
        ]
    );
    let notes = fetched.changes.iter().filter_map(|(_, change)| match change {
        Change::Note(text) => Some(text.to_string()),
        _ => None,
    });
    assert_eq!(notes.collect::<Vec<_>>(), ["partial: store eu-2 unavailable", ""]);
}

#[tokio::test]
async fn a_panel_whose_query_is_refused_says_so_and_the_others_go_on() {
    let (address, _) = serve(|method, path, query| {
        if query.contains("up+%3D%3D+0") {
            let body = r#"{"status":"error","errorType":"execution","error":"too many samples"}"#;
            return (StatusCode::UNPROCESSABLE_ENTITY, json(body)).into_response();
        }
        small_world(method, path, query)
    })
    .await;
    let panels = super::super::panels::built_in().into();
    let mut feed = Panels { client: Arc::new(client(address, "scrape_interval = '30s'")), panels };
    let fetched = feed.next().await.unwrap();
    let rows = fetched.changes.iter().filter_map(|(_, change)| match change {
        Change::Upsert(row) => {
            Some(row.cells.iter().take(2).map(|cell| cell.show(DateTime::UNIX_EPOCH)).collect::<Vec<_>>().join(": "))
        }
        _ => None,
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        ["requests: no data", "error ratio: no data", "targets down: refused: too many samples"]
    );
}
