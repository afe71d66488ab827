"""Channels: one file per platform, reading and writing its wire."""
