//! Random changes, sorts, filters, sizes and moves against a table that is rebuilt from scratch each time.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::model::health::Health;
use crate::model::query::Query;
use crate::model::value::{Unit, Value};

/// A small generator of numbers (splitmix64), so that each run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const COLUMNS: [&str; 4] = ["name", "ready", "rps", "age"];
const FILTERS: [&str; 9] = ["", "a", "b", "bad", "-good", "rps>3", "age<30m", "ready:warn", "nothing"];

fn heads() -> Arc<[Head]> {
    COLUMNS.map(|id| if id == "ready" { Head::text(id, id, 9).as_state() } else { Head::text(id, id, 9) }).into()
}

fn row(random: &mut Random, now: DateTime<Utc>) -> Arc<Row> {
    let health = *random.pick(&[Health::Bad, Health::Warn, Health::Good]);
    let rps = match random.below(4) {
        0 => Value::None,
        1 => Value::Number(f64::NAN, Unit::None),
        2 => Value::Int(3),
        _ => Value::Number([1.0, 3.0, 5.0][random.below(3)], Unit::None),
    };
    Arc::new(Row {
        key: format!("k{:02}", random.below(40)).as_str().into(),
        cells: [
            Value::text(["a", "ab", "b", "c"][random.below(4)]),
            Value::state(health, health.word()),
            rps,
            Value::Time(now - TimeDelta::minutes(i64::try_from(random.below(60)).unwrap())),
        ]
        .into(),
        refs: [].into(),
    })
}

/// What a table must be, kept in the plainest way.
struct Naive {
    rows: BTreeMap<Key, Arc<Row>>,
    /// Which rows matched when they were last looked at: a filter by age is looked at anew only when told to.
    matching: BTreeSet<Key>,
    query: Query,
    sort: Option<(usize, bool)>,
    frozen: Option<Vec<Arc<Row>>>,
}

impl Naive {
    fn order(&self) -> Vec<Arc<Row>> {
        if let Some(frozen) = &self.frozen {
            return frozen.clone();
        }
        let mut order: Vec<_> = self.matching.iter().filter_map(|key| self.rows.get(key)).cloned().collect();
        // stable, over rows in the order of their keys
        if let Some((column, descending)) = self.sort {
            order.sort_by(|a, b| {
                let (a, b) = (a.cell(column), b.cell(column));
                match (a.is_none(), b.is_none()) {
                    (false, false) if descending => b.order(a),
                    (a_none, b_none) if a_none != b_none => a_none.cmp(&b_none),
                    _ => a.order(b),
                }
            });
        }
        order
    }

    fn look(&mut self, now: DateTime<Utc>) {
        self.matching =
            self.rows.values().filter(|row| self.query.matches(row, now)).map(|row| row.key.clone()).collect();
    }
}

struct Pair {
    table: TableModel,
    naive: Naive,
    now: DateTime<Utc>,
}

impl Pair {
    /// One random operation; says whether it may give the cursor another row.
    fn step(&mut self, random: &mut Random) -> bool {
        match random.below(16) {
            0..=6 => {
                self.feed(random);
                false
            }
            7 => {
                let sort = random.below(5);
                let descending = random.below(2) == 0;
                self.table.set_sort(COLUMNS.get(sort).map(|id| Sort::by(id, descending)));
                self.naive.sort = (sort < COLUMNS.len()).then_some((sort, descending));
                if let Some(frozen) = self.naive.frozen.take() {
                    let keys = frozen.iter().map(|row| row.key.clone()).collect();
                    let rows = frozen.into_iter().map(|row| (row.key.clone(), row)).collect();
                    let shown =
                        Naive { rows, matching: keys, query: Query::default(), sort: self.naive.sort, frozen: None };
                    self.naive.frozen = Some(shown.order());
                }
                false
            }
            8 if self.naive.frozen.is_none() => {
                let text = random.pick(&FILTERS);
                if self.table.filter().text() != *text {
                    self.naive.query = Query::parse(text, &heads()).unwrap();
                    self.naive.look(self.now);
                }
                self.table.set_filter(text, self.now);
                true
            }
            9 => {
                self.table.resize(random.below(12));
                false
            }
            10 => {
                self.now += TimeDelta::minutes(1);
                if self.naive.frozen.is_none() {
                    if self.naive.query.is_time_dependent() {
                        self.naive.look(self.now);
                    }
                    self.table.tick(self.now);
                }
                false
            }
            11 if random.below(8) == 0 => {
                let frozen = !self.table.is_frozen();
                self.table.set_frozen(frozen, self.now);
                self.naive.frozen = None;
                if frozen {
                    self.naive.frozen = Some(self.naive.order());
                } else {
                    self.naive.look(self.now);
                }
                false
            }
            _ => {
                let signed = isize::try_from(random.below(9)).unwrap() - 4;
                let to = [
                    Move::By(signed),
                    Move::Page(signed),
                    Move::First,
                    Move::Last,
                    Move::To(random.below(50)),
                    Move::Scroll(signed),
                ];
                self.table.go(*random.pick(&to));
                true
            }
        }
    }

