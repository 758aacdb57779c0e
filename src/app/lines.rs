//! What a log or a text shows: its lines, where it stands, and what is searched for.

use std::collections::VecDeque;

pub use crate::systems::Line;
use crate::systems::{LOG_CONTAINERS, LOG_OF};

/// As many lines are kept; older ones are dropped, and it is said.
pub const KEPT: usize = 50_000;

/// Lines with a place in them.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own that a key turns")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesModel {
    lines: VecDeque<Line>,
    /// Lines dropped at the top.
    pub dropped: usize,
    /// The first line shown, counted from the first that was ever there.
    top: usize,
    /// Columns scrolled to the right.
    pub left: usize,
    /// Whether the end is followed.
    pub follow: bool,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    /// Whether the time of each line is shown.
    pub timestamps: bool,
    /// Whether no more lines will come.
    pub ended: bool,
    /// What is searched for, in lower case.
    pub search: String,
    /// Whether something has come, be it the end.
    pub loaded: bool,
    /// Whose log it is: its pod and container.
    pub of: Option<String>,
    /// The containers that may be chosen, where there are several.
    pub containers: Vec<String>,
}

impl LinesModel {
    /// An empty log that is followed, or an empty text that is not.
    #[must_use]
    pub fn new(follow: bool) -> Self {
        Self {
            lines: VecDeque::new(),
            dropped: 0,
            top: 0,
            left: 0,
            follow,
            wrap: false,
            timestamps: false,
            ended: false,
            search: String::new(),
            loaded: false,
            of: None,
            containers: Vec::new(),
        }
    }

    /// Lines that came.
    pub fn push(&mut self, lines: impl IntoIterator<Item = Line>) {
        self.loaded = true;
        for line in lines {
            match line.text.strip_prefix(LOG_OF).filter(|_| line.notice) {
                Some(of) => {
                    let (of, containers) = of.split_once(LOG_CONTAINERS).unwrap_or((of, ""));
                    self.of = Some(of.to_owned());
                    self.containers = containers.split(", ").filter(|it| !it.is_empty()).map(str::to_owned).collect();
                }
                None => self.lines.push_back(line),
            }
        }
        while self.lines.len() > KEPT {
            self.lines.pop_front();
            self.dropped += 1;
        }
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All lines, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// The lines shown on `page` rows (each a row if not wrapped), with their index.
    pub fn visible(&self, page: usize) -> impl Iterator<Item = (usize, &Line)> {
        let top = self.top(page);
        self.lines.iter().enumerate().skip(top).take(page)
    }

    /// The index of the first line shown on `page` rows.
    #[must_use]
    pub fn top(&self, page: usize) -> usize {
        let last = self.lines.len().saturating_sub(page);
        if self.follow { last } else { self.top.saturating_sub(self.dropped).min(last) }
    }

    /// The index of the first line from which on all lines to the last one have a place on `page` rows, each as many rows
    /// as `rows` says.
    pub fn tail(&self, page: usize, rows: impl Fn(&Line) -> usize) -> usize {
        let mut left = page;
        let fitting = self.lines.iter().rev().take_while(|line| {
            let taken = rows(line);
            let fits = taken <= left;
            left = left.saturating_sub(taken);
            fits
        });
        let count = fitting.count().max(1);
        self.lines.len().saturating_sub(count)
    }

    /// Moves by `by` lines; away from the end it no longer follows.
    pub fn scroll(&mut self, by: isize, page: usize) {
        let top = self.top(page).saturating_add_signed(by);
        let last = self.lines.len().saturating_sub(page);
        self.follow = by > 0 && top >= last && !self.ended && self.follow;
        self.top = top.min(last) + self.dropped;
    }

    /// Goes to the beginning.
    pub fn first(&mut self) {
        self.follow = false;
        self.top = self.dropped;
    }

    /// Goes to the end.
    pub fn last(&mut self, page: usize) {
        self.top = self.lines.len().saturating_sub(page) + self.dropped;
    }

    /// Goes to the next line that holds what is searched for, or the one before; `false` if there is none.
    pub fn find(&mut self, forward: bool, page: usize) -> bool {
        if self.search.is_empty() {
            return false;
        }
        let top = self.top(page);
        let matches = |line: &Line| line.text.to_lowercase().contains(&self.search);
        let found = if forward {
            self.lines.iter().enumerate().skip(top + 1).find(|(_, line)| matches(line)).map(|(at, _)| at)
        } else {
            self.lines.iter().enumerate().take(top).rev().find(|(_, line)| matches(line)).map(|(at, _)| at)
        };
        let found = found.or_else(|| {
            // from the other end, so that n always leads somewhere
            let mut all = self.lines.iter().enumerate().filter(|(_, line)| matches(line)).map(|(at, _)| at);
            if forward { all.next() } else { all.next_back() }
        });
        if let Some(at) = found {
            self.follow = false;
            self.top = at + self.dropped;
        }
        found.is_some()
    }

    /// How many lines hold what is searched for.
    #[must_use]
    pub fn found(&self) -> usize {
        if self.search.is_empty() {
            return 0;
        }
        self.lines.iter().filter(|line| line.text.to_lowercase().contains(&self.search)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line { at: None, text: text.into(), notice: false }
    }

    #[test]
    fn whose_log_it_is_is_no_line_of_it_unless_the_log_says_so_itself() {
        let mut model = LinesModel::new(true);
        let title = Line { notice: true, ..line("log of a-1 container c; containers: c, d") };
        model.push([title, line("log of something")]);
        assert_eq!((model.len(), model.of.as_deref()), (1, Some("a-1 container c")));
        assert_eq!(model.containers, ["c", "d"]);
    }

    #[test]
    fn scrolling_up_stops_following_and_the_place_stays() {
        let mut model = LinesModel::new(true);
        model.push((0..20).map(|at| line(&format!("line {at}"))));
        assert_eq!(model.top(5), 15);
        model.scroll(-3, 5);
        model.push([line("new")]);
        assert_eq!(model.top(5), 12);
    }

    #[test]
    fn of_long_lines_only_those_that_fit_are_the_tail() {
        let mut model = LinesModel::new(true);
        model.push(["a", "bbb", "cc", "d"].map(line));
        let rows = |line: &Line| line.text.len();
        assert_eq!((model.tail(7, rows), model.tail(6, rows), model.tail(5, rows)), (0, 1, 2));
        assert_eq!(model.tail(0, rows), 3, "the last one at least");
    }

    #[test]
    fn a_search_goes_round_and_keeps_what_is_dropped_in_mind() {
        let mut model = LinesModel::new(false);
        model.push((0..KEPT + 10).map(|at| line(if at == 20 { "Needle" } else { "hay" })));
        model.search = "needle".into();
        assert!(model.find(true, 5));
        assert_eq!(model.top(5), 10);
        assert!(model.find(true, 5), "it goes round");
        assert_eq!(model.found(), 1);
    }
}
