//! Each bad answer once, from a server on a socket of our own.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's server")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}/prefix/")).unwrap()
}

/// Answers every connection with these bytes and closes it.
async fn raw(bytes: &'static [u8]) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's server")]
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(bytes).await;
            let _ = socket.shutdown().await;
        }
    });
    Url::parse(&format!("http://{address}")).unwrap()
}

fn options(base: Url) -> Options {
    let mut options = Options::new("MLflow", "an MLflow API", base);
    options.asks = &["/search"];
    options
}

fn client(base: Url) -> Http {
    Http::new(options(base)).unwrap()
}

async fn error_of(router: Router) -> Error {
    client(serve(router).await).get_json("/x", &[]).await.unwrap_err()
}

fn at_x<R: IntoResponse + Clone + Send + Sync + 'static>(answer: R) -> Router {
    Router::new().route("/prefix/x", get(move || async move { answer }))
}

#[tokio::test]
async fn the_prefix_is_kept_and_names_are_encoded_once() {
    let router =
        Router::new().route(
            "/prefix/x",
            get(|axum::extract::Query(query): axum::extract::Query<Vec<(String, String)>>| async move {
                Body(json!(query))
            }),
        );
    let http = client(serve(router).await);
    let answer = http.get_json("/x", &[("name", "m%6fdel-1 "), ("name", "o'hara \"x\"/é")]).await.unwrap();
    assert_eq!(answer, json!([["name", "m%6fdel-1 "], ["name", "o'hara \"x\"/é"]]));
    assert_eq!(http.requests(), 1);
}

#[tokio::test]
async fn a_long_question_goes_as_a_form() {
    let router = Router::new().route("/prefix/search", post(|body: String| async move { Body(json!(body)) }));
    let http = client(serve(router).await);
    let answer = http.ask_form("/search", &[("query", "rate(x[5m]) > 0")]).await.unwrap();
    assert_eq!(answer.json().unwrap(), json!("query=rate%28x%5B5m%5D%29+%3E+0"));
}

#[tokio::test]
async fn statuses_become_the_kinds_that_the_screen_acts_on() {
    let said = |code| at_x((code, Body(json!({"message": "because"}))));
    assert!(
        matches!(error_of(said(StatusCode::UNAUTHORIZED)).await, Error::Unauthorized { why, .. } if why == "401: because")
    );
    assert!(
        matches!(error_of(said(StatusCode::FORBIDDEN)).await, Error::Forbidden { what, .. } if what.ends_with("/prefix/x (because)"))
    );
    assert!(matches!(error_of(said(StatusCode::NOT_FOUND)).await, Error::Gone { what } if what == "because"));
    assert!(matches!(error_of(said(StatusCode::CONFLICT)).await, Error::Conflict { what } if what == "because"));
    assert!(matches!(error_of(said(StatusCode::BAD_REQUEST)).await, Error::Refused { why } if why == "because"));
    assert!(
        matches!(error_of(said(StatusCode::SERVICE_UNAVAILABLE)).await, Error::Unreachable { why, .. } if why == "503: because")
    );
    assert!(
        matches!(error_of(said(StatusCode::INTERNAL_SERVER_ERROR)).await, Error::Protocol { what } if what == "MLflow answers 500: because")
    );
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back_in_seconds_or_as_a_date() {
    let mut wanted = options(serve(at_x((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "30")]))).await);
    wanted.clock = Clock::Virtual(crate::model::clock::VirtualClock::new(chrono::DateTime::UNIX_EPOCH));
    let error = Http::new(wanted).unwrap().get_json("/x", &[]).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { until: Some(until), .. } if until.timestamp() == 30));
    let date = at_x((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]));
    assert!(
        matches!(error_of(date).await, Error::RateLimited { until: Some(until), .. } if until.timestamp() == 1_792_567_680)
    );
}

#[tokio::test]
async fn a_login_page_is_called_one() {
    let page = at_x(axum::response::Html("<!DOCTYPE html><title>Sign in</title>"));
    let words = error_of(page).await.to_string();
    assert!(words.starts_with("not an MLflow API at http://127.0.0.1"), "{words}");
    assert!(words.ends_with("/prefix/x (HTML; a login page?)"), "{words}");
}

