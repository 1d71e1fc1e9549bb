//! Rows in each format, and what is refused.

use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use bytes::Bytes;
use serde_json::json;

use super::columns::{Columns, Unknown};
use super::format::Format;
use super::*;
use crate::contract::served::{
    Made, ServedColumn, ServedCsv, ServedFeature, ServedMembers, ServedRule, ServedTarget,
    package_together,
};
use crate::contract::{CONTRACT, Served};
use crate::function::Function;
use crate::request::HttpRequest;
use crate::{Dataset, Table, Values, fixture};

fn column(name: &str, holds: Holds) -> ServedColumn {
    ServedColumn {
        name: name.to_owned(),
        holds,
        decimal: None,
        thousands: None,
    }
}

fn labels(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

/// A model of a number, a date, an integer as a category, an order and two texts
/// joined.
fn served() -> Served {
    let feature = |name: &str, of: &[usize], made| ServedFeature {
        name: name.to_owned(),
        of: of.to_vec(),
        made,
    };
    let (code, size) = (labels(&["7", "1.5"]), labels(&["S", "M", "L"]));
    let both = Made::Concat {
        separator: "_".to_owned(),
        labels: labels(&["M_a", "S_b"]),
    };
    Served {
        contract: CONTRACT,
        name: "test".to_owned(),
        run: "0".to_owned(),
        trainer: "echo".to_owned(),
        steps: vec![],
        target: ServedTarget {
            name: "y".to_owned(),
            learning: Learning::Binary,
            classes: labels(&["no", "yes"]),
            texts: true,
            positive: Some("yes".to_owned()),
            threshold: None,
        },
        columns: vec![
            column("x", Holds::Number),
            column("day", Holds::Date),
            column("code", Holds::Number),
            column("size", Holds::Text),
            column("shop", Holds::Text),
        ],
        features: vec![
            feature("x", &[0], Made::Number),
            feature("day", &[1], Made::Number),
            feature("code", &[2], Made::Category { labels: code }),
            feature("size", &[3], Made::Ordered { labels: size }),
            feature("both", &[3, 4], both),
        ],
        csv: ServedCsv {
            delimiter: ',',
            header: true,
            names: None,
            null_values: labels(&["", "NA"]),
        },
    }
}

/// The features of rows, categories as labels, and the unknown ones.
fn features(format: Format, body: &[u8]) -> Result<(Vec<serde_json::Value>, Unknown), Refusal> {
    let served = ServedTogether::from(served());
    let mut columns = Columns::new(&served);
    match format {
        Format::Json => drop(json::read(body, &mut columns)?),
        Format::Csv => csv::read(body, &served.csv, &mut columns)?,
        Format::Parquet => parquet::read(Bytes::copy_from_slice(body), &mut columns)?,
        Format::Arrow => arrow::read(body, &mut columns)?,
    }
    let (read, unknown) = columns
        .finish()
        .map_err(|fault| Refusal { status: 422, fault })?;
    let table = Table::from_columns(read.unwrap()).unwrap();
    let read =
        table
            .features()
            .iter()
            .enumerate()
            .map(|(at, feature)| match table.values(at).unwrap() {
                Values::Number(numbers) => json!(numbers),
                Values::Category(codes) => {
                    let labels = feature.labels.as_ref().unwrap();
                    let label = |code: &u32| labels.get(*code as usize);
                    json!(codes.iter().map(label).collect::<Vec<_>>())
                }
            });
    Ok((read.collect(), unknown))
}

fn refused(format: Format, body: &str) -> (u16, String) {
    let refusal = features(format, body.as_bytes()).unwrap_err();
    (refusal.status, refusal.fault.to_string())
}

const ROWS: &str = r#"[{"x": 0.5, "day": "1970-01-03", "code": 7, "size": "M", "shop": "a"},
    {"shop": null, "code": 1.5, "x": null, "day": null, "size": "L", "other": {"a": [1]}},
    {"x": true, "day": "1970-01-02T00:00:00Z", "code": "08", "size": null, "shop": "b"}]"#;

fn expected() -> Vec<serde_json::Value> {
    vec![
        json!([0.5, null, 1.0]),
        json!([2.0, null, 1.0]),
        json!(["7", "1.5", "08"]),
        json!([1.0, 2.0, null]),
        json!(["M_a", null, null]),
    ]
}

