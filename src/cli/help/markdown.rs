//! Markdown for a terminal: wraps paragraphs, lists and tables to its width. A page of the help comes in,
//! text goes out. It covers what the pages use: headings, paragraphs, `-` lists, fenced text, tables.

use owo_colors::OwoColorize;
use textwrap::{Options, WordSeparator, WordSplitter};
use unicode_width::UnicodeWidthStr;

/// The page in lines of at most `width` columns. Fenced text and longer words keep their length.
pub fn render(page: &str, width: usize, colour: bool) -> String {
    let mut out = Vec::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with(FENCE) {
            let code = lines.by_ref().take_while(|line| !line.starts_with(FENCE));
            out.extend(code.map(|line| format!("    {line}").trim_end().to_owned()));
        } else if line.starts_with('#') {
            let title = line.trim_start_matches(['#', ' ']).replace('`', "");
            out.push(if colour { title.bold().to_string() } else { line.to_owned() });
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            rows.extend(std::iter::from_fn(|| lines.next_if(|line| line.starts_with('|')).map(cells)));
            // The line below the head.
            rows.remove(1);
            table(&mut out, &rows, width);
        } else {
            let mut text = line.to_owned();
            while let Some(next) = lines.next_if(|next| !line.is_empty() && goes_on(next)) {
                text.push(' ');
                text.push_str(next.trim());
            }
            let hanging = if line.starts_with(ITEM) { "  " } else { "" };
            wrap(&mut out, &text.replace("**", ""), width, "", hanging);
        }
    }
    out.push(String::new());
    out.join("\n")
}

const FENCE: &str = "```";
const ITEM: &str = "- ";

/// Tells whether a line belongs to the paragraph or the list item before it.
fn goes_on(line: &str) -> bool {
    !line.is_empty() && !["#", "|", FENCE, ITEM].iter().any(|begin| line.starts_with(begin))
}

fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\u{0}");
    let row = row.trim().trim_start_matches('|').trim_end_matches('|');
    row.split('|').map(|cell| cell.trim().replace('\u{0}', "|").replace("**", "")).collect()
}

/// Columns side by side if the last one has room to wrap; otherwise an entry for each row: its first cell,
/// and the others below it.
fn table(out: &mut Vec<String>, rows: &[Vec<String>], width: usize) {
    let Some((head, entries)) = rows.split_first() else { return };
    let wide = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let wide: Vec<usize> = (0..head.len()).filter_map(wide).collect();
    let Some((last, others)) = wide.split_last() else { return };
    let before: usize = others.iter().map(|wide| wide + GAP.len()).sum();
    if before + last <= width || before * 2 <= width {
        // A head that names only the first column is left out.
        let named = head.iter().filter(|title| !title.is_empty()).count() > 1;
        for row in if named { rows } else { entries } {
            let aligned = |(cell, wide): (&String, &usize)| {
                let rest = wide.saturating_sub(cell.width());
                format!("{cell}{}{GAP}", " ".repeat(rest))
            };
            let line: String = row.iter().zip(others).map(aligned).collect();
            match row.last().filter(|cell| !cell.is_empty()) {
                Some(last) => wrap(out, last, width, &line, &" ".repeat(before)),
                None => out.push(line.trim_end().to_owned()),
            }
        }
        return;
    }
    for row in entries {
        let named = |(title, cell): (&String, &String)| match title.as_str() {
            _ if cell.is_empty() => None,
            "" | "value" => Some(cell.clone()),
            _ if head.len() == 2 => Some(cell.clone()),
            title => Some(format!("{title}: {cell}")),
        };
        let mut said: Vec<String> =
            head.iter().zip(row).skip(1).map(named).map(Option::unwrap_or_default).collect();
        let last = said.pop().unwrap_or_default();
        said.retain(|cell| !cell.is_empty());
        wrap(out, row.first().map_or("", String::as_str), width, "", "    ");
        for text in [said.join("; "), last].iter().filter(|text| !text.is_empty()) {
            wrap(out, text, width, "    ", "    ");
        }
    }
}

/// The text between two columns.
const GAP: &str = "  ";

fn wrap(out: &mut Vec<String>, text: &str, width: usize, first: &str, then: &str) {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(then)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options);
    out.extend(lines.into_iter().map(|line| line.trim_end().to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_items_are_joined_and_wrapped() {
        let page = "# A title\n\nOne two\nthree four.\n- **five** six\n  seven eight\n- nine\n";
        assert_eq!(
            render(page, 14, false),
            "# A title\n\nOne two three\nfour.\n- five six\n  seven eight\n- nine\n"
        );
    }

    #[test]
    fn fenced_text_is_left_as_it_is() {
        let page = "```console\n$ bgform  plan  # a long line\n\n```\n";
        assert_eq!(render(page, 10, false), "    $ bgform  plan  # a long line\n\n");
    }

    #[test]
    fn a_table_with_room_has_columns_and_its_last_one_wraps() {
        let page = "| code | |\n|---|---|\n| `a\\|b` | one two three |\n| c | |\n";
        assert_eq!(render(page, 20, false), "`a|b`  one two three\nc\n");
        assert_eq!(render(page, 15, false), "`a|b`  one two\n       three\nc\n");
        assert_eq!(render("| a | b |\n|---|---|\n| 12 | 3 |\n", 15, false), "a   b\n12  3\n");
    }

    #[test]
    fn a_table_without_room_is_an_entry_a_row() {
        let page = "| attribute | value | default | |\n|---|---|---|---|\n| `path` | a string | `\"/\"` | What is asked. |\n";
        assert_eq!(render(page, 35, false), "`path`\n    a string; default: `\"/\"`\n    What is asked.\n");
    }

    #[test]
    fn every_page_fits_every_width_but_for_fenced_text_and_words() {
        for page in super::super::pages() {
            let mut plain = String::new();
            // Fenced text keeps its length.
            for (number, part) in page.text().split("```").enumerate() {
                plain.push_str(if number % 2 == 0 { part } else { "" });
            }
            for width in [40, 80, 120] {
                for line in render(&plain, width, false).lines().filter(|line| !line.starts_with('#')) {
                    let word = line.trim().trim_start_matches("- ");
                    assert!(line.width() <= width || !word.contains(' '), "{}: {line}", page.name);
                }
            }
        }
    }
}
