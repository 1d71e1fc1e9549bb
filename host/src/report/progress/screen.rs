//! [`Screen`]: the lines of a terminal that change, and those above them that stay.

use std::io;

use console::Term;

/// The end of a terminal's text, which is drawn again and again.
#[derive(Debug)]
pub(super) struct Screen {
    term: Term,
    /// The widths of the lines that are drawn now.
    drawn: Vec<usize>,
}

impl Screen {
    pub(super) fn new(term: Term) -> Self {
        Self {
            term,
            drawn: Vec::new(),
        }
    }

    /// The rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.term.size_checked().unwrap_or((24, 80));
        (rows.into(), columns.into())
    }

    /// Writes lines that stay, and below them `lines`, in place of those drawn before.
    pub(super) fn draw(&mut self, said: &[String], lines: &[String]) -> io::Result<()> {
        // A terminal that became narrower has wrapped them.
        let (_, columns) = self.size();
        let rows = |width: &usize| width.div_ceil(columns.max(1)).max(1);
        let rows: usize = self.drawn.iter().map(rows).sum();
        if rows == 0 && said.is_empty() && lines.is_empty() {
            return Ok(());
        }
        let mut text = match rows {
            0 => String::new(),
            rows => format!("\r\x1b[{rows}A"),
        };
        // Each line is written over the one before, and its rest erased: erasing all
        // first would flicker.
        for line in said.iter().chain(lines) {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[J");
        let width = |line: &String| console::measure_text_width(line);
        self.drawn = lines.iter().map(width).collect();
        self.term.write_str(&text)?;
        self.term.flush()
    }
}
