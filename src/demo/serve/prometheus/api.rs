//! The routes of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use promql_parser::parser::Expr;
use promql_parser::parser::value::ValueType;
use serde_json::{Value as Json, json};

use super::catalog::Catalog;
use super::families::FAMILIES;
use super::json::{bad, fault, instant, labels, plain, range, rfc3339, scientific, success};
use super::parameters::Parameters;
use super::promql::{self, Samples, Source, Steps, evaluate};
use super::{Prometheus, rules};
use crate::demo::serve::Answer;
use crate::demo::serve::query::decode;

/// A part of an answer, or the answer that says what is wrong.
type Outcome<T> = Result<T, Box<Answer>>;

/// What `status/config` tells.
const CONFIG: &str = "global:\n  scrape_interval: 15s\n  scrape_timeout: 10s\n  evaluation_interval: 15s\nrule_files:\n- \
    /etc/prometheus/rules.yml\nscrape_configs:\n- job_name: kserve\n- job_name: queue-proxy\n- job_name: ingress-nginx\n- job_name: \
    mlflow\n- job_name: prometheus\n";

/// Answers a request.
pub(super) fn answer(server: &Prometheus, request: &Request<Bytes>) -> Answer {
    let path = request.uri().path();
    let Some(route) = path.strip_prefix("/api/v1/") else {
        return match path {
            "/-/ready" => plain(StatusCode::OK, "Prometheus Server is Ready.\n"),
            "/-/healthy" => plain(StatusCode::OK, "Prometheus Server is Healthy.\n"),
            _ => missing(),
        };
    };
    let posts = ["query", "query_range", "query_exemplars", "series", "labels", "format_query"].contains(&route);
    if request.method() != Method::GET && !(posts && request.method() == Method::POST) {
        return if known(route) { wrong_method(posts) } else { missing() };
    }
    let given = Parameters::of(request);
    routed(server, route, &given).unwrap_or_else(|answer| *answer)
}

fn known(route: &str) -> bool {
    let routes = ["query", "query_range", "query_exemplars", "series", "labels", "format_query", "metadata", "targets"];
    routes.contains(&route)
        || ["rules", "alerts", "alertmanagers", "scrape_pools"].contains(&route)
        || route.starts_with("label/")
}

fn routed(server: &Prometheus, route: &str, given: &Parameters) -> Outcome<Answer> {
    let catalog = || server.catalog();
    let data = match route {
        "query" => query(&catalog(), given)?,
        "query_range" => query_range(&catalog(), given)?,
        "series" => series(&catalog(), given)?,
        "labels" => names(
            &found(&catalog(), given)?,
            |source| source.labels().iter().map(|(name, _)| name.to_owned()).collect(),
            given,
        ),
        "metadata" => metadata(given),
        "rules" => rule_groups(&catalog(), given)?,
        "alerts" => json!({ "alerts": rules::active(&catalog()).iter().map(alert).collect::<Vec<_>>() }),
        "targets" => targets(&catalog(), given),
        "alertmanagers" => json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] }),
        "scrape_pools" => json!({ "scrapePools": ["ingress-nginx", "kserve", "mlflow", "prometheus"] }),
        "query_exemplars" => json!([]),
        "format_query" => json!(parsed("query", given.get("query"))?.prettify()),
        "status/buildinfo" => json!({ "version": "3.7.3", "revision": "0000000000000000000000000000000000000000",
            "branch": "HEAD", "buildUser": "demo", "buildDate": "20260801-00:00:00", "goVersion": "go1.26.0" }),
        "status/runtimeinfo" => {
            json!({ "startTime": rfc3339(server.world.start().timestamp_millis()), "CWD": "/prometheus",
            "reloadConfigSuccess": true, "lastConfigTime": rfc3339(server.world.start().timestamp_millis()),
            "corruptionCount": 0, "goroutineCount": 47, "GOMAXPROCS": 2, "GOGC": "75", "GODEBUG": "",
            "storageRetention": "15d" })
        }
        "status/config" => json!({ "yaml": CONFIG }),
        "status/flags" => {
            json!({ "query.lookback-delta": "5m", "query.max-samples": "20000000", "query.timeout": "2m" })
        }
        "status/walreplay" => json!({ "min": 0, "max": 0, "current": 0 }),
        other => match other.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")) {
            Some(name) => label_values(&catalog(), &decode(name), given)?,
            None => return Ok(missing()),
        },
    };
    Ok(success(&data))
}

