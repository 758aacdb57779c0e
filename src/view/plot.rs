//! A line as dots of Braille cells, or as marks of its own where colours can't tell lines apart. Gaps stay gaps.

/// Dots in a grid of cells.
pub(super) struct Plot {
    width: u16,
    height: u16,
    across: u16,
    down: u16,
    /// What is drawn instead of dots.
    mark: Option<&'static str>,
    /// For each cell: its dots, and the highest value (0 to 1) drawn in it.
    cells: Vec<(u8, f64)>,
}

/// The bit of each dot of a Braille cell, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Plot {
    /// An empty plot of this many cells, of dots or of a mark.
    pub(super) fn new(width: u16, height: u16, mark: Option<&'static str>) -> Self {
        let (across, down) = if mark.is_none() { (2, 4) } else { (1, 1) };
        Self { width, height, across, down, mark, cells: vec![(0, 0.0); usize::from(width) * usize::from(height)] }
    }

    /// Draws points (time, value) between `first` and `last`, from zero to `top`, joined where no gap is between them.
    pub(super) fn line(&mut self, points: &[(i64, f64)], (first, last): (i64, i64), top: f64) {
        let wide = f64::from((self.width * self.across).max(1) - 1);
        let high = f64::from((self.height * self.down).max(1) - 1);
        let step = points
            .windows(2)
            .filter_map(|pair| if let [a, b] = pair { Some(b.0 - a.0) } else { None })
            .min()
            .unwrap_or(1)
            .max(1);
        let mut before: Option<(i64, f64, f64)> = None;
        for (at, value) in points {
            if !value.is_finite() {
                before = None;
                continue;
            }
            let x = (at - first) as f64 / (last - first).max(1) as f64 * wide;
            let y = (value / top).clamp(0.0, 1.0) * high;
            match before.filter(|(time, ..)| at - time <= step * 2) {
                Some((_, x0, y0)) => self.segment((x0, y0), (x, y), high),
                None => self.dot(x, y, high),
            }
            before = Some((*at, x, y));
        }
    }

    fn segment(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), high: f64) {
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of dots")]
        let count = steps as u32;
        for step in 0..=count {
            let share = f64::from(step) / steps;
            self.dot(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, high);
        }
    }

    fn dot(&mut self, x: f64, y: f64, high: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the grid")]
        let (column, row) = (x.round().max(0.0) as u16, (high - y).round().max(0.0) as u16);
        let (cell_x, cell_y) = (column / self.across, row / self.down);
        if cell_x >= self.width || cell_y >= self.height {
            return;
        }
        let bit = DOTS
            .get(usize::from(column % self.across))
            .and_then(|rows| rows.get(usize::from(row % self.down)))
            .copied()
            .unwrap_or(1);
        if let Some(cell) = self.cells.get_mut(usize::from(cell_y) * usize::from(self.width) + usize::from(cell_x)) {
            cell.0 |= bit;
            cell.1 = cell.1.max(if high > 0.0 { y / high } else { 0.0 });
        }
    }

    /// The cells with dots: column, row, glyph, and the highest value in it (0 to 1).
    pub(super) fn cells(&self) -> impl Iterator<Item = (u16, u16, String, f64)> + '_ {
        let width = usize::from(self.width.max(1));
        self.cells.iter().enumerate().filter(|(_, (dots, _))| *dots != 0).filter_map(move |(at, (dots, value))| {
            let glyph = match self.mark {
                Some(mark) => mark.to_owned(),
                None => char::from_u32(0x2800 + u32::from(*dots))?.to_string(),
            };
            Some((u16::try_from(at % width).ok()?, u16::try_from(at / width).ok()?, glyph, *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_stays_a_gap_and_nan_is_no_spike() {
        let mut plot = Plot::new(10, 2, None);
        plot.line(&[(0, 1.0), (1, 1.0), (2, f64::NAN), (8, 0.0), (9, 0.0)], (0, 9), 1.0);
        let columns: Vec<u16> = plot.cells().map(|(x, ..)| x).collect();
        assert!(columns.contains(&0) && columns.contains(&9));
        assert!(!columns.iter().any(|x| (3..=7).contains(x)), "{columns:?}");
        assert!(plot.cells().all(|(x, y, ..)| (x < 3) == (y == 0)), "high at the left, low at the right");
    }
}
