//! [`lines`]: a run as lines of a terminal, narrow or wide. Pure.

use std::sync::Arc;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use crate::expand::TRAINER;
use crate::queue::message::shown;
use crate::report::human::{bytes, clip, count, counted, duration, score};
use crate::report::live::{Phase, Ranked, RunState, Running, TargetState, Work, WorkerState};
use crate::report::said::phase;

/// From so many columns on, workers and candidates stand side by side.
const WIDE: usize = 120;

/// The columns of the workers then.
const WORKERS: usize = 72;

/// The narrowest that is drawn; a terminal that is narrower shows the left part.
const NARROWEST: usize = 30;

/// The most columns of the bar, and of a worker's name.
const BAR: usize = 40;
const NAME: usize = 24;

/// How long a candidate that moved up is marked.
const MOVED: u64 = 5_000_000;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) color: bool,
    /// Whether the terminal shows more than ASCII.
    pub(super) unicode: bool,
}

#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Good,
    Bad,
    Accent,
}

impl Look {
    fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::Bad => "31",
            Paint::Accent => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The lines of a run as it is at `now_us`, none wider or more than the terminal has.
/// `note` is what is said of what goes on instead of the state's own words.
pub(super) fn lines(state: &RunState, note: Option<&str>, now_us: u64, look: Look) -> Vec<String> {
    // The last column stays free: what is written there wraps on some terminals.
    let width = look.width.max(NARROWEST) - 1;
    let mut lines = Vec::new();
    if state.phase == Phase::Searching {
        lines.push(bar_line(state, now_us, width, look));
        lines.extend(counts_lines(state, note, width, look));
    } else {
        lines.push(phase_line(state, note, now_us, width, look));
    }
    let rest = look.height.saturating_sub(lines.len() + 1);
    let (left, right) = match width >= WIDE {
        true => (WORKERS, width - WORKERS - 2),
        false => (width, width),
    };
    let best = best_lines(state, now_us, right, look);
    let (most, beside) = match width >= WIDE {
        true => (rest, true),
        false => (rest.saturating_sub(best.len()), false),
    };
    let workers = worker_lines(state, now_us, left, most, look);
    if beside {
        let empty = (String::new(), 0);
        for row in 0..workers.len().max(best.len()).min(rest) {
            let (one, columns) = workers.get(row).unwrap_or(&empty);
            let (other, _) = best.get(row).unwrap_or(&empty);
            let gap = " ".repeat((left - columns + 2) * usize::from(!other.is_empty()));
            lines.push(format!("{one}{gap}{other}"));
        }
    } else {
        let both = workers.into_iter().chain(best);
        lines.extend(both.map(|(line, _)| line).take(rest));
    }
    lines
}

/// A painted line, and its columns.
type Line = (String, usize);

/// Text that controls no terminal: names may be those of another host, and the events of
/// the store anybody's who may write to it.
fn plain(text: &str) -> String {
    shown(text, 1000)
}

/// A line of parts that are painted, cut where it is wider than `width`.
fn line(parts: &[(Option<Paint>, &str)], width: usize, look: Look) -> Line {
    let (mut text, mut columns) = (String::new(), 0);
    for (paint, part) in parts {
        let mut part = clip(&plain(part), width - columns);
        if !look.unicode {
            part = part.replace('…', "~");
        }
        columns += part.width();
        match paint {
            Some(paint) => text.push_str(&look.paint(*paint, &part)),
            None => text.push_str(&part),
        }
        if columns >= width {
            break;
        }
    }
    (text, columns)
}

/// `flights ━━━━━━━━────── 1,234 of 2,250 fits, 31/s, about 12 s left`
fn bar_line(state: &RunState, now_us: u64, width: usize, look: Look) -> String {
    let done = format!("{} of {}", count(state.done), counted(state.fits, "fit"));
    let left = match state.time_left(now_us) {
        Some(left) => format!("about {} left", rough(left)),
        None => format!("{} so far", rough(since(state.started_us, now_us))),
    };
    let tail = format!(" {done}, {left}");
    let name = match state.name.as_str() {
        "" => String::new(),
        name => format!("{} ", clip(name, width / 4)),
    };
    let room = width.saturating_sub(tail.width() + name.width());
    // A bar of a few columns says nothing; the name goes first.
    let (name, room) = match room {
        0..8 => (String::new(), width.saturating_sub(tail.width())),
        room => (name, room),
    };
    let columns = if room < 8 { 0 } else { room.min(BAR) };
    let full = (state.share_done() * columns as f64).round() as usize;
    let (on, off) = if look.unicode {
        ("━", "─")
    } else {
        ("#", "-")
    };
    let parts: [(Option<Paint>, &str); 4] = [
        (Some(Paint::Bold), name.as_str()),
        (Some(Paint::Accent), &on.repeat(full)),
        (Some(Paint::Dim), &off.repeat(columns - full)),
        (
            None,
            if columns == 0 {
                tail.trim_start()
            } else {
                &tail
            },
        ),
    ];
    line(&parts, width, look).0
}

/// `failed: 3 trapped, 1 timed_out · fits saved: 1,150 by families, 25 by the store`: as one
/// line, or several where that is too wide; none where there is nothing to say.
fn counts_lines(state: &RunState, note: Option<&str>, width: usize, look: Look) -> Vec<String> {
    let mut said: Vec<(Option<Paint>, String)> = Vec::new();
    said.extend(note.map(|note| (None, note.to_owned())));
    let (parts, all_parts) = state.parts;
    if parts < all_parts {
        said.push((
            None,
            format!("part {} of {}", count(parts), count(all_parts)),
        ));
    }
    if state.failed > 0 {
        let kinds = state.failures.iter();
        let kinds = kinds.map(|(kind, failure)| format!("{} {kind}", count(failure.fits)));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        said.push((Some(Paint::Bad), format!("failed: {kinds}")));
    }
    let by_families = (state.shared > 0).then(|| format!("{} by families", count(state.shared)));
    let by_store = (state.reused > 0).then(|| format!("{} by the store", count(state.reused)));
    let saved: Vec<String> = by_families.into_iter().chain(by_store).collect();
    if !saved.is_empty() {
        said.push((
            Some(Paint::Good),
            format!("fits saved: {}", saved.join(", ")),
        ));
    }
    let comma = if look.unicode { " · " } else { "; " };
    let all: usize = said
        .iter()
        .map(|(_, text)| text.width() + comma.width())
        .sum();
    if all > width + comma.width() {
        let lines = said
            .iter()
            .map(|(paint, text)| line(&[(*paint, text)], width, look).0);
        return lines.collect();
    }
    let mut parts: Vec<(Option<Paint>, &str)> = Vec::new();
    for (paint, text) in &said {
        if !parts.is_empty() {
            parts.push((Some(Paint::Dim), comma));
        }
        parts.push((*paint, text));
    }
    match parts.is_empty() {
        true => Vec::new(),
        false => vec![line(&parts, width, look).0],
    }
}

/// What goes on where no fits of the search are made.
fn phase_line(
    state: &RunState,
    note: Option<&str>,
    now_us: u64,
    width: usize,
    look: Look,
) -> String {
    let frames: &[&str] = match look.unicode {
        true => &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
        false => &["|", "/", "-", "\\"],
    };
    let frame = frames[(now_us / 100_000) as usize % frames.len()];
    let said = note.map_or_else(|| phase(&state.phase), str::to_owned);
    line(
        &[(Some(Paint::Accent), frame), (None, " "), (None, &said)],
        width,
        look,
    )
    .0
}

/// A line a worker, those with the longest work first where they are too many.
fn worker_lines(state: &RunState, now_us: u64, width: usize, most: usize, look: Look) -> Vec<Line> {
    if state.workers.is_empty() || most == 0 {
        return Vec::new();
    }
    let mut workers: Vec<(&Arc<str>, &WorkerState)> = state.workers.iter().collect();
    workers.sort_by_cached_key(|(name, _)| natural(name));
    let all = workers.len();
    let shown = if all > most { most - 1 } else { all };
    if shown < all {
        let since = |worker: &WorkerState| worker.running.iter().map(|it| it.since_us).min();
        workers.sort_by_key(|(_, worker)| since(worker).unwrap_or(u64::MAX));
    }
    let rest = workers.split_off(shown);
    let names = workers.iter().map(|(name, _)| plain(name).width()).max();
    let names = names.unwrap_or(0).min(NAME).min(width / 3);
    let mut lines: Vec<Line> = Vec::with_capacity(shown + 1);
    for (name, worker) in workers {
        lines.push(worker_line(
            state,
            (name, names),
            worker,
            now_us,
            width,
            look,
        ));
    }
    if !rest.is_empty() {
        let busy = rest.iter().filter(|(_, worker)| !worker.running.is_empty());
        let text = format!(
            "and {}, {} busy",
            counted(rest.len(), "worker"),
            busy.count()
        );
        lines.push(line(&[(Some(Paint::Dim), &text)], width, look));
    }
    lines
}

/// `worker-0  random_forest, split 2, 25 fits   3.2 s  118 MB`
fn worker_line(
    state: &RunState,
    (name, names): (&str, usize),
    worker: &WorkerState,
    now_us: u64,
    width: usize,
    look: Look,
) -> Line {
    let name = clip(&plain(name), names);
    let name = format!("{name}{}  ", " ".repeat(names - name.width()));
    let oldest = worker.running.first();
    let time = oldest.map(|running| steady(since(running.since_us, now_us)));
    let memory = worker.memory.map(bytes);
    // Right-hand columns of the same width in each line.
    let right = format!(
        "{:>12}{:>9}",
        time.unwrap_or_default(),
        memory.unwrap_or_default()
    );
    let (right, columns) = match width < 50 {
        true => ("", 0),
        false => (right.trim_end(), right.len()),
    };
    let room = width.saturating_sub(name.width() + columns);
    let what = match oldest {
        Some(running) => work_of(state, worker, running, room),
        None if worker.tasks == 0 => "waits for a task".to_owned(),
        None => format!(
            "{} done, {}",
            counted(worker.tasks, "task"),
            counted(worker.fits, "fit")
        ),
    };
    let what = clip(&plain(&what), room);
    let gap = " ".repeat(room.saturating_sub(what.width()) * usize::from(!right.is_empty()));
    let paint = oldest.is_none().then_some(Paint::Dim);
    let parts: [(Option<Paint>, &str); 4] = [
        (Some(Paint::Bold), name.as_str()),
        (paint, &what),
        (None, &gap),
        (Some(Paint::Dim), right),
    ];
    line(&parts, width, look)
}

/// What a worker runs, in more words where there is room.
fn work_of(state: &RunState, worker: &WorkerState, running: &Running, room: usize) -> String {
    let more = match worker.running.len() {
        0 | 1 => String::new(),
        several => format!(" (+{})", several - 1),
    };
    match &running.work {
        Work::Part { part } => format!("part {} of a model{more}", part + 1),
        Work::Task {
            split,
            target,
            trainer,
            fits,
            ..
        } => {
            let target = state
                .targets
                .get(*target)
                .filter(|_| state.targets.len() > 1);
            let target = target.map(|target| format!("{}: ", target.name));
            let target = target.unwrap_or_default();
            let fits = counted(*fits, "fit");
            let words = [
                format!("{target}{trainer}, split {split}, {fits}{more}"),
                format!("{target}{trainer}, split {split}{more}"),
                format!("{trainer}, split {split}{more}"),
            ];
            let fitting = words.iter().find(|words| words.width() <= room);
            fitting.unwrap_or(&words[2]).clone()
        }
    }
}

/// The best candidates so far: of one target some, of several the best of each.
fn best_lines(state: &RunState, now_us: u64, width: usize, look: Look) -> Vec<Line> {
    match state.targets.as_slice() {
        [] => Vec::new(),
        [only] => {
            let Some(first) = only.best.first() else {
                return Vec::new();
            };
            let (names, common) = varied(only);
            let mut lines = Vec::with_capacity(only.best.len() + 1);
            let of = counted(only.scored, "candidate");
            let mut head = format!("best {} of {of}", only.metric);
            if !common.is_empty() {
                head = format!("{head}, all {}", params_of(first, &common));
            }
            lines.push(line(&[(Some(Paint::Dim), &head)], width, look));
            for ranked in &only.best {
                let paint = (ranked == first).then_some(Paint::Good);
                let params = params_of(ranked, &names);
                lines.push(ranked_line(ranked, &params, paint, now_us, width, look));
            }
            lines
        }
        several => {
            let best = several.iter().filter_map(|target| {
                let ranked = target.best.first()?;
                let head = format!("{}, {}: ", target.name, target.metric);
                let mut all: Vec<String> = ranked.params.keys().cloned().collect();
                all.sort_by_key(|name| name != TRAINER);
                let params = params_of(ranked, &all);
                let text = format!("{head}{}  {params}", mean_of(ranked, look));
                Some(line(&[(None, &text)], width, look))
            });
            best.take(crate::report::live::BEST).collect()
        }
    }
}

/// `▲ 0.7563 ± 0.0021  max_depth=10, n_estimators=100`
fn ranked_line(
    ranked: &Ranked,
    params: &str,
    paint: Option<Paint>,
    now_us: u64,
    width: usize,
    look: Look,
) -> Line {
    let moved = now_us.saturating_sub(ranked.since_us) < MOVED;
    let mark = match (moved, look.unicode) {
        (false, _) => "  ",
        (true, true) => "▲ ",
        (true, false) => "^ ",
    };
    let mean = mean_of(ranked, look);
    let parts: [(Option<Paint>, &str); 4] = [
        (Some(Paint::Accent), mark),
        (paint, &mean),
        (None, "  "),
        (None, params),
    ];
    line(&parts, width, look)
}

fn mean_of(ranked: &Ranked, look: Look) -> String {
    let sign = if look.unicode { "±" } else { "+-" };
    match ranked.std {
        Some(std) => format!("{} {sign} {}", score(ranked.mean), score(std)),
        None => score(ranked.mean),
    }
}

/// The hyper-parameters in which the best candidates differ, and those that all of them
/// have in common. Of one candidate, none are common.
fn varied(target: &TargetState) -> (Vec<String>, Vec<String>) {
    let (mut varied, mut common) = (Vec::new(), Vec::new());
    for name in target.best.iter().flat_map(|ranked| ranked.params.keys()) {
        if varied.contains(name) || common.contains(name) {
            continue;
        }
        let mut values = target.best.iter().map(|ranked| ranked.params.get(name));
        let first = values.next().flatten();
        match values.all(|value| value == first) && target.best.len() > 1 {
            true => common.push(name.clone()),
            false => varied.push(name.clone()),
        }
    }
    // The trainer stands first.
    varied.sort_by_key(|name| name != TRAINER);
    common.sort_by_key(|name| name != TRAINER);
    (varied, common)
}

fn params_of(ranked: &Ranked, names: &[String]) -> String {
    let set = names.iter().filter_map(|name| {
        let value = ranked.params.get(name)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Some(match name == TRAINER {
            true => text,
            false => format!("{name}={text}"),
        })
    });
    set.collect::<Vec<_>>().join(", ")
}

fn since(then_us: u64, now_us: u64) -> Duration {
    Duration::from_micros(now_us.saturating_sub(then_us))
}

/// A time that goes on: without digits that only flicker.
fn steady(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 59.95 => format!("{seconds:.1} s"),
        _ => duration(time),
    }
}

/// A time that is a guess: not to the millisecond.
pub(super) fn rough(time: Duration) -> String {
    match time.as_secs_f64().ceil() {
        seconds if seconds < 60.0 => format!("{seconds} s"),
        seconds => duration(Duration::from_secs_f64(seconds)),
    }
}

/// Orders `worker-2` before `worker-10`.
fn natural(name: &str) -> (String, u64, String) {
    let head = name.trim_end_matches(|char: char| char.is_ascii_digit());
    let number = name[head.len()..].parse().unwrap_or(0);
    (head.to_owned(), number, name.to_owned())
}