#[test]
fn every_format_has_the_same_features() {
    let unknown = Unknown::from([("code".to_owned(), 1)]);
    let both = Ok((expected(), unknown));
    assert_eq!(features(Format::Json, ROWS.as_bytes()), both);
    let of_columns = r#"{"code": [7, 1.5, "08"], "x": [0.5, null, true], "rest": {"a": 1},
        "day": ["1970-01-03", null, "1970-01-02T00:00:00Z"],
        "size": ["M", "L", null], "shop": ["a", null, "b"]}"#;
    assert_eq!(features(Format::Json, of_columns.as_bytes()), both);
    let csv = "\u{feff}shop,\"code\",x,day,rest,size\r\na,7,0.5,1970-01-03,,M\n\
               NA,1.50,,NA,\"x\"\"y\",L\nb,08,1,1970-01-02T00:00:00Z,z,\"\"";
    assert_eq!(features(Format::Csv, csv.as_bytes()), both);
    assert_eq!(features(Format::Parquet, &parquet_rows()), both);
}

/// The rows, with dates as days and codes as texts.
fn parquet_rows() -> Vec<u8> {
    let field = |name, physical, logical| {
        let field = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        Arc::new(field.with_repetition(Repetition::OPTIONAL).build().unwrap())
    };
    let text = Some(LogicalType::String);
    let schema = Type::group_type_builder("schema").with_fields(vec![
        field("code", Physical::BYTE_ARRAY, text.clone()),
        field("x", Physical::DOUBLE, None),
        field("day", Physical::INT32, Some(LogicalType::Date)),
        field("size", Physical::BYTE_ARRAY, text.clone()),
        field("shop", Physical::BYTE_ARRAY, text),
    ]);
    let schema = Arc::new(schema.build().unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = [
        [Some("7"), Some("1.5"), Some("08")],
        [Some("M"), Some("L"), None],
        [Some("a"), None, Some("b")],
    ];
    let mut texts = texts.iter();
    let mut index = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        match index {
            1 => {
                let column = column.typed::<DoubleType>();
                column
                    .write_batch(&[0.5, 1.0], Some(&[1, 0, 1]), None)
                    .unwrap();
            }
            2 => {
                let column = column.typed::<Int32Type>();
                column.write_batch(&[2, 1], Some(&[1, 0, 1]), None).unwrap();
            }
            _ => {
                let texts = texts.next().unwrap();
                let levels = texts.map(|text| i16::from(text.is_some()));
                let texts: Vec<ByteArray> = texts
                    .iter()
                    .flatten()
                    .map(|text| ByteArray::from(*text))
                    .collect();
                let column = column.typed::<ByteArrayType>();
                column.write_batch(&texts, Some(&levels), None).unwrap();
            }
        }
        column.close().unwrap();
        index += 1;
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn what_the_model_does_not_read_is_refused_by_column_and_row() {
    let wrong = |from: &str, to: &str| {
        assert!(ROWS.contains(from));
        let (status, message) = refused(Format::Json, &ROWS.replace(from, to));
        assert_eq!(status, 422, "{message}");
        message
    };
    assert_eq!(
        wrong("\"x\": true", "\"x\": \"heavy\""),
        "invalid dataset: the column `x` holds the text `heavy`, not a number, in row 3 (the first \
         row is 1)"
    );
    for (from, to, told) in [
        (
            "\"day\": null",
            "\"day\": \"soon\"",
            "the column `day` holds the text `soon`, not a date",
        ),
        (
            "02T00:00",
            "02T00:01",
            "the column `day` holds a time that is no day's midnight",
        ),
        (
            "\"L\"",
            "\"XL\"",
            "the column `size` holds `XL`, which is not in its order: `S` < `M` < `L`, in row 2",
        ),
        (
            "\"shop\": null",
            "\"shop\": 3",
            "the column `shop` holds the number 3, not a text, in row 2",
        ),
        (
            "\"shop\": null, ",
            "",
            "the column `shop` is missing (a missing value is null), in row 2",
        ),
        (
            "\"shop\": null",
            "\"x\": 1",
            "the column `x` stands there twice, in row 2",
        ),
    ] {
        let message = wrong(from, to);
        assert!(message.contains(told), "{message}");
    }
    assert_eq!(
        refused(Format::Csv, "x,day,code\n1,,\n"),
        (
            422,
            "invalid dataset: the rows lack the columns `size`, `shop`, which the model reads"
                .to_owned()
        )
    );
    let columns = r#"{"x": [1], "day": [null, null], "code": [], "size": [], "shop": []}"#;
    assert!(
        refused(Format::Json, columns)
            .1
            .contains("the column `day` has 2 rows, but `x` has 1")
    );
}

#[test]
fn a_malformed_body_is_refused() {
    for body in [
        "",
        "[",
        "7",
        "[7]",
        "[{\"x\": [1]}]",
        "[] x",
        "[{\"x\": 1,}]",
    ] {
        let (status, message) = refused(Format::Json, body);
        assert_eq!(status, 400, "{message}");
    }
    let header = "x,day,code,size,shop\n";
    for (body, told) in [
        ("", "it is empty"),
        ("1,\n", "has 2 values, not 5"),
        ("1,,,,,6\n", "more than 5 values"),
    ] {
        let body = if told == "it is empty" {
            String::new()
        } else {
            format!("{header}{body}")
        };
        let (status, message) = refused(Format::Csv, &body);
        assert_eq!(status, 400);
        assert!(message.contains(told), "{message}");
    }
    let whole = parquet_rows();
    for end in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        assert_eq!(
            features(Format::Parquet, &whole[..end]).unwrap_err().status,
            400
        );
    }
    for body in [
        &b""[..],
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x10\0\0\0abc",
        &[0xff; 64],
    ] {
        assert_eq!(features(Format::Arrow, body).unwrap_err().status, 400);
    }
}

/// A model of `x`, whose probability of `yes` is `x` plus a bias.
fn fitted(bias: f64) -> Vec<u8> {
    let (table, splits) = fixture::files();
    let dataset = Dataset::open::<fixture::EchoGuest>(table, splits).unwrap();
    let task = json!({
        "contract": 2, "trainer": "echo", "candidates": [{}], "params": {"bias": bias},
        "split": {"column": "fold"}, "target": "y", "learning": "binary", "outputs": ["model"],
    });
    let mut evaluated = dataset.evaluate(&task.to_string()).unwrap();
    evaluated.artifacts.remove(0).bytes
}

/// A function with a model of `x`, whose probability of `yes` is `x` plus 0.25.
fn function(threshold: Option<f64>) -> (Function, Vec<u8>) {
    let fitted = fitted(0.25);
    let mut served = served();
    served.features.truncate(1);
    served.columns.truncate(1);
    served.target.threshold = threshold;
    let package = crate::contract::served::package(&served, &fitted);
    (Function::with_model(Some(package.clone().into())), package)
}

fn send(
    function: &Function,
    line: (&str, &str),
    kinds: (Option<&str>, Option<&str>),
    body: &[u8],
) -> (u16, String, Option<String>) {
    let request = HttpRequest {
        method: line.0,
        path: line.1,
        content_type: kinds.0,
        accept: kinds.1,
        body: crate::body::Body {
            content_length: Some(body.len() as u64),
            stream: Box::new(body),
        },
    };
    let no_fetch = |_: &str| unreachable!();
    let response = function.answer::<fixture::EchoGuest>(request, &no_fetch);
    (
        response.status,
        String::from_utf8(response.body).unwrap(),
        response.unknown,
    )
}

#[test]
fn a_function_with_a_model_answers_rows() {
    let (function, package) = function(None);
    let post = |content_type, accept, body: &str| {
        let (status, answer, unknown) = send(
            &function,
            ("POST", "/"),
            (content_type, accept),
            body.as_bytes(),
        );
        assert_eq!(unknown, None);
        (status, answer)
    };
    let rows = r#"[{"x": 0.5}, {"x": 0.125}]"#;
    let both = "[{\"prediction\":\"yes\",\"probability_no\":0.25,\"probability_yes\":0.75},\n\
                {\"prediction\":\"no\",\"probability_no\":0.625,\"probability_yes\":0.375}]";
    assert_eq!(
        post(Some("application/json; charset=utf-8"), None, rows),
        (200, both.to_owned())
    );
    assert_eq!(post(None, Some("*/*"), rows), (200, both.to_owned()));
    assert_eq!(
        post(None, None, r#"{"x": [0.5]}"#),
        (
            200,
            "{\"prediction\":[\"yes\"],\n\"probability_no\":[0.25],\n\"probability_yes\":[0.75]}"
                .to_owned()
        )
    );
    let csv = "prediction,probability_no,probability_yes\nyes,0.25,0.75\n";
    assert_eq!(
        post(
            Some("text/csv"),
            Some("text/html, text/csv;q=0.5"),
            "x\n0.5\n"
        ),
        (200, csv.to_owned())
    );
    assert_eq!(post(None, None, "[]"), (200, "[]".to_owned()));
    assert_eq!(post(None, Some("image/png"), rows).0, 406);
    assert_eq!(post(Some("text/xml"), None, rows).0, 415);
    // A form goes to the evaluation, which misses its task.
    let form = Some("multipart/form-data; boundary=cut");
    assert_eq!(post(form, None, "--cut--").0, 400);
    let get = send(&function, ("GET", "/"), (None, None), b"").1;
    let described: serde_json::Value = serde_json::from_str(&get).unwrap();
    assert_eq!(
        described["columns"],
        json!([{"name": "x", "holds": "number", "features": ["x"]}])
    );
    assert_eq!(
        send(&function, ("GET", "/predict"), (None, None), b"").0,
        405
    );
    // A function without a model takes one with the rows.
    let bare = Function::default();
    let parts: [(&str, &[u8]); 2] = [("model", &package), ("rows", rows.as_bytes())];
    let (kind, body) = crate::contract::multipart::write("cut", &parts);
    for _ in 0..2 {
        let answer = send(&bare, ("POST", "/predict"), (Some(&kind), None), &body);
        assert_eq!(answer, (200, both.to_owned(), None));
    }
    let (kind, body) = crate::contract::multipart::write("cut", &parts[1..]);
    assert_eq!(
        send(&bare, ("POST", "/predict"), (Some(&kind), None), &body).0,
        400
    );
    assert_eq!(
        send(&bare, ("POST", "/predict"), (None, None), rows.as_bytes()).0,
        400
    );
    let broken: [(&str, &[u8]); 2] = [("model", &package[..40]), ("rows", rows.as_bytes())];
    let (kind, body) = crate::contract::multipart::write("cut", &broken);
    assert_eq!(
        send(&bare, ("POST", "/predict"), (Some(&kind), None), &body).0,
        422
    );
}

#[test]
fn a_threshold_decides() {
    let (function, _) = function(Some(0.8));
    let answer = send(
        &function,
        ("POST", "/"),
        (None, None),
        br#"[{"x": 0.5}, {"x": 0.55}]"#,
    )
    .1;
    assert!(
        answer.contains("\"no\"") && answer.contains("\"yes\""),
        "{answer}"
    );
}

/// A function with models of `x` of these biases, and what becomes of their predictions.
fn together(
    biases: &[f64],
    targets: Vec<ServedMembers>,
    change: impl Fn(&mut ServedTogether),
) -> Function {
    let mut one = served();
    one.features.truncate(1);
    one.columns.truncate(1);
    let mut together = ServedTogether::from(one);
    let fitted: Vec<Vec<u8>> = biases.iter().map(|bias| fitted(*bias)).collect();
    let member = together.members[0].clone();
    let members = fitted.iter().map(|fitted| ServedMember {
        size: fitted.len() as u64,
        ..member.clone()
    });
    together.members = members.collect();
    together.targets = targets;
    change(&mut together);
    let fitted: Vec<&[u8]> = fitted.iter().map(Vec::as_slice).collect();
    Function::with_model(Some(package_together(&together, &fitted).into()))
}

fn csv_of(function: &Function, body: &str) -> (u16, String) {
    let kinds = (Some("text/csv"), Some("text/csv"));
    let (status, answer, _) = send(function, ("POST", "/"), kinds, body.as_bytes());
    (status, answer)
}

fn of(members: usize, rule: ServedRule) -> ServedMembers {
    ServedMembers { members, rule }
}

#[test]
fn several_models_answer_side_by_side_each_with_its_threshold() {
    let targets = vec![of(1, ServedRule::Only), of(1, ServedRule::Only)];
    let function = together(&[0.25, 0.5], targets, |together| {
        together.side_by_side = true;
        together.members[1].target.name = "late".to_owned();
        together.members[1].target.threshold = Some(0.875);
    });
    let expected = "prediction_y,probability_y_no,probability_y_yes,prediction_late,\
                    probability_late_no,probability_late_yes\n\
                    no,0.625,0.375,no,0.375,0.625\n\
                    yes,0.25,0.75,yes,0.0,1.0\n";
    let answer = csv_of(&function, "x\n0.125\n0.5\n");
    assert_eq!(answer, (200, expected.to_owned()));
    let none = (200, "prediction_y,prediction_late\n".to_owned());
    assert_eq!(csv_of(&function, "x\n"), none);
    let described = send(&function, ("GET", "/"), (None, None), b"").1;
    let described: serde_json::Value = serde_json::from_str(&described).unwrap();
    assert_eq!(described["members"][1]["target"], "late");
    assert_eq!(described["members"][1]["threshold"], 0.875);
    assert_eq!(described["columns"][0]["name"], "x");
    assert_eq!(described.get("trainer"), None);
}

#[test]
fn several_models_vote_on_one_target() {
    let rows = "x\n0.125\n0.5\n";
    let weights = vec![1.0, 3.0];
    let mean = of(2, ServedRule::Mean { weights });
    let expected =
        "prediction,probability_no,probability_yes\nno,0.8125,0.1875\nyes,0.4375,0.5625\n";
    let function = together(&[0.25, 0.0], vec![mean], |_| {});
    assert_eq!(csv_of(&function, rows), (200, expected.to_owned()));
    let weights = vec![1.0, 1.0, 3.0];
    let majority = of(3, ServedRule::Majority { weights });
    let function = together(&[0.25, 0.25, 0.0], vec![majority], |_| {});
    assert_eq!(
        csv_of(&function, rows),
        (200, "prediction\nno\nno\n".to_owned())
    );
}

/// The example trainer reads `x` alone, so that the feature that is added has that name.
#[test]
fn a_model_reads_what_others_predict() {
    let features = vec!["x".to_owned()];
    let stacking = of(2, ServedRule::Stacking { features });
    let function = together(&[0.25, 0.125], vec![stacking], |_| {});
    let (status, told) = csv_of(&function, "x\n0.5\n");
    // There is one already.
    assert_eq!(status, 422, "{told}");
    let features = vec!["z".to_owned()];
    let stacking = of(2, ServedRule::Stacking { features });
    let function = together(&[0.25, 0.125], vec![stacking], |_| {});
    let expected = "prediction,probability_no,probability_yes\nyes,0.375,0.625\n";
    assert_eq!(csv_of(&function, "x\n0.5\n"), (200, expected.to_owned()));
    let features = vec!["z".to_owned(), "w".to_owned()];
    let stacking = of(2, ServedRule::Stacking { features });
    let function = together(&[0.25, 0.125], vec![stacking], |_| {});
    let (status, told) = csv_of(&function, "x\n0.5\n");
    assert_eq!(status, 422);
    assert!(told.contains("don't have its features"), "{told}");
    let chain = vec![of(1, ServedRule::Only), of(1, ServedRule::Only)];
    let function = together(&[0.25, 0.5], chain, |together| {
        together.chain = vec![1, 0];
        together.side_by_side = true;
        together.members[1].target.name = "late".to_owned();
    });
    let (status, told) = csv_of(&function, "x\n0.25\n");
    assert_eq!(status, 200, "{told}");
    assert!(told.ends_with("\nno,0.5,0.5,yes,0.25,0.75\n"), "{told}");
}

#[test]
fn a_package_of_several_models_that_contradicts_itself_is_refused() {
    let only = |count: usize| vec![of(1, ServedRule::Only); count];
    let refused = |targets: Vec<ServedMembers>, change: &dyn Fn(&mut ServedTogether)| {
        csv_of(&together(&[0.25, 0.5], targets, change), "x\n0.5\n").1
    };
    let contradicts = |told: String| assert!(told.contains("contradicts itself"), "{told}");
    contradicts(refused(only(1), &|_| {}));
    contradicts(refused(only(3), &|_| {}));
    contradicts(refused(vec![of(2, ServedRule::Only)], &|_| {}));
    contradicts(refused(vec![of(usize::MAX, ServedRule::Only)], &|_| {}));
    let weights = vec![1.0];
    contradicts(refused(vec![of(2, ServedRule::Mean { weights })], &|_| {}));
    contradicts(refused(only(2), &|together| together.chain = vec![0, 0]));
    contradicts(refused(only(2), &|together| together.chain = vec![1]));
    contradicts(refused(only(2), &|together| {
        together.features[0].of = vec![1]
    }));
    let told = refused(only(2), &|together| together.members[1].size += 1);
    assert!(told.contains("is cut off"), "{told}");
    let told = refused(only(2), &|together| together.members[1].size -= 1);
    assert!(told.contains("goes on behind its end"), "{told}");
}
