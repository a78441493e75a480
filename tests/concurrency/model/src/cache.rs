//! `quick_cache::sync::Cache`.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::marker::PhantomData;

use shuttle::sync::Mutex;

use crate::lock;

/// A map of so many entries, the oldest out first. Its weigher, hasher and life cycle are not asked.
pub struct QuickCache<K, V, W, B, L> {
    entries: Mutex<Entries<K, V>>,
    capacity: usize,
    others: PhantomData<(W, B, L)>,
}

struct Entries<K, V> {
    list: VecDeque<(K, V)>,
    hits: u64,
    misses: u64,
}

impl<K: Eq, V: Clone, W, B, L> QuickCache<K, V, W, B, L> {
    pub fn with(items: usize, _weight: u64, _weigher: W, _hasher: B, _lifecycle: L) -> Self {
        let entries = Entries {
            list: VecDeque::new(),
            hits: 0,
            misses: 0,
        };
        Self {
            entries: Mutex::new(entries),
            capacity: items,
            others: PhantomData,
        }
    }

    pub fn get<Q: Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut entries = lock(&self.entries);
        let found = entries.list.iter().find(|(known, _)| known.borrow() == key);
        let found = found.map(|(_, value)| value.clone());
        match found {
            Some(_) => entries.hits += 1,
            None => entries.misses += 1,
        }
        found
    }

    pub fn insert(&self, key: K, value: V) {
        let mut entries = lock(&self.entries);
        entries.list.retain(|(known, _)| *known != key);
        if entries.list.len() >= self.capacity {
            entries.list.pop_front();
        }
        entries.list.push_back((key, value));
    }

    pub fn remove_if<Q: Eq + ?Sized>(
        &self,
        key: &Q,
        is_so: impl FnOnce(&V) -> bool,
    ) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let mut entries = lock(&self.entries);
        let at = entries
            .list
            .iter()
            .position(|(known, _)| known.borrow() == key)?;
        if !is_so(&entries.list[at].1) {
            return None;
        }
        entries.list.remove(at)
    }

    pub fn len(&self) -> usize {
        lock(&self.entries).list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn weight(&self) -> u64 {
        self.len() as u64
    }

    pub fn hits(&self) -> u64 {
        lock(&self.entries).hits
    }

    pub fn misses(&self) -> u64 {
        lock(&self.entries).misses
    }
}
