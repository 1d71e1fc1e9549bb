//! [`PlanSource`]: a plan's text and tree with the options that override it;
//! mistakes are shown in it.

use std::sync::Arc;

use super::mistake::Place;
use super::node::Node;
use super::option::Override;

/// The text of a plan with the options that override it; clones share it.
#[derive(Clone, Debug)]
pub(super) struct PlanSource(Arc<Source>);

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
    options: Vec<Override>,
    root: Option<Node>,
}

impl PlanSource {
    /// `root` is the tree of the text with the options applied; `None` where
    /// the text is not YAML.
    pub(super) fn new(name: String, text: &str, options: &[Override], root: Option<Node>) -> Self {
        Self(Arc::new(Source {
            name,
            text: text.to_owned(),
            options: options.to_vec(),
            root,
        }))
    }

    /// The file's name.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// A line of the text, counted from 1.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.0.text.lines().nth(number.checked_sub(1)?)
    }

    /// An option of the command line.
    pub(super) fn option(&self, index: usize) -> &str {
        self.0.options[index].shown()
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.0.root.as_ref()
    }

    /// The place of the field at `path` (`cv.n_splits`), or else of the
    /// section that lacks it.
    pub(super) fn place(&self, path: &str) -> Place {
        let mut place = Place::Plan;
        let Some(mut node) = self.root() else {
            return place;
        };
        let keys: Vec<&str> = path.split('.').collect();
        for (index, key) in keys.iter().enumerate() {
            let Some(next) = node.get(&[key]) else {
                return place;
            };
            let last = index + 1 == keys.len();
            let named = node.entry(key).filter(|_| !last || next.atom().is_none());
            place = named.map_or(next.place, |entry| entry.place);
            node = next;
        }
        place
    }
}
