"""Servers built with openenv's own classes, to be judged: `python openenv_servers.py NAME PORT`."""

import os
import random
import sys

import uvicorn
from openenv.core.env_server import Action, Environment, Observation, State, create_app


class Say(Action):
    message: str


class Heard(Observation):
    text: str = ""


class Echo(Environment[Say, Heard, State]):
    """Says the message again; three steps. The seed draws the greeting."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        super().__init__()
        self.now, self.rng = None, None

    def reset(self, seed=None, episode_id=None, **rest):
        self.now, self.rng = State(episode_id=episode_id, step_count=0), random.Random(seed)
        return Heard(text=f"ready {self.rng.random()}", done=False, reward=0.0)

    def step(self, action, timeout_s=None, **rest):
        if self.now is None or self.now.step_count == 3:
            raise RuntimeError("call reset first")
        self.now.step_count += 1
        heard = f"{action.message} {self.rng.random()}"
        return Heard(text=heard, done=self.now.step_count == 3, reward=float("x" in action.message))

    @property
    def state(self):
        return self.now or State(episode_id=None, step_count=0)


class DropsTheSeed(Echo):
    def reset(self, seed=None, episode_id=None, **rest):
        return super().reset(episode_id=episode_id)


class Shares(Echo):
    """One generator for all sessions, begun anew at each reset."""

    common = random.Random()

    def reset(self, seed=None, episode_id=None, **rest):
        said = super().reset(seed, episode_id)
        self.common.seed(seed)
        self.rng = self.common
        return said


class NotANumber(Echo):
    def step(self, action, timeout_s=None, **rest):
        return super().step(action).model_copy(update={"reward": float("nan")})


class Dies(Echo):
    steps = 0

    def step(self, action, timeout_s=None, **rest):
        Dies.steps += 1
        if Dies.steps == 30:
            os._exit(1)
        return super().step(action)


class PlaysOn(Echo):
    """Takes a step before any reset, miscounts its steps, and pays after the end."""

    def step(self, action, timeout_s=None, **rest):
        if self.now is None:
            self.reset()
        self.now.step_count += 2
        return Heard(text="more", done=self.now.step_count >= 6, reward=1.0)


SERVERS = {"echo": Echo, "seed": DropsTheSeed, "shared": Shares, "nan": NotANumber, "dies": Dies, "plays-on": PlaysOn}

if __name__ == "__main__":
    name, port = sys.argv[1:]
    app = create_app(SERVERS[name], Say, Heard, env_name=name, max_concurrent_envs=8)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="critical")
