"""From text to meaning, from dialogue state to the next action's name."""
