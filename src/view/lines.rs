//! Logs and texts.

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns, cut, cut_middle, wrap};
use super::section::say;
use super::theme::Role;
use super::words::{self, Words};
use crate::app::lines::{Line, LinesModel};
use crate::app::own;
use crate::app::place::SectionState;
use crate::model::health::Health;
use crate::model::verb::Kind;

/// Width of a line's time.
const TIME: u16 = 12;

/// Draws the lines that fit below their heading.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    section: &SectionState,
    model: &LinesModel,
    (heading, mut area): (Rect, Rect),
) {
    if area.height == 0 {
        return;
    }
    status(canvas, section, model, (heading, area));
    if model.is_empty() {
        let said = match (&section.error, model.loaded) {
            (Some(error), _) => words::failing(error),
            (None, _) if section.section.pane == own::LOG => Words {
                health: Health::Idle,
                what: "nothing was written yet".into(),
                advice: "what systems and plans do is written here, and to a file in the state folder".into(),
            },
            (None, false) => {
                Words { health: Health::Busy, what: "fetching".into(), advice: "the screen works meanwhile".into() }
            }
            (None, true) if section.section.kind == Kind::Log => Words {
                health: Health::Idle,
                what: "nothing was written yet".into(),
                advice: "P shows the container's previous run, c another container".into(),
            },
            (None, true) => Words { health: Health::Idle, what: "nothing to show".into(), advice: String::new() },
        };
        return say(canvas, &said, area);
    }
    if let Some(error) = &section.error {
        area.height -= trouble(canvas, model, &format!("{error}, tried again"), area);
    }
    let page = usize::from(area.height);
    let tail = if model.wrap && model.follow { model.tail(page, |line| rows_of(model, line, area)) } else { 0 };
    let mut y = area.y;
    for (_, line) in model.visible(page).skip_while(|(at, _)| *at < tail) {
        if y >= area.bottom() {
            break;
        }
        y = one(canvas, model, line, Rect { y, height: area.bottom().saturating_sub(y), ..area });
    }
}

/// What is wrong, below the lines that came before; whole where lines are wrapped. Returns how many rows it takes.
fn trouble(canvas: &mut Canvas<'_>, model: &LinesModel, text: &str, area: Rect) -> u16 {
    let width = area.width.saturating_sub(3);
    let most = usize::from(area.height / 2).max(1);
    let mut pieces = wrap(text, width);
    pieces.truncate(if model.wrap { most } else { 1 });
    if !model.wrap {
        pieces = vec![cut(text, width, canvas.theme)];
    }
    let taken = u16::try_from(pieces.len()).unwrap_or(1).min(area.height);
    for (y, piece) in (area.bottom() - taken..area.bottom()).zip(pieces) {
        canvas.text(area.x + 2, y, &piece, Role::Bad, width);
    }
    taken
}

/// At the right of the heading: following or not, where in the text we are.
fn status(canvas: &mut Canvas<'_>, section: &SectionState, model: &LinesModel, (heading, area): (Rect, Rect)) {
    if heading.height == 0 {
        return;
    }
    let page = usize::from(area.height);
    let mut parts = Vec::new();
    if section.section.kind == Kind::Log {
        parts.push(
            if model.ended {
                "ended"
            } else if model.follow {
                "following"
            } else {
                "not following"
            }
            .to_owned(),
        );
    }
    if section.how.previous {
        parts.push("previous run".into());
    }
    if model.dropped > 0 {
        parts.push(format!("{} older lines dropped", model.dropped));
    }
    if !model.is_empty() {
        parts.push(format!("line {} of {}", (model.top(page) + page).min(model.len()), model.len()));
    }
    let dot = canvas.theme.pick(" · ", " - ");
    let left = canvas.right(area.right().saturating_sub(2), heading.y, &parts.join(dot), Role::Dim);
    if let Some(of) = &model.of {
        let x = heading.x + 2 + columns(section.title) + 2;
        let room = left.saturating_sub(x + 2);
        canvas.text(x, heading.y, &cut_middle(of, room, canvas.theme), Role::Text, room);
    }
}

/// Where a line's text begins, behind its time.
fn indent(model: &LinesModel, line: &Line) -> u16 {
    if model.timestamps && line.at.is_some() { TIME + 3 } else { 2 }
}

/// A line's text; what we say ourselves has a dot before it.
fn text_of(line: &Line, unicode: bool) -> String {
    if line.notice { format!("{} {}", if unicode { "·" } else { "." }, line.text) } else { line.text.to_string() }
}

/// How many rows a line takes where lines are wrapped.
fn rows_of(model: &LinesModel, line: &Line, area: Rect) -> usize {
    wrap(&text_of(line, true), area.width.saturating_sub(indent(model, line) + 1)).len()
}

/// One line, over several rows where it is wrapped; returns the row behind it.
fn one(canvas: &mut Canvas<'_>, model: &LinesModel, line: &Line, area: Rect) -> u16 {
    let x = area.x + indent(model, line);
    if model.timestamps
        && let Some(at) = line.at
    {
        canvas.text(area.x + 2, area.y, &at.format("%H:%M:%S%.3f").to_string(), Role::Faint, TIME);
    }
    let width = area.right().saturating_sub(x + 1);
    let role = if line.notice { Role::Dim } else { level(&line.text) };
    let text = text_of(line, canvas.theme.unicode);
    // what we say ourselves is never cut
    if model.wrap || line.notice {
        let mut y = area.y;
        for piece in wrap(&text, width) {
            if y >= area.bottom() {
                break;
            }
            found(canvas, model, &piece, role, (x, y, width));
            y += 1;
        }
        return y;
    }
    let visible: String = text.chars().skip(model.left).collect();
    found(canvas, model, &visible, role, (x, area.y, width));
    area.y + 1
}

/// Draws a text with what is searched for lit.
fn found(canvas: &mut Canvas<'_>, model: &LinesModel, text: &str, role: Role, (x, y, width): (u16, u16, u16)) {
    canvas.text(x, y, text, role, width);
    if model.search.is_empty() {
        return;
    }
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return;
    }
    let style = canvas.theme.get(Role::Match);
    for (at, hit) in lower.match_indices(&model.search) {
        let before = columns(text.get(..at).unwrap_or(""));
        if before < width {
            canvas.patch(Rect::new(x + before, y, columns(hit).min(width - before), 1), style);
        }
    }
}

/// A line's weight by the level that it names among its first words.
fn level(text: &str) -> Role {
    let head: String = text.chars().take(60).collect::<String>().to_uppercase();
    let has = |word: &str| head.split(|char: char| !char.is_ascii_alphanumeric()).any(|part| part == word);
    if has("ERROR") || has("FATAL") || has("CRITICAL") || has("PANIC") {
        Role::Bad
    } else if has("WARN") || has("WARNING") {
        Role::Warn
    } else if has("DEBUG") || has("TRACE") {
        Role::Dim
    } else {
        Role::Text
    }
}
