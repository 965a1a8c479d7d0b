"""The command `ggzy`: each command parses its words, calls one function and prints what it gives."""
