"""CodeI/O: predict what a program returns, or an input for which it returns that."""
