"""Options of robot environments: whatever value is given, it works or is refused by one line that names the option."""

import inspect
from contextlib import suppress

import pytest

from sparring import registry
from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.plan_settings import PlanOptions
from sparring.envs.robot.verifiers import verifier_of

ODD = [None, "x", "", -1, 0, 1.5, True, [1], {"a": 1}, float("nan"), float("inf"), 10**30, b"x", object()]
CALLED = {"fault": "probability of a fault", "executors": "executor"}
"""What options are called in words."""


def options_of(name):
    own = [one.name for one in inspect.signature(registry.envs.row(name).build).parameters.values()]
    return [one for one in own if one != "options"] + (list(PlanOptions.__annotations__) if "options" in own else [])


@pytest.mark.parametrize("name", ["TabletopControl", "TabletopPlan", "TabletopTeam"])
def test_values_of_wrong_kinds_are_refused_by_one_line_that_names_the_option(name):
    env_id = f"sparring/{name}-v0"
    for option in options_of(env_id):
        for value in ODD:
            with suppress(registry.UnknownName):  # an executor of that name
                try:
                    env = registry.envs.make(env_id, **{option: value})
                except ValueError as error:
                    said = str(error)
                    assert CALLED.get(option, option) in said
                    assert "\n" not in said
                else:
                    env.reset(seed=0)
                    env.close()


@pytest.mark.parametrize("value", [7, None, b"x", object()])
def test_what_is_no_executor_and_no_verifier_is_refused(value):
    with pytest.raises(ValueError, match="an executor must have begin"):
        executor_of(value)
    with pytest.raises(ValueError, match="a verifier must have begin"):
        verifier_of(value)
