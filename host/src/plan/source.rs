//! [`PlanSource`]: a plan's text and tree with the options that override it;
//! mistakes are shown in it.

use super::mistake::Place;
use super::node::Node;
use super::option::Override;

/// The text of a plan with the options that override it.
#[derive(Debug)]
pub(super) struct PlanSource {
    /// The file's name.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) options: Vec<Override>,
    /// The tree with the options applied; `None` where the text is not YAML.
    pub(super) root: Option<Node>,
}

impl PlanSource {
    /// A line of the text, counted from 1.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)?)
    }

    /// An option of the command line.
    pub(super) fn option(&self, index: usize) -> &str {
        self.options[index].shown()
    }

    /// The place of the field at `path` (`cv.n_splits`), or else of the
    /// section that lacks it.
    pub(super) fn place(&self, path: &str) -> Place {
        let mut place = Place::Plan;
        let Some(mut node) = self.root.as_ref() else {
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
