"""What becomes of settings and commands that an engine can't follow: each is said, none is lost."""

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from r1local.config.options import settable
from r1local.engine.sampler import SamplerSettings
from r1local.replies.abilities import SAMPLER_OPTIONS, Abilities, AbleControl, within
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings, ThinkingSettings, changed
from testing.recorded_engine import LITTLE

#: A value of each option of replies that isn't its default.
CHANGED = {
    "effort": "low",
    "think-budget": "100",
    "min-think": "50",
    "max-waits": "2",
    "no-think": "true",
    "temperature": "0.1",
    "top-p": "0.5",
    "top-k": "9",
    "min-p": "0.1",
    "seed": "7",
    "max-tokens": "99",
    "answer-reserve": "100",
    "loop-repeats": "0",
    "loop-tokens": "99",
    "loop-period": "99",
    "loop-patience": "0",
}
ABILITIES = st.builds(
    Abilities,
    sampler=st.sets(st.sampled_from(sorted(SAMPLER_OPTIONS))).map(frozenset),
    **{each.name: st.booleans() for each in fields(Abilities) if each.name != "sampler"},
)
SETTINGS = st.sets(st.sampled_from(sorted(CHANGED))).map(
    lambda names: with_changed(ReplySettings(), names)
)
FORMS = st.sampled_from([(None, None), ('root ::= "a"', None), ('root ::= "a"', "{}")])


def with_changed(settings: ReplySettings, names: set[str]) -> ReplySettings:
    for name in sorted(names):
        settings = changed(settings, name, CHANGED[name])
    return settings


def test_every_option_of_replies_is_thought_of() -> None:
    assert set(CHANGED) == set(settable())
    lacking = set(replace(LITTLE, sampler=frozenset()).options_lacking)
    assert set(settable()) - lacking == {"effort", "max-tokens"}, "effort sets a think-budget"


def test_an_option_without_effect_is_said_by_its_name() -> None:
    settings = ReplySettings(
        SamplerSettings(temperature=0.2, top_k=9, seed=7), thinking=ThinkingSettings(budget=9)
    )
    possible, notices = within(settings, LITTLE, "lab")
    assert [each.message.partition(":")[0] for each in notices] == [
        "think-budget has no effect",
        "seed has no effect",
        "top-k has no effect",
    ]
    assert {each.kind for each in notices} == {"engine"}
    assert possible == ReplySettings(SamplerSettings(temperature=0.2))


def test_a_form_that_is_not_held_while_it_is_written_is_said() -> None:
    schema = ReplySettings(grammar='root ::= "7"', schema='{"const": 7}')
    _, (unheld,) = within(schema, LITTLE, "lab")
    assert "checked at its end" in unheld.message
    _, (free,) = within(replace(schema, schema=None), LITTLE, "lab")
    assert "free" in free.message
    by_schema = replace(LITTLE, schema=True)
    assert within(schema, by_schema, "lab") == (replace(schema, grammar=None), ())
    assert within(schema, replace(LITTLE, grammar=True), "lab") == (schema, ())


@given(SETTINGS, FORMS, ABILITIES)
def test_what_is_left_can_be_followed(
    settings: ReplySettings, form: tuple[str | None, str | None], abilities: Abilities
) -> None:
    settings = replace(settings, grammar=form[0], schema=form[1])
    possible, notices = within(settings, abilities, "lab")
    assert within(possible, abilities, "lab") == (possible, ())
    by_schema = form[1] is not None and abilities.schema and not abilities.grammar
    assert (possible == settings) == (not notices and not by_schema), "nothing changes unsaid"
    assert len({each.message for each in notices}) == len(notices)
    assert within(settings, Abilities(), "lab") == (settings, ())


def test_commands_that_cant_be_followed_are_kept_to_be_told() -> None:
    control = Control()
    able = AbleControl(control, replace(LITTLE, think_more=True), "lab")
    control.answer_now()
    control.think_more()
    assert [each.message for each in able.refused()] == ["lab can't end a thought early"]
    assert (able.next_command(), able.next_command(), able.refused()) == ("think more", None, ())
    able.cancel()
    assert control.cancelled() and able.cancelled()
