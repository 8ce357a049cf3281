"""Runbooks from where people write them: a folder of Markdown, or pages on the web."""
