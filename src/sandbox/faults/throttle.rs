//! A token bucket, as AWS throttles with.

use std::time::Duration;

/// Holds at most `burst` tokens; gets `per_second` more each second.
#[derive(Debug)]
pub struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    pub fn new(burst: u32, per_second: f64, now: Duration) -> Self {
        Self { burst: f64::from(burst), per_second, tokens: f64::from(burst), at: now }
    }

    /// Takes a token; returns false if there is none.
    pub fn take(&mut self, now: Duration) -> bool {
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_second).min(self.burst);
        self.at = now;
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::new(2, 10.0, Duration::ZERO);
        assert_eq!([(); 3].map(|()| bucket.take(Duration::ZERO)), [true, true, false]);
        assert!(bucket.take(second / 10) && !bucket.take(second / 10));
        assert_eq!(
            [(); 3].map(|()| bucket.take(second * 60)),
            [true, true, false],
            "never more than the burst"
        );
    }
}
