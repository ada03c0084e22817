"""Agents that answer with programs: CodeAct and Tree-of-Code."""
