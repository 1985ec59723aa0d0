"""The shop's rules, in one place, each a function of the facts; the knowledge base of the search server says the
same in words, and a test holds the two together.

rule.py            a rule, a refusal, the three modes
orders.py          cancelling, addresses, items, payment methods
returns.py         windows by category and reason, what cannot be returned
money.py           refunds, credit memos, who may decide about how much
subscriptions.py   up, down, rhythm, pause, end
people.py          whose data it is, who may ask for what
tickets.py         answering, escalating, closing
customers.py       what may be changed of an account, and what it must look like
meetings.py        with whom, when, how long
text.py, cards.py  what a text may hold, and never a card number

What is asked before a change (`Work.require`) and what a record shows under `allowed_actions` is the same function.
"""
