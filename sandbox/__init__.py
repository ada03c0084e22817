"""Where generated code runs, and nowhere else. No environment of this version generates code."""
