"""Small games as tables, thousands of them played at once."""

from sparring.envs.tables.compiling import MOST_NODES, compile_game
from sparring.envs.tables.games import TableGames
from sparring.envs.tables.playing import play_policies
from sparring.envs.tables.table import Policy, Table

__all__ = ["MOST_NODES", "Policy", "Table", "TableGames", "compile_game", "play_policies"]
