//! Draws the screen of the program, on the embedded world in a pseudo-terminal, as `docs/screen.svg`.
//!
//! `cargo build --release && cargo run --release --example screenshot`

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const COLUMNS: u16 = 140;
const ROWS: u16 = 40;
/// The size of a cell in the picture.
const CELL: (u16, u16) = (9, 19);
/// How long the world is watched, so that the lines have something to show.
const WATCHED: Duration = Duration::from_secs(8);

fn main() -> Result<(), Box<dyn Error>> {
    let program = match std::env::args().nth(1) {
        Some(program) => PathBuf::from(program),
        None => std::env::current_exe()?.ancestors().nth(2).ok_or("no folder")?.join("quarterdeck"),
    };
    let folder = tempfile::tempdir()?;
    let mut command = CommandBuilder::new(program);
    command.args(["demo", "--colors", "truecolor", "--theme", "dark"]);
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("QUARTERDECK_STATE", folder.path());
    command.cwd(folder.path());
    let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size)?;
    let mut child = pair.slave.spawn_command(command)?;
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader()?;
    let (sender, output) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(count) = reader.read(&mut buffer) {
            let portion = buffer.get(..count).unwrap_or_default().to_vec();
            if count == 0 || sender.send(portion).is_err() {
                break;
            }
        }
    });
    let mut screen = vt100::Parser::new(ROWS.try_into()?, COLUMNS.try_into()?, 0);
    let timer = mpsc::channel::<()>();
    let keeper = std::thread::spawn(move || {
        std::thread::sleep(WATCHED);
        drop(timer.0);
    });
    while let Err(mpsc::TryRecvError::Empty) = timer.1.try_recv() {
        if let Ok(portion) = output.recv_timeout(Duration::from_millis(50)) {
            screen.process(&portion);
        }
    }
    let _ = keeper.join();
    let picture = svg(screen.screen())?;
    pair.master.take_writer()?.write_all(&[3])?;
    child.wait()?;
    std::fs::create_dir_all("docs")?;
    std::fs::write("docs/screen.svg", picture)?;
    Ok(())
}

/// The cells of a screen as a picture: runs of the same look are one text.
fn svg(screen: &vt100::Screen) -> Result<String, std::fmt::Error> {
    let (wide, high) = (COLUMNS * CELL.0, ROWS * CELL.1);
    let ground = screen
        .cell(1, 1)
        .map_or_else(|| colour(vt100::Color::Default, "#0b0f14"), |cell| colour(cell.bgcolor(), "#0b0f14"));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\">\n<rect width=\"{wide}\" height=\"{high}\" rx=\"6\" fill=\"{ground}\"/>\n"
    );
    for row in 0..ROWS {
        let mut column = 0;
        while column < COLUMNS {
            let Some(first) = screen.cell(row, column) else { break };
            let look = |cell: &vt100::Cell| {
                let (front, back) = (colour(cell.fgcolor(), "#d5dbe3"), colour(cell.bgcolor(), &ground));
                let (front, back) = if cell.inverse() { (back, front) } else { (front, back) };
                (front, back, cell.bold())
            };
            let (front, back, bold) = look(first);
            let mut run = String::new();
            let begin = column;
            while let Some(cell) =
                screen.cell(row, column).filter(|cell| look(cell) == (front.clone(), back.clone(), bold))
            {
                if !cell.is_wide_continuation() {
                    run.push_str(if cell.has_contents() { cell.contents() } else { " " });
                }
                column += 1;
            }
            let (x, y, width) = (begin * CELL.0, row * CELL.1, (column - begin) * CELL.0);
            if back != ground {
                writeln!(text, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{back}\"/>", CELL.1)?;
            }
            if !run.trim().is_empty() {
                let weight = if bold { " font-weight=\"bold\"" } else { "" };
                let run = run.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                writeln!(
                    text,
                    "<text x=\"{x}\" y=\"{}\" fill=\"{front}\"{weight} textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{run}</text>",
                    y + 14
                )?;
            }
        }
    }
    text.push_str("</svg>\n");
    Ok(text)
}

/// A colour as the picture needs it.
fn colour(colour: vt100::Color, otherwise: &str) -> String {
    match colour {
        vt100::Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        vt100::Color::Idx(_) | vt100::Color::Default => otherwise.to_owned(),
    }
}
