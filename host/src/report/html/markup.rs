//! [`Html`]: a page being written. Text from plans and data reaches it escaped, by the types:
//! markup is `&'static str`, and all else is text.

/// Markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// A table with a caption. The first column names the row.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Heading>,
    pub(super) rows: Vec<Vec<String>>,
    /// Rows that stand out.
    pub(super) marked: Vec<usize>,
}

/// The head of a column.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) text: String,
    pub(super) is_number: bool,
}

/// A column of texts.
pub(super) fn texts(text: impl Into<String>) -> Heading {
    Heading {
        text: text.into(),
        is_number: false,
    }
}

/// A column of numbers.
pub(super) fn numbers(text: impl Into<String>) -> Heading {
    Heading {
        text: text.into(),
        is_number: true,
    }
}

/// A text without any character that begins markup, in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // It has no meaning in a page.
            '\0' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

impl Html {
    /// Markup of this program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escaped(text));
        self
    }

    /// A text whose parts in backticks are code.
    fn with_code(&mut self, text: &str) -> &mut Self {
        let parts: Vec<&str> = text.split('`').collect();
        if parts.len().is_multiple_of(2) {
            return self.text(text);
        }
        for (at, part) in parts.into_iter().enumerate() {
            match at % 2 {
                0 => self.text(part),
                _ => self.raw("<code>").text(part).raw("</code>"),
            };
        }
        self
    }

    /// A number of this program.
    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        self.0.push_str(&number.to_string());
        self
    }

    /// An element with a text. `tag` may have attributes.
    pub(super) fn element(&mut self, tag: &'static str, text: &str) -> &mut Self {
        let name = tag.split(' ').next().unwrap_or(tag);
        self.raw("<").raw(tag).raw(">").text(text);
        self.raw("</").raw(name).raw(">\n")
    }

    /// A list of texts; nothing if there is none.
    pub(super) fn list<'t>(
        &mut self,
        tag: &'static str,
        items: impl IntoIterator<Item = &'t String>,
    ) -> &mut Self {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return self;
        }
        let name = tag.split(' ').next().unwrap_or(tag);
        self.raw("<").raw(tag).raw(">\n");
        for item in items {
            self.raw("<li>").with_code(item).raw("</li>\n");
        }
        self.raw("</").raw(name).raw(">\n")
    }

    /// A table that scrolls in itself where it is too wide; nothing if it has no row.
    pub(super) fn table(&mut self, table: &Table) -> &mut Self {
        if table.rows.is_empty() {
            return self;
        }
        self.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
        self.text(&table.caption).raw("\"><table>\n");
        self.raw("<caption>");
        self.element("span", &table.caption);
        self.raw("</caption>");
        self.raw("<thead><tr>");
        let cell = |html: &mut Self, tag: &'static str, column: &Heading, text: &str| {
            let attribute = if column.is_number {
                " class=\"number\""
            } else {
                ""
            };
            html.raw("<").raw(tag).raw(attribute).raw(">").text(text);
            html.raw(if tag == "td" { "</td>" } else { "</th>" });
        };
        for column in &table.columns {
            cell(self, "th scope=\"col\"", column, &column.text);
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for (index, row) in table.rows.iter().enumerate() {
            let marked = table.marked.contains(&index);
            self.raw(if marked {
                "<tr class=\"marked\">"
            } else {
                "<tr>"
            });
            for (at, (text, column)) in row.iter().zip(&table.columns).enumerate() {
                let tag = if at == 0 { "th scope=\"row\"" } else { "td" };
                cell(self, tag, column, text);
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n")
    }

    /// What can be opened, with this heading.
    pub(super) fn details(&mut self, summary: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw("<details><summary>")
            .text(summary)
            .raw("</summary>\n");
        content(self);
        self.raw("</details>\n")
    }

    /// The place of a chart of a target, with what it shows in words. `options` are pairs of
    /// the name of an attribute and its number or text.
    pub(super) fn chart(
        &mut self,
        chart: &'static str,
        target: usize,
        options: &[(&'static str, &str)],
        caption: &str,
    ) -> &mut Self {
        self.raw("<figure><div class=\"chart\" data-chart=\"")
            .raw(chart);
        self.raw("\" data-target=\"").number(target).raw("\"");
        for (name, value) in options {
            self.raw(" data-")
                .raw(name)
                .raw("=\"")
                .text(value)
                .raw("\"");
        }
        self.raw(" role=\"group\" aria-label=\"").text(caption);
        self.raw("\"></div><figcaption>").text(caption);
        self.raw("</figcaption></figure>\n")
    }

    /// A box with a heading.
    pub(super) fn part(
        &mut self,
        class: &'static str,
        heading: &str,
        content: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.raw("<section class=\"box ").raw(class).raw("\">\n");
        self.element("h3", heading);
        content(self);
        self.raw("</section>\n")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, columns: Vec<Heading>) -> Self {
        Self {
            caption: caption.into(),
            columns,
            rows: Vec::new(),
            marked: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_backticks_is_code() {
        let mut html = Html::default();
        let items = ["`a<b` is", "one ` alone"].map(ToOwned::to_owned);
        html.list("ul", &items);
        let told = "<ul>\n<li><code>a&lt;b</code> is</li>\n<li>one ` alone</li>\n</ul>\n";
        assert_eq!(html.into_string(), told);
    }

    #[test]
    fn nothing_of_a_text_is_markup() {
        let mut html = Html::default();
        let hostile = "</script><img src=x onerror='a()'>&\"";
        html.element("h2", hostile).details(hostile, |html| {
            html.chart("cost", 0, &[("metric", hostile)], hostile);
        });
        let mut table = Table::new(hostile, vec![texts(hostile), numbers(hostile)]);
        table.rows.push(vec![hostile.to_owned(); 2]);
        html.table(&table).list("ul", [&hostile.to_owned()]);
        let text = html.into_string();
        assert!(
            !text.contains("<img") && !text.contains("</script>"),
            "{text}"
        );
        let escaped = "&lt;/script&gt;&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;";
        assert_eq!(text.matches(escaped).count(), 12, "{text}");
        assert!(!text.replace(escaped, "").contains("onerror"), "{text}");
    }
}
