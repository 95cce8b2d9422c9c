"""Read the pickles of CIFAR-10 without running the code that a pickle may contain.

A pickle is a program for a small stack machine, and two of its instructions, GLOBAL and REDUCE, look up any Python
function and call it: whoever wrote the file decides which. The machine in this file keeps the instructions that the
official files use and makes them harmless:

- GLOBAL pushes a name, not the object it refers to, and only a name that occurs in the official files.
- REDUCE and BUILD know these few names, and carry out themselves what the file means by them.
- Arrays hold bytes (uint8), and are views of the file's own bytes.
- Any other instruction is refused.

The worst that a hostile file can cause is a DataError. The instructions are described in the standard library's
pickletools.py.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.errors import DataError
from minigan.foreign import printable, reading

INSTRUCTIONS = (
    pickle.PROTO, pickle.STOP, pickle.MARK,
    pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.GET, pickle.BINGET, pickle.LONG_BINGET,
    pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE,
    pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG,
    pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.UNICODE, pickle.BINUNICODE,
    pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
    pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS,
    pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS,
    pickle.GLOBAL, pickle.REDUCE, pickle.BUILD,
)  # fmt: skip

RECONSTRUCT = "numpy.core.multiarray._reconstruct"
GLOBALS = (RECONSTRUCT, "numpy.ndarray", "numpy.dtype", "_codecs.encode")
UINT8 = "uint8"  # stands for the only dtype


def loads(raw: bytes, file_name: str) -> dict[Any, Any]:
    """The dictionary in a pickle of protocol 0, 1 or 2, as Python 2 or 3 writes it.

    raw: the pickle. file_name: for messages.

    Returns a dict whose values are uint8 arrays (read-only), lists, tuples, bytes, str, int, bool and None. Strings
    written by Python 2 become bytes.
    Raises DataError if it contains anything else, or is cut short or altered.
    """
    name = printable(file_name, 200)
    with reading(file_name, "a pickle of CIFAR-10", "download it again"):
        try:
            content = _Machine(raw, file_name).load()
        except EOFError:
            raise DataError(f"{name}: cut short, the end of the pickle is missing; download it again") from None
    if not isinstance(content, dict):
        raise DataError(f"{name}: expected a dictionary, got {type(content).__name__}; download it again")
    return {key: value.array if isinstance(value, _Array) else value for key, value in content.items()}


class _Array:
    """An array between its REDUCE, which creates it, and its BUILD, which fills it."""

    array: npt.NDArray[np.uint8] | None = None


class _Instructions(dict[int, Any]):
    """Instruction code → the method that carries it out."""

    def __missing__(self, code: int) -> Any:
        raise pickle.UnpicklingError(f"instruction {bytes([code])!r}, which the official files do not use")


# A subclass of the machine written in Python, not of pickle.Unpickler, which is written in C: that one has no table of
# instructions to choose from, calls whatever BUILD and REDUCE find, and a few bytes can make it take all the memory.
class _Machine(pickle._Unpickler):
    dispatch = _Instructions({code[0]: pickle._Unpickler.dispatch[code[0]] for code in INSTRUCTIONS})
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, raw: bytes, file_name: str) -> None:
        super().__init__(io.BytesIO(raw), encoding="bytes")
        self.file_name = file_name
        self.text_left = len(raw)

    def find_class(self, module: str, name: str) -> str:
        """GLOBAL: the name itself, if it occurs in the official files."""
        full_name = f"{module}.{name}".replace("numpy._core.", "numpy.core.")  # renamed in NumPy 2
        if full_name not in GLOBALS:
            refused = f"refused '{printable(full_name, 60)}': CIFAR-10 does not need it and it could run code"
            raise DataError(f"{printable(self.file_name, 200)}: {refused}; delete this file")
        return full_name

    def load_reduce(self) -> None:
        """REDUCE: name, arguments → what a call of the name with the arguments would return."""
        arguments = self.stack.pop()
        name = self.stack.pop()
        if name == RECONSTRUCT:
            self.stack.append(_Array())  # empty, whatever the arguments: BUILD fills it
        elif name == "numpy.dtype" and arguments[0] in (b"u1", "u1"):
            self.stack.append(UINT8)
        elif name == "_codecs.encode":
            self.stack.append(self.encode(*arguments))
        else:
            raise pickle.UnpicklingError("a call that does not occur in the official files")

    def load_build(self) -> None:
        """BUILD: array, state → the filled array. The state of a dtype is dropped: uint8 has no byte order."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, _Array):
            _version, shape, dtype, fortran_order, data = state
            if dtype != UINT8:
                raise pickle.UnpicklingError("an array that is not uint8")
            if not isinstance(shape, tuple) or not all(isinstance(length, int) for length in shape):
                raise pickle.UnpicklingError("a shape that is not of integers")
            target.array = np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran_order else "C")
        elif target != UINT8:
            raise pickle.UnpicklingError(f"a state for a {type(target).__name__}")

    def encode(self, text: str, encoding: str) -> bytes:
        """Encode text as Latin-1: this is how Python 3 writes bytes for Python 2.

        Encoding one long text again and again could fill the memory. A genuine file encodes each text once, so all of
        them together are no longer than the file.
        """
        self.text_left -= len(text)
        if encoding != "latin1" or self.text_left < 0:
            raise pickle.UnpicklingError("text in another encoding than Latin-1, or too often")
        return text.encode("latin1")

    def load_dict(self) -> None:
        """DICT: mark, key, value, key, value, … → a dictionary."""
        items = self.pop_mark()
        self.stack.append({})
        self.store(items)

    def load_setitem(self) -> None:
        """SETITEM: dictionary, key, value → the dictionary with it."""
        value = self.stack.pop()
        key = self.stack.pop()
        self.store([key, value])

    def load_setitems(self) -> None:
        """SETITEMS: dictionary, mark, key, value, key, value, … → the dictionary with them."""
        self.store(self.pop_mark())

    def store(self, items: Sequence[Any]) -> None:
        """Store under strings only: hashing a tuple nested a million levels deep crashes the interpreter."""
        dictionary = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (bytes, str)):
                raise pickle.UnpicklingError(f"a key of type {type(key).__name__}, not a string")
            dictionary[key] = value

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
