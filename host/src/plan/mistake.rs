//! [`Mistake`]: one thing that is wrong with a plan, and its [`Place`] in the
//! plan's file or in an option of the command line.

/// A stretch of text, in characters; lines and columns count from 1, and the
/// end is the first position after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
}

impl Span {
    /// A part of a line, from one column to before another.
    pub(super) fn within(line: usize, column: usize, end_column: usize) -> Self {
        let end_line = line;
        Self {
            line,
            column,
            end_line,
            end_column,
        }
    }
}

/// Where a part of a plan is. The order is that in which mistakes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The plan as a whole: something is missing at its top level.
    Plan,
    /// In the plan's file.
    File(Span),
    /// In an option of the command line, by its index.
    Option(usize, Span),
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Mistake {
    /// A mistake without a hint.
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint: what to do.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the hint.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

/// The mistakes found so far, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found(pub(super) Vec<Mistake>);

impl Found {
    /// Adds a mistake, which is returned so that a hint can be set.
    pub(super) fn note(&mut self, place: Place, message: impl Into<String>) -> &mut Mistake {
        self.0.push(Mistake::new(place, message));
        self.0.last_mut().expect("a mistake was added")
    }
}
