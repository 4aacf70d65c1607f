"""Token buckets: how a shard's throughput is rationed. Time is an argument, in seconds."""

from __future__ import annotations


class Bucket:
    """Holds one second's worth of tokens and refills at its rate.

    Args:
        rate: tokens a second, and the most that it holds.
        now: when it is made, full.
    """

    __slots__ = ("_at", "_blocked_until", "level", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.level = rate
        self._at = now
        self._blocked_until = now

    def refill(self, now: float) -> float:
        """Bring it up to date and return its level."""
        if now > self._at:
            self.level = min(self.rate, self.level + (now - self._at) * self.rate)
            self._at = now
        return self.level

    def take(self, amount: float, now: float) -> bool:
        """Take the amount if it is there; one larger than the bucket needs it full and leaves a debt."""
        if self.refill(now) < min(amount, self.rate):
            return False
        self.level -= amount
        return True

    def is_blocked(self, now: float) -> bool:
        """Whether an earlier `spend` has overdrawn it and it hasn't filled up again."""
        return now < self._blocked_until

    def spend(self, amount: float, now: float) -> None:
        """Take the amount, known only after the work; overdrawn, it blocks until it is full again."""
        self.level = self.refill(now) - amount
        if self.level < 0:
            self._blocked_until = now + (self.rate - self.level) / self.rate
