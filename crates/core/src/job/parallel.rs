//! Parallel loops whose results do not depend on the number of threads: every function returns its
//! results in the order of the input, and reductions are the caller's, over that order.
//!
//! Without the feature `threads` all of them run serially.

#[cfg(feature = "threads")]
use rayon::prelude::*;

/// Number of threads that the loops below use.
pub fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}

/// `f(0), f(1), … f(n − 1)`, in order.
pub fn map<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "threads")]
    return (0..n).into_par_iter().map(f).collect();
    #[cfg(not(feature = "threads"))]
    (0..n).map(f).collect()
}

/// `f(item)` for each item, in order.
pub fn map_slice<T: Sync, U: Send>(items: &[T], f: impl Fn(&T) -> U + Sync + Send) -> Vec<U> {
    #[cfg(feature = "threads")]
    return items.par_iter().map(f).collect();
    #[cfg(not(feature = "threads"))]
    items.iter().map(f).collect()
}

/// `f(item)` for each owned item, in order.
pub fn map_vec<T: Send, U: Send>(items: Vec<T>, f: impl Fn(T) -> U + Sync + Send) -> Vec<U> {
    #[cfg(feature = "threads")]
    return items.into_par_iter().map(f).collect();
    #[cfg(not(feature = "threads"))]
    items.into_iter().map(f).collect()
}

/// `f(start index, chunk)` for consecutive chunks of `size` items (the last may be shorter), in order.
///
/// The chunk size is the caller's, never derived from the number of threads, so that sums within
/// chunks are the same on every machine.
pub fn map_chunks<T: Sync, U: Send>(items: &[T], size: usize, f: impl Fn(usize, &[T]) -> U + Sync + Send) -> Vec<U> {
    let size = size.max(1);
    #[cfg(feature = "threads")]
    return items.par_chunks(size).enumerate().map(|(i, c)| f(i * size, c)).collect();
    #[cfg(not(feature = "threads"))]
    items.chunks(size).enumerate().map(|(i, c)| f(i * size, c)).collect()
}

/// `f(start index, chunk)` on consecutive mutable chunks of `size` items.
pub fn for_each_chunk_mut<T: Send>(items: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync + Send) {
    let size = size.max(1);
    #[cfg(feature = "threads")]
    items.par_chunks_mut(size).enumerate().for_each(|(i, c)| f(i * size, c));
    #[cfg(not(feature = "threads"))]
    items.chunks_mut(size).enumerate().for_each(|(i, c)| f(i * size, c));
}

/// Runs `pooled` on the thread pool while `here` runs on the calling thread (which may own files
/// that no other thread can read), and returns both results.
pub fn overlap<A: Send, B>(pooled: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    #[cfg(feature = "threads")]
    {
        let mut a = None;
        let mut b = None;
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| a = Some(pooled()));
            b = Some(here());
        });
        // Both closures have run when the scope ends.
        match (a, b) {
            (Some(a), Some(b)) => (a, b),
            _ => unreachable!("a scope ends after its tasks"),
        }
    }
    #[cfg(not(feature = "threads"))]
    (pooled(), here())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_input() {
        assert_eq!(map(1000, |i| i * 2), (0..1000).map(|i| i * 2).collect::<Vec<_>>());
        let items: Vec<u64> = (0..1000).collect();
        let sums = map_chunks(&items, 64, |start, c| (start, c.iter().sum::<u64>()));
        assert_eq!(sums.len(), 16);
        assert_eq!(sums[1], (64, (64..128).sum()));
    }

    #[test]
    fn overlap_returns_both_results() {
        assert_eq!(overlap(|| 1, || 2), (1, 2));
    }
}
