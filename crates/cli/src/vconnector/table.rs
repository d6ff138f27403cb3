//! The table of `vconnector-cli get`, exactly as the original printed it: scripts split it at its bars.
//!
//! A column is as wide as its header plus two, or as its longest cell. A column with numbers only is aligned to the right, with its
//! header. A line follows every row; a table without rows has the last line, too.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::style::HorizontalLine;
use tabled::settings::{Alignment, Style};

/// The table as text with a final line break. Cells are printed as they are; a row may have more cells than there are columns.
pub(super) fn grid<const N: usize>(header: &[&str], rows: &[[String; N]]) -> String {
    let numeric = |column: usize| !rows.is_empty() && rows.iter().all(|row| row.get(column).is_some_and(|cell| is_number(cell)));
    let right: Vec<bool> = (0..header.len()).map(numeric).collect();
    let mut builder = Builder::default();
    builder.push_record(
        header.iter().zip(&right).map(|(name, right)| if *right { format!("  {name}") } else { format!("{name}  ") }),
    );
    for row in rows {
        builder.push_record(row.iter().take(header.len()));
    }
    let mut table = builder.build();
    let double = HorizontalLine::inherit(Style::ascii()).horizontal('=');
    table.with(Style::ascii().horizontals([(1, double)]));
    for (column, _) in right.iter().enumerate().filter(|(_, right)| **right) {
        table.modify(Columns::one(column), Alignment::right());
    }
    let mut text = table.to_string() + "\n";
    if rows.is_empty() {
        let line = text.lines().next().unwrap_or_default().to_owned();
        text = text + &line + "\n";
    }
    text
}

fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 4] = ["Hostname", "Username", "Password", "Enabled"];

    fn check(rows: &[[&str; 4]], expected: &str) {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        assert_eq!(grid(&HEADER, &rows), expected);
    }

    #[test]
    fn is_the_documented_table() {
        check(
            &[["vc01.example.org", "root", "p4ssw0rd", "1"]],
            "\
+------------------+------------+------------+-----------+
| Hostname         | Username   | Password   |   Enabled |
+==================+============+============+===========+
| vc01.example.org | root       | p4ssw0rd   |         1 |
+------------------+------------+------------+-----------+
",
        );
    }

    #[test]
    fn without_rows_there_is_only_the_header() {
        check(
            &[],
            "\
+------------+------------+------------+-----------+
| Hostname   | Username   | Password   | Enabled   |
+============+============+============+===========+
+------------+------------+------------+-----------+
",
        );
    }

    #[test]
    fn cells_are_verbatim_and_as_wide_as_they_look() {
        check(
            &[["vc01", "jürgen", "1e5", "1"], ["ホスト.example.org", "", "  10 ", "0"]],
            "\
+--------------------+------------+------------+-----------+
| Hostname           | Username   |   Password |   Enabled |
+====================+============+============+===========+
| vc01               | jürgen     |        1e5 |         1 |
+--------------------+------------+------------+-----------+
| ホスト.example.org |            |        10  |         0 |
+--------------------+------------+------------+-----------+
",
        );
    }
}
