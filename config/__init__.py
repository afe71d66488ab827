"""Typed settings, the commented default, and the demo shop as a Rasa project."""
