"""How older databases become newer ones, by alembic.

env.py       what alembic runs; layout.py of the package above calls it
layout_N.py  the tables as they were at that revision, frozen
versions/    one step each
"""
