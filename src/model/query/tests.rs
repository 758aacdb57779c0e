//! The filter language, by example and by random texts.

use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::model::health::Health;
use crate::model::value::{Part, Unit};

fn heads() -> Vec<Head> {
    vec![
        Head::text("name", "name", 30),
        Head::text("namespace", "namespace", 20),
        Head::text("ready", "ready", 12).as_state(),
        Head::text("owner", "owner", 12),
        Head::number("p99", "p99", 8),
        Head::number("errors", "errors", 8),
        Head::number("size", "size", 8),
        Head::number("age", "age", 5),
        Head::text("traffic", "traffic", 20),
        Head::number("restarts", "restarts", 5),
    ]
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn row() -> Row {
    let part = |label: &str, percent| Part { label: label.into(), percent, health: Health::Good };
    Row {
        key: "ml-prod/fraud-detection".into(),
        cells: [
            Value::text("Fraud-Detection"),
            Value::text("ml-prod"),
            Value::state(Health::Bad, "CrashLoop"),
            Value::None,
            Value::Number(0.163, Unit::Seconds),
            Value::Number(0.041, Unit::Ratio),
            Value::Number(3.0 * 1024.0 * 1024.0 * 1024.0, Unit::Bytes),
            Value::Time(now() - TimeDelta::minutes(14)),
            Value::Share(Arc::new([part("v12", 90.0), part("v13", 10.0)])),
            Value::pair(Value::Int(3), Value::text("12m ago")),
        ]
        .into(),
        refs: [].into(),
    }
}

fn matches(text: &str) -> bool {
    Query::parse(text, &heads()).unwrap_or_else(|error| panic!("{text}: {error}")).matches(&row(), now())
}

#[test]
fn words_match_anywhere_in_the_row_and_all_must_match() {
    for yes in
        ["", "  ", "fraud", "FRAUD ml-prod", "crash v13", "163", "14m", "\"fraud-det\"", "4.1", "-canary", "!x -y"]
    {
        assert!(matches(yes), "{yes}");
    }
    for no in ["canary", "fraud canary", "-fraud", "15m", "164", "\"ml prod\"", "!crash"] {
        assert!(!matches(no), "{no}");
    }
}

#[test]
fn a_column_narrows_the_search_to_its_cell() {
    for yes in [
        "name:fraud",
        "namespace:prod",
        "ready:crash",
        "-name:prod",
        "!owner:",
        "namesp:ml",
        "traffic:v13",
        "res:3",
        "age:14",
    ] {
        assert!(matches(yes), "{yes}");
    }
    for no in ["name:prod", "-name:fraud", "owner:", "owner:x", "ready:loops"] {
        assert!(!matches(no), "{no}");
    }
}

#[test]
fn a_state_is_found_by_its_health_and_by_its_word() {
    for yes in ["ready:bad", "status:bad", "STATUS:CrashLoop", "ready=bad", "state!=good", "ready=crashloop"] {
        assert!(matches(yes), "{yes}");
    }
    for no in ["status:good", "ready=crash", "-status:bad", "status!=bad"] {
        assert!(!matches(no), "{no}");
    }
}

#[test]
fn numbers_compare_with_units() {
    for yes in [
        "p99>150ms",
        "p99<0.2",
        "errors>1%",
        "errors>4",
        "errors<=4.1",
        "size>2GiB",
        "size=3GiB",
        "restarts>=3",
        "age<2h",
        "age>=14m",
    ] {
        assert!(matches(yes), "{yes}");
    }
    for no in
        ["p99>200ms", "errors>5%", "size<2GiB", "restarts>3", "age<10m", "owner>3", "name>3", "p99>1GiB", "age>1d"]
    {
        assert!(!matches(no), "{no}");
    }
    assert!(matches("age>2020-01-01") && matches("age<2030-01-01T00:00:00Z"));
}

#[test]
fn a_nan_matches_no_comparison() {
    let row = Row { key: "a".into(), cells: [Value::Number(f64::NAN, Unit::None)].into(), refs: [].into() };
    let heads = [Head::number("x", "x", 5)];
    for text in ["x>0", "x<0", "x>=0", "x<=0", "x=0"] {
        assert!(!Query::parse(text, &heads).unwrap().matches(&row, now()), "{text}");
    }
}

#[test]
fn an_error_says_where_and_what_would_be_right() {
    let error = |text: &str| Query::parse(text, &heads()[..3]).unwrap_err();
    assert_eq!(error("x stauts:bad").message, "no column `stauts`; there are: name, namespace, ready");
    assert_eq!(error("x stauts:bad").at, 2..8);
    assert_eq!(error("name>").message, "`>` needs a number after it");
    assert_eq!(error("a name>=abc b").at, 2..11);
    assert_eq!(error("na:x").message, "`na` could be name or namespace");
    assert_eq!(error("-").message, "`-` needs a word after it");
}

#[test]
fn an_operator_that_there_is_not_is_an_error_with_those_that_there_are() {
    for text in ["==", "=", ">3", "!=x", "::", "name==x", "name=>3", "name<>x", "name:=x", "name=", "x owner!= y"] {
        let error = Query::parse(text, &heads()).unwrap_err();
        assert!(error.message.contains("there are : = != > >= < <="), "{text}: {}", error.message);
    }
    assert!(Query::parse("name==x", &heads()).unwrap_err().message.contains("no operator `==`"));
    for text in ["owner:", "owner=\"\"", "owner:\"=x\"", "a->b", "x-", ":8080"] {
        assert!(Query::parse(text, &heads()).is_ok(), "{text}");
    }
}

#[test]
fn texts_that_only_look_like_columns_are_words() {
    for word in ["registry/app:v1", "10:30", "\"http://x\"", ":x", "a-b:c", "\"=\"", "\">3\""] {
        assert!(!matches(word), "{word}");
    }
}

#[test]
fn a_column_that_only_the_data_name_is_found_by_its_whole_id() {
    let heads = [Head::text("params.lr", "lr", 8)];
    let row = Row { key: "k".into(), cells: [Value::text("0.01")].into(), refs: [].into() };
    assert!(Query::parse("params.lr:0.01", &heads).unwrap().matches(&row, now()));
    assert!(!Query::parse("params.l:0.01", &heads).unwrap().matches(&row, now()));
}

#[test]
fn only_what_time_can_change_is_time_dependent() {
    let depends = |text: &str| Query::parse(text, &heads()).unwrap().is_time_dependent();
    assert!(depends("age<2h") && depends("fraud 14m") && depends("-12"));
    assert!(!depends("fraud") && !depends("errors>1%") && !depends("status:bad") && !depends("v12"));
}

#[test]
fn highlights_are_the_matched_parts_in_order() {
    let query = Query::parse("fraud au -det owner:ml", &heads()).unwrap();
    assert_eq!(query.highlights("Fraud-detection fraud"), [0..5, 16..21]);
    assert!(query.highlights("ml").is_empty());
    assert_eq!(query.highlights_in(3, "team-ML").first(), Some(&(5..7)));
    assert_eq!(Query::parse("é", &heads()).unwrap().highlights("xÉy").first(), Some(&(1..3)));
}

proptest! {
    #[test]
    fn any_text_parses_or_says_where_it_is_wrong(text in "[a-z:=<>!\"' \\-é%0-9.]{0,24}", cell in "\\PC{0,12}") {
        let row = Row { key: "k".into(), cells: [Value::text(&cell), Value::Int(3)].into(), refs: [].into() };
        match Query::parse(&text, &heads()) {
            Ok(query) => {
                let _ = query.matches(&row, now());
                for range in query.highlights_in(0, &cell) {
                    prop_assert!(cell.get(range).is_some_and(|part| !part.is_empty()));
                }
            }
            Err(error) => prop_assert!(text.get(error.at).is_some() && !error.message.is_empty()),
        }
    }

    #[test]
    fn a_word_finds_what_a_lowered_search_finds(word in "[a-zA-Zé]{1,3}", cell in "[a-zA-Zé ]{0,12}") {
        let row = Row { key: "k".into(), cells: [Value::text(&cell)].into(), refs: [].into() };
        let query = Query::parse(&word, &[]).unwrap();
        prop_assert_eq!(query.matches(&row, now()), cell.to_lowercase().contains(&word.to_lowercase()));
        prop_assert_eq!(query.highlights(&cell).is_empty(), !query.matches(&row, now()));
    }
}
