//! What feeds leave for the screen: slots, freshness, and a bell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};

use super::slot::Slot;
use crate::model::clock::Clock;
use crate::model::health::Freshness;
use crate::model::id::PaneId;
use crate::model::record::{Batch, Change, Head};
use crate::model::transition::{Source, Transition};

/// Counts work that the outside will finish by itself: first loads and questions under way.
#[derive(Debug, Clone)]
pub struct Activity {
    count: watch::Sender<usize>,
}

/// One piece of work; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    count: watch::Sender<usize>,
}

impl Activity {
    fn new() -> Self {
        Self { count: watch::Sender::new(0) }
    }

    pub(super) fn begin(&self) -> Busy {
        self.count.send_modify(|count| *count += 1);
        Busy { count: self.count.clone() }
    }

    /// How much is under way.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until nothing is under way.
    pub async fn idle(&self) {
        // can't fail while `self` holds a sender
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Whose slots: an older feed that ends late must not take those of its successor with it.
type Owner = u64;

#[derive(Debug)]
pub(super) struct Board {
    pub(super) clock: Clock,
    pub(super) activity: Activity,
    pub(super) bell: Arc<Notify>,
    slots: Mutex<BTreeMap<Source, (Owner, Slot)>>,
    freshness: Mutex<BTreeMap<Source, (Freshness, bool)>>,
    transitions: mpsc::Sender<Transition>,
}

impl Board {
    pub(super) fn new(clock: Clock, transitions: mpsc::Sender<Transition>) -> Self {
        Self {
            clock,
            activity: Activity::new(),
            bell: Arc::new(Notify::new()),
            slots: Mutex::default(),
            freshness: Mutex::default(),
            transitions,
        }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<Source, (Owner, Slot)>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn freshness(&self) -> MutexGuard<'_, BTreeMap<Source, (Freshness, bool)>> {
        self.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a slot, or takes over the one that an earlier feed of this source has: its rows are gone only when the
    /// new feed's first list is complete.
    pub(super) fn open(&self, source: Source, owner: Owner, heads: &[Head]) {
        let mut slots = self.slots();
        let (of, _) = slots.entry(source).or_insert_with(|| (owner, Slot::new(source.pane(), heads)));
        *of = owner;
    }

    /// Takes away what the owner left there, if it is still its own.
    pub(super) fn close(&self, source: Source, owner: Owner) {
        let mut slots = self.slots();
        if slots.get(&source).is_some_and(|(of, _)| *of == owner) {
            slots.remove(&source);
            self.freshness().remove(&source);
        }
    }

    /// Merges changes in order. Waits while the queue of transitions is full, so that none is lost.
    pub(super) async fn bring(&self, to: impl Fn(PaneId) -> Source, changes: Vec<(PaneId, Change)>) {
        let at = self.clock.now();
        let mut transitions = Vec::new();
        {
            let mut slots = self.slots();
            for (pane, change) in changes {
                let source = to(pane);
                if let Some((_, slot)) = slots.get_mut(&source) {
                    let of_state = slot.merge(change, at);
                    if matches!(source, Source::Pane(_)) {
                        transitions.extend(of_state);
                    }
                }
            }
        }
        self.bell.notify_one();
        for transition in transitions {
            // an error means that nobody wants them any more
            let _ = self.transitions.send(transition).await;
        }
    }

    /// Changes what is known of a source's freshness; rings if the screen should know.
    pub(super) fn refresh(&self, source: Source, change: impl FnOnce(&mut Freshness)) {
        let mut all = self.freshness();
        let (freshness, news) = all.entry(source).or_default();
        let before = freshness.clone();
        change(freshness);
        let second = |it: &Freshness| it.seen.map(|seen| seen.timestamp());
        if before.error != freshness.error
            || before.next != freshness.next
            || before.patience != freshness.patience
            || second(&before) != second(freshness)
        {
            *news = true;
            self.bell.notify_one();
        }
    }

    pub(super) fn take_batches(&self) -> Vec<(Source, Batch)> {
        let mut slots = self.slots();
        slots.iter_mut().filter_map(|(source, (_, slot))| slot.take().map(|batch| (*source, batch))).collect()
    }

    pub(super) fn take_freshness(&self) -> Vec<(Source, Freshness)> {
        let mut all = self.freshness();
        let news = all.iter_mut().filter(|(_, (_, news))| *news);
        news.map(|(source, (freshness, news))| {
            *news = false;
            (*source, freshness.clone())
        })
        .collect()
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.slots().values().any(|(_, slot)| slot.is_urgent())
    }
}
