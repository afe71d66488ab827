"""Local platforms, strict as the real ones, for trying a bot and for the tests."""
