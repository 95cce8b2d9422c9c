"""`minigan bench`: images per second of training and sampling, compared with other engines in the same run.

process.py      the parent's side: a worker process for each engine, which computes on request
worker.py       the worker's side: builds an engine and answers requests
engine.py       what an engine can do
cpu.py, gpu.py  the engines of each backend, their measurement and the table
"""

from minigan.bench.cpu import PEERS, measure, table

__all__ = ["PEERS", "measure", "table"]