fn missing() -> Answer {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn wrong_method(posts: bool) -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    let allowed = if posts { "GET, OPTIONS, POST" } else { "GET, OPTIONS" };
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn wrong<T>(text: &str) -> Outcome<T> {
    Err(Box::new(bad(text)))
}

fn parsed(name: &str, query: &str) -> Outcome<Expr> {
    promql::parse(query).or_else(|error| wrong(&format!("invalid parameter {name:?}: {error}")))
}

fn time(given: &Parameters, name: &str, absent: Option<i64>) -> Outcome<i64> {
    given.time(name, absent).or_else(|error| wrong(&error))
}

fn timeout(given: &Parameters) -> Outcome<()> {
    if given.get("timeout").is_empty() {
        return Ok(());
    }
    given.duration("timeout").map(|_| ()).or_else(|error| wrong(&error))
}

fn query(catalog: &Catalog, given: &Parameters) -> Outcome<Json> {
    let at = time(given, "time", Some(catalog.now))?;
    timeout(given)?;
    let expression = parsed("query", given.get("query"))?;
    let value = evaluate(catalog, &expression, Steps::instant(at)).map_err(|error| Box::new(fault(&error)))?;
    Ok(instant(at, &value))
}

fn query_range(catalog: &Catalog, given: &Parameters) -> Outcome<Json> {
    let (start, end) = (time(given, "start", None)?, time(given, "end", None)?);
    if end < start {
        return wrong("invalid parameter \"end\": end timestamp must not be before start time");
    }
    let step = given.duration("step").or_else(|error| wrong(&error))?;
    if step <= 0 {
        return wrong(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
             Try a positive integer",
        );
    }
    if (end - start) / step > 11_000 {
        return wrong(
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)",
        );
    }
    timeout(given)?;
    let expression = parsed("query", given.get("query"))?;
    let kind = match expression.value_type() {
        ValueType::Matrix => "range vector",
        ValueType::String => "string",
        ValueType::Scalar | ValueType::Vector => "",
    };
    if !kind.is_empty() {
        let text = format!("invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector");
        return wrong(&text);
    }
    let steps = Steps { start, end, step };
    let value = evaluate(catalog, &expression, steps).map_err(|error| Box::new(fault(&error)))?;
    Ok(range(steps, value))
}

/// The series that `match[]` names (all where it is absent), in the time given.
fn found(catalog: &Catalog, given: &Parameters) -> Outcome<Vec<Arc<dyn Source>>> {
    let (start, end) = (time(given, "start", Some(i64::MIN / 4))?, time(given, "end", Some(i64::MAX / 4))?);
    let mut found: Vec<Arc<dyn Source>> = vec![];
    let mut any = false;
    for text in given.all("match[]") {
        any = true;
        let expression = parsed("match[]", text)?;
        let Some(selector) = promql::selectors(&expression) else {
            return wrong(&format!("invalid parameter \"match[]\": {text:?} is not a series selector"));
        };
        found.extend(catalog.select(&selector.matchers, selector.name.as_deref()));
    }
    if !any {
        found = catalog.all();
    }
    found.sort_by(|a, b| a.labels().cmp(b.labels()));
    found.dedup_by(|a, b| a.labels() == b.labels());
    let bounded = !given.get("start").is_empty() || !given.get("end").is_empty();
    if bounded {
        found.retain(|source| source.lives(start - 1, end));
    }
    Ok(found)
}

fn series(catalog: &Catalog, given: &Parameters) -> Outcome<Json> {
    if given.all("match[]").next().is_none() {
        return wrong("no match[] parameter provided");
    }
    let found = found(catalog, given)?;
    Ok(found.iter().take(limit(given)).map(|source| labels(source.labels())).collect())
}

/// `limit`; 0 and what is no number mean no limit.
fn limit(given: &Parameters) -> usize {
    given.get("limit").parse().ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX)
}

fn names(found: &[Arc<dyn Source>], of: impl Fn(&Arc<dyn Source>) -> Vec<String>, given: &Parameters) -> Json {
    let names: BTreeSet<String> = found.iter().flat_map(of).collect();
    names.into_iter().take(limit(given)).collect()
}

fn label_values(catalog: &Catalog, name: &str, given: &Parameters) -> Outcome<Json> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(letter) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return wrong(&format!("invalid label name: {name:?}"));
    }
    let of = |source: &Arc<dyn Source>| {
        let value = source.labels().get(name).to_owned();
        if value.is_empty() { vec![] } else { vec![value] }
    };
    Ok(names(&found(catalog, given)?, of, given))
}

