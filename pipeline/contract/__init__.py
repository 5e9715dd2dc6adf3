"""The contract: a pandera schema, what of it is decided on the header, and its verdict on rows.

loading.py   spec -> contract.py: a Contract, which asks all the others
find.py      spec -> the pandera schema
describe.py  schema -> rules, or what of it is not supported
rules.py     the rules as plain data, without pandera
typed.py     text -> values: the view of the cells that all else speaks about
sieve.py     records -> which are certainly good, by one pattern (fields.py, ranges.py: what it is made of)
screen.py    rows -> which are certainly good, by polars (patterns.py: regular expressions for it)
ruling.py    rows in doubt -> verdict, where polars can say what pandera would
judge.py     the others -> verdict: pandera itself (frames.py: what it is handed)
unique.py    what may not repeat in the whole source (seen.py: what was seen, keytexts.py: on disk)
"""

from pipeline.contract.contract import Contract
from pipeline.contract.loading import load_contract

__all__ = ["Contract", "load_contract"]
