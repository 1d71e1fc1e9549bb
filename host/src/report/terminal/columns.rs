//! [`TableColumn`]s beside each other, as many as a terminal takes.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr as _;

use super::{Paint, Style, wrap};

/// Spaces between two columns.
pub(super) const GAP: usize = 2;

/// One column of the table.
pub(super) struct TableColumn {
    pub(super) header: String,
    pub(super) cells: Vec<String>,
    pub(super) right: bool,
}

impl TableColumn {
    pub(super) fn width(&self) -> usize {
        self.cells
            .iter()
            .map(|cell| cell.width())
            .max()
            .unwrap_or(0)
            .max(self.header.width())
    }
}

/// Writes what a table does not show.
pub(super) fn write_left_out(
    mut rest: Vec<String>,
    columns: &[String],
    style: Style,
    out: &mut String,
) -> fmt::Result {
    if !columns.is_empty() {
        rest.push(columns.join(", "));
    }
    if rest.is_empty() {
        return Ok(());
    }
    let line = format!("not shown: {}", rest.join("; "));
    wrap(&line, 0, 2, style.width, out)
}

/// Writes columns of as many cells beside each other, those of the best rows in green.
pub(super) fn write_columns(
    kept: &[TableColumn],
    is_best: impl Fn(usize) -> bool,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    let widths: Vec<usize> = kept.iter().map(TableColumn::width).collect();
    let line = |cell: &dyn Fn(&TableColumn) -> &str| {
        let mut line = String::new();
        for (column, &width) in kept.iter().zip(&widths) {
            let cell = cell(column);
            let space = " ".repeat(width - cell.width());
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            let parts = if column.right {
                [&*space, cell]
            } else {
                [cell, &*space]
            };
            parts.iter().for_each(|part| line.push_str(part));
        }
        line.trim_end().to_owned()
    };
    writeln!(
        out,
        "{}",
        style.paint(Paint::Bold, &line(&|column| &column.header))
    )?;
    for row in 0..kept.first().map_or(0, |column| column.cells.len()) {
        let line = line(&|column| &column.cells[row]);
        let line = match is_best(row) {
            true => style.paint(Paint::Best, &line),
            false => line,
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The columns that a terminal of this width takes, and the names of those
/// that it doesn't. The ranking metric is kept, then hyper-parameters, then
/// the other metrics.
pub(super) fn fit(
    fixed: Vec<TableColumn>,
    metrics: Vec<TableColumn>,
    width: usize,
) -> (Vec<TableColumn>, Vec<String>) {
    let mut left = width;
    let mut left_out = Vec::new();
    let mut take = |column: &TableColumn, always: bool| {
        let needed = column.width() + GAP;
        let taken = always || needed <= left;
        if taken {
            left = left.saturating_sub(needed);
        } else {
            left_out.push(column.header.clone());
        }
        taken
    };
    let keep_rank = take(&fixed[0], true);
    let keep_first = take(&metrics[0], true);
    let keep_fixed: Vec<bool> = std::iter::once(keep_rank)
        .chain(fixed[1..].iter().map(|c| take(c, false)))
        .collect();
    let keep_metrics: Vec<bool> = std::iter::once(keep_first)
        .chain(metrics[1..].iter().map(|c| take(c, false)))
        .collect();
    let all = fixed.into_iter().chain(metrics);
    let kept = all.zip(keep_fixed.into_iter().chain(keep_metrics));
    (
        kept.filter(|(_, keep)| *keep)
            .map(|(column, _)| column)
            .collect(),
        left_out,
    )
}
