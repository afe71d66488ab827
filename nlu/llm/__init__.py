"""A language model of any OpenAI-compatible server: asked, doubted, never simply believed."""
