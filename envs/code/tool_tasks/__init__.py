"""Tool tasks: questions over generated tables and pages, answered by programs that call a family's tools."""
