"""The PIN window: a small program of its own that shows one question and ends with the answer.

The agent starts it for each question, `python -m csp_frontend.window`, and talks to it over a private pipe. A window
that hangs or crashes takes nothing with it, the agent needs no toolkit, and what was typed ends with the process.
"""
