"""Agents that search: a scripted one of settable skill, and language models with a critic, a budget or a prompt."""
