"""The contract: a pandera schema, what of it is decided on the header, and what it says of rows.

source.py    where a contract comes from
loading.py   source -> the loaded Contract (contract.py)
find.py      spec -> the pandera schema
describe.py  schema -> rules, or what of it is not supported
rules.py     the rules as plain data, without pandera
header.py    which columns are there, known, and in which order
typed.py     text -> values: the view of the cells that all else speaks about
exact.py     the one table of checks: a check -> one three-valued expression
patterns.py  Python's regular expressions as Rust's, for that table
reading.py   the one table of readings, which come before all checks
columns.py   the rules of all columns, compiled from that table
pandera_judge.py  pandera itself, about what the table leaves open (frames.py: what it is handed)
faults.py    what is wrong with rows, whoever says it
"""

from pipeline.contract.contract import Contract
from pipeline.contract.loading import load_contract, source_of
from pipeline.contract.source import ContractSource

__all__ = ["Contract", "ContractSource", "load_contract", "source_of"]
