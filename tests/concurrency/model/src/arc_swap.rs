//! `arc_swap::ArcSwapOption`.

use std::sync::Arc;

use shuttle::sync::Mutex;

use crate::lock;

/// A place for a value that is replaced as a whole.
#[derive(Debug)]
pub struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub fn empty() -> Self {
        Self(Mutex::new(None))
    }

    pub fn load(&self) -> Option<Arc<T>> {
        self.load_full()
    }

    pub fn load_full(&self) -> Option<Arc<T>> {
        lock(&self.0).clone()
    }

    pub fn store(&self, value: Option<Arc<T>>) {
        let old = std::mem::replace(&mut *lock(&self.0), value);
        // What its end does is not done under the lock.
        drop(old);
    }
}
