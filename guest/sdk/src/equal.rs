//! [`EqualParts`]: parts of models that are equal, such as the bin edges of a feature in the
//! members of a bag, held in memory once.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// Parts of models, each distinct one once.
#[derive(Default)]
pub struct EqualParts {
    /// By name; few of one name differ.
    known: HashMap<String, Vec<Arc<dyn Any + Send + Sync>>>,
}

impl EqualParts {
    /// The first part of this name that is equal to `part`, which is that itself if there
    /// was none.
    pub fn first<T: PartialEq + Send + Sync + 'static>(
        &mut self,
        name: &str,
        part: Arc<T>,
    ) -> Arc<T> {
        let Some(known) = self.known.get_mut(name) else {
            self.known.insert(name.to_owned(), vec![part.clone()]);
            return part;
        };
        let mut equal = known
            .iter()
            .filter_map(|known| known.clone().downcast().ok());
        if let Some(equal) = equal.find(|known| **known == *part) {
            return equal;
        }
        known.push(part.clone());
        part
    }
}

impl std::fmt::Debug for EqualParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count: usize = self.known.values().map(Vec::len).sum();
        f.debug_struct("EqualParts").field("parts", &count).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_of_a_name_are_one() {
        let mut parts = EqualParts::default();
        let part = |number: u8| Arc::new(vec![number]);
        let first = parts.first("a", part(1));
        assert!(Arc::ptr_eq(&first, &parts.first("a", part(1))));
        let other = parts.first("a", part(2));
        assert_eq!(*other, [2]);
        assert!(Arc::ptr_eq(&other, &parts.first("a", part(2))));
        assert!(Arc::ptr_eq(&first, &parts.first("a", part(1))));
        assert!(!Arc::ptr_eq(&first, &parts.first("b", part(1))));
        let text = parts.first("a", Arc::new("1".to_owned()));
        assert!(Arc::ptr_eq(
            &text,
            &parts.first("a", Arc::new("1".to_owned()))
        ));
    }
}
