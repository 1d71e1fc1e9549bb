//! Requests over HTTP as any client sends them: by curl.
use std::path::Path;
use std::process::Command;

use crate::program::text;

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: String,
    /// By name in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What curl gets, standing in `folder`.
pub(crate) fn curl(folder: &Path, url: &str, arguments: &[&str]) -> Reply {
    let output = Command::new("curl")
        .current_dir(folder)
        .args(["-sS", "-i", "-H", "expect:", url])
        .args(arguments)
        .output()
        .expect("curl is installed");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_lowercase(), value.trim().to_owned())
    };
    Reply {
        status: status.to_owned(),
        headers: lines.map(header).collect(),
        body: body.to_owned(),
    }
}
