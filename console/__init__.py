"""Pages for agents and marketers, and the API for programs."""
