"""Support tasks as data, for agents to be tried on: what a customer wants, which ends are right, which are wrong.

*.toml         one scenario each; its file's name is its id
scenario.py    what a scenario is made of, read strictly
effects.py     what may have happened to a record, said in a line (`change = "ORD-1015", city = "Casalecchio"`)
checker.py     judges what became of a world, in plain words
runner.py      plays a scenario's oracle, or any other calls, in a world of its own

The world of all scenarios is the pack `scenarios`: `tiny`, and what more these tasks need.
"""
