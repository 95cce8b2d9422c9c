"""Reading the pickles of CIFAR-10 without running what they say.

A pickle is a program for a small stack machine, and two of its instructions, GLOBAL and REDUCE, look up any
Python function and call it: whoever writes the file decides which. The machine here keeps the instructions
that the official files use and takes the power out of them:

- GLOBAL pushes a name, not the function behind it, and only a name that stands in the official files.
- REDUCE and BUILD know these few names, and do themselves what the file means by them.
- The only array there is holds bytes (uint8), and is a view of bytes that stand in the file.
- Any other instruction is refused.

So a hostile file can at most be refused, with a DataError. The instructions are described in the standard
library's pickletools.py.
"""

import io
import pickle
from collections.abc import Callable

import numpy as np

from minigan.errors import DataError

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


def loads(raw, where):
    """The dictionary in a pickle of protocol 0, 1 or 2, as Python 2 or 3 writes it.

    raw    the pickle, bytes
    where  the file's name, for messages

    Returns a dict with uint8 arrays (read-only), lists, tuples, bytes, str, int, bool and None in it. The
    strings of Python 2 are bytes.
    Raises DataError for anything else in it, and when it is cut short or altered.
    """
    try:
        content = _Machine(raw, where).load()
    except DataError:
        raise
    except EOFError:
        raise DataError(f"{where}: cut short, the end of the pickle is missing; download it again") from None
    except Exception as error:  # an altered pickle may raise anything, says the documentation of pickle
        problem = f"{type(error).__name__}: {error}"[:120]
        raise DataError(f"{where}: altered, or not of CIFAR-10 ({problem}); download it again") from None
    if not isinstance(content, dict):
        raise DataError(f"{where}: expected a dictionary, got {type(content).__name__}; download it again")
    return {key: value.array if isinstance(value, _Array) else value for key, value in content.items()}


class _Array:
    """An array between its REDUCE, which makes it, and its BUILD, which fills it."""

    array: np.ndarray | None = None


class _Instructions(dict):
    """Instruction code → the method that carries it out."""

    def __missing__(self, code):
        raise pickle.UnpicklingError(f"instruction {bytes([code])!r}, which the official files do not use")


# The machine written in Python, not pickle.Unpickler: the one in C has no table of instructions to choose
# from, calls what BUILD and REDUCE find, and a few bytes can make it take all the memory there is.
class _Machine(pickle._Unpickler):
    dispatch = _Instructions({code[0]: pickle._Unpickler.dispatch[code[0]] for code in INSTRUCTIONS})
    stack: list
    pop_mark: Callable[[], list]

    def __init__(self, raw, where):
        super().__init__(io.BytesIO(raw), encoding="bytes")
        self.where = where
        self.text_left = len(raw)

    def find_class(self, module, name):
        """GLOBAL: the name itself, where the official files have it."""
        full_name = f"{module}.{name}".replace("numpy._core.", "numpy.core.")  # renamed in NumPy 2
        if full_name not in GLOBALS:
            raise DataError(
                f"{self.where}: refused {full_name!a:.80}: CIFAR-10 has no use for it and it could run code; "
                "delete this file"
            )
        return full_name

    def load_reduce(self):
        """REDUCE: name, arguments → what calling the name with the arguments stands for."""
        arguments = self.stack.pop()
        name = self.stack.pop()
        if name == RECONSTRUCT:
            self.stack.append(_Array())  # empty, whatever the arguments: BUILD fills it
        elif name == "numpy.dtype" and arguments[0] in (b"u1", "u1"):
            self.stack.append(UINT8)
        elif name == "_codecs.encode":
            self.stack.append(self.encode(*arguments))
        else:
            raise pickle.UnpicklingError("a call that the official files do not make")

    def load_build(self):
        """BUILD: array, state → the filled array. A dtype's state is dropped: uint8 has no byte order."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, _Array):
            _version, shape, dtype, fortran_order, data = state
            if dtype != UINT8:
                raise pickle.UnpicklingError("an array that is not uint8")
            target.array = np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran_order else "C")
        elif target != UINT8:
            raise pickle.UnpicklingError(f"a state for a {type(target).__name__}")

    def encode(self, text, encoding):
        """Python 3 writes bytes for Python 2 as their Latin-1 text, to be encoded.

        Encoding one long text again and again could fill the memory. An honest file encodes each only once.
        """
        self.text_left -= len(text)
        if encoding != "latin1" or self.text_left < 0:
            raise pickle.UnpicklingError("text in another encoding than Latin-1, or too often")
        return text.encode("latin1")

    def load_dict(self):
        """DICT: mark, key, value, key, value, … → a dictionary."""
        items = self.pop_mark()
        self.stack.append({})
        self.store(items)

    def load_setitem(self):
        """SETITEM: dictionary, key, value → the dictionary with it."""
        value = self.stack.pop()
        key = self.stack.pop()
        self.store([key, value])

    def load_setitems(self):
        """SETITEMS: dictionary, mark, key, value, key, value, … → the dictionary with them."""
        self.store(self.pop_mark())

    def store(self, items):
        """Store under strings only: hashing a tuple nested a million deep crashes the interpreter."""
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