    fn feed(&mut self, random: &mut Random) {
        let mut batch = Batch { complete: random.below(20) == 0, ..Batch::default() };
        let most = if random.below(10) == 0 { 60 } else { 4 };
        for _ in 0..random.below(most) {
            batch.rows.push(row(random, self.now));
        }
        for _ in 0..random.below(3) {
            batch.removed.push(format!("k{:02}", random.below(40)).as_str().into());
        }
        self.table.apply(&batch, self.now);
        for row in &batch.rows {
            // an equal row is not looked at again, even if time has passed
            if self.naive.rows.get(&row.key) != Some(row) {
                self.naive.rows.insert(row.key.clone(), Arc::clone(row));
                self.naive.matching.remove(&row.key);
                if self.naive.query.matches(row, self.now) {
                    self.naive.matching.insert(row.key.clone());
                }
            }
        }
        for key in &batch.removed {
            self.naive.rows.remove(key);
            self.naive.matching.remove(key);
        }
    }

    fn check(&self) {
        let table = &self.table;
        assert_eq!(table.order(), self.naive.order(), "the order");
        let (at, offset, page) = (table.cursor_index(), table.offset(), table.page().max(1));
        assert!(offset <= table.order().len().saturating_sub(page), "no blank lines below");
        if table.order().is_empty() {
            assert_eq!((at, offset), (0, 0));
        } else {
            assert!(
                (offset..offset + page).contains(&at) && at < table.order().len(),
                "the highlight is on the screen"
            );
        }
        let Some(key) = table.cursor() else { return assert!(!table.rows().loaded || table.order().is_empty()) };
        let shown = table.order().iter().position(|row| row.key == *key);
        let expected = match (shown, self.naive.rows.contains_key(key)) {
            (Some(_), true) => Anchor::Held,
            (None, true) => Anchor::Filtered,
            (_, false) => Anchor::Vanished,
        };
        assert_eq!(table.anchor(), expected);
        assert!(shown.is_none_or(|shown| shown == at), "the highlight is on the cursor's row");
        assert_eq!(table.current(), self.naive.rows.get(key).filter(|_| expected == Anchor::Held));
    }
}

/// Runs `steps` random operations from `seed`, checking all after each.
fn run(seed: u64, steps: usize) {
    let mut random = Random(seed);
    let naive =
        Naive { rows: BTreeMap::new(), matching: BTreeSet::new(), query: Query::default(), sort: None, frozen: None };
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut pair = Pair { table: TableModel::new(heads(), None), naive, now };
    for _ in 0..steps {
        let before = (pair.table.cursor().cloned(), pair.table.cursor_index() - pair.table.offset());
        if random.below(30) == 0 {
            pair.table.toggle_mark();
        }
        let marks: Vec<Key> = pair.table.marks().cloned().collect();
        let moved = pair.step(&mut random);
        pair.check();
        assert!(pair.table.marks().eq(&marks), "marks are kept");
        if !moved && before.0.is_some() {
            assert_eq!(pair.table.cursor(), before.0.as_ref(), "only a move takes another row");
        }
    }
}

#[test]
fn any_sequence_of_operations_keeps_order_cursor_and_marks() {
    for seed in 0..30 {
        run(seed, 2_000);
    }
}

/// Takes half a minute without optimisation.
#[test]
#[ignore = "long: 300,000 operations; .ci/run runs it"]
fn any_long_sequence_of_operations_keeps_order_cursor_and_marks() {
    for seed in 100..130 {
        run(seed, 10_000);
    }
}
