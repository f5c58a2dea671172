"""Which message a broker hangs up over, found from what was under way when it did."""

import pytest

from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.suspicion import Suspicion, Verdict


def message(topic, size=10):
    return Outgoing(topic, b"x" * size, 1, retain=True)


LIGHT, HEAVY = message("light"), message("heavy", 5000)


@pytest.fixture
def suspicion():
    one = Suspicion()
    one.begin()
    return one


def hang_up(suspicion, *under_way, was_stable=False):
    """The broker hangs up and takes the next connection."""
    guilty = suspicion.blame(under_way)
    suspicion.lost(was_stable=was_stable)
    suspicion.begin()
    return guilty


def convict(suspicion, guilty=HEAVY, witness=LIGHT):
    assert hang_up(suspicion, witness, guilty) is None
    for expected in (None, guilty):
        suspicion.acquit(witness)
        assert hang_up(suspicion, guilty) is expected


def test_nothing_is_suspect_at_first(suspicion):
    assert not suspicion.is_active
    assert suspicion.verdict(HEAVY) is Verdict.FREELY


def test_what_was_under_way_travels_alone_until_it_is_answered(suspicion):
    hang_up(suspicion, LIGHT, HEAVY, was_stable=True)

    assert suspicion.verdict(LIGHT) is Verdict.ALONE
    assert suspicion.verdict(HEAVY) is Verdict.ALONE
    suspicion.acquit(HEAVY)
    assert suspicion.verdict(HEAVY) is Verdict.FREELY
    suspicion.acquit(LIGHT)
    assert not suspicion.is_active


def test_what_is_as_heavy_as_one_that_was_alone_at_an_end_waits_for_the_rest(suspicion):
    hang_up(suspicion, LIGHT, HEAVY, was_stable=True)
    hang_up(suspicion, HEAVY, was_stable=True)

    assert suspicion.verdict(HEAVY) is Verdict.LAST
    assert suspicion.verdict(message("cubby", 5001)) is Verdict.LAST
    assert suspicion.verdict(LIGHT) is Verdict.ALONE
    assert suspicion.verdict(message("other", 4990)) is Verdict.FREELY


def test_one_as_heavy_that_is_answered_clears_all_but_those_who_ended_connections(suspicion):
    hang_up(suspicion, HEAVY, was_stable=True)
    hang_up(suspicion, HEAVY, was_stable=True)

    assert suspicion.acquit(message("cubby", 6000))
    assert suspicion.verdict(message("cubby", 5001)) is Verdict.FREELY
    assert suspicion.verdict(HEAVY) is Verdict.LAST
    assert not suspicion.acquit(HEAVY)
    assert suspicion.verdict(HEAVY) is Verdict.FREELY
    assert not suspicion.is_active


def test_the_third_end_proves_it(suspicion):
    convict(suspicion)

    assert suspicion.verdict(HEAVY) is Verdict.NEVER


def test_a_result_keeps_its_place_and_is_given_up_later(suspicion):
    result = Outgoing("results", b"x" * 5000, 1)
    verdicts, guilty = [], []
    for _ in range(5):
        suspicion.acquit(LIGHT)
        guilty.append(hang_up(suspicion, result))
        verdicts.append(suspicion.verdict(result))

    assert guilty == [None] * 4 + [result]
    assert verdicts == [Verdict.ALONE] * 4 + [Verdict.NEVER]


def test_where_nothing_else_was_taken_either_more_ends_are_needed_and_prove_nothing(suspicion):
    ends = [hang_up(suspicion, LIGHT) for _ in range(8)]

    assert ends == [None] * 7 + [LIGHT]
    # The broker may be broken: the next message on the topic gets its chance.
    assert suspicion.verdict(LIGHT) is Verdict.ALONE


def test_a_witness_is_wanted_only_while_there_is_a_suspect(suspicion):
    assert not suspicion.wants_witness
    hang_up(suspicion, HEAVY)
    assert suspicion.wants_witness
    suspicion.acquit(LIGHT)
    assert not suspicion.wants_witness


def test_in_a_crowd_nobody_is_convicted(suspicion):
    for _ in range(10):
        suspicion.acquit(message("witness"))
        assert hang_up(suspicion, LIGHT, HEAVY) is None


def test_all_that_is_as_heavy_is_kept_away_and_all_that_is_lighter_goes(suspicion):
    convict(suspicion)

    assert suspicion.verdict(message("cubby", 5001)) is Verdict.NEVER
    assert suspicion.verdict(message("heavy", 4000)) is not Verdict.NEVER


def test_a_light_one_is_kept_away_by_its_topic(suspicion):
    convict(suspicion, guilty=LIGHT, witness=HEAVY)

    assert suspicion.verdict(LIGHT) is Verdict.NEVER
    assert suspicion.verdict(message("other")) is not Verdict.NEVER
    assert suspicion.verdict(message("light", 3)) is not Verdict.NEVER


def test_a_broker_that_comes_back_after_long_service_gets_its_limit_tried_last(suspicion):
    convict(suspicion)

    suspicion.lost(was_stable=True)

    assert suspicion.verdict(message("banned", 9000)) is Verdict.LAST
    assert suspicion.acquit(HEAVY)
    assert not suspicion.is_active


def test_after_a_short_connection_each_heavier_message_has_to_prove_itself(suspicion):
    suspicion.lost(was_stable=False)
    suspicion.begin()

    assert suspicion.verdict(HEAVY) is Verdict.ALONE
    suspicion.acquit(HEAVY)
    assert suspicion.verdict(LIGHT) is Verdict.FREELY
    assert suspicion.verdict(message("heavier", 6000)) is Verdict.ALONE


def test_results_on_one_topic_are_told_apart(suspicion):
    results = [Outgoing("results", b"%d" % number, 1) for number in range(3)]
    hang_up(suspicion, *results, was_stable=True)
    suspicion.acquit(results[0])

    assert suspicion.verdict(results[0]) is Verdict.FREELY
    assert suspicion.verdict(results[1]) is Verdict.ALONE
    assert suspicion.verdict(Outgoing("results", b"later", 1)) is Verdict.FREELY


def test_a_newer_value_of_a_suspect_topic_is_as_suspect(suspicion):
    hang_up(suspicion, message("state", 10), LIGHT, was_stable=True)

    assert suspicion.verdict(message("state", 11)) is Verdict.ALONE