#[tokio::test]
async fn redirects_are_followed_only_within_the_host() {
    let router = Router::new()
        .route("/prefix/x", get(|| async { axum::response::Redirect::temporary("/prefix/y") }))
        .route("/prefix/y", get(|| async { Body(json!({"here": 1})) }))
        .route(
            "/prefix/away",
            get(|| async { axum::response::Redirect::temporary("http://sso.example.com/login?token=t") }),
        )
        .route("/prefix/circle", get(|| async { axum::response::Redirect::temporary("/prefix/circle") }))
        .route("/prefix/search", post(|| async { axum::response::Redirect::permanent("/prefix/y") }));
    let http = client(serve(router).await);
    assert_eq!(http.get_json("/x", &[]).await.unwrap(), json!({"here": 1}));
    let away = http.get_json("/away", &[]).await.unwrap_err().to_string();
    assert!(away.contains("sends on to http://sso.example.com/login (a login page?)"), "{away}");
    assert!(http.get_json("/circle", &[]).await.unwrap_err().to_string().contains("circles"));
    assert!(matches!(http.ask("/search", &json!({})).await.unwrap().json(), Err(Error::Refused { .. })));
}

#[tokio::test]
async fn a_login_is_not_taken_along_to_another_port_of_the_host() {
    let came = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&came);
    let other = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { Body(json!({"not": "ours"})) }
    }))
    .await;
    let there = other.join("/prefix/y").unwrap();
    let mut wanted = options(serve(at_x(axum::response::Redirect::temporary(there.as_str()))).await);
    wanted.login = Login::Bearer(Credential::Given(Secret::new("tok-123")));
    let error = Http::new(wanted).unwrap().get_json("/x", &[]).await.unwrap_err().to_string();
    assert!(error.contains(&format!("sends on to {there}")), "{error}");
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[test]
fn a_redirect_is_followed_within_host_port_and_scheme_or_up_to_tls() {
    let led = |from: &str, to: &str| {
        let asked = answer::Asked { name: "it".into(), api: "it", method: Method::GET, address: from.into() };
        let headers = [(header::LOCATION, HeaderValue::from_str(to).unwrap())].into_iter().collect();
        let at = chrono::DateTime::UNIX_EPOCH;
        let answer = Answer { status: StatusCode::FOUND, headers, body: Bytes::new(), asked, at };
        next_address(&answer, &Url::parse(from).unwrap()).is_some()
    };
    for (from, to) in [
        ("http://h:5000/x", "/y"),
        ("https://h:8443/x", "https://h:8443/y"),
        ("http://h/x", "http://h:80/y"),
        ("http://h/x", "https://h/x"),
    ] {
        assert!(led(from, to), "{from} to {to}");
    }
    for (from, to) in [
        ("http://h:5000/x", "http://h:5001/x"),
        ("https://h/x", "https://h:8443/x"),
        ("https://h:8443/x", "http://h:8443/x"),
        ("https://h/x", "http://h/x"),
        ("https://h/x", "http://h:443/x"),
        ("http://h:5000/x", "https://h:5000/x"),
        ("http://h:5000/x", "https://h/x"),
        ("http://h/x", "https://h:8443/x"),
        ("http://h/x", "http://h.example.com/x"),
        ("https://h/x", "https://me:pass@h/x"),
    ] {
        assert!(!led(from, to), "{from} to {to}");
    }
}

#[tokio::test]
async fn a_post_that_is_not_listed_as_a_question_is_not_sent() {
    let http = client(Url::parse("http://127.0.0.1:9").unwrap());
    assert!(matches!(http.ask("/delete", &json!({})).await, Err(Error::Refused { .. })));
    assert_eq!(http.requests(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_an_answer() {
    let base =
        raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"runs\":[").await;
    let error = client(base).get_json("/x", &[]).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { what } if what.contains("broke off")), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_the_limit() {
    let endless = || async {
        let spaces = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096])));
        axum::body::Body::from_stream(spaces).into_response()
    };
    let router = Router::new().route("/prefix/x", get(endless));
    let mut wanted = options(serve(router).await);
    wanted.body_limit = 1_000_000;
    let error = Http::new(wanted).unwrap().get_json("/x", &[]).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { what } if what.contains("limit of 1 MB")), "{error}");
}