fn metadata(given: &Parameters) -> Json {
    let wanted = given.get("metric");
    let mut known = BTreeMap::new();
    for family in FAMILIES {
        let (name, kind, help) = family.about;
        if wanted.is_empty() || wanted == name {
            known.insert(name, json!([{ "type": kind, "help": help, "unit": "" }]));
        }
    }
    known
        .into_iter()
        .take(limit(given))
        .map(|(name, about)| (name.to_owned(), about))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn alert(active: &rules::Active) -> Json {
    let annotations: serde_json::Map<String, Json> =
        active.annotations.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    json!({
        "labels": labels(&active.labels),
        "annotations": annotations,
        "state": if active.firing { "firing" } else { "pending" },
        "activeAt": rfc3339(active.since),
        "value": scientific(active.value),
    })
}

fn rule_groups(catalog: &Catalog, given: &Parameters) -> Outcome<Json> {
    let kind = given.get("type").to_lowercase();
    if !["", "alert", "record"].contains(&kind.as_str()) {
        return wrong(&format!("invalid parameter \"type\": not supported value {:?}", given.get("type")));
    }
    let active = rules::active(catalog);
    let evaluated = rfc3339(catalog.begin + catalog.scrape() * super::ledger::INTERVAL);
    let (groups_wanted, names_wanted): (Vec<&str>, Vec<&str>) =
        (given.all("rule_group[]").collect(), given.all("rule_name[]").collect());
    let mut groups = vec![];
    for (group, members) in rules::GROUPS {
        if !groups_wanted.is_empty() && !groups_wanted.contains(group) {
            continue;
        }
        let fits = |rule: &&rules::Rule| {
            let of_kind = kind.is_empty() || (kind == "alert") == rule.alert.is_some();
            of_kind && (names_wanted.is_empty() || names_wanted.contains(&rule.name))
        };
        let members: Vec<Json> = members.iter().filter(fits).map(|rule| shown(rule, &active, &evaluated)).collect();
        groups.push(
            json!({ "name": group, "file": "/etc/prometheus/rules.yml", "rules": members, "interval": 15, "limit": 0,
            "evaluationTime": 0.0008, "lastEvaluation": evaluated }),
        );
    }
    Ok(json!({ "groups": groups }))
}

fn shown(rule: &rules::Rule, active: &[rules::Active], evaluated: &str) -> Json {
    let query = promql::parse(rule.expression).map_or_else(|_| rule.expression.to_owned(), |parsed| parsed.to_string());
    let Some(about) = &rule.alert else {
        return json!({ "name": rule.name, "query": query, "health": "ok", "evaluationTime": 0.0004,
            "lastEvaluation": evaluated, "type": "recording" });
    };
    let mine: Vec<&rules::Active> = active.iter().filter(|active| active.rule == rule.name).collect();
    let state = match (mine.is_empty(), mine.iter().any(|active| active.firing)) {
        (true, _) => "inactive",
        (false, true) => "firing",
        (false, false) => "pending",
    };
    let texts = |pairs: &[(&str, &str)]| -> Json {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({ "state": state, "name": rule.name, "query": query, "duration": about.hold / 1000, "keepFiringFor": 0,
        "labels": texts(about.labels), "annotations": texts(about.annotations),
        "alerts": mine.into_iter().map(alert).collect::<Vec<_>>(), "health": "ok", "evaluationTime": 0.0004,
        "lastEvaluation": evaluated, "type": "alerting" })
}

fn targets(catalog: &Catalog, given: &Parameters) -> Json {
    let scraped = rfc3339(catalog.begin + catalog.scrape() * super::ledger::INTERVAL);
    let active = given.get("state") != "dropped";
    let Ok(expression) = promql::parse("up") else { return json!({}) };
    let rows = match evaluate(catalog, &expression, Steps::instant(catalog.now)) {
        Ok(promql::Value::Vector(rows)) if active => rows,
        _ => vec![],
    };
    let target = |row: &promql::Series| {
        let of = row.labels.clone().nameless();
        let job = of.get("job").to_owned();
        let address = match (of.get("pod"), of.get("instance")) {
            ("", instance) => instance.to_owned(),
            (pod, _) => format!("{pod}:8080"),
        };
        let up = row.values.first().copied().flatten() == Some(1.0);
        let url = format!("http://{address}/metrics");
        let error = if up { String::new() } else { format!("Get \"{url}\": context deadline exceeded") };
        json!({
            "discoveredLabels": { "__address__": address, "__metrics_path__": "/metrics", "__scheme__": "http",
                "__scrape_interval__": "15s", "__scrape_timeout__": "10s", "job": job },
            "labels": labels(&of), "scrapePool": job, "scrapeUrl": url, "globalUrl": url, "lastError": error,
            "lastScrape": scraped, "lastScrapeDuration": 0.0043, "health": if up { "up" } else { "down" },
            "scrapeInterval": "15s", "scrapeTimeout": "10s",
        })
    };
    json!({ "activeTargets": rows.iter().map(target).collect::<Vec<_>>(), "droppedTargets": [], "droppedTargetCounts": {} })
}
