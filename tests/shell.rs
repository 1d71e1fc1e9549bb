//! What the program does for a shell: completions, manual pages, and its log.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Fanout, example, text};

/// The commands, as the program's help lists them.
fn commands(fanout: &Fanout, of: &[&str]) -> Vec<String> {
    let help = fanout.text(&[of, &["--help"]].concat());
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

/// The words that bash offers for the last of these, by the script that the program prints.
fn bash_offers(fanout: &Fanout, words: &[&str]) -> BTreeSet<String> {
    let script = fanout.write("fanout.bash", &fanout.text(&["completions", "bash"]));
    let list = words.iter().map(|word| format!("'{word}'"));
    let (list, last) = (list.collect::<Vec<_>>().join(" "), words.len() - 1);
    let before = words[words.len().saturating_sub(2)];
    let asked = format!(
        "source ./{script}; COMP_WORDS=({list}); COMP_CWORD={last}; COMPREPLY=(); \
         _fanout fanout '{}' '{before}'; printf '%s\n' \"${{COMPREPLY[@]}}\"",
        words[last]
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &asked])
        .current_dir(fanout.here.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_shell_completes_commands_and_options() {
    let fanout = Fanout::new();
    let all = commands(&fanout, &[]);
    assert!(all.len() > 10, "{all:?}");
    let offered = bash_offers(&fanout, &["fanout", ""]);
    assert!(all.iter().all(|name| offered.contains(name)), "{offered:?}");
    assert_eq!(
        bash_offers(&fanout, &["fanout", "wat"]),
        ["watch".to_owned()].into()
    );
    let options = bash_offers(&fanout, &["fanout", "run", "--ev"]);
    assert_eq!(options, ["--events".to_owned()].into());
    let of_guest = bash_offers(&fanout, &["fanout", "guest", ""]);
    let guest = commands(&fanout, &["guest"]);
    assert!(
        guest.iter().all(|name| of_guest.contains(name)),
        "{of_guest:?}"
    );
    // Those that Debian does not have at least know every command.
    for shell in ["elvish", "powershell"] {
        let script = fanout.text(&["completions", shell]);
        assert!(
            all.iter().all(|name| script.contains(name.as_str())),
            "{shell}"
        );
    }
    assert_eq!(fanout.run(&["completions", "tcsh"]).status.code(), Some(2));
}

/// What a shell that `shell/setup.sh` installs says to a script of its language.
fn says(fanout: &Fanout, shell: &str, arguments: &[&str], script: &str) -> String {
    let output = Command::new(shell)
        .args(arguments)
        .args(["-c", script])
        .current_dir(fanout.here.path())
        .env("HOME", fanout.here.path())
        .output()
        .unwrap_or_else(|error| panic!("`tests/shell/setup.sh` installs {shell}: {error}"));
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    said
}

/// The words of lines, without what is said of them.
fn first_words(said: &str) -> BTreeSet<String> {
    let words = said
        .lines()
        .filter_map(|line| line.split(['\t', ' ', ':']).next());
    words.map(str::to_owned).collect()
}

#[test]
fn fish_completes_commands_and_options() {
    let fanout = Fanout::new();
    let script = fanout.write("fanout.fish", &fanout.text(&["completions", "fish"]));
    let offered = |line: &str| {
        let asked = format!("source ./{script}; complete -C '{line}'");
        first_words(&says(&fanout, "fish", &["--no-config"], &asked))
    };
    let all = commands(&fanout, &[]);
    let found = offered("fanout ");
    assert!(all.iter().all(|name| found.contains(name)), "{found:?}");
    assert_eq!(offered("fanout wat"), ["watch".to_owned()].into());
    assert_eq!(offered("fanout run --ev"), ["--events".to_owned()].into());
}

/// On a terminal, which zsh makes itself: it completes nowhere else.
#[test]
fn zsh_completes_commands_and_options() {
    let fanout = Fanout::new();
    fanout.write("_fanout", &fanout.text(&["completions", "zsh"]));
    // Waits for what the inner shell says, each time, and for no longer than a minute in all.
    let asked = r#"
        zmodload zsh/zpty zsh/system
        says() {
            local part
            until [[ $said == *$1* ]]; do
                (( SECONDS < 60 )) && sysread -i $terminal -t $((60 - SECONDS)) part || {
                    print -ru2 -- "no $1: $said"
                    zpty -d inner
                    exit 1
                }
                said+=$part
            done
            print -r -- "found $1"
        }
        types() { said=; zpty -n -w inner "$1" }
        zpty inner zsh -f -i
        terminal=$REPLY
        types $'autoload -Uz compinit; compinit -u -D; source ./_fanout; print rea""dy\n'
        says ready
        types $'fanout wat\t' && says watch
        types $'\C-ufanout run --ev\t' && says --events
        types $'\C-ufanout \t' && says dashboard && says worker
        zpty -d inner
    "#;
    let said = says(&fanout, "zsh", &["--no-rcs"], asked);
    let found = first_words(&said.replace("found ", ""));
    for word in ["ready", "watch", "--events", "dashboard", "worker"] {
        assert!(found.contains(word), "{word}: {said}");
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_options() {
    let fanout = Fanout::new();
    fanout.text(&["man", "pages/man1"]);
    let page = |name: &str| {
        let file = fanout.path("pages/man1").join(format!("{name}.1"));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert!(page("fanout").contains(".TH fanout 1"));
    let mut paths: Vec<Vec<String>> = Vec::new();
    for command in commands(&fanout, &[]) {
        let below = commands(&fanout, &[&command]);
        paths.extend(below.into_iter().map(|name| vec![command.clone(), name]));
        paths.push(vec![command]);
    }
    for path in paths {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = fanout.text(&[&words[..], &["--help"]].concat());
        let written = page(&format!("fanout-{}", path.join("-"))).replace('\\', "");
        for line in help.lines() {
            let option = line.split_whitespace().find(|word| word.starts_with("--"));
            let is_option = line.trim_start().starts_with('-');
            let option = option
                .filter(|_| is_option)
                .and_then(|option| option.split([',', '.', '[', '=']).next());
            if let Some(option) = option.filter(|option| *option != "--help") {
                assert!(written.contains(option), "{path:?}: {option}");
            }
        }
    }
    let denied = fanout.write("file", "");
    let refused = fanout.run(&["man", &denied]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("`file`"));
}

#[test]
fn standard_output_has_the_events_alone_where_they_go_there() {
    let fanout = Fanout::new();
    let output = fanout.run(&["run", &example("quickstart.yaml"), "--events", "-"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["event"].is_string(), "{line}");
    }
    assert!(
        lines.ends_with("\"event\":\"run_closed\",\"failure\":null}\n"),
        "{lines}"
    );
    let told = text(&output.stderr);
    assert!(told.contains("Best by roc_auc: "), "{told}");
    // A reader that goes away is no error.
    let mut child = fanout
        .command()
        .args([
            "run",
            &example("quickstart.yaml"),
            "--events",
            "-",
            "--quiet",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert!(
        output.status.success() && !told.contains("warning"),
        "{told}"
    );
}

#[test]
fn the_log_tells_on_standard_error_what_is_asked_for() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let said = |options: &[&str], variable: &str| {
        let output = fanout
            .command()
            .args(["run", &plan, "--fresh"])
            .args(options)
            .env("FANOUT_LOG", variable)
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        (
            text(&output.stdout),
            text(&output.stderr),
            output.status.code(),
        )
    };
    let (_, silent, _) = said(&[], "");
    assert!(!silent.contains("INFO"), "{silent}");
    let (printed, told, _) = said(&["-v"], "");
    assert!(
        told.contains(" INFO fanout::session: the dataset is in the store"),
        "{told}"
    );
    assert!(told.contains("run="), "{told}");
    assert!(
        !told.contains("DEBUG") && !printed.contains("INFO"),
        "{told}"
    );
    let (_, more, _) = said(&["-vv"], "");
    assert!(more.contains("DEBUG fanout::"), "{more}");
    let (_, part, _) = said(&["-v"], "fanout::store=trace");
    assert!(part.contains("TRACE fanout::store"), "{part}");
    assert!(!part.contains("fanout::session"), "{part}");
    let (_, wrong, code) = said(&[], "fanout=loud");
    assert_eq!(code, Some(2));
    assert!(
        wrong.contains("FANOUT_LOG") && wrong.contains("hint: "),
        "{wrong}"
    );
}
