"""Where the folders meet: assembly, the way in, the way out, the clock, the commands."""
