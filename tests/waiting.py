"""Wait for conditions instead of sleeping."""

import time


def until(question, seconds, what):
    """The first true answer; AssertionError when time is over. *what*: words, or who says them."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)
    return answer
