"""Small games as tables, thousands of them played at once."""
