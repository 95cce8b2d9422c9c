"""A stand-in for CuPy that computes with NumPy and refuses all that CuPy refuses, or would do slowly in silence.

    python -m pytest -p strict_cupy ...      with MINIGAN_BACKEND=cupy and tests/ on the path

- a NumPy array as an operand, an index, or a value to assign: TypeError, as in CuPy;
- float(array), bool(array), int(array), array.get(), iteration: counted, and refused inside `no_host_reads()`,
  because on a GPU each of them waits for the device;
- float32 with a float64 array: refused, because the float64 result would be silent and slow (adding into an
  array that is there keeps that array's dtype, and is allowed);
- every operation that CuPy would launch a kernel for is counted in `launches`.
"""

import sys
import types
from contextlib import contextmanager

import numpy as np

launches = 0
host_reads = 0
_reading_allowed = True


@contextmanager
def no_host_reads():
    """Inside, any read of a device value on the host is an error."""
    global _reading_allowed
    _reading_allowed = False
    try:
        yield
    finally:
        _reading_allowed = True


class ndarray:
    """An array on the imaginary device."""

    __array_ufunc__ = None  # numpy_array + device_array comes to our __radd__, which refuses it

    def __init__(self, host):
        self._host = host

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    T = property(lambda self: ndarray(self._host.T))

    def __len__(self):
        return len(self._host)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def _read(self):
        global host_reads
        if not _reading_allowed:
            raise AssertionError("a device value was read on the host inside a step")
        host_reads += 1
        return self._host

    def get(self):
        return np.array(self._read(), order="K")

    def item(self):
        return self._read().item()

    def __float__(self):
        return float(self._read())

    def __int__(self):
        return int(self._read())

    def __bool__(self):
        return bool(self._read())

    def __iter__(self):
        self._read()
        return (ndarray(row) for row in self._host)

    # --- views, without a launch ---------------------------------------------------------------------------

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        view = self._host.reshape(shape)
        if not np.shares_memory(view, self._host):
            count(self)
        return ndarray(view)

    def transpose(self, *axes):
        return ndarray(self._host.transpose(*axes))

    def swapaxes(self, a, b):
        return ndarray(self._host.swapaxes(a, b))

    def __getitem__(self, index):
        index = unwrap_index(index)
        result = self._host[index]
        if not isinstance(result, np.ndarray):
            result = np.asarray(result)
        if not np.shares_memory(result, self._host):
            count(self)
        return ndarray(result)

    # --- launches ------------------------------------------------------------------------------------------

    def __setitem__(self, index, value):
        value = unwrap(value)
        count(self)
        self._host[unwrap_index(index)] = value

    def fill(self, value):
        count(self)
        self._host.fill(value)

    def copy(self):
        count(self)
        return ndarray(self._host.copy())

    def astype(self, dtype, copy=True):
        if not copy and self._host.dtype == np.dtype(dtype):
            return self
        count(self)
        return ndarray(self._host.astype(dtype))


def unwrap(value):
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {np.ndarray}: a NumPy array as an operand")
    if isinstance(value, (bool, int, float, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def unwrap_index(index):
    if isinstance(index, tuple):
        return tuple(unwrap_index(part) for part in index)
    if isinstance(index, (list, np.ndarray)):
        raise TypeError(f"a host index of type {type(index)}: it would be copied to the device")
    return index._host if isinstance(index, ndarray) else index


def count(*operands):
    """One more launch; refuses NumPy operands and float32 mixed with float64 arrays."""
    global launches
    launches += 1
    dtypes = {op._host.dtype for op in operands if isinstance(op, ndarray)}
    if {np.dtype("float32"), np.dtype("float64")} <= dtypes:
        raise TypeError("float32 and float64 arrays in one operation: the result would be float64, silently")
    for operand in operands:
        unwrap(operand)


def function(numpy_function):
    """The NumPy function on device arrays, or on a list of them; keyword arguments are axis, dtype and the like."""

    def call(*operands, **keywords):
        listed = isinstance(operands[0], list)
        arrays = operands[0] if listed else operands
        count(*arrays)
        host = [unwrap(array) for array in arrays]
        out = keywords.pop("out", None)
        if out is not None:
            numpy_function(*host, out=unwrap(out), **keywords)
            return out
        return ndarray(np.asarray(numpy_function(host, **keywords) if listed else numpy_function(*host, **keywords)))

    return call


def creation(numpy_function):
    """zeros(shape, dtype) and its kind: a launch without operands."""

    def call(*arguments, **keywords):
        count()
        return ndarray(np.asarray(numpy_function(*arguments, **keywords)))

    return call


def method(numpy_method):
    def call(self, *args, **keywords):
        count(self)
        return ndarray(np.asarray(numpy_method(self._host, *args, **keywords)))

    return call


def operator(name):
    def call(self, other):
        in_place = name.startswith("__i")
        count(self) if in_place else count(self, other)
        result = getattr(self._host, name)(unwrap(other))
        return self if in_place else ndarray(np.asarray(result))

    return call


for name in ("sum", "mean", "max", "min"):
    setattr(ndarray, name, method(getattr(np.ndarray, name)))
for base in ("add", "sub", "mul", "truediv", "floordiv", "pow", "matmul"):
    for prefix in ("", "r", "i"):
        setattr(ndarray, f"__{prefix}{base}__", operator(f"__{prefix}{base}__"))
for name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ndarray, f"__{name}__", operator(f"__{name}__"))
ndarray.__neg__ = method(np.ndarray.__neg__)
ndarray.__abs__ = method(np.ndarray.__abs__)
ndarray.__hash__ = None


def asarray(a, dtype=None):
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype, copy=False)
    return ndarray(np.array(a, dtype=dtype))  # a copy, as from the host to a device


def as_strided(x, shape, strides):
    return ndarray(np.lib.stride_tricks.as_strided(x._host, shape, strides))


def install():
    """Put this module's array library where `import cupy` finds it."""
    cupy = types.ModuleType("cupy")
    for name in "zeros empty ones arange".split():
        setattr(cupy, name, creation(getattr(np, name)))
    of_arrays = (
        "full_like ones_like zeros_like maximum where exp log log1p sqrt square tanh abs stack concatenate subtract "
        "ascontiguousarray roll"
    )
    for name in of_arrays.split():
        setattr(cupy, name, function(getattr(np, name)))
    cupy.__version__ = "strict fake"
    cupy.ndarray, cupy.asarray = ndarray, asarray
    cupy.lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=as_strided))
    stream = types.SimpleNamespace(synchronize=lambda: None)
    cupy.cuda = types.SimpleNamespace(is_available=lambda: True, get_current_stream=lambda: stream)
    sys.modules["cupy"] = cupy


install()