#[tokio::test]
async fn an_announced_hundred_megabytes_are_not_read() {
    let base = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n{").await;
    let words = client(base).get_json("/x", &[]).await.unwrap_err().to_string();
    assert!(words.contains("100 MB, more than the limit of 64 MB"), "{words}");
}

#[tokio::test]
async fn a_server_that_hangs_ends_in_a_timeout() {
    let router = Router::new().route("/prefix/x", get(|| async { std::future::pending::<String>().await }));
    let mut wanted = options(serve(router).await);
    wanted.timeout = Duration::from_millis(50);
    assert!(matches!(Http::new(wanted).unwrap().get_json("/x", &[]).await, Err(Error::Timeout { .. })));
}

#[tokio::test]
async fn nobody_at_home_is_unreachable_and_bad_tls_says_so() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(Url::parse(&format!("http://{gone}")).unwrap()).get_json("/x", &[]).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { why, .. } if why.contains("refused")), "{error}");
    let mut plain = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    plain.set_scheme("https").unwrap();
    assert!(matches!(client(plain).get_json("/x", &[]).await, Err(Error::Unreachable { .. })));
}

#[tokio::test]
async fn an_empty_or_wrong_answer_is_no_answer() {
    assert!(error_of(at_x("")).await.to_string().contains("an empty answer"));
    assert!(error_of(at_x("{\"runs\": [}")).await.to_string().contains("no JSON"));
}

#[tokio::test]
async fn a_login_is_sent_and_its_secret_never_comes_back_in_a_message() {
    let router = Router::new().route(
        "/prefix/x",
        get(|headers: axum::http::HeaderMap| async move {
            let sent = headers.get("authorization").unwrap().to_str().unwrap().to_owned();
            (StatusCode::BAD_REQUEST, Body(json!({"message": format!("bad header {sent}")})))
        }),
    );
    let mut wanted = options(serve(router).await);
    wanted.login = Login::Bearer(Credential::Given(Secret::new("tok-123")));
    let error = Http::new(wanted.clone()).unwrap().get_json("/x", &[]).await.unwrap_err();
    assert_eq!(error, Error::Refused { why: "bad header ***".into() });
    wanted.login = Login::Basic { username: "me".into(), password: Credential::Given(Secret::new("tok-123")) };
    let error = Http::new(wanted).unwrap().get_json("/x", &[]).await.unwrap_err();
    assert_eq!(error, Error::Refused { why: "bad header ***".into() });
}

#[tokio::test]
async fn a_login_that_expired_is_fetched_anew_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old\n").unwrap();
    let router = Router::new().route(
        "/prefix/x",
        get(|headers: axum::http::HeaderMap| async move {
            let good = headers.get("authorization").is_some_and(|sent| sent == "Bearer new");
            if good { Body(json!({})).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
        }),
    );
    let mut wanted = options(serve(router).await);
    wanted.login = Login::Bearer(Credential::File(file.clone()));
    let http = Http::new(wanted).unwrap();
    assert!(matches!(http.get_json("/x", &[]).await, Err(Error::Unauthorized { .. })));
    assert_eq!(http.requests(), 1);
    std::fs::write(&file, "new\n").unwrap();
    assert!(http.get_json("/x", &[]).await.is_ok());
}

#[test]
fn an_address_with_a_login_is_refused_without_repeating_it() {
    let words = base_address("https://me:hunter2@mlflow.example.com").unwrap_err().to_string();
    assert!(words.contains("mlflow.example.com") && !words.contains("hunter2"), "{words}");
    assert!(base_address("mlflow.example.com:5000").is_err());
    assert!(base_address("http://h/mlflow").is_ok());
}

struct Echo;

impl Carrier for Echo {
    fn what(&self) -> String {
        "service ml/mlflow".into()
    }

    fn carry(
        &self,
        request: http::Request<Bytes>,
    ) -> futures_util::future::BoxFuture<'_, Result<http::Response<super::Body>, Error>> {
        Box::pin(async move {
            use futures_util::StreamExt;
            let text = json!({"uri": request.uri().to_string()}).to_string();
            let body = futures_util::stream::once(async move { Ok(Bytes::from(text)) }).boxed();
            Ok(http::Response::new(body))
        })
    }
}

#[tokio::test]
async fn a_carried_request_has_only_a_path() {
    let wanted = options(Url::parse("http://service/prefix").unwrap());
    let http = Http::over(Transport::Carried(Box::new(Echo)), wanted);
    assert_eq!(http.get_json("/x", &[("a", "b c")]).await.unwrap(), json!({"uri": "/prefix/x?a=b+c"}));
    assert_eq!(http.address("/x"), "service ml/mlflow/prefix/x");
}
