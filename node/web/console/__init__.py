"""The console of the centre (交易操作系统): pages behind log-in, each for the posts that do it (docs/console.md)."""
