"""Work that may take any time or memory: in processes apart that are warm, bounded and can be killed.

`work` says what they do and within which limits. `pool` and `process` are the server's side, `program` is what runs
over there, `messages` what they say. Nothing here knows what is done: a table of operations says that.
"""
