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

/// Sets the number of threads, once and before any loop has run; later calls fail. Without the feature `threads` it has no effect.
pub fn set_threads(n: usize) -> Result<(), String> {
    #[cfg(feature = "threads")]
    return rayon::ThreadPoolBuilder::new().num_threads(n).build_global().map_err(|e| e.to_string());
    #[cfg(not(feature = "threads"))]
    {
        let _ = n;
        Ok(())
    }
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

/// Makes items on the calling thread, works on them on the pool, and hands the results back in order.
///
/// - `in_flight`: how many items may exist between `next` and `fold` (at least 1): the bound on memory
/// - `next`: the next item, `None` at the end; runs on the calling thread, which may own files that no other can read
/// - `work`: runs on any pool thread
/// - `fold`: runs on the calling thread, once per item, in the order of `next`
///
/// The first error of `next` or `fold` ends it: items not yet begun are dropped, those under way are waited for.
pub fn pipeline<I: Send, T: Send, E>(
    in_flight: usize,
    mut next: impl FnMut() -> Result<Option<I>, E>,
    work: impl Fn(I) -> T + Sync,
    mut fold: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    #[cfg(feature = "threads")]
    {
        use std::collections::BTreeMap;
        use std::sync::atomic::{AtomicBool, Ordering};
        let in_flight = in_flight.max(1);
        let stop = AtomicBool::new(false);
        let (sender, receiver) = std::sync::mpsc::channel();
        let (work, stop) = (&work, &stop);
        rayon::in_place_scope(|scope| {
            let mut step = || -> Result<(), E> {
                let (mut sent, mut folded, mut exhausted) = (0usize, 0usize, false);
                let mut early: BTreeMap<usize, T> = BTreeMap::new();
                loop {
                    while !exhausted && sent < folded + in_flight {
                        let Some(item) = next()? else {
                            exhausted = true;
                            break;
                        };
                        let mut reply = Reply { sender: sender.clone(), number: sent, result: None };
                        sent += 1;
                        scope.spawn(move |_| {
                            if !stop.load(Ordering::Relaxed) {
                                reply.fill(work(item));
                            }
                        });
                    }
                    if folded == sent {
                        return Ok(());
                    }
                    let (number, result) = match receive(&receiver) {
                        (number, Some(result)) => (number, result),
                        // The task panicked; the scope passes the panic on when it ends.
                        (_, None) => return Ok(()),
                    };
                    early.insert(number, result);
                    while let Some(result) = early.remove(&folded) {
                        fold(result)?;
                        folded += 1;
                    }
                }
            };
            let outcome = step();
            stop.store(true, Ordering::Relaxed);
            outcome
        })
    }
    #[cfg(not(feature = "threads"))]
    {
        let _ = in_flight;
        while let Some(item) = next()? {
            fold(work(item))?;
        }
        Ok(())
    }
}

/// Sends a task's result when dropped, so that a task that panics is noticed as well.
#[cfg(feature = "threads")]
struct Reply<T> {
    sender: std::sync::mpsc::Sender<(usize, Option<T>)>,
    number: usize,
    result: Option<T>,
}

#[cfg(feature = "threads")]
impl<T> Reply<T> {
    fn fill(&mut self, result: T) {
        self.result = Some(result);
    }
}

#[cfg(feature = "threads")]
impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        // Nobody listens any more after an error, which is fine.
        let _ = self.sender.send((self.number, self.result.take()));
    }
}

/// Waits for a result. A pool thread works on queued tasks meanwhile: were it to sleep, a pool of one would never wake it.
#[cfg(feature = "threads")]
fn receive<T>(receiver: &std::sync::mpsc::Receiver<(usize, Option<T>)>) -> (usize, Option<T>) {
    if rayon::current_thread_index().is_some() {
        loop {
            if let Ok(result) = receiver.try_recv() {
                return result;
            }
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                break;
            }
        }
    }
    receiver.recv().unwrap_or((0, None))
}

/// Runs `f` on a pool of `n` threads: for tests that results do not depend on their number.
#[cfg(test)]
pub(crate) fn on_threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
    #[cfg(feature = "threads")]
    return rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool of threads").install(f);
    #[cfg(not(feature = "threads"))]
    {
        let _ = n;
        f()
    }
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
    fn pipeline_folds_in_order_within_its_bound() {
        let made = std::sync::atomic::AtomicUsize::new(0);
        let (mut n, mut seen) = (0, Vec::new());
        let next = || {
            n += 1;
            made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, String>((n <= 200).then_some(n))
        };
        let slow_at_first = |i: usize| {
            if i % 7 == 1 {
                std::thread::yield_now();
            }
            i * i
        };
        let fold = |x| {
            assert!(made.load(std::sync::atomic::Ordering::Relaxed) <= seen.len() + 5);
            seen.push(x);
            Ok(())
        };
        assert_eq!(pipeline(5, next, slow_at_first, fold), Ok(()));
        assert_eq!(seen, (1..=200).map(|i| i * i).collect::<Vec<_>>());
    }

    #[test]
    fn pipeline_stops_at_the_first_error() {
        let mut n = 0;
        let next = || {
            n += 1;
            Ok(Some(n))
        };
        let end = pipeline(4, next, |i: i32| i, |i| if i == 30 { Err(i) } else { Ok(()) });
        assert_eq!(end, Err(30));
        assert_eq!(pipeline(4, || Err::<Option<i32>, _>("read"), |i| i, |_| Ok(())), Err("read"));
    }

    #[cfg(feature = "threads")]
    #[test]
    fn pipeline_runs_on_a_pool_of_one_from_within() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let sum = pool.install(|| {
            let (mut n, mut sum) = (0, 0);
            let next = || {
                n += 1;
                Ok::<_, ()>((n <= 50).then_some(n))
            };
            pipeline(
                3,
                next,
                |i| i,
                |i| {
                    sum += i;
                    Ok(())
                },
            )
            .unwrap();
            sum
        });
        assert_eq!(sum, 1275);
    }

    #[test]
    fn overlap_returns_both_results() {
        assert_eq!(overlap(|| 1, || 2), (1, 2));
    }
}
