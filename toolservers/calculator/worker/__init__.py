"""Where the calculator computes: in processes of its own that are warm, bounded and can be killed at any moment.

`pool` and `process` are the server's side, `program` is what runs over there, `messages` what they say. Nothing
here knows what is computed: a table of operations (`toolservers.calculator.operations`) says that.
"""
