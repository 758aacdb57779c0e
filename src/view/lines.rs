//! Logs and texts.

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns, wrap};
use super::section::say;
use super::theme::Role;
use super::words::{self, Words};
use crate::app::lines::{Line, LinesModel};
use crate::app::own;
use crate::app::place::SectionState;
use crate::app::state::State;
use crate::model::health::Health;
use crate::model::verb::Kind;

/// Draws the lines that fit.
pub(super) fn draw(canvas: &mut Canvas<'_>, section: &SectionState, model: &LinesModel, area: Rect, state: &State) {
    if area.height == 0 {
        return;
    }
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
    status(canvas, section, model, area);
    let page = usize::from(area.height);
    let mut y = area.y;
    for (_, line) in model.visible(page) {
        if y >= area.bottom() {
            break;
        }
        y = one(canvas, model, line, Rect { y, height: area.bottom().saturating_sub(y), ..area });
    }
    let _ = state;
}

/// At the right of the heading: following or not, where in the text we are, an error that is tried again.
fn status(canvas: &mut Canvas<'_>, section: &SectionState, model: &LinesModel, area: Rect) {
    let Some(y) = area.y.checked_sub(2).filter(|_| area.y >= 2) else { return };
    let page = usize::from(area.height);
    let mut parts = Vec::new();
    if let Some(error) = &section.error {
        parts.push(format!("{error}, tried again"));
    }
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
    if let Some(container) = &section.how.container {
        parts.push(container.clone());
    }
    if model.dropped > 0 {
        parts.push(format!("{} older lines dropped", model.dropped));
    }
    parts.push(format!("line {} of {}", (model.top(page) + page).min(model.len()), model.len()));
    let dot = canvas.theme.pick(" · ", " - ");
    canvas.right(area.right().saturating_sub(2), y, &parts.join(dot), Role::Dim);
}

/// One line, over several rows where it is wrapped; returns the row behind it.
fn one(canvas: &mut Canvas<'_>, model: &LinesModel, line: &Line, area: Rect) -> u16 {
    let mut x = area.x + 2;
    if model.timestamps
        && let Some(at) = line.at
    {
        x = canvas.text(x, area.y, &at.format("%H:%M:%S%.3f").to_string(), Role::Faint, 12) + 1;
    }
    let width = area.right().saturating_sub(x + 1);
    let role = if line.notice { Role::Dim } else { level(&line.text) };
    let text =
        if line.notice { format!("{} {}", canvas.theme.pick("·", "."), line.text) } else { line.text.to_string() };
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
