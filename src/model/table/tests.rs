//! What a table does, by example.

use chrono::TimeDelta;

use super::*;
use crate::model::health::Health;
use crate::model::value::{Unit, Value};

fn heads() -> Arc<[Head]> {
    Arc::new([
        Head::text("name", "name", 20),
        Head::text("ready", "ready", 10).as_state(),
        Head::number("rps", "rps", 8),
        Head::number("age", "age", 5),
    ])
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn row(name: &str, health: Health, rps: f64) -> Arc<Row> {
    Arc::new(Row {
        key: name.into(),
        cells: [
            Value::text(name),
            Value::state(health, health.word()),
            Value::Number(rps, Unit::PerSecond),
            Value::Time(now() - TimeDelta::minutes(90)),
        ]
        .into(),
        refs: [].into(),
    })
}

fn rows(rows: impl IntoIterator<Item = Arc<Row>>) -> Batch {
    Batch { rows: rows.into_iter().collect(), ..Batch::default() }
}

/// Rows `r00`, `r01`, …, all good, as many as said, on a screen of ten.
fn table(count: u8) -> TableModel {
    let mut table = TableModel::new(heads(), None);
    table.resize(10);
    let all = (0..count).map(|at| row(&format!("r{at:02}"), Health::Good, f64::from(at)));
    table.apply(&Batch { complete: true, ..rows(all) }, now());
    table
}

fn names(table: &TableModel) -> Vec<&str> {
    table.visible().iter().map(|row| row.key.as_str()).collect()
}

fn cursor(table: &TableModel) -> &str {
    table.cursor().map_or("", Key::as_str)
}

fn line(table: &TableModel) -> usize {
    table.cursor_index() - table.offset()
}

#[test]
fn cursor_follows_its_row_when_the_sort_changes() {
    let mut table = table(50);
    table.go(Move::To(5));
    assert_eq!((cursor(&table), line(&table)), ("r05", 5));
    table.set_sort(Some(Sort::by("rps", true)));
    assert_eq!((cursor(&table), table.cursor_index(), line(&table)), ("r05", 44, 5));
    assert_eq!(names(&table).get(5), Some(&"r05"));
}

#[test]
fn a_row_that_moves_does_not_take_the_cursors_line_away() {
    let mut table = table(50);
    table.set_sort(Some(Sort::by("ready", false)));
    table.go(Move::To(20));
    let before = line(&table);
    table.apply(&rows([row("r40", Health::Bad, 1.0), row("r20", Health::Warn, 1.0)]), now());
    assert_eq!((cursor(&table), table.cursor_index()), ("r20", 1));
    assert_eq!(line(&table), 1, "as near to line {before} as the top allows");
    table.apply(&rows([row("r20", Health::Good, 1.0)]), now());
    assert_eq!((cursor(&table), line(&table)), ("r20", 1));
}

#[test]
fn a_vanished_row_holds_nothing_until_the_operator_moves() {
    let mut table = table(20);
    table.go(Move::To(3));
    table.apply(&Batch { removed: vec!["r03".into()], ..Batch::default() }, now());
    assert_eq!((cursor(&table), table.anchor(), table.cursor_index()), ("r03", Anchor::Vanished, 3));
    assert!(table.current().is_none() && table.targets().is_empty());
    assert_eq!(table.why_off().map(|reason| reason.0), Some("r03 is gone".into()));
    table.apply(&rows([row("r03", Health::Good, 1.0)]), now());
    assert_eq!(table.anchor(), Anchor::Held, "it came back");
    table.apply(&Batch { removed: vec!["r03".into()], ..Batch::default() }, now());
    table.go(Move::By(1));
    assert_eq!((cursor(&table), table.anchor()), ("r04", Anchor::Held), "the row that moved into its place");
    assert!(table.why_off().is_none());
}

#[test]
fn a_step_from_a_row_that_is_gone_skips_no_neighbour() {
    let gone_from = |at: usize, gone: &str, by: isize| {
        let mut table = table(20);
        table.go(Move::To(at));
        table.apply(&Batch { removed: vec![gone.into()], ..Batch::default() }, now());
        table.go(Move::By(by));
        cursor(&table).to_owned()
    };
    assert_eq!((gone_from(5, "r05", 1), gone_from(5, "r05", -1)), ("r06".into(), "r04".into()));
    assert_eq!((gone_from(5, "r05", 2), gone_from(0, "r00", -1)), ("r07".into(), "r01".into()));
    assert_eq!((gone_from(19, "r19", 1), gone_from(19, "r19", -1)), ("r18".into(), "r18".into()));
    assert_eq!(gone_from(19, "r19", -2), "r17");
}

#[test]
fn by_state_what_is_over_its_limit_comes_before_what_is_well() {
    let heads = [Head::text("ready", "ready", 10).as_state(), Head::number("errors", "errors", 8)];
    let mut table = TableModel::new(Arc::new(heads), Some(Sort::by("ready", false)));
    table.resize(10);
    let row = |name: &str, health: Option<Health>, errors: f64| {
        let series = crate::model::value::Series { unit: Unit::Ratio, limit: Some(0.01), points: vec![(0, errors)] };
        let state = health.map_or(Value::None, |health| Value::state(health, "word"));
        Arc::new(Row { key: name.into(), cells: [state, Value::Spark(Arc::new(series))].into(), refs: [].into() })
    };
    let all = [
        row("idle", Some(Health::Idle), 0.0),
        row("well", Some(Health::Good), 0.0),
        row("unknown", None, 0.0),
        row("over", Some(Health::Good), 0.04),
        row("broken", Some(Health::Bad), 0.0),
    ];
    table.apply(&Batch { complete: true, ..rows(all) }, now());
    assert_eq!(names(&table), ["broken", "over", "well", "idle", "unknown"]);
    table.set_sort(Some(Sort::by("ready", true)));
    assert_eq!(names(&table), ["idle", "well", "over", "broken", "unknown"]);
}

#[test]
fn rows_that_are_equal_stand_in_the_order_of_their_versions() {
    let mut table = TableModel::new(heads(), Some(Sort::by("ready", false)));
    table.resize(10);
    let all = ["m/v10", "m/v9", "m/v1"].map(|name| row(name, Health::Good, 1.0));
    table.apply(&Batch { complete: true, ..rows(all) }, now());
    assert_eq!(names(&table), ["m/v1", "m/v9", "m/v10"]);
}

#[test]
fn a_row_that_ceases_to_match_is_filtered_not_gone() {
    let mut table = table(20);
    table.set_filter("ready:good", now());
    table.go(Move::To(3));
    table.apply(&rows([row("r03", Health::Bad, 1.0)]), now());
    assert_eq!((cursor(&table), table.anchor(), table.counts()), ("r03", Anchor::Filtered, (19, 20)));
    assert_eq!(table.why_off().map(|reason| reason.0), Some("r03 no longer matches the filter".into()));
}

#[test]
fn typing_a_filter_moves_to_the_first_match_and_clearing_it_moves_back() {
    let mut table = table(20);
    table.go(Move::To(7));
    table.set_filter("r1", now());
    assert_eq!((cursor(&table), table.counts()), ("r10", (10, 20)));
    table.set_filter("r15", now());
    assert_eq!(cursor(&table), "r15");
    table.set_filter("", now());
    assert_eq!((cursor(&table), table.cursor_index()), ("r07", 7));
    table.set_filter("r1", now());
    table.go(Move::By(1));
    table.set_filter("", now());
    assert_eq!(cursor(&table), "r11", "after a move there is no way back");
}

#[test]
fn a_filter_without_a_match_or_with_a_mistake_keeps_the_cursor() {
    let mut table = table(20);
    table.go(Move::To(7));
    table.set_filter("nothing-like-it", now());
    assert_eq!((cursor(&table), table.anchor(), table.counts()), ("r07", Anchor::Filtered, (0, 20)));
    assert!(table.visible().is_empty());
    table.set_filter("stauts:bad", now());
    assert!(table.filter().error().is_some());
    assert_eq!(table.counts(), (0, 20), "the last good filter goes on");
    table.set_filter("", now());
    assert_eq!((cursor(&table), table.anchor()), ("r07", Anchor::Held));
}

#[test]
fn the_first_rows_to_arrive_do_not_drag_the_cursor_along() {
    let mut table = TableModel::new(heads(), None);
    table.resize(10);
    table.apply(&rows([row("m", Health::Good, 1.0)]), now());
    assert_eq!(table.cursor(), None);
    table.apply(&Batch { complete: true, ..rows([row("a", Health::Good, 1.0)]) }, now());
    assert_eq!((cursor(&table), table.cursor_index()), ("a", 0));
}

#[test]
fn what_is_nothing_sorts_last_both_ways_and_ties_go_by_key() {
    let mut table = TableModel::new(heads(), Some(Sort::by("rps", false)));
    table.resize(10);
    let all = [("d", f64::NAN), ("b", 1.0), ("c", 1.0), ("a", f64::NAN), ("e", 9.0)];
    table.apply(&rows(all.map(|(name, rps)| row(name, Health::Good, rps))), now());
    assert_eq!(names(&table), ["b", "c", "e", "a", "d"]);
    table.set_sort(Some(Sort::by("rps", true)));
    assert_eq!(names(&table), ["e", "b", "c", "a", "d"]);
}

#[test]
fn sorting_by_the_chosen_column_reverses_and_returns_to_the_default() {
    let mut table = table(3);
    table.columns_mut().select(2);
    table.sort_by_selected();
    assert_eq!(table.sort(), Some((2, false)));
    table.sort_by_selected();
    assert_eq!((table.sort(), names(&table)), (Some((2, true)), vec!["r02", "r01", "r00"]));
    table.sort_by_selected();
    assert_eq!((table.sort(), names(&table)), (None, vec!["r00", "r01", "r02"]));
}

#[test]
fn a_changed_cell_is_marked_for_a_second() {
    let mut table = table(3);
    let key = Key::from("r01");
    assert!(!table.changed(&key, 2, now()), "the first load is no change");
    table.apply(&rows([row("r01", Health::Good, 77.0), row("new", Health::Good, 1.0)]), now());
    assert!(table.changed(&key, 2, now()) && !table.changed(&key, 1, now()));
    assert!(!table.changed(&"new".into(), 2, now()));
    let later = now() + TimeDelta::seconds(1);
    assert_eq!(table.next_change_expiry(), Some(later));
    assert!(!table.changed(&key, 2, later));
    assert!(table.tick(later) && table.next_change_expiry().is_none());
    assert!(!table.tick(later));
}

#[test]
fn marks_survive_changes_sorts_and_filters_even_of_rows_that_vanish() {
    let mut table = table(5);
    table.toggle_mark();
    table.go(Move::Last);
    table.toggle_mark();
    table.apply(&Batch { removed: vec!["r04".into()], ..Batch::default() }, now());
    table.set_filter("r02", now());
    assert_eq!(table.targets(), [Key::from("r00"), Key::from("r04")]);
    table.clear_marks();
    table.mark_shown();
    assert_eq!(table.targets(), [Key::from("r02")]);
}

#[test]
fn a_frozen_view_stays_while_data_keep_coming() {
    let mut table = table(5);
    table.go(Move::To(2));
    table.set_frozen(true, now());
    let batch = Batch {
        removed: vec!["r02".into(), "r01".into()],
        ..rows([row("r00", Health::Bad, 1.0), row("x", Health::Bad, 1.0)])
    };
    table.apply(&batch, now());
    assert_eq!(names(&table), ["r00", "r01", "r02", "r03", "r04"]);
    assert_eq!(table.visible()[0].cell(1).health(), Some(Health::Good));
    assert_eq!((table.anchor(), table.held_back()), (Anchor::Vanished, 4), "no verb on what is gone");
    table.set_sort(Some(Sort::by("rps", true)));
    assert_eq!(names(&table), ["r04", "r03", "r02", "r01", "r00"], "sorting sorts what is shown");
    table.set_sort(None);
    table.set_frozen(false, now());
    assert_eq!(names(&table), ["r00", "r03", "r04", "x"]);
}

#[test]
fn a_filter_by_age_lets_rows_go_as_time_passes() {
    let mut table = table(5);
    table.set_filter("age<2h", now());
    assert_eq!(table.counts(), (5, 5));
    let later = now() + TimeDelta::minutes(40);
    table.apply(&rows([row("r01", Health::Good, 50.0)]), later);
    assert_eq!(table.counts(), (4, 5), "the row that was touched is looked at now");
    assert!(table.tick(later));
    assert_eq!((table.counts(), table.anchor()), ((0, 5), Anchor::Filtered));
    assert!(!table.tick(later));
}

#[test]
fn pages_scroll_and_a_smaller_screen_keep_the_cursor_on_it() {
    let mut table = table(50);
    table.go(Move::Page(2));
    assert_eq!((cursor(&table), table.offset()), ("r20", 11));
    table.go(Move::Scroll(3));
    assert_eq!((cursor(&table), table.offset()), ("r20", 14), "scrolling leaves the cursor");
    table.go(Move::Scroll(30));
    assert_eq!((cursor(&table), table.offset()), ("r40", 40), "unless it would leave the screen");
    table.go(Move::Last);
    table.resize(3);
    assert_eq!((cursor(&table), table.offset(), line(&table)), ("r49", 47, 2));
    table.go(Move::By(-100));
    assert_eq!((cursor(&table), table.offset()), ("r00", 0));
    table.resize(0);
    assert!(table.visible().is_empty());
}

#[test]
fn a_jump_waits_for_a_row_that_is_not_there_yet() {
    let mut table = TableModel::new(heads(), None);
    table.resize(10);
    assert!(!table.jump(&"b".into()));
    let all = ["a", "b", "c"].map(|name| row(name, Health::Good, 1.0));
    table.apply(&Batch { complete: true, ..rows(all) }, now());
    assert_eq!((cursor(&table), table.cursor_index(), table.anchor()), ("b", 1, Anchor::Held));
    assert!(table.jump(&"c".into()));
}

#[test]
fn new_headings_keep_sort_and_filter_by_their_ids() {
    let mut table = table(3);
    table.set_sort(Some(Sort::by("rps", true)));
    table.set_filter("rps>0", now());
    let mut heads = heads().to_vec();
    heads.remove(1);
    let all = (0..3_u8).map(|at| {
        let full = row(&format!("r{at:02}"), Health::Good, f64::from(at));
        let cells = full.cells.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, cell)| cell.clone()).collect();
        Arc::new(Row { key: full.key.clone(), cells, refs: [].into() })
    });
    table.apply(&Batch { heads: Some(heads.into()), ..rows(all) }, now());
    assert_eq!((table.sort(), names(&table)), (Some((1, true)), vec!["r02", "r01"]));
}

#[test]
fn many_rows_at_once_land_where_single_ones_would() {
    let mut bulk = TableModel::new(heads(), Some(Sort::by("rps", true)));
    let mut single = bulk.clone();
    let all: Vec<_> = (0..200_u8).map(|at| row(&format!("r{at}"), Health::Good, f64::from(at % 7))).collect();
    bulk.apply(&rows(all.iter().cloned()), now());
    for row in all {
        single.apply(&rows([row]), now());
    }
    assert_eq!(bulk.order(), single.order());
}
