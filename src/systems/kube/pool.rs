//! Equal texts once: ten thousand pods have few namespaces, nodes and images.

use std::collections::HashSet;
use std::sync::Arc;

/// More texts than this are looked through for those that nobody holds any more.
const MANY: usize = 4096;

/// Gives the same shared text for equal texts.
#[derive(Debug)]
pub struct Pool {
    known: HashSet<Arc<str>>,
    limit: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self { known: HashSet::new(), limit: MANY }
    }
}

impl Pool {
    /// The shared text that equals `text`.
    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.limit {
            self.known.retain(|text| Arc::strong_count(text) > 1);
            self.limit = MANY.max(self.known.len() * 2);
        }
        let text: Arc<str> = text.into();
        self.known.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_kept_once_and_only_as_long_as_somebody_holds_them() {
        let mut pool = Pool::default();
        let first = pool.get("ml-prod");
        assert!(Arc::ptr_eq(&first, &pool.get("ml-prod")));
        for number in 0..3 * MANY {
            pool.get(&number.to_string());
        }
        assert!(pool.known.len() <= MANY);
        assert!(Arc::ptr_eq(&first, &pool.get("ml-prod")));
    }
}
