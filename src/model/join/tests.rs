//! Joins, with references that are missing, doubled and contradicting.

use super::*;
use crate::model::id::Ref;

const ENDPOINTS: PaneId = PaneId("endpoints");
const METRICS: PaneId = PaneId("metrics");
const PODS: PaneId = PaneId("pods");

fn panes() -> Panes {
    let join = |id: &'static str, pane, column, way| Join { head: Head::text(id, id, 9), pane, column, way };
    Panes::declare([
        (
            ENDPOINTS,
            [Head::text("name", "name", 9)].into(),
            vec![
                join("rps", METRICS, "rps", Way::Forward),
                join("pods", PODS, "name", Way::Backward(Fold::Count)),
                join("nodes", PODS, "node", Way::Backward(Fold::List)),
                join("restarts", PODS, "restarts", Way::Backward(Fold::Sum)),
                join("owner", PaneId("nobody"), "x", Way::Forward),
            ],
        ),
        (METRICS, [Head::number("rps", "rps", 9)].into(), vec![]),
        (PODS, ["name", "node", "restarts"].map(|id| Head::text(id, id, 9)).into(), vec![]),
    ])
}

fn row(key: &str, cells: &[Value], refs: &[(PaneId, &str)]) -> Arc<Row> {
    let refs = refs.iter().map(|(pane, key)| Ref::new(*pane, *key)).collect();
    Arc::new(Row { key: key.into(), cells: cells.into(), refs })
}

fn pod(name: &str, node: &str, restarts: i64, of: &[&str]) -> Arc<Row> {
    let refs: Vec<_> = of.iter().map(|endpoint| (ENDPOINTS, *endpoint)).collect();
    row(name, &[name.into(), node.into(), Value::Int(restarts)], &refs)
}

fn rows(rows: impl Into<Vec<Arc<Row>>>) -> Batch {
    Batch { rows: rows.into(), complete: true, ..Batch::default() }
}

/// The joined cells of an endpoint.
fn joined(panes: &Panes, key: &str) -> Vec<Value> {
    panes.rows(ENDPOINTS).unwrap().get(&key.into()).unwrap().cells[1..].to_vec()
}

fn number(value: f64) -> Value {
    Value::Number(value, Unit::PerSecond)
}

#[test]
fn heads_are_the_own_ones_then_the_joined_ones_of_panes_that_there_are() {
    let ids: Vec<_> = panes().heads(ENDPOINTS).iter().map(|head| head.id.to_string()).collect();
    assert_eq!(ids, ["name", "rps", "pods", "nodes", "restarts"]);
}

#[test]
fn a_row_finds_another_by_its_reference_else_by_the_same_key() {
    let mut panes = panes();
    panes.apply(ENDPOINTS, &rows([row("a", &["a".into()], &[]), row("b", &["b".into()], &[(METRICS, "x")])]));
    let out = panes.apply(
        METRICS,
        &rows([row("a", &[number(1.0)], &[]), row("b", &[number(2.0)], &[]), row("x", &[number(3.0)], &[])]),
    );
    assert_eq!(joined(&panes, "a")[0], number(1.0));
    assert_eq!(joined(&panes, "b")[0], number(3.0), "the reference, not the same key");
    assert_eq!(
        out.iter().map(|(id, batch)| (*id, batch.rows.len())).collect::<Vec<_>>(),
        [(METRICS, 3), (ENDPOINTS, 2)]
    );
}

#[test]
fn only_rows_that_show_the_change_are_made_anew() {
    let mut panes = panes();
    let endpoints: Vec<_> = (0..50).map(|at| row(&format!("e{at}"), &["e".into()], &[])).collect();
    panes.apply(ENDPOINTS, &rows(endpoints));
    panes.apply(METRICS, &rows([row("e7", &[number(1.0)], &[])]));
    let out = panes.apply(METRICS, &Batch { rows: vec![row("e7", &[number(2.0)], &[])], ..Batch::default() });
    let keys = |at: usize| out[at].1.rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>();
    assert_eq!((out.len(), keys(1)), (2, vec!["e7"]));
    let out = panes.apply(METRICS, &Batch { removed: vec!["e7".into()], ..Batch::default() });
    assert_eq!(out[1].1.rows[0].cell(1), &Value::None);
}

