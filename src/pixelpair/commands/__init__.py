"""The families of the `pixelpair` command: each adds its words and runs them; none starts a sender
but `worker`. Settings come in as a callable that reads them.
"""
