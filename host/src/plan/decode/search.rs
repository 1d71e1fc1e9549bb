//! The `search` section, and hyper-parameters.

use std::collections::BTreeMap;

use fanout_contract::Params;

use super::super::fields::SEARCH;
use super::super::mistake::{Mistake, Place};
use super::super::node::{Content, Node};
use super::super::reader::{Noted, Reader, wrong};
use super::super::values::values;
use super::super::{Search, Values};

/// Threat: a grid with one list too many, which fills the memory.
const MAX_CANDIDATES: u128 = 1_000_000;

pub(super) fn search(place: Place, node: &Node, noted: Noted<'_>) -> Option<Search> {
    let Some((variant, reader)) = Reader::union(&SEARCH, place, node, noted) else {
        // Whatever the method was meant to be, values are written one way.
        let params = node.entry("params");
        for item in params.map_or(&[][..], |entry| maps(&entry.value, noted)) {
            searched(item, noted);
        }
        return None;
    };
    match variant.name {
        "grid" => {
            let grids = reader.own("params", noted, grids)??;
            let size =
                |grid: &BTreeMap<_, _>| grid.values().map(count).fold(1, u128::saturating_mul);
            let candidates = grids.iter().map(size).fold(0, u128::saturating_add);
            if candidates > MAX_CANDIDATES {
                noted.push(
                    Mistake::new(
                        reader.place("params"),
                        format!(
                            "this grid has {candidates} candidates; {MAX_CANDIDATES} are the most"
                        ),
                    )
                    .hint("try fewer values, or draw a sample with `method: random`"),
                );
                return None;
            }
            Some(Search::Grid { params: grids })
        }
        "random" => {
            let params = reader.own("params", noted, |node, noted| {
                if let Content::List(_) = node.content {
                    noted.push(
                        wrong("params", "one map from hyper-parameter to values", node)
                            .hint("several maps are for `method: grid`"),
                    );
                    return None;
                }
                searched(node, noted)
            });
            let n_iter = reader.int("n_iter", noted);
            let random_state = reader.int("random_state", noted);
            Some(Search::Random {
                params: params??,
                n_iter: u32::try_from(n_iter??).ok()?,
                random_state: random_state??,
            })
        }
        _ => {
            let candidates = reader.own("candidates", noted, |node, noted| {
                let Content::List(items) = &node.content else {
                    let takes = "a list of maps from hyper-parameter to value";
                    let mistake = wrong("candidates", takes, node);
                    noted.push(mistake.hint("write such as `[{max_depth: 4}, {max_depth: 8}]`"));
                    return None;
                };
                if items.is_empty() {
                    noted.push(
                        Mistake::new(node.place, "`candidates` holds none")
                            .hint("write at least one, such as `- {max_depth: 4}`"),
                    );
                    return None;
                }
                if items.len() as u128 > MAX_CANDIDATES {
                    let message = format!("more than {MAX_CANDIDATES} candidates");
                    let mistake = Mistake::new(node.place, message);
                    noted.push(mistake.hint("part them among several plans"));
                    return None;
                }
                let candidates: Vec<_> = items
                    .iter()
                    .map(|item| params("candidates", item, noted))
                    .collect();
                candidates.into_iter().collect::<Option<Vec<Params>>>()
            });
            Some(Search::List {
                candidates: candidates??,
            })
        }
    }
}

/// A map from hyper-parameter to value.
pub(super) fn params(name: &str, node: &Node, noted: Noted<'_>) -> Option<Params> {
    let Content::Map(entries) = &node.content else {
        let mistake = wrong(name, "a map from hyper-parameter to value", node);
        noted.push(mistake.hint("write such as `{max_depth: 4}`"));
        return None;
    };
    let params: Vec<_> = entries
        .iter()
        .map(|entry| Some((entry.key.clone(), entry.value.json(noted)?)))
        .collect();
    params.into_iter().collect()
}

/// One map, or a list of some.
fn maps<'n>(node: &'n Node, noted: Noted<'_>) -> &'n [Node] {
    let Content::List(items) = &node.content else {
        return std::slice::from_ref(node);
    };
    if items.is_empty() {
        noted.push(
            Mistake::new(node.place, "`params` holds no grid")
                .hint("write at least one map from hyper-parameter to values"),
        );
    }
    items
}

fn grids(node: &Node, noted: Noted<'_>) -> Option<Vec<BTreeMap<String, Values>>> {
    let items = maps(node, noted);
    let mut fine = !items.is_empty();
    let mut grids = Vec::new();
    for item in items {
        let Some(grid) = searched(item, noted) else {
            fine = false;
            continue;
        };
        for (name, values) in &grid {
            let (kind, instead) = match values {
                Values::List(_) => continue,
                Values::Uniform { .. } => ("uniform", "range"),
                Values::LogUniform { .. } => ("log_uniform", "log_range"),
                Values::IntUniform { .. } => ("int_uniform", "range"),
            };
            let place = item.get(&[name]).map_or(item.place, |node| node.place);
            noted.push(
                Mistake::new(
                    place,
                    format!("`{name}` has a distribution (`{kind}`), and a grid tries every value"),
                )
                .hint(format!(
                    "use `method: random`, or give the values by a list or `{instead}`"
                )),
            );
            fine = false;
        }
        grids.push(grid);
    }
    fine.then_some(grids)
}

fn searched(node: &Node, noted: Noted<'_>) -> Option<BTreeMap<String, Values>> {
    let Content::Map(entries) = &node.content else {
        let mistake = wrong("params", "a map from hyper-parameter to values", node);
        noted.push(mistake.hint("write such as `{max_depth: [2, 4, 6]}`"));
        return None;
    };
    let params: Vec<_> = entries
        .iter()
        .map(|entry| Some((entry.key.clone(), values(&entry.key, &entry.value, noted)?)))
        .collect();
    params.into_iter().collect()
}

fn count(values: &Values) -> u128 {
    match values {
        Values::List(values) => values.len() as u128,
        _ => 1,
    }
}
