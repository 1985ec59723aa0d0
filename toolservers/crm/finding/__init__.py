"""Lists of records: by type, words, status, customer and filters, in pages that hold while the world changes.

fields.py        what can be filtered, sorted and shown, by record type
sources.py       what a list shows of each type, and where it stands
filters.py       FIELD OP VALUE, read and turned into conditions
words.py         what the words of a query look in
expressions.py   what SQLite and PostgreSQL are told in different words
cursors.py       where a page ended
listing.py       the query itself
"""

from toolservers.crm.finding.listing import Wanted, find_records, of_customer

__all__ = ["Wanted", "find_records", "of_customer"]
