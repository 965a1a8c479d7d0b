"""Publishing: check, append to our own log, sign; and the judge that rebuilds every tree from stored bytes."""
