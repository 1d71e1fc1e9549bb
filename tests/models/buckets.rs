//! Predictions of the objects of a bucket, over the real binary.

use std::process::Output;

use super::{Fitted, fit, table};
use crate::program::text;
use crate::s3::server::{BUCKET, KEY, SECRET, Server};

/// A model, and the same rows in a folder and in a bucket: two files of CSV, one of
/// Parquet, and one that is no table.
struct Rows {
    fitted: Fitted,
    server: Server,
}

impl Rows {
    fn put() -> Self {
        let (fitted, server) = (fit(), Server::start());
        let here = fitted.fanout.path("rows");
        std::fs::create_dir(&here).unwrap();
        let rows = table(200);
        let (header, rest) = rows.split_once('\n').unwrap();
        let lines: Vec<String> = rest.lines().map(|line| format!("{line}\n")).collect();
        for (name, lines) in [("1.csv", &lines[..120]), ("2.csv", &lines[120..])] {
            std::fs::write(here.join(name), format!("{header}\n{}", lines.concat())).unwrap();
        }
        // Its columns are those of the rows, and a prediction.
        let columns = header.replace(",class", "");
        fitted.predict(&["rows/1.csv", "--keep", &columns, "-o", "rows/1.parquet"]);
        std::fs::write(here.join("notes.txt"), "no table").unwrap();
        let there = server.bucket().join("rows");
        std::fs::create_dir(&there).unwrap();
        for file in std::fs::read_dir(&here).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), there.join(file.file_name())).unwrap();
        }
        Self { fitted, server }
    }

    fn run(&self, data: &str, more: &[&str], secret: &str) -> Output {
        let mut command = self.fitted.fanout.command();
        command
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_ENDPOINT_URL", self.server.endpoint());
        command.args(["predict", "out/model.fanout", data]);
        let output = command.args(more).output().unwrap();
        let told = text(&output.stdout) + &text(&output.stderr);
        assert!(!told.contains(KEY) && !told.contains(SECRET), "{told}");
        output
    }

    fn predicted(&self, data: &str, more: &[&str]) -> Output {
        let output = self.run(data, more, SECRET);
        assert!(output.status.success(), "{data}: {}", text(&output.stderr));
        output
    }
}

/// One object, those of a glob, and those of a folder: whatever a plan takes.
#[test]
fn objects_of_a_bucket_have_the_predictions_of_files() {
    let rows = Rows::put();
    let more = ["--probabilities", "--keep", "id,place"];
    for (source, lines) in [
        ("rows/1.csv", 120),
        ("rows/1.parquet", 120),
        ("rows/*.csv", 200),
        ("rows/[2-9].csv", 80),
    ] {
        let there = format!("s3://{BUCKET}/{source}");
        let here = rows.predicted(source, &more);
        assert_eq!(text(&here.stdout).lines().count(), 1 + lines, "{source}");
        assert_eq!(rows.predicted(&there, &more), here, "{source}");
        for file in ["p.csv", "p.parquet", "p.arrow"] {
            let written = |data: &str, name: String| {
                let output = rows.predicted(data, &[&more[..], &["-o", &name]].concat());
                assert_eq!(text(&output.stdout) + &text(&output.stderr), "");
                std::fs::read(rows.fitted.fanout.path(&name)).unwrap()
            };
            let same = written(&there, format!("there_{file}")) == written(source, file.to_owned());
            assert!(same, "{source}: {file}");
        }
        let csv = std::fs::read(rows.fitted.fanout.path("there_p.csv")).unwrap();
        assert!(csv == here.stdout, "{source}");
    }
    // A folder has one format: without the Parquet file.
    std::fs::remove_file(rows.server.bucket().join("rows/1.parquet")).unwrap();
    let whole = rows.predicted("rows/*.csv", &more);
    for folder in ["rows", "rows/"] {
        let there = rows.predicted(&format!("s3://{BUCKET}/{folder}"), &more);
        assert_eq!(there, whole, "{folder}");
    }
}

/// What can't be read, or not by the model, leaves no file and names the object.
#[test]
fn what_is_wrong_with_objects_is_said() {
    let rows = Rows::put();
    let refused = |data: &str, secret: &str| {
        let output = rows.run(data, &["-o", "p.csv"], secret);
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{said}"
        );
        assert!(!rows.fitted.fanout.path("p.csv").exists(), "{said}");
        (output.status.code(), said)
    };
    for source in ["rows/3.csv", "rows/*.arrow", "row"] {
        let there = format!("s3://{BUCKET}/{source}");
        let (code, said) = refused(&there, SECRET);
        assert!(code == Some(4) && said.contains(&there), "{code:?} {said}");
    }
    // The first request is `HEAD`, whose refusal says no more.
    let (code, said) = refused(&format!("s3://{BUCKET}/rows/1.csv"), "another");
    assert!(
        code == Some(5) && said.contains("access is denied (403)"),
        "{code:?} {said}"
    );
    let bad = table(20).replacen(",S,", ",XXL,", 1);
    std::fs::write(rows.server.bucket().join("bad.csv"), bad).unwrap();
    let there = format!("s3://{BUCKET}/bad.csv");
    let (code, said) = refused(&there, SECRET);
    assert!(
        code == Some(4) && said.contains(&there) && said.contains("XXL"),
        "{code:?} {said}"
    );
}
