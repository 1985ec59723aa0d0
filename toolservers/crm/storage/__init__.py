"""Where a world lies: its database opened and filled, its moments kept and brought back.

database.py             an SQLite file or PostgreSQL, opened, brought to today's layout, filled when it is new
moments.py              what a kept moment is, and which kind a database has
snapshots.py            ... beside a file
snapshots_postgres.py   ... in schemas of the same database
"""
