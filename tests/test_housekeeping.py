"""What is due from time to time, by a clock the test holds."""

from minerbridge.housekeeping import BIRTH_SPREAD_S, REFRESH_PER_TICK, Duty, Housekeeping


class Desk:
    """Housekeeping with a list of what it sent."""

    def __init__(self, miners, duties=()):
        self.sent: list[str] = []
        self.keeper = Housekeeping(
            list(duties), lambda: miners, self.sent.append, refresh_every_s=900
        )

    def tick(self, now_s):
        self.sent.clear()
        self.keeper.tick(now_s)
        return list(self.sent)


def test_nothing_is_sent_anew_before_its_time():
    desk = Desk(["a", "b"])

    assert desk.tick(0) == []
    assert desk.tick(800) == []
    assert sorted(desk.tick(900)) == ["a", "b"]
    assert desk.tick(901) == []


def test_a_connection_sends_everything_in_bursts_a_broker_bears():
    miners = [f"m{number}" for number in range(REFRESH_PER_TICK + 1)]
    desk = Desk(miners)
    desk.keeper.refresh_all()

    first, second = desk.tick(1), desk.tick(2)

    assert (len(first), len(second)) == (REFRESH_PER_TICK, 1)
    assert sorted(first + second) == sorted(miners)


def test_a_birth_is_answered_spread_over_half_a_minute():
    desk = Desk([f"m{number}" for number in range(50)])
    desk.keeper.refresh_after_birth()
    soonest, latest = BIRTH_SPREAD_S

    assert desk.tick(0) == []
    early = desk.tick((soonest + latest) / 2)
    late = desk.tick(latest)

    assert 0 < len(early) < 50
    assert len(early) + len(late) == 50


def test_a_duty_that_fails_is_tried_again_and_stops_nobody():
    tried, done = [], []

    def fail():
        tried.append(1)
        raise RuntimeError("full disk")

    desk = Desk(["a"], [Duty("bad", 10, fail), Duty("good", 10, lambda: done.append(1))])

    desk.tick(0)
    desk.tick(10)

    assert (len(tried), len(done)) == (2, 2)