#[test]
fn rows_that_refer_here_are_counted_listed_and_summed() {
    let mut panes = panes();
    panes.apply(ENDPOINTS, &rows([row("a", &["a".into()], &[]), row("b", &["b".into()], &[])]));
    assert_eq!(joined(&panes, "a")[1], Value::None, "not known is not none");
    panes.apply(PODS, &rows([pod("p1", "n1", 2, &["a"]), pod("p2", "n2", 3, &["a"]), pod("p3", "n1", 0, &["a"])]));
    assert_eq!(joined(&panes, "a")[1..], [Value::Int(3), "n1, n2".into(), Value::Int(5)]);
    assert_eq!(joined(&panes, "b")[1..], [Value::Int(0), Value::None, Value::None]);
    panes
        .apply(PODS, &Batch { rows: vec![pod("p2", "n2", 3, &["b"])], removed: vec!["p3".into()], ..Batch::default() });
    assert_eq!(joined(&panes, "a")[1..], [Value::Int(1), "n1".into(), Value::Int(2)]);
    assert_eq!(joined(&panes, "b")[1..], [Value::Int(1), "n2".into(), Value::Int(3)], "it moved from one to the other");
}

#[test]
fn doubled_and_dangling_references_count_once_or_not_at_all() {
    let mut panes = panes();
    panes.apply(PODS, &rows([pod("p1", "n1", 1, &["a", "a"]), pod("p2", "n1", 1, &["nowhere"])]));
    panes.apply(ENDPOINTS, &rows([row("a", &["a".into()], &[(METRICS, "gone"), (METRICS, "m")])]));
    assert_eq!(joined(&panes, "a")[1], Value::Int(1));
    panes.apply(METRICS, &rows([row("m", &[number(1.0)], &[]), row("a", &[number(9.0)], &[])]));
    assert_eq!(joined(&panes, "a")[0], Value::None, "of two references the first counts, even if it leads nowhere");
    panes.apply(METRICS, &Batch { rows: vec![row("gone", &[number(4.0)], &[])], ..Batch::default() });
    assert_eq!(joined(&panes, "a")[0], number(4.0));
    panes.apply(PODS, &Batch { removed: vec!["p1".into(), "p1".into(), "p9".into()], ..Batch::default() });
    assert_eq!(joined(&panes, "a")[1], Value::Int(0));
}

#[test]
fn an_equal_row_and_a_change_that_no_join_shows_touch_no_other_pane() {
    let mut panes = panes();
    panes.apply(ENDPOINTS, &rows([row("a", &["a".into()], &[])]));
    panes.apply(PODS, &rows([pod("p1", "n1", 1, &["a"])]));
    assert_eq!(panes.apply(PODS, &Batch { rows: vec![pod("p1", "n1", 1, &["a"])], ..Batch::default() }).len(), 1);
    let renamed = row("p1", &["other".into(), "n1".into(), Value::Int(1)], &[(ENDPOINTS, "a")]);
    assert_eq!(
        panes.apply(PODS, &Batch { rows: vec![renamed], ..Batch::default() }).len(),
        1,
        "names are only counted"
    );
}

#[test]
fn rows_that_leave_take_their_joined_cells_with_them() {
    let mut panes = panes();
    panes.apply(ENDPOINTS, &rows([row("a", &["a".into()], &[])]));
    let out = panes.apply(ENDPOINTS, &Batch { removed: vec!["a".into()], ..Batch::default() });
    assert_eq!(out[0].1.removed, ["a".into()]);
    assert!(panes.rows(ENDPOINTS).unwrap().is_empty());
}
